//! A request as signatures see it, and the security tokens that may come with one, which no text shows.

use http::HeaderMap;
use percent_encoding::percent_decode;

/// Names of a temporary credential's token, in headers and in queries.
pub const TOKENS: [&str; 2] = ["x-cos-security-token", "x-ci-security-token"];

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

/// Names whose values no text shows.
const HIDDEN: [&str; 3] = ["q-signature", TOKENS[0], TOKENS[1]];

/// `text` with the values of signatures and security tokens taken out, however their names are spelled: in any letter
/// case, percent-escaped, and in the middle of a name or value as where a query is joined by `;`.
///
/// A value goes up to the next `&`, quote, white space or control character that is not escaped. Cost: linear.
pub fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let value = HIDDEN
            .iter()
            .find_map(|name| after_name(rest.as_bytes(), name.as_bytes()));
        if let Some((name, value)) = value {
            let ends = |c: char| c.is_whitespace() || c.is_control() || "&`\"'<>".contains(c);
            let end = rest[value..]
                .find(ends)
                .map_or(rest.len(), |end| value + end);
            shown.push_str(&rest[..name]);
            shown.push_str("=(hidden)");
            rest = &rest[end..];
        } else {
            shown.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    shown
}

/// Where the name ends and the value begins, if `text` begins with `name` and an equals sign, each byte of them escaped or not.
fn after_name(text: &[u8], name: &[u8]) -> Option<(usize, usize)> {
    let mut at = 0;
    for wanted in name {
        let (byte, len) = decoded(&text[at..])?;
        if !byte.eq_ignore_ascii_case(wanted) {
            return None;
        }
        at += len;
    }
    if text[at..].starts_with(b"%25") {
        // A whole URL in a value of another.
        let is_equals = matches!(text.get(at + 3..at + 5), Some(b"3D" | b"3d"));
        return is_equals.then_some((at, at + 5));
    }
    let (byte, len) = decoded(&text[at..])?;
    (byte == b'=').then_some((at, at + len))
}

/// The first byte of `text`, unescaped, and how many bytes it takes there.
fn decoded(text: &[u8]) -> Option<(u8, usize)> {
    let byte = *text.first()?;
    let mut escape = percent_decode(text.get(..3).unwrap_or_default());
    match escape.next() {
        Some(decoded) if byte == b'%' && escape.next().is_none() => Some((decoded, 3)),
        _ => Some((byte, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn signatures_and_tokens_are_hidden_in_every_spelling() {
        let digits = "0123456789abcdef0123456789abcdef01234567";
        for (text, expected) in [
            ("a=1&q-signature=DIGITS&b=2", "a=1&q-signature=(hidden)&b=2"),
            ("a;q-signature=DIGITS;b", "a;q-signature=(hidden)"),
            ("`a;Q-Signature=DIGITS`: no", "`a;Q-Signature=(hidden)`: no"),
            ("q%2dsignature%3DDIGITS%26b x", "q%2dsignature=(hidden) x"),
            ("%71-signature=DIGITS", "%71-signature=(hidden)"),
            (
                "sign=q-ak%3Dx%26q-signature%3dDIGITS",
                "sign=q-ak%3Dx%26q-signature=(hidden)",
            ),
            ("u=%3Fq-signature%253DDIGITS", "u=%3Fq-signature=(hidden)"),
            (
                "x-cos-security-token=a%26b;c\nd",
                "x-cos-security-token=(hidden)\nd",
            ),
            ("X-CI-Security-Token=图 x", "X-CI-Security-Token=(hidden) x"),
            (
                "`q-signature` is given twice",
                "`q-signature` is given twice",
            ),
            ("q-signature", "q-signature"),
            ("图%", "图%"),
        ] {
            assert_eq!(masked(&text.replace("DIGITS", digits)), expected);
        }
    }
}
