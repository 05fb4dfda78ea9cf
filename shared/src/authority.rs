//! Who may do what: signatures to callers, and policies over what they name.
//!
//! A signature carries only what it covers. Everything here is decided before an object is read or its existence told.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use auth::policy::{self, Action, Decision, Principal, Question};
use http::{HeaderMap, Method};
use rules::ImageUrl;

use crate::error::Error;
use crate::escape;
use crate::hosts;
use crate::service::{Call, PIC_OPERATIONS, Service};
use crate::storage::ObjectKey;

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

impl Call {
    /// Whether the signature covers every item of the query that has this name.
    pub(crate) fn covers_parameter(&self, name: &str) -> bool {
        let Caller::Key { verified, .. } = &self.caller else {
            return false;
        };
        self.raw_query
            .split('&')
            .filter(|item| {
                let raw_name = item.split('=').next().unwrap_or_default();
                escape::decode(&raw_name.replace('+', " ")).as_deref() == Some(name)
            })
            .all(|item| verified.covers_param(item.as_bytes()))
    }
}

/// On whose behalf something is read or stored.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    /// Anyone, from this address.
    Anonymous(Option<IpAddr>),
    /// A configured key, from this address.
    Key(usize, Option<IpAddr>),
    /// The trigger.
    Upload,
}

impl Who {
    /// Whoever signed the request, for everything that it covers.
    pub(crate) fn of_request(call: &Call) -> Self {
        match call.caller {
            Caller::Anonymous => Self::Anonymous(call.front.client),
            Caller::Key { index, .. } => Self::Key(index, call.front.client),
        }
    }

    /// Whoever signed the rule: nobody, where the signature leaves it out.
    pub(crate) fn of_rule(call: &Call, raw_rule: &str) -> Self {
        match &call.caller {
            Caller::Key { index, verified } if verified.covers_param(raw_rule.as_bytes()) => {
                Self::Key(*index, call.front.client)
            }
            _ => Self::Anonymous(call.front.client),
        }
    }

    fn client(&self) -> Option<IpAddr> {
        match self {
            Self::Anonymous(client) | Self::Key(_, client) => *client,
            Self::Upload => None,
        }
    }
}

impl Service {
    /// Whose request it is.
    pub(crate) fn authenticate(
        &self,
        method: &Method,
        raw_path: &str,
        raw_query: &str,
        headers: &HeaderMap,
    ) -> Result<Caller, Error> {
        let request = auth::Request {
            method: method.as_str(),
            raw_path: raw_path.as_bytes(),
            raw_query: raw_query.as_bytes(),
            headers,
        };
        match auth::verify(&request, &self.keys, now()) {
            Ok(auth::Access::Anonymous) => Ok(Caller::Anonymous),
            Ok(auth::Access::Signed(verified)) => {
                let index = verified.key_index;
                self.host_is_covered(index, &verified, host_of(headers))?;
                let caller = Caller::Key { index, verified };
                // What chooses the operation must be signed: a URL to put one object could otherwise be made to
                // copy another.
                if headers.contains_key("x-cos-copy-source")
                    && !caller.covers_header("x-cos-copy-source")
                {
                    return Err(Error::Denied(
                        "the signature does not cover x-cos-copy-source".to_owned(),
                    ));
                }
                Ok(caller)
            }
            Err(error) => Err(Error::Signature(error)),
        }
    }

    /// A signature without the host is good for the same path on any host: for the same key in every bucket, and,
    /// where the bucket stands in the path, for the rest of the path as a key. So it counts only where there is one
    /// bucket, and the host names it.
    fn host_is_covered(
        &self,
        index: usize,
        verified: &auth::Verified,
        host: &str,
    ) -> Result<(), Error> {
        let certain = self.config.buckets.len() == 1 && !hosts::is_path_style(host);
        if certain || verified.covers_header("host") || self.config.keys[index].allow_unsigned_host
        {
            return Ok(());
        }
        let text = "the signature does not cover the header host (q-header-list), and the same signature would be \
                    good elsewhere";
        Err(Error::Denied(text.to_owned()))
    }

    /// Whether the caller may do `action` on `key` of the request's bucket.
    pub(crate) fn may(&self, call: &Call, action: Action, key: &ObjectKey) -> Result<(), Error> {
        self.may_in(call, action, call.place.bucket, key)
    }

    /// Whether the caller may do one of `actions`; the refusal speaks of the first.
    pub(crate) fn may_any(
        &self,
        call: &Call,
        actions: &[Action],
        key: &ObjectKey,
    ) -> Result<(), Error> {
        let mut results = actions.iter().map(|action| self.may(call, *action, key));
        let first = results.next().unwrap_or(Ok(()));
        if first.is_ok() || results.any(|result| result.is_ok()) {
            return Ok(());
        }
        first
    }

    /// Whether the caller may do `action` on `key` of some bucket.
    pub(crate) fn may_in(
        &self,
        call: &Call,
        action: Action,
        bucket: usize,
        key: &ObjectKey,
    ) -> Result<(), Error> {
        self.who_may(&Who::of_request(call), action, bucket, key)
    }

