//! Percent-encoding, once and in one place.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but `A-Z a-z 0-9 - _ . ~`.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The same, with `/` left as it is: for keys in URLs.
const KEY: &AsciiSet = &UNRESERVED.remove(b'/');

/// `text` with its escapes resolved once; `None` if an escape is malformed or the bytes are not UTF-8.
/// A `+` stays a plus.
pub fn decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let malformed = bytes.iter().enumerate().any(|(n, byte)| {
        *byte == b'%'
            && !bytes
                .get(n + 1..n + 3)
                .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    });
    if malformed {
        return None;
    }
    percent_decode_str(text)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

/// A key as it stands in the path of a URL.
pub fn key(key: &str) -> String {
    utf8_percent_encode(key, KEY).to_string()
}

/// A text as it stands as a name or value in a query.
pub fn component(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}
