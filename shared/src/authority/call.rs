//! One request, taken apart, and who sent it.

use std::net::IpAddr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use rules::{Query, QueryRule, Rule};

use crate::config::hosts::Place;
use crate::error::Error;
use crate::escape;
use crate::storage::{ObjectKey, UploadId, Version};
use crate::wire::names::{self, BEGUN_WITH_RULES, UPLOAD_ID, VERSION_ID};

/// What stands between the client and the service knows and allows: an extension of each request.
#[derive(Clone, Debug, Default)]
pub struct Front {
    /// The client's address, where it is verified.
    pub client: Option<IpAddr>,
    /// Bytes of an answer's body that fit through, where answers are buffered.
    pub response_limit: Option<u64>,
    /// When whatever runs the service will end it.
    pub deadline: Option<Instant>,
}

/// One request, taken apart, without its body, which is not asked for until the rest is judged.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) raw_query: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) front: Front,
    pub(crate) host: String,
    pub(crate) place: Place,
    pub(crate) caller: Caller,
    /// When it came, in seconds since 1970.
    pub(crate) now: u64,
}

impl Call {
    /// The key that the request names.
    pub(crate) fn key(&self) -> Result<ObjectKey, Error> {
        if self.place.key.is_empty() {
            let method = self.method.to_string();
            return Err(Error::NoKey { method });
        }
        Ok(ObjectKey::new(self.place.key.as_str())?)
    }

    pub(crate) fn version(&self) -> Option<Version> {
        let version = self.query.parameter(VERSION_ID)?;
        (!version.is_empty()).then(|| Version(version.to_owned()))
    }

    /// A header's text, if it is one.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn upload_id(&self) -> Option<UploadId> {
        let id = self.query.parameter(UPLOAD_ID)?;
        let own = id.strip_suffix(BEGUN_WITH_RULES).unwrap_or(id);
        Some(UploadId(own.to_owned()))
    }

    /// Whether the upload that the request names was begun with `Pic-Operations`, which are not kept.
    pub(crate) fn upload_has_rules(&self) -> bool {
        let id = self.query.parameter(UPLOAD_ID);
        id.is_some_and(|id| id.ends_with(BEGUN_WITH_RULES))
    }

    pub(crate) fn asks_for(&self, name: &str) -> bool {
        self.query.parameter(name).is_some()
    }

    /// Whether the original is answered in place of a rule that is wrong.
    ///
    /// On a signed request a fault in base64 is never hidden: its letter case is not signed, and whoever changes it would
    /// get the original where a rule was signed.
    pub(crate) fn hides(&self, rule: &QueryRule, error: &rules::Error) -> bool {
        let is_signed = matches!(self.caller, Caller::Key { .. });
        error.is_suppressible()
            && Rule::asks_to_ignore_errors(&rule.text)
            && !(is_signed && error.is_in_base64())
    }

    /// Whether the signature covers every item of the query that has this name.
    pub(crate) fn covers_parameter(&self, name: &str) -> bool {
        match &self.caller {
            Caller::Anonymous => false,
            Caller::Key { verified, .. } => covers(verified, &self.raw_query, name),
        }
    }
}

/// Who sent a request.
#[derive(Debug)]
pub(crate) enum Caller {
    Anonymous,
    /// A configured key, and what its signature covers.
    Key {
        index: usize,
        verified: auth::Verified,
    },
}

impl Caller {
    /// Whether the signature covers a header. Nothing is covered on an anonymous request.
    pub(crate) fn covers_header(&self, name: &str) -> bool {
        matches!(self, Self::Key { verified, .. } if verified.covers_header(name))
    }
}

/// Whether a signature covers every item of a query that has this name, of which there must be one.
pub(crate) fn covers(verified: &auth::Verified, raw_query: &str, name: &str) -> bool {
    let mut items = rules::query_items(raw_query)
        .filter(|item| {
            let raw_name = item.split('=').next().unwrap_or_default();
            escape::decode(&raw_name.replace('+', " ")).as_deref() == Some(name)
        })
        .peekable();
    items.peek().is_some() && items.all(|item| verified.covers_param(item.as_bytes()))
}

pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// `response-content-type` and the like, which only a signed request may ask for, and only where it signed them:
/// whoever holds an URL could otherwise have an image shown as a page.
pub(crate) fn response_overrides(call: &Call) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    let mut overrides = Vec::new();
    for (parameter, name) in [
        (names::RESPONSE_CONTENT_TYPE, header::CONTENT_TYPE),
        (names::RESPONSE_CONTENT_LANGUAGE, header::CONTENT_LANGUAGE),
        (names::RESPONSE_EXPIRES, header::EXPIRES),
        (names::RESPONSE_CACHE_CONTROL, header::CACHE_CONTROL),
        (
            names::RESPONSE_CONTENT_DISPOSITION,
            header::CONTENT_DISPOSITION,
        ),
        (names::RESPONSE_CONTENT_ENCODING, header::CONTENT_ENCODING),
    ] {
        let Some(value) = call.query.parameter(parameter) else {
            continue;
        };
        if !call.covers_parameter(parameter) {
            return Err(Error::OverrideNotSigned(parameter));
        }
        let value = HeaderValue::from_str(value).map_err(|_| {
            Error::InvalidArgument(format!("{parameter}: `{value}` cannot stand in a header"))
        })?;
        overrides.push((name, value));
    }
    Ok(overrides)
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