    /// Whether the caller may do `action` on the request's bucket as a whole.
    pub(crate) fn may_bucket(&self, call: &Call, action: Action) -> Result<(), Error> {
        self.decide(&Who::of_request(call), action, call.place.bucket, "")
    }

    /// Whether anyone at this address may do `action`.
    pub(crate) fn anonymous_may(
        &self,
        action: Action,
        bucket: usize,
        key: &ObjectKey,
        client: Option<IpAddr>,
    ) -> bool {
        self.who_may(&Who::Anonymous(client), action, bucket, key)
            .is_ok()
    }

    /// Whether `who` may do `action` on `key`.
    pub(crate) fn who_may(
        &self,
        who: &Who,
        action: Action,
        bucket: usize,
        key: &ObjectKey,
    ) -> Result<(), Error> {
        self.decide(who, action, bucket, key.as_str())
    }

    /// An explicit deny of any policy wins; without an allow of any the answer is no.
    fn decide(&self, who: &Who, action: Action, bucket: usize, key: &str) -> Result<(), Error> {
        let config = &self.config;
        let (access, principal) = match who {
            Who::Anonymous(_) => (&config.anonymous, Principal::Anonymous),
            Who::Key(index, _) => {
                let key = &config.keys[*index];
                (
                    &key.access,
                    Principal::Key(key.principal.as_deref().unwrap_or_default()),
                )
            }
            Who::Upload => (&config.upload.access, Principal::Key("")),
        };
        let bucket = &config.buckets[bucket];
        let question = Question {
            principal,
            action,
            bucket: &bucket.name,
            region: bucket.region.as_deref(),
            key,
            address: who.client(),
        };
        let why = match policy::decide(access.policy().into_iter().chain(&bucket.policy), &question)
        {
            Decision::Allowed(_) => return Ok(()),
            Decision::Denied(_) => "a policy denies it",
            Decision::NotAllowed => match who {
                Who::Anonymous(_) => "no policy allows it to anonymous requests",
                Who::Key(..) => "no policy of this key allows it",
                Who::Upload => "the policy of [upload] does not allow it",
            },
        };
        Err(Error::Denied(format!(
            "{action} on `{}/{key}`: {why}",
            bucket.name
        )))
    }

    /// Whether a rule that the signature leaves out may act at all.
    pub(crate) fn may_use_rule(&self, call: &Call, raw_rule: &str) -> Result<(), Error> {
        let Caller::Key { index, verified } = &call.caller else {
            return Ok(());
        };
        if self.config.keys[*index].require_signed_rule
            && !verified.covers_param(raw_rule.as_bytes())
        {
            let text = "this key takes only rules that its signature covers (q-url-param-list)";
            return Err(Error::Denied(text.to_owned()));
        }
        Ok(())
    }

    /// Whether `Pic-Operations` may act: on a signed request it must be signed itself.
    pub(crate) fn may_use_pic_operations(&self, call: &Call) -> Result<(), Error> {
        let Caller::Key { index, .. } = &call.caller else {
            return Ok(());
        };
        if self.config.keys[*index].allow_unsigned_pic_operations
            || call.caller.covers_header(PIC_OPERATIONS.as_str())
        {
            return Ok(());
        }
        let text = "the signature does not cover the header Pic-Operations (q-header-list)";
        Err(Error::Denied(text.to_owned()))
    }

    /// Whether an image of a rule may be read: by the URL's own signature where it has one, else by `who`.
    pub(crate) fn may_read_image(
        &self,
        who: &Who,
        url: &ImageUrl,
        bucket: usize,
        key: &ObjectKey,
    ) -> Result<(), Error> {
        let host = match url.port {
            Some(port) => format!("{}:{port}", url.host),
            None => url.host.clone(),
        };
        let query = url.query.as_deref().unwrap_or_default();
        let access = auth::verify_url(
            &host,
            url.path.as_bytes(),
            query.as_bytes(),
            &self.keys,
            now(),
        );
        match access {
            Ok(auth::Access::Anonymous) => self.who_may(who, Action::GetObject, bucket, key),
            Ok(auth::Access::Signed(verified)) => {
                self.host_is_covered(verified.key_index, &verified, &url.host)?;
                let signer = Who::Key(verified.key_index, who.client());
                self.who_may(&signer, Action::GetObject, bucket, key)
            }
            Err(error) => Err(Error::Denied(format!(
                "the signature in the URL of image `{key}`: {error}"
            ))),
        }
    }
}

/// On signed requests, refuses parameters that choose what is done and that the signature leaves out.
pub(crate) fn refuse_uncovered(call: &Call) -> Result<(), Error> {
    if matches!(call.caller, Caller::Anonymous) {
        return Ok(());
    }
    for name in [
        "versionId",
        "uploadId",
        "partNumber",
        "uploads",
        "delete",
        "image_process",
        "prefix",
    ] {
        if call.query.parameter(name).is_some() && !call.covers_parameter(name) {
            return Err(Error::Denied(format!(
                "the signature does not cover the parameter {name}"
            )));
        }
    }
    Ok(())
}

fn host_of(headers: &HeaderMap) -> &str {
    let host = headers.get(http::header::HOST);
    host.and_then(|host| host.to_str().ok()).unwrap_or_default()
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
