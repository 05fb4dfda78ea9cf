//! Where in the folder a key has its files: the path that it names, where it names one, and else an escaped form.

use std::path::PathBuf;

/// The folder within the folder that holds all that is not an object under its own name.
pub(super) const RESERVED: &str = ".mogr";

/// Bytes of the longest file name that every common file system takes.
const MAX_NAME: usize = 255;
/// Bytes of an escaped key that one file name holds; a longer key goes on in a folder of that name.
const CHUNK: usize = 200;
/// Ends a name that the next one continues.
const MORE: &str = "+";
/// Ends the last name of a key.
const LAST: &str = "=";

/// The path that `key` names, if it names one that comes back as this very key.
///
/// Refused are `..`, `.`, `//`, a slash at either end, names over 255 bytes, and all within [`RESERVED`].
pub(super) fn plain(key: &str) -> Option<PathBuf> {
    let fits = |name: &str| {
        !matches!(name, "" | "." | "..") && name.len() <= MAX_NAME && !windows_refuses(name)
    };
    let first = key.split('/').next()?;
    (key.split('/').all(fits) && !first.eq_ignore_ascii_case(RESERVED)).then(|| PathBuf::from(key))
}

/// Names that mean something else on Windows: other separators, streams, devices, trimmed ends.
fn windows_refuses(name: &str) -> bool {
    const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
    if !cfg!(windows) {
        return false;
    }
    let stem = name
        .split('.')
        .next()
        .unwrap_or(name)
        .trim_end()
        .to_ascii_lowercase();
    name.contains(|c: char| c < ' ' || r#"<>:"\|?*"#.contains(c))
        || name.ends_with(['.', ' '])
        || DEVICES.contains(&stem.as_str())
        || ((stem.starts_with("com") || stem.starts_with("lpt")) && stem.chars().count() == 4)
}

/// A path for any key at all, no two keys alike and none within another, on file systems that fold case as well.
///
/// Every byte but `a-z 0-9 _ . -` is `%xx`; what is too long for one name goes on in folders.
pub(super) fn escaped(key: &str) -> PathBuf {
    let mut text = String::with_capacity(key.len() * 2);
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' => text.push(byte as char),
            _ => text.extend(["%".to_owned(), format!("{byte:02x}")]),
        }
    }
    let mut path = PathBuf::new();
    let mut rest = text.as_str();
    while rest.len() > CHUNK {
        let (name, more) = rest.split_at(CHUNK);
        path.push(format!("{name}{MORE}"));
        rest = more;
    }
    path.push(format!("{rest}{LAST}"));
    path
}

/// One name of an escaped path.
pub(super) enum Name<'a> {
    /// A folder: the text goes on in it.
    More(&'a str),
    /// The end of the text.
    Last(&'a str),
}

impl<'a> Name<'a> {
    /// Reads what [`escaped`] wrote.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let more = name.strip_suffix(MORE).map(Name::More);
        more.or_else(|| name.strip_suffix(LAST).map(Name::Last))
    }
}

/// The key whose escaped form is `text`, the names put together.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, more)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(more.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &more[2..];
        } else {
            bytes.push(first);
            rest = more;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_plain(key: &str, expected: bool) {
        assert_eq!(
            plain(key),
            expected.then(|| PathBuf::from(key)),
            "key {key:?}"
        );
    }

    #[test]
    fn plain_paths_are_those_that_come_back() {
        is_plain("image-1.jpg", true);
        is_plain("sub/b.png", true);
        is_plain("a b+c%2F/é中.jpg", true);
        is_plain(".hidden/...", true);
        is_plain("sub/.mogr/x", true);
        is_plain(&"n".repeat(255), true);
        is_plain(&"n".repeat(256), false);
        is_plain("..", false);
        is_plain("a/../b", false);
        is_plain("./a", false);
        is_plain("a//b", false);
        is_plain("/a", false);
        is_plain("a/", false);
        is_plain(".mogr", false);
        is_plain(".MoGr/x", false);
    }

    #[test]
    fn escaped_names_come_back() {
        for key in ["a", "..", "a//b/", "A", "é中 +%", &"É/".repeat(340)] {
            let path = escaped(key);
            let mut text = String::new();
            let mut ended = false;
            for name in &path {
                assert!(!ended && name.len() <= CHUNK + 1);
                match Name::parse(name.to_str().unwrap()).unwrap() {
                    Name::More(part) => text.push_str(part),
                    Name::Last(part) => {
                        text.push_str(part);
                        ended = true;
                    }
                }
            }
            assert!(ended);
            assert_eq!(unescape(&text).as_deref(), Some(key));
            assert_eq!(
                path.to_str().unwrap().to_lowercase(),
                path.to_str().unwrap()
            );
        }
    }
}
