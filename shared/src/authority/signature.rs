//! Who sent a request: what a trusted front says, and what the signature covers.

use std::net::IpAddr;

use http::Method;
use http::header::{self, HeaderMap};
use rules::Query;

use super::Authority;
use super::call::{Call, Caller, Front};
use super::cors;
use crate::config::hosts::Place;
use crate::error::Error;
use crate::escape;
use crate::wire::names::{
    CHOOSING, CONTENT_MD5, COPY_RANGE, COPY_SOURCE, DELETE, DESCRIBING, MOGR_AUTHORIZATION,
    MOGR_CLIENT, MOGR_HOST, OTHERS, UNSUPPORTED,
};

impl Authority {
    /// Takes what a trusted front says of the client, and drops what anyone else says in its name.
    pub(crate) fn believe_front(&self, headers: &mut HeaderMap, front: &mut Front) {
        let said = [MOGR_HOST, MOGR_AUTHORIZATION, MOGR_CLIENT].map(|name| headers.remove(name));
        if !self.config.trusted_front {
            return;
        }
        let [host, authorization, client] = said;
        if let Some(host) = host {
            headers.insert(header::HOST, host);
            // What the front itself signed is not the client's.
            headers.remove(header::AUTHORIZATION);
        }
        if let Some(authorization) = authorization.filter(|value| !value.is_empty()) {
            headers.insert(header::AUTHORIZATION, authorization);
        }
        if let Some(client) = client {
            front.client = client.to_str().ok().and_then(client_address);
        }
    }

    /// Whose request it is, which is for this place.
    pub(crate) fn authenticate(
        &self,
        method: &Method,
        raw_path: &str,
        raw_query: &str,
        headers: &HeaderMap,
        place: &Place,
        now: u64,
    ) -> Result<Caller, Error> {
        match self.verify(method, raw_path, raw_query, headers, now)? {
            auth::Access::Anonymous => Ok(Caller::Anonymous),
            auth::Access::Signed(verified) => {
                let index = verified.key_index;
                self.host_is_covered(&verified, raw_path, place)?;
                let caller = Caller::Key { index, verified };
                // What chooses the operation must be signed: a URL to put one object could otherwise be made to
                // copy another, or another range of it.
                for name in [COPY_SOURCE, COPY_RANGE] {
                    if headers.contains_key(name) && !caller.covers_header(name) {
                        return Err(Error::Denied(format!(
                            "the signature does not cover {name}"
                        )));
                    }
                }
                Ok(caller)
            }
        }
    }

    /// Whose request to the service itself it is, which names no bucket: the key's index.
    pub(crate) fn authenticate_for_service(
        &self,
        method: &Method,
        raw_path: &str,
        raw_query: &str,
        headers: &HeaderMap,
        now: u64,
    ) -> Result<usize, Error> {
        match self.verify(method, raw_path, raw_query, headers, now)? {
            auth::Access::Anonymous => Err(Error::ServiceUnsigned),
            auth::Access::Signed(verified) => Ok(verified.key_index),
        }
    }

    fn verify(
        &self,
        method: &Method,
        raw_path: &str,
        raw_query: &str,
        headers: &HeaderMap,
        now: u64,
    ) -> Result<auth::Access, Error> {
        if let Some(version) = signature_of_aws(raw_query, headers) {
            return Err(Error::SignedForAws(version));
        }
        let request = auth::Request {
            method: method.as_str(),
            raw_path: raw_path.as_bytes(),
            raw_query: raw_query.as_bytes(),
            headers,
        };
        auth::verify(&request, &self.keys, now).map_err(Error::Signature)
    }

    /// A signature without the host is good for the same path on any host: for the same key in every bucket, and,
    /// where a bucket or a bucket's prefix stands in the path, for the rest of the path as a key. So it counts only
    /// where there is one bucket, and the whole path is the key.
    pub(super) fn host_is_covered(
        &self,
        verified: &auth::Verified,
        raw_path: &str,
        place: &Place,
    ) -> Result<(), Error> {
        let path = escape::decode(raw_path.strip_prefix('/').unwrap_or(raw_path));
        let certain = self.config.buckets.len() == 1 && path.as_ref() == Some(&place.key);
        if certain
            || verified.covers_header("host")
            || self.config.keys[verified.key_index].allow_unsigned_host
        {
            return Ok(());
        }
        let text = "the signature does not cover the header host (q-header-list), and the same signature would be \
                    good elsewhere";
        Err(Error::Denied(text.to_owned()))
    }

