//! The seven fields of a signature, found in whichever of the three carriers the request uses.

use std::fmt;

use http::header::AUTHORIZATION;

use crate::{
    encoding::{escape_name, from_hex, unescape},
    error::{Error, MAX_LISTED_NAMES, short},
    query,
    request::{Request, TOKENS},
};

/// The seven names; in a query they carry the signature and are never part of what is signed.
const NAMES: [&str; 7] = [
    "q-sign-algorithm",
    "q-ak",
    "q-sign-time",
    "q-key-time",
    "q-header-list",
    "q-url-param-list",
    "q-signature",
];

/// Whether a query parameter of this name is part of a signature, or the token of a temporary credential.
pub fn belongs_to_a_signature(name: &str) -> bool {
    name == "sign" || NAMES.contains(&name) || TOKENS.contains(&name)
}

/// Where a request carries its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// The `Authorization` header.
    Header,
    /// Seven query parameters.
    Query,
    /// The whole authorization in one query parameter, `sign`.
    SignParameter,
    /// The fields of a form, with a policy that is signed.
    Form,
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Carrier::Header => "the Authorization header",
            Carrier::Query => "the query",
            Carrier::SignParameter => "the query parameter `sign`",
            Carrier::Form => "the fields of the form",
        })
    }
}

/// A span of time in Unix seconds, both ends included, written `start;end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first second.
    pub start: u64,
    /// The last second.
    pub end: u64,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};{}", self.start, self.end)
    }
}

/// A window together with the text it was sent as, which is what is signed.
#[derive(Debug, Clone)]
pub(crate) struct SentWindow {
    pub(crate) text: String,
    pub(crate) window: Window,
}

/// A request's signature fields.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub(crate) carrier: Carrier,
    pub(crate) key_id: String,
    pub(crate) sign_time: SentWindow,
    pub(crate) key_time: SentWindow,
    /// Names in canonical form (escaped, lower case), sorted, each once.
    pub(crate) headers: Vec<String>,
    pub(crate) params: Vec<String>,
    pub(crate) signature: [u8; 20],
}

impl Fields {
    /// The fields of `request`, or `None` where it carries no signature.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] and [`Error::Algorithm`]: a signature that cannot be read is refused, never ignored.
    pub(crate) fn find(request: &Request<'_>) -> Result<Option<Self>, Error> {
        let mut sent = request
            .headers
            .get_all(AUTHORIZATION)
            .iter()
            .filter(|value| !value.is_empty());
        if let Some(value) = sent.next() {
            if sent.next().is_some() {
                return Err(Error::Malformed(
                    "more than one Authorization header".into(),
                ));
            }
            return Self::parse(Carrier::Header, pairs(value.as_bytes())).map(Some);
        }
        let mut fields = Vec::new();
        let mut sign = Vec::new();
        for item in query::items(request.raw_query) {
            if is_field(item) {
                fields.push(query::split(item));
            } else if query::is_named(item, b"sign") {
                sign.push(query::split(item).1);
            }
        }
        sign.retain(|value| !value.is_empty());
        match (fields.is_empty(), sign.as_slice()) {
            (true, []) => Ok(None),
            (false, []) => Self::parse(Carrier::Query, fields).map(Some),
            (true, [value]) => Self::parse(Carrier::SignParameter, pairs(value)).map(Some),
            (_, _) => Err(Error::Malformed(
                "more than one signature in the query".into(),
            )),
        }
    }

    fn parse(carrier: Carrier, pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Self, Error> {
        let mut values: [Option<String>; 7] = Default::default();
        for (name, value) in pairs {
            let Some(at) = NAMES.iter().position(|known| known.as_bytes() == name) else {
                continue;
            };
            let value = String::from_utf8(value)
                .map_err(|_| Error::Malformed(format!("`{}` is not UTF-8", NAMES[at])))?;
            if values[at].replace(value).is_some() {
                return Err(Error::Malformed(format!("`{}` is given twice", NAMES[at])));
            }
        }
        if values.iter().all(Option::is_none) {
            return Err(Error::Malformed(format!(
                "{carrier} does not hold `q-sign-algorithm=sha1&q-ak=...`"
            )));
        }
        let mut values = values.into_iter().zip(NAMES).map(|(value, name)| {
            value.ok_or_else(|| Error::Malformed(format!("`{name}` is missing in {carrier}")))
        });
        let mut next = || values.next().expect("the array has seven values");
        let algorithm = next()?;
        if algorithm != "sha1" {
            return Err(Error::Algorithm(short(&algorithm)));
        }
        let key_id = next()?;
        let sign_time = SentWindow::parse("q-sign-time", next()?)?;
        let key_time = SentWindow::parse("q-key-time", next()?)?;
        let (header_list, param_list) = (next()?, next()?);
        let found = names(&header_list).count() + names(&param_list).count();
        if found > MAX_LISTED_NAMES {
            return Err(Error::TooManyNames { found });
        }
        let fields = Self {
            carrier,
            key_id,
            sign_time,
            key_time,
            headers: list(&header_list),
            params: list(&param_list),
            signature: from_hex(&next()?).ok_or_else(|| {
                Error::Malformed("`q-signature` is not 40 lower-case hex digits".into())
            })?,
        };
        Ok(fields)
    }

    /// Whether a query item is a carrier of this signature, and so not part of what it signs.
    pub(crate) fn is_carrier(&self, item: &[u8]) -> bool {
        match self.carrier {
            Carrier::Header | Carrier::Form => false,
            Carrier::Query => is_field(item),
            Carrier::SignParameter => query::is_named(item, b"sign"),
        }
    }
}

/// Whether a query item has one of the seven names.
fn is_field(item: &[u8]) -> bool {
    NAMES
        .iter()
        .any(|known| query::is_named(item, known.as_bytes()))
}

impl SentWindow {
    pub(crate) fn parse(name: &str, text: String) -> Result<Self, Error> {
        let number = |digits: &str| -> Option<u64> {
            (digits.len() <= 15 && digits.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| digits.parse().ok())?
        };
        let window = text
            .split_once(';')
            .and_then(|(start, end)| {
                Some(Window {
                    start: number(start)?,
                    end: number(end)?,
                })
            })
            .filter(|window| window.start <= window.end);
        match window {
            Some(window) => Ok(Self { text, window }),
            None => Err(Error::Malformed(format!(
                "`{name}`: found `{}`, expected `<start>;<end>` in Unix seconds",
                short(&text)
            ))),
        }
    }
}

/// The `name=value` pairs of an authorization string; nothing in it is escaped.
fn pairs(authorization: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    query::items(authorization.trim_ascii())
        .map(|item| match item.iter().position(|&byte| byte == b'=') {
            Some(at) => (item[..at].to_vec(), item[at + 1..].to_vec()),
            None => (item.to_vec(), Vec::new()),
        })
        .collect()
}

/// The names of a list as they stand there; empty ones are skipped.
fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(';').filter(|name| !name.is_empty())
}

/// Names of a list in canonical form. They arrive escaped once, or, from clients that escape a list once too few
/// in a URL, plain; decoding and escaping again makes the two equal.
fn list(text: &str) -> Vec<String> {
    let mut names: Vec<_> = names(text)
        .map(|name| escape_name(&unescape(name.as_bytes()).to_ascii_lowercase()))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
