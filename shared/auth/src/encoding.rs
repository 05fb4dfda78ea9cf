//! The one percent-encoding of the signature, and its inverse. Bytes in, bytes out: nothing has to be UTF-8.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

/// Everything but `A-Z a-z 0-9 - _ . ~`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Escapes everything but `A-Z a-z 0-9 - _ . ~`, with upper-case hex digits.
pub fn escape(bytes: &[u8]) -> String {
    percent_encode(bytes, ESCAPED).to_string()
}

/// A name as it stands in lists and canonical strings: escaped, then lower-cased, hex digits included.
pub(crate) fn escape_name(bytes: &[u8]) -> String {
    let mut name = escape(bytes);
    name.make_ascii_lowercase();
    name
}

/// Undoes percent escapes, once; what is not an escape stays as it is, `+` too.
pub fn unescape(bytes: &[u8]) -> Vec<u8> {
    percent_decode(bytes).collect()
}

/// As [`unescape`], for names and values of a query, where SDKs write a space as `+`.
pub(crate) fn unescape_form(bytes: &[u8]) -> Vec<u8> {
    if !bytes.contains(&b'+') {
        return unescape(bytes);
    }
    let spaced: Vec<u8> = bytes
        .iter()
        .map(|&byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    unescape(&spaced)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

/// The 20 bytes of 40 lower-case hex digits.
pub(crate) fn from_hex(text: &str) -> Option<[u8; 20]> {
    fn digit(byte: u8) -> Option<u8> {
        match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        }
    }
    let pairs: &[[u8; 2]; 20] = text
        .as_bytes()
        .as_chunks()
        .0
        .try_into()
        .ok()
        .filter(|_| text.len() == 40)?;
    let mut bytes = [0; 20];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}
