//! Who sent a request, and what of it the signature covers.

use http::{HeaderMap, HeaderValue, header::HOST};

use crate::{
    canonical::{Canonical, Covered, candidates, is_signature, string_to_sign},
    encoding::{escape_name, unescape},
    error::{Error, MAX_PARAMETERS, MAX_SKEW_SECONDS, Mismatch, short},
    fields::{Carrier, Fields, Window},
    key::Key,
    query,
    request::{Request, TOKENS, masked},
};

/// Who sent a request.
#[derive(Debug, Clone)]
pub enum Access {
    /// No signature: neither an `Authorization` header (an empty one counts as none) nor one in the query.
    Anonymous,
    /// A signature that is right.
    Signed(Verified),
}

/// What a signature proved.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The key's public name.
    pub key_id: String,
    /// Which of the given keys it was.
    pub key_index: usize,
    /// Where the signature was.
    pub carrier: Carrier,
    /// The last Unix second at which the signature is good.
    pub end: u64,
    pub(crate) covered: Covered,
}

impl Verified {
    /// Whether the signature covers this item of the request's query, given as it stands there (`name`, `name=value`,
    /// escaped or not). All of the item but the letter case of its name is then what the client signed.
    pub fn covers_param(&self, raw_item: &[u8]) -> bool {
        self.covered.has_item(raw_item)
    }

    /// Whether the signature covers the header `name`, in any letter case.
    pub fn covers_header(&self, name: &str) -> bool {
        self.covered.has_header(&escape_name(name.as_bytes()))
    }
}

/// Finds the signature of `request` in whichever carrier it uses, and verifies it at `now` (Unix seconds).
///
/// - `keys`: the active ones; several may share an id while a secret is being replaced.
/// - Covered is what the two lists name, and the method, and the decoded path; see [`Verified::covers_param`].
///   Whether an uncovered rule or header may act is the caller's to decide.
/// - Cost: `n log n` in the request's items, for at most four canonical strings and as many HMACs a key of that id.
///
/// # Errors
///
/// All of [`Error`]. A signature that is there and not right is refused, never taken for an anonymous request.
pub fn verify(request: &Request<'_>, keys: &[Key], now: u64) -> Result<Access, Error> {
    let Some(fields) = Fields::find(request)? else {
        return Ok(Access::Anonymous);
    };
    if !keys.iter().any(|key| key.id == fields.key_id) {
        return Err(Error::UnknownKey(short(&fields.key_id)));
    }
    check_time(&fields, now)?;
    let found = query::items(request.raw_query).count();
    if found > MAX_PARAMETERS {
        return Err(Error::TooManyParameters { found });
    }
    let mut candidates = candidates(request, &fields);
    for index in 0..candidates.len() {
        if let Some(key_index) = signer(&candidates[index], &fields, keys) {
            check_token(request, &keys[key_index])?;
            return Ok(Access::Signed(Verified {
                key_id: fields.key_id,
                key_index,
                carrier: fields.carrier,
                end: fields.sign_time.window.end.min(fields.key_time.window.end),
                covered: candidates.swap_remove(index).covered,
            }));
        }
    }
    let canonical = candidates.swap_remove(0);
    Err(Error::Mismatch(Box::new(Mismatch {
        string_to_sign: string_to_sign(&fields.sign_time.text, &canonical.http_string),
        format_string: masked(&String::from_utf8_lossy(&canonical.http_string)),
        missing: canonical.missing,
    })))
}

/// Which key made the signature over `canonical`. A listed name that the request lacks means none did.
pub(crate) fn signer(canonical: &Canonical, fields: &Fields, keys: &[Key]) -> Option<usize> {
    let text = string_to_sign(&fields.sign_time.text, &canonical.http_string);
    let signed = |key: &Key| {
        key.id == fields.key_id
            && is_signature(
                key.secret.as_bytes(),
                &fields.key_time.text,
                &text,
                &fields.signature,
            )
    };
    keys.iter()
        .position(signed)
        .filter(|_| canonical.missing.is_empty())
}

/// Verifies the signature that an image URL carries in its own query, as a GET of that URL.
///
/// `host` is the URL's, with its port where it has one; path and query are raw, as in [`Request`].
/// A URL without a signature is [`Access::Anonymous`].
///
/// # Errors
///
/// As [`verify`]; and [`Error::Malformed`] for a host that could not stand in a header.
pub fn verify_url(
    host: &str,
    raw_path: &[u8],
    raw_query: &[u8],
    keys: &[Key],
    now: u64,
) -> Result<Access, Error> {
    let host = HeaderValue::from_str(host)
        .map_err(|_| Error::Malformed("the URL's host is not one".into()))?;
    let headers = HeaderMap::from_iter([(HOST, host)]);
    verify(
        &Request {
            method: "GET",
            raw_path,
            raw_query,
            headers: &headers,
        },
        keys,
        now,
    )
}

fn check_time(fields: &Fields, now: u64) -> Result<(), Error> {
    check_windows(&[fields.sign_time.window, fields.key_time.window], now)
}

/// Whether `now` is in all of these windows, with the skew of a client's clock.
pub(crate) fn check_windows(windows: &[Window], now: u64) -> Result<(), Error> {
    let start = windows.iter().map(|window| window.start).max().unwrap_or(0);
    let end = windows.iter().map(|window| window.end).min().unwrap_or(0);
    if start > now.saturating_add(MAX_SKEW_SECONDS) {
        return Err(Error::TimeTooSkewed { ahead: start - now });
    }
    if end < now {
        return Err(Error::Expired { end });
    }
    Ok(())
}

fn check_token(request: &Request<'_>, key: &Key) -> Result<(), Error> {
    // Each token sent, in every way it can be meant: a client that appends its token to a URL leaves `+` as it is.
    let mut tokens: Vec<[Vec<u8>; 2]> = Vec::new();
    for name in TOKENS {
        let values = request.headers.get_all(name).iter();
        tokens.extend(values.map(|value| [value.as_bytes().to_vec(), value.as_bytes().to_vec()]));
        for item in query::items(request.raw_query) {
            let (found, value) = query::split(item);
            if found.eq_ignore_ascii_case(name.as_bytes()) {
                let at = item.iter().position(|&byte| byte == b'=');
                let plain = at.map_or(Vec::new(), |at| unescape(&item[at + 1..]));
                tokens.push([value, plain]);
            }
        }
    }
    tokens.retain(|[value, _]| !value.is_empty());
    match &key.token {
        None if tokens.is_empty() => Ok(()),
        Some(_) if tokens.is_empty() => Err(Error::MissingToken),
        Some(token)
            if tokens
                .iter()
                .all(|ways| ways.iter().any(|way| token.is(way))) =>
        {
            Ok(())
        }
        None | Some(_) => Err(Error::UnknownToken),
    }
}