    /// A signature tells who means it. An unsigned request may be any page's that a browser has open: on loopback that
    /// browser is let in.
    pub(crate) fn refuse_other_pages(
        &self,
        caller: &Caller,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Error> {
        let is_harmless = matches!(*method, Method::GET | Method::HEAD);
        if matches!(caller, Caller::Anonymous)
            && !is_harmless
            && !cors::may_come(&self.config.cors, method, headers)
        {
            return Err(Error::CorsForbidden);
        }
        Ok(())
    }
}

/// The version of a signature of AWS, which a client of S3 sends.
fn signature_of_aws(raw_query: &str, headers: &HeaderMap) -> Option<&'static str> {
    let authorization = super::call::header_text(headers, &header::AUTHORIZATION);
    let names = raw_query
        .split('&')
        .filter_map(|item| item.split('=').next());
    let has = |name: &str| names.clone().any(|found| found.eq_ignore_ascii_case(name));
    if authorization.starts_with("AWS4-") || has("X-Amz-Signature") {
        return Some("version 4");
    }
    (authorization.starts_with("AWS ") || has("AWSAccessKeyId")).then_some("version 2")
}

/// On signed requests, refuses parameters that choose what is done and that the signature leaves out, what could be such
/// a parameter but for its letter case, a `+` in a rule, and a list of objects to delete that is not signed.
pub(crate) fn refuse_uncovered(call: &Call) -> Result<(), Error> {
    let Caller::Key { verified, .. } = &call.caller else {
        return Ok(());
    };
    refuse_other_letter_case(&call.query)?;
    // SDKs write a space as `+`, so that the two are one to the signature; to a rule a `+` is itself.
    let raw_rule = call.query.rule.iter().flat_map(|rule| &rule.raw);
    if raw_rule
        .filter(|item| item.contains('+'))
        .any(|item| verified.covers_param(item.as_bytes()))
    {
        let text = "a `+` in a signed rule is a space to its signature; write %2B or %20";
        return Err(Error::Denied(text.to_owned()));
    }
    for name in CHOOSING.iter().chain(&DESCRIBING) {
        if call.query.parameter(name).is_some() && !call.covers_parameter(name) {
            return Err(Error::Denied(format!(
                "the signature does not cover the parameter {name}"
            )));
        }
    }
    // A body is signed by way of its digest. Without, whoever sees one such request deletes other objects by it.
    let deletes_many = call.method == Method::POST && call.asks_for(DELETE);
    if deletes_many
        && call.headers.contains_key(CONTENT_MD5)
        && !call.caller.covers_header(CONTENT_MD5)
    {
        let text = "the signature does not cover the header Content-MD5 (q-header-list), and so not what is deleted";
        return Err(Error::Denied(text.to_owned()));
    }
    Ok(())
}

/// A signature covers names in lower case alone: without this, whoever holds a URL that is signed for `prefix=a/` lists
/// the whole bucket by `PREFIX=a/`. Rules are read alike in every letter case.
pub(super) fn refuse_other_letter_case(query: &Query) -> Result<(), Error> {
    for (name, _) in &query.parameters {
        let other =
            |known: &&str, found: &str| *known != found && known.eq_ignore_ascii_case(found);
        let parameters = CHOOSING.iter().chain(&OTHERS).chain(&DESCRIBING);
        let parameters = parameters.chain(&UNSUPPORTED);
        let known = parameters.copied().find(|known| other(known, name));
        if let Some(known) = known {
            let text = format!(
                "`{name}` in the query of a signed request is spelled `{known}`, as letter case counts"
            );
            return Err(Error::Denied(text));
        }
    }
    Ok(())
}

/// `192.0.2.1`, `192.0.2.1:443` (CloudFront-Viewer-Address has the port) or an IPv6 address, with or without one.
fn client_address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (address, _port) = text.rsplit_once(':')?;
    address.trim_matches(['[', ']']).parse().ok()
}
