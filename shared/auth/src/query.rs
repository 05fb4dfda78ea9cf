//! The items of a raw query and the ways each can be read as a name and a value.
//!
//! A processing parameter is a name that holds slashes and, where base64 is padded, `=`. Written raw, such an item can be
//! split in more than one place; which one the client had in mind is told by the name that it listed.

use crate::encoding::{escape, escape_name, unescape_form};

/// What a processing parameter begins with (before `/`, `|`, `=` or its end).
const PROCESSING: [&str; 11] = [
    "imageMogr2",
    "imageView2",
    "watermark",
    "imageInfo",
    "imageAve",
    "imageSlim",
    "exif",
    "style",
    "QRcode",
    "photo_rgb",
    "ci-process",
];

/// A name and a value as they stand in the canonical string: both escaped, the name lower-cased.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Pair {
    pub(crate) fn new(name: &[u8], value: &[u8]) -> Self {
        Self {
            name: escape_name(name),
            value: escape(value),
        }
    }
}

/// The items of `raw_query`, still escaped; empty ones are skipped.
pub(crate) fn items(raw_query: &[u8]) -> impl Iterator<Item = &[u8]> {
    raw_query
        .split(|&byte| byte == b'&')
        .filter(|item| !item.is_empty())
}

/// The decoded name and value of an item split at its first `=`.
pub(crate) fn split(raw: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match raw.iter().position(|&byte| byte == b'=') {
        Some(at) => (unescape_form(&raw[..at]), unescape_form(&raw[at + 1..])),
        None => (unescape_form(raw), Vec::new()),
    }
}

/// Every way to read `raw`, the likeliest first.
///
/// An ordinary item has one. A processing parameter is first of all a whole (unless its only `=` ends an item without a
/// raw `/`, which is how SDKs end one), then without one last `=`, then split at its first `=`.
/// Each reading puts every byte of the item into the canonical string.
pub(crate) fn readings(raw: &[u8]) -> Vec<Pair> {
    let (name, value) = split(raw);
    let split = Pair::new(&name, &value);
    if !is_processing(&unescape_form(raw)) {
        return vec![split];
    }
    let mut readings = Vec::with_capacity(3);
    let ended = raw.strip_suffix(b"=");
    let ended_only = ended.is_some_and(|rest| !rest.contains(&b'='));
    if raw.contains(&b'/') || !ended_only {
        readings.push(Pair::new(&unescape_form(raw), b""));
    }
    readings.extend(ended.map(|rest| Pair::new(&unescape_form(rest), b"")));
    readings.push(split);
    let mut seen = Vec::with_capacity(3);
    readings.retain(|pair| {
        let new = !seen.contains(pair);
        seen.push(pair.clone());
        new
    });
    readings
}

fn is_processing(decoded: &[u8]) -> bool {
    PROCESSING.iter().any(|verb| {
        decoded
            .strip_prefix(verb.as_bytes())
            .is_some_and(|rest| matches!(rest.first(), None | Some(b'/' | b'|' | b'=')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(raw: &str, expected: &[(&str, &str)]) {
        let found = readings(raw.as_bytes());
        let found: Vec<_> = found
            .iter()
            .map(|pair| (pair.name.as_str(), pair.value.as_str()))
            .collect();
        assert_eq!(found, expected, "{raw}");
    }

    #[test]
    fn reads_items_as_clients_mean_them() {
        reads("versionId=a%2Fb+c", &[("versionid", "a%2Fb%20c")]);
        reads("acl", &[("acl", "")]);
        reads("a==b", &[("a", "%3Db")]);
        reads(
            "imageMogr2/interlace/1",
            &[("imagemogr2%2finterlace%2f1", "")],
        );
        reads(
            "imageMogr2%2Finterlace%2F1=",
            &[("imagemogr2%2finterlace%2f1", "")],
        );
        reads("imageInfo=", &[("imageinfo", "")]);
        reads("imageMogr2%2Fx+y%2Bz=", &[("imagemogr2%2fx%20y%2bz", "")]);
        reads(
            "imageMogr2/x=",
            &[("imagemogr2%2fx%3d", ""), ("imagemogr2%2fx", "")],
        );
        reads("imageMogr2%2Fx%3D%3D=", &[("imagemogr2%2fx%3d%3d", "")]);
        reads(
            "imageMogr2/a=/b==",
            &[
                ("imagemogr2%2fa%3d%2fb%3d%3d", ""),
                ("imagemogr2%2fa%3d%2fb%3d", ""),
                ("imagemogr2%2fa", "%2Fb%3D%3D"),
            ],
        );
        reads(
            "imageMogr2%2Fx=1",
            &[("imagemogr2%2fx%3d1", ""), ("imagemogr2%2fx", "1")],
        );
        reads("styles=1", &[("styles", "1")]);
    }
}
