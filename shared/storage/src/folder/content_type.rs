//! The content type of a file that nobody named one for: by its extension, else by its first bytes.

/// Bytes at the beginning of a file that [`guess`] looks at.
pub(super) const HEAD_BYTES: usize = 16;

/// What `key` is, from its extension or from `head`, its first bytes.
pub(super) fn guess(key: &str, head: &[u8]) -> &'static str {
    let name = key.rsplit('/').next().unwrap_or(key);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    extension
        .and_then(by_extension)
        .or_else(|| by_magic(head))
        .unwrap_or("application/octet-stream")
}

fn by_extension(extension: &str) -> Option<&'static str> {
    Some(match extension.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" | "jpe" | "jfif" => "image/jpeg",
        "png" | "apng" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "bmp" => "image/bmp",
        "tif" | "tiff" => "image/tiff",
        "ico" => "image/x-icon",
        "svg" => "image/svg+xml",
        "txt" | "md" | "log" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        _ => return None,
    })
}

fn by_magic(head: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 8] = [
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"BM", "image/bmp"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"%PDF-", "application/pdf"),
    ];
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Some("image/webp");
    }
    let found = MAGIC.iter().find(|(magic, _)| head.starts_with(magic));
    found.map(|&(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extension_comes_first_then_the_bytes() {
        assert_eq!(guess("a/b.JPG", b"GIF89a"), "image/jpeg");
        assert_eq!(guess("a.jpg/b", b"GIF89a"), "image/gif");
        assert_eq!(guess("photo", b"\xff\xd8\xff\xe0"), "image/jpeg");
        assert_eq!(guess("x.unknown", b"RIFF\0\0\0\0WEBPVP8 "), "image/webp");
        assert_eq!(guess("x", b""), "application/octet-stream");
    }
}
