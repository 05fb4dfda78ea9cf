//! Conditional requests (RFC 9110, 13) and ranges (14), over what the headers say.

use std::time::SystemTime;

use http::HeaderMap;
use http::header::{self, HeaderName};

use crate::storage::{ByteRange, ETag};

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
}

/// True where there is something for [`evaluate`] or [`range_applies`] to weigh.
pub(crate) fn are_given(headers: &HeaderMap) -> bool {
    [
        header::IF_MATCH,
        header::IF_UNMODIFIED_SINCE,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_RANGE,
    ]
    .iter()
    .any(|name| headers.contains_key(name))
}

/// Weighs `If-Match`, `If-Unmodified-Since`, `If-None-Match` and `If-Modified-Since`, in that order
/// (RFC 9110, 13.2.2). `last_modified` is in whole seconds.
pub(crate) fn evaluate(headers: &HeaderMap, etag: &ETag, last_modified: SystemTime) -> Verdict {
    if let Some(listed) = text(headers, header::IF_MATCH) {
        if !lists(listed, etag) {
            return Verdict::PreconditionFailed;
        }
    } else if let Some(since) = date(headers, header::IF_UNMODIFIED_SINCE)
        && last_modified > since
    {
        return Verdict::PreconditionFailed;
    }
    if let Some(listed) = text(headers, header::IF_NONE_MATCH) {
        if lists(listed, etag) {
            return Verdict::NotModified;
        }
    } else if let Some(since) = date(headers, header::IF_MODIFIED_SINCE)
        && last_modified <= since
    {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// The range asked for, if there is exactly one that can be read; others are ignored (RFC 9110, 14.2).
pub(crate) fn range(headers: &HeaderMap) -> Option<ByteRange> {
    let spec = text(headers, header::RANGE)?.strip_prefix("bytes=")?;
    let (first, last) = spec.trim().split_once('-')?;
    let number = |text: &str| -> Option<u64> {
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (first.is_empty(), last.is_empty()) {
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(ByteRange::FromTo(first, last))
        }
        (false, true) => number(first).map(ByteRange::From),
        (true, false) => number(last).map(ByteRange::Last),
        (true, true) => None,
    }
}

/// True where `If-Range` lets a range be answered.
pub(crate) fn range_applies(headers: &HeaderMap, etag: &ETag, last_modified: SystemTime) -> bool {
    let Some(condition) = text(headers, header::IF_RANGE) else {
        return true;
    };
    if condition.starts_with('"') || condition.starts_with("W/") {
        return condition == etag.as_str();
    }
    httpdate::parse_http_date(condition).is_ok_and(|since| last_modified == since)
}

fn lists(listed: &str, etag: &ETag) -> bool {
    listed.trim() == "*"
        || listed.split(',').any(|one| {
            let one = one.trim();
            one.strip_prefix("W/").unwrap_or(one).trim_matches('"') == etag.opaque()
        })
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, name)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[track_caller]
    fn weighs(name: &'static str, value: &str, expected: Verdict) {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a header"));
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(
            evaluate(&headers, &ETag::new("abc"), at),
            expected,
            "{name}: {value}"
        );
    }

    #[test]
    fn conditions() {
        use Verdict::{NotModified, PreconditionFailed, Proceed};
        weighs("if-none-match", "\"abc\"", NotModified);
        weighs("if-none-match", "\"x\", W/\"abc\"", NotModified);
        weighs("if-none-match", "*", NotModified);
        weighs("if-none-match", "\"x\"", Proceed);
        weighs("if-match", "\"abc\"", Proceed);
        weighs("if-match", "\"x\"", PreconditionFailed);
        weighs(
            "if-modified-since",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            NotModified,
        );
        weighs(
            "if-modified-since",
            "Sun, 06 Nov 1994 08:49:36 GMT",
            Proceed,
        );
        weighs(
            "if-unmodified-since",
            "Sun, 06 Nov 1994 08:49:36 GMT",
            PreconditionFailed,
        );
        weighs(
            "if-unmodified-since",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            Proceed,
        );
        weighs("if-modified-since", "yesterday", Proceed);
    }

    #[track_caller]
    fn reads(value: &str, expected: Option<ByteRange>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, value.parse().expect("a header"));
        assert_eq!(range(&headers), expected, "{value}");
    }

    #[test]
    fn ranges() {
        reads("bytes=0-3", Some(ByteRange::FromTo(0, 3)));
        reads("bytes=5-", Some(ByteRange::From(5)));
        reads("bytes=-5", Some(ByteRange::Last(5)));
        reads("bytes=3-2", None);
        reads("bytes=-", None);
        reads("bytes=0-1,3-4", None);
        reads("items=0-1", None);
    }
}
