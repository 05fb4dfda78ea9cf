//! The strings that are signed (COS documentation, "Request signature"): from a request and the names its signature lists.

use http::header::HOST;
use sha1::{Digest, Sha1};

use crate::{
    encoding::{hex, unescape},
    fields::Fields,
    key::{hmac_sha1, verify_hmac_sha1},
    query::{self, Pair},
    request::Request,
};

/// Which of an item's readings is taken where more than one is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    First,
    Last,
}

/// Which host is taken; a client that addresses a port may leave it out of what it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    AsSent,
    WithoutPort,
}

/// What a signature says about a request.
#[derive(Debug, Clone)]
pub(crate) struct Canonical {
    pub(crate) http_string: Vec<u8>,
    /// Every query item that has a listed name, repeated names included, sorted.
    pub(crate) params: Vec<Pair>,
    pub(crate) headers: Vec<Pair>,
    /// Listed names that the request lacks.
    pub(crate) missing: Vec<String>,
}

impl Canonical {
    /// Reads `request` as `fields` lists it.
    ///
    /// An item belongs to the canonical string as soon as one of its readings is listed, and a name that occurs more often
    /// than the client sent it adds to the string: so nothing can be put beside a signed item under its name.
    pub(crate) fn new(
        request: &Request<'_>,
        fields: &Fields,
        reading: Reading,
        host: Host,
    ) -> Self {
        let listed = |names: &[String], name: &String| names.binary_search(name).is_ok();
        let mut params: Vec<_> = query::items(request.raw_query)
            .filter(|item| !fields.is_carrier(item))
            .filter_map(|item| {
                let mut readings = query::readings(item);
                readings.retain(|pair| listed(&fields.params, &pair.name));
                match reading {
                    Reading::First => readings.into_iter().next(),
                    Reading::Last => readings.pop(),
                }
            })
            .collect();
        let mut headers: Vec<_> = request
            .headers
            .iter()
            .filter(|(name, _)| {
                listed(
                    &fields.headers,
                    &crate::encoding::escape_name(name.as_str().as_bytes()),
                )
            })
            .map(|(name, value)| {
                let value = value.as_bytes();
                let value = if name == HOST && host == Host::WithoutPort {
                    without_port(value)
                } else {
                    value
                };
                Pair::new(name.as_str().as_bytes(), value)
            })
            .collect();
        params.sort_unstable();
        headers.sort_unstable();
        let absent = |names: &[String], found: &[Pair]| -> Vec<String> {
            names
                .iter()
                .filter(|name| !found.iter().any(|pair| pair.name == **name))
                .cloned()
                .collect()
        };
        let mut missing = absent(&fields.params, &params);
        missing.extend(absent(&fields.headers, &headers));
        let http_string = http_string(
            request.method,
            &unescape(request.raw_path),
            &params,
            &headers,
        );
        Self {
            http_string,
            params,
            headers,
            missing,
        }
    }
}

pub(crate) fn without_port(host: &[u8]) -> &[u8] {
    match host.iter().rposition(|&byte| byte == b':') {
        Some(at) if host[at + 1..].iter().all(u8::is_ascii_digit) => &host[..at],
        _ => host,
    }
}

/// `FormatString` in COS's words: method, decoded path, parameters and headers, a line each.
pub(crate) fn http_string(method: &str, path: &[u8], params: &[Pair], headers: &[Pair]) -> Vec<u8> {
    let join = |pairs: &[Pair]| {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|pair| format!("{}={}", pair.name, pair.value))
            .collect();
        pairs.join("&")
    };
    let mut text = method.to_ascii_lowercase().into_bytes();
    text.push(b'\n');
    text.extend_from_slice(path);
    text.extend_from_slice(format!("\n{}\n{}\n", join(params), join(headers)).as_bytes());
    text
}

pub(crate) fn string_to_sign(sign_time: &str, http_string: &[u8]) -> String {
    format!("sha1\n{sign_time}\n{}\n", hex(&Sha1::digest(http_string)))
}

/// The key of the second HMAC: the first one's result as hex text.
pub(crate) fn sign_key(secret: &[u8], key_time: &str) -> String {
    hex(&hmac_sha1(secret, key_time.as_bytes()))
}

pub(crate) fn sign(secret: &[u8], key_time: &str, string_to_sign: &str) -> String {
    hex(&hmac_sha1(
        sign_key(secret, key_time).as_bytes(),
        string_to_sign.as_bytes(),
    ))
}

/// Whether `signature` is what `secret` gives; constant time.
pub(crate) fn is_signature(
    secret: &[u8],
    key_time: &str,
    string_to_sign: &str,
    signature: &[u8; 20],
) -> bool {
    verify_hmac_sha1(
        sign_key(secret, key_time).as_bytes(),
        string_to_sign.as_bytes(),
        signature,
    )
}
