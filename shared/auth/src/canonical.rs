//! The strings that are signed (COS documentation, "Request signature"): from a request and the names its signature lists.

use http::header::{HOST, HeaderName};
use sha1::{Digest, Sha1};

use crate::{
    encoding::{escape, escape_name, hex, unescape},
    fields::Fields,
    key::{hmac_sha1, verify_hmac_sha1},
    query::{self, Pair},
    request::Request,
};

/// What a signature says about a request.
#[derive(Debug, Clone)]
pub(crate) struct Canonical {
    pub(crate) http_string: Vec<u8>,
    pub(crate) covered: Covered,
    /// Listed names that the request lacks.
    pub(crate) missing: Vec<String>,
}

/// What a signature covers.
#[derive(Debug, Clone)]
pub(crate) struct Covered {
    /// Every query item that has a listed name, repeated names included, sorted.
    pub(crate) params: Vec<Pair>,
    /// Every header that has a listed name, repeated names included, sorted.
    pub(crate) headers: Vec<Pair>,
}

impl Covered {
    /// Whether this item of a query, as it stands there, is covered in one of its readings.
    pub(crate) fn has_item(&self, raw_item: &[u8]) -> bool {
        query::readings(raw_item)
            .iter()
            .any(|pair| self.params.binary_search(pair).is_ok())
    }

    /// Whether the header `name` (in lower case) is covered.
    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.headers
            .binary_search_by(|pair| pair.name.as_str().cmp(name))
            .is_ok()
    }
}

/// Every way to read what `fields` lists of `request`, the likeliest first: one to four, as a query item can have two
/// readings that are listed, and a client that addresses a port may leave it out of the host that it signs.
///
/// An item belongs to the canonical string as soon as one of its readings is listed, and a name that occurs more often
/// than the client sent it adds to the string: so nothing can be put beside a signed item under its name.
///
/// Cost: `n log n` in the items and headers of the request, times the logarithm of the number of listed names.
pub(crate) fn candidates(request: &Request<'_>, fields: &Fields) -> Vec<Canonical> {
    let items: Vec<Vec<Pair>> = query::items(request.raw_query)
        .filter(|item| !fields.is_carrier(item))
        .map(|item| query::readings_named(item, |name| is_in(&fields.params, name)))
        .filter(|readings| !readings.is_empty())
        .collect();
    let other = items.iter().any(|readings| readings.len() > 1).then(|| {
        let last = items.iter().filter_map(|readings| readings.last());
        sorted(last.cloned())
    });
    let first = items
        .into_iter()
        .filter_map(|readings| readings.into_iter().next());
    let mut params = vec![sorted(first)];
    params.extend(other);

    let pair = |name: &HeaderName, value: &[u8]| {
        let name = escape_name(name.as_str().as_bytes());
        is_in(&fields.headers, &name).then(|| Pair {
            name,
            value: escape(value),
        })
    };
    let sent: Vec<Pair> = request
        .headers
        .iter()
        .filter_map(|(name, value)| pair(name, value.as_bytes()))
        .collect();
    let mut headers = vec![sorted(sent.iter().cloned())];
    let hosts = request.headers.get_all(HOST);
    if hosts.iter().any(|host| has_port(host.as_bytes())) {
        let others = sent.iter().filter(|pair| pair.name != HOST.as_str());
        let hosts: Vec<_> = hosts
            .iter()
            .filter_map(|host| pair(&HOST, without_port(host.as_bytes())))
            .collect();
        if !hosts.is_empty() {
            headers.push(sorted(others.cloned().chain(hosts)));
        }
    }

    let path = unescape(request.raw_path);
    let mut candidates = Vec::with_capacity(headers.len() * params.len());
    for headers in &headers {
        for params in &params {
            let mut missing = absent(&fields.params, params, |pair| &pair.name);
            missing.extend(absent(&fields.headers, headers, |pair| &pair.name));
            candidates.push(Canonical {
                http_string: http_string(request.method, &path, params, headers),
                covered: Covered {
                    params: params.clone(),
                    headers: headers.clone(),
                },
                missing,
            });
        }
    }
    candidates
}

