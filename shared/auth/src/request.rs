//! A request as signatures see it, and the security tokens that may come with one, which no text shows.

use http::HeaderMap;

use crate::encoding::unescape;

/// Names of a temporary credential's token, in headers and in queries.
pub(crate) const TOKENS: [&str; 2] = ["x-cos-security-token", "x-ci-security-token"];

/// A request as it came over the wire, as far as signatures go.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// In any letter case.
    pub method: &'a str,
    /// From the first slash on, percent-escapes and all; it is decoded once and never normalized.
    pub raw_path: &'a [u8],
    /// What follows the first `?`, percent-escapes and all, or nothing. Bytes that an HTTP parser refuses
    /// (`>`, `"`, non-ASCII) may have been escaped on the way: it makes no difference.
    pub raw_query: &'a [u8],
    /// Everything sent, `Host` and `Authorization` as the client sent them, values as bytes.
    pub headers: &'a HeaderMap,
}

/// `text` with the values of security tokens taken out.
pub(crate) fn masked(text: &str) -> String {
    let separators = ['&', '\n'];
    let mut masked = String::with_capacity(text.len());
    for part in text.split_inclusive(separators) {
        let (name, _) = part.split_once('=').unwrap_or((part, ""));
        let decoded = unescape(name.as_bytes()).to_ascii_lowercase();
        if TOKENS.iter().any(|token| token.as_bytes() == decoded) {
            masked.push_str(name);
            masked.push_str("=(hidden)");
            masked.extend(
                part.chars()
                    .next_back()
                    .filter(|last| separators.contains(last)),
            );
        } else {
            masked.push_str(part);
        }
    }
    masked
}
