//! The items of a raw query and the ways each can be read as a name and a value.
//!
//! A processing parameter is a name that holds slashes and, where base64 is padded, `=`. Written raw, such an item can be
//! split in more than one place; which one the client had in mind is told by the name that it listed.

use percent_encoding::percent_decode;

use crate::encoding::{escape, escape_name, unescape_form};

/// What a processing parameter begins with (in any letter case; before `/`, `|`, `;`, `=` or its end): the verbs of rules,
/// and two parameters that clients of COS sign in the same way.
pub const PROCESSING: [&str; 18] = [
    "imageMogr2",
    "imageView2",
    "watermark",
    "imageInfo",
    "imageAve",
    "imageSlim",
    "exif",
    "style",
    "imageMogr",
    "imageView",
    "QRcode",
    "saveas",
    "vframe",
    "avinfo",
    "GoodsMatting",
    "AIGCMetadata",
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

/// Whether the name of an item, decoded, is `name`, which holds no space and no `+`.
pub(crate) fn is_named(raw: &[u8], name: &[u8]) -> bool {
    let end = raw.iter().position(|&byte| byte == b'=');
    percent_decode(&raw[..end.unwrap_or(raw.len())]).eq(name.iter().copied())
}

/// Every way to read `raw`, the likeliest first.
///
/// An ordinary item has one. A processing parameter is first of all a whole (unless its only `=` ends an item without a
/// raw `/`, which is how SDKs end one), then without one last `=`, then split at its first `=`.
/// Each reading puts every byte of the item into the canonical string.
pub(crate) fn readings(raw: &[u8]) -> Vec<Pair> {
    readings_named(raw, |_| true)
}

/// The [`readings`] whose names are `listed`.
pub(crate) fn readings_named(raw: &[u8], listed: impl Fn(&str) -> bool) -> Vec<Pair> {
    let named = |raw_name: &[u8], raw_value: &[u8]| {
        let name = escape_name(&unescape_form(raw_name));
        listed(&name).then(|| Pair {
            name,
            value: escape(&unescape_form(raw_value)),
        })
    };
    let split = match raw.iter().position(|&byte| byte == b'=') {
        Some(at) => named(&raw[..at], &raw[at + 1..]),
        None => named(raw, b""),
    };
    if !is_processing(raw) {
        return split.into_iter().collect();
    }
    let ended = raw.strip_suffix(b"=");
    let ended_only = ended.is_some_and(|rest| !rest.contains(&b'='));
    let whole = (raw.contains(&b'/') || !ended_only).then_some(raw);
    let whole = whole.into_iter().chain(ended);
    let mut readings: Vec<Pair> = Vec::with_capacity(3);
    for pair in whole.filter_map(|raw| named(raw, b"")).chain(split) {
        if !readings.contains(&pair) {
            readings.push(pair);
        }
    }
    readings
}

fn is_processing(raw: &[u8]) -> bool {
    PROCESSING.iter().any(|verb| {
        let mut decoded = percent_decode(raw).skip_while(|byte| *byte == b'|');
        let mut same = |byte: u8| {
            decoded
                .next()
                .is_some_and(|found| found.eq_ignore_ascii_case(&byte))
        };
        verb.bytes().all(&mut same)
            && matches!(decoded.next(), None | Some(b'/' | b'|' | b';' | b'='))
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