/// Whether a sorted list has this name.
fn is_in(names: &[String], name: &str) -> bool {
    names
        .binary_search_by(|listed| listed.as_str().cmp(name))
        .is_ok()
}

fn sorted(pairs: impl Iterator<Item = Pair>) -> Vec<Pair> {
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    pairs
}

/// Which of `names` none of `found` has, which are sorted by name. A request can have a hundred thousand items under one
/// listed name, so each name is looked up in `log n` comparisons.
fn absent<N: Ord + Clone, F>(names: &[N], found: &[F], name_of: impl Fn(&F) -> &N) -> Vec<N> {
    names
        .iter()
        .filter(|name| {
            found
                .binary_search_by(|item| name_of(item).cmp(name))
                .is_err()
        })
        .cloned()
        .collect()
}

pub(crate) fn without_port(host: &[u8]) -> &[u8] {
    match host.iter().rposition(|&byte| byte == b':') {
        Some(at) if host[at + 1..].iter().all(u8::is_ascii_digit) => &host[..at],
        _ => host,
    }
}

fn has_port(host: &[u8]) -> bool {
    without_port(host).len() < host.len()
}

/// `FormatString` in COS's words: method, decoded path, parameters and headers, a line each.
pub(crate) fn http_string(method: &str, path: &[u8], params: &[Pair], headers: &[Pair]) -> Vec<u8> {
    let bytes: usize = params
        .iter()
        .chain(headers)
        .map(|pair| pair.name.len() + pair.value.len() + 2)
        .sum();
    let mut text = Vec::with_capacity(method.len() + path.len() + bytes + 4);
    text.extend(method.bytes().map(|byte| byte.to_ascii_lowercase()));
    text.push(b'\n');
    text.extend_from_slice(path);
    text.push(b'\n');
    for pairs in [params, headers] {
        for (index, pair) in pairs.iter().enumerate() {
            if index > 0 {
                text.push(b'&');
            }
            text.extend_from_slice(pair.name.as_bytes());
            text.push(b'=');
            text.extend_from_slice(pair.value.as_bytes());
        }
        text.push(b'\n');
    }
    text
}

pub(crate) fn string_to_sign(sign_time: &str, http_string: &[u8]) -> String {
    format!("sha1\n{sign_time}\n{}\n", digest(http_string))
}

/// The SHA-1 of this in hex digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex(&Sha1::digest(bytes))
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

#[cfg(test)]
mod tests {
    use std::{cell::Cell, cmp::Ordering};

    use super::absent;

    thread_local! {
        static COMPARISONS: Cell<usize> = const { Cell::new(0) };
    }

    /// A name that counts how often it is compared.
    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Counted(usize);

    impl PartialOrd for Counted {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl Ord for Counted {
        fn cmp(&self, other: &Self) -> Ordering {
            COMPARISONS.set(COMPARISONS.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    /// 100 listed names over 2^17 items (a query of 256 KiB holds no more): 18 comparisons a name, where one by one took
    /// up to 13,107,200 in all.
    #[test]
    fn a_listed_name_is_looked_up_in_a_logarithm_of_comparisons() {
        for found in [
            (0..1 << 17).map(Counted).collect::<Vec<_>>(),
            vec![Counted(7); 1 << 17],
        ] {
            COMPARISONS.set(0);
            let names: Vec<_> = (0..100).map(|name| Counted(name * 5_000)).collect();
            let missing = absent(&names, &found, |item| item);
            assert!(COMPARISONS.get() <= 100 * 18, "{}", COMPARISONS.get());
            let expected: Vec<_> = names
                .iter()
                .filter(|name| !found.iter().any(|item| item.0 == name.0))
                .cloned()
                .collect();
            assert_eq!(missing, expected);
        }
    }
}
