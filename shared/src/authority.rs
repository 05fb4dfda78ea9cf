//! Who may do what: signatures to callers, and policies over what they name.
//!
//! A signature carries only what it covers. Everything here is decided before an object is read or its existence told.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use auth::policy::{self, Action, Decision, Policy, Principal, Question};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use rules::{ImageUrl, Query, VERBS};

use crate::config::Config;
use crate::config::hosts::Place;
use crate::error::Error;
use crate::escape;
use crate::service::{Call, Service};
use crate::storage::ObjectKey;
use crate::wire::names::{
    self, CHOOSING, COPY_SOURCE, OTHERS, PIC_OPERATIONS, UNSUPPORTED, VERSION_ID,
};

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
        match &self.caller {
            Caller::Anonymous => false,
            Caller::Key { verified, .. } => covers(verified, &self.raw_query, name),
        }
    }
}

/// Whether a signature covers every item of a query that has this name.
fn covers(verified: &auth::Verified, raw_query: &str, name: &str) -> bool {
    raw_query
        .split('&')
        .filter(|item| {
            let raw_name = item.split('=').next().unwrap_or_default();
            escape::decode(&raw_name.replace('+', " ")).as_deref() == Some(name)
        })
        .all(|item| verified.covers_param(item.as_bytes()))
}

/// What must be allowed to a caller.
#[derive(Debug)]
pub(crate) enum Ask {
    /// An action on an object.
    Object {
        action: Action,
        bucket: usize,
        key: ObjectKey,
    },
    /// HEAD of an object: `HeadObject`, or `GetObject` where no statement speaks of that.
    Head { bucket: usize, key: ObjectKey },
    /// An action on the keys of a bucket that begin so, or on the bucket itself.
    Bucket {
        action: Action,
        bucket: usize,
        prefix: String,
    },
}

/// An action on a name, and what the policies say to it.
pub(crate) struct Decided<'k> {
    pub(crate) action: Action,
    pub(crate) bucket: usize,
    pub(crate) key: &'k str,
    pub(crate) decision: Decision,
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

    /// Whoever signed `Pic-Operations`: nobody, where the signature leaves it out.
    pub(crate) fn of_pic_operations(call: &Call) -> Self {
        if call.caller.covers_header(PIC_OPERATIONS.as_str()) {
            Self::of_request(call)
        } else {
            Self::Anonymous(call.front.client)
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
        let request = auth::Request {
            method: method.as_str(),
            raw_path: raw_path.as_bytes(),
            raw_query: raw_query.as_bytes(),
            headers,
        };
        match auth::verify(&request, &self.keys, now) {
            Ok(auth::Access::Anonymous) => Ok(Caller::Anonymous),
            Ok(auth::Access::Signed(verified)) => {
                let index = verified.key_index;
                self.host_is_covered(&verified, raw_path, place)?;
                let caller = Caller::Key { index, verified };
                // What chooses the operation must be signed: a URL to put one object could otherwise be made to
                // copy another.
                if headers.contains_key(COPY_SOURCE) && !caller.covers_header(COPY_SOURCE) {
                    return Err(Error::Denied(format!(
                        "the signature does not cover {COPY_SOURCE}"
                    )));
                }
                Ok(caller)
            }
            Err(error) => Err(Error::Signature(error)),
        }
    }

    /// A signature without the host is good for the same path on any host: for the same key in every bucket, and,
    /// where a bucket or a bucket's prefix stands in the path, for the rest of the path as a key. So it counts only
    /// where there is one bucket, and the whole path is the key.
    fn host_is_covered(
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

    /// Whether `who` may do all of these.
    pub(crate) fn allow(&self, who: &Who, asks: &[Ask]) -> Result<(), Error> {
        asks.iter()
            .try_for_each(|ask| self.verdict(who, &self.settle(who, ask)))
    }

    /// Whether the caller may delete `key` by `POST ?delete`, which takes `DeleteObject`, and from anonymous callers
    /// `DeleteMultipleObjects` as well (436/8289).
    pub(crate) fn may_delete_among_others(
        &self,
        call: &Call,
        key: &ObjectKey,
    ) -> Result<(), Error> {
        let who = Who::of_request(call);
        let bucket = call.place.bucket;
        let action = Action::DeleteMultipleObjects;
        let among = self.decided(&who, action, bucket, key.as_str());
        let is_signed = matches!(who, Who::Key(..));
        if !(is_signed && among.decision == Decision::NotAllowed) {
            self.verdict(&who, &among)?;
        }
        self.who_may(&who, Action::DeleteObject, bucket, key)
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

    /// Whether anyone may do `action`, from whatever address: a condition on the address holds for one client, and
    /// what is said of an answer here, caches tell others.
    pub(crate) fn anyone_may(&self, action: Action, bucket: usize, key: &ObjectKey) -> bool {
        self.who_may(&Who::Anonymous(None), action, bucket, key)
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
        self.verdict(who, &self.decided(who, action, bucket, key.as_str()))
    }

    /// What the policies say to `ask`.
    pub(crate) fn settle<'a>(&self, who: &Who, ask: &'a Ask) -> Decided<'a> {
        match ask {
            Ask::Object {
                action,
                bucket,
                key,
            } => self.decided(who, *action, *bucket, key.as_str()),
            Ask::Head { bucket, key } => {
                let head = self.decided(who, Action::HeadObject, *bucket, key.as_str());
                let get = self.decided(who, Action::GetObject, *bucket, key.as_str());
                match (&head.decision, &get.decision) {
                    (Decision::NotAllowed, Decision::Allowed(_)) => get,
                    _ => head,
                }
            }
            Ask::Bucket {
                action,
                bucket,
                prefix,
            } => {
                let part = self.decided(who, *action, *bucket, prefix);
                let whole = self.decided(who, *action, *bucket, "");
                // Whoever may do it to the whole bucket may do it to a part, unless a statement denies either.
                let rank = |decided: &Decided| match decided.decision {
                    Decision::Denied(_) => 0,
                    Decision::Allowed(_) => 1,
                    Decision::NotAllowed => 2,
                };
                if rank(&whole) < rank(&part) {
                    whole
                } else {
                    part
                }
            }
        }
    }

    fn decided<'k>(&self, who: &Who, action: Action, bucket: usize, key: &'k str) -> Decided<'k> {
        let (access, own) = (self.policy_of(who), &self.config.buckets[bucket]);
        let principal = match who {
            Who::Anonymous(_) => Principal::Anonymous,
            Who::Key(index, _) => {
                let principal = self.config.keys[*index].principal.as_deref();
                Principal::Key(principal.unwrap_or_default())
            }
            Who::Upload => Principal::Key(""),
        };
        let question = Question {
            principal,
            action,
            bucket: &own.name,
            region: own.region.as_deref(),
            key,
            address: who.client(),
        };
        Decided {
            action,
            bucket,
            key,
            decision: policy::decide(access.into_iter().chain(&own.policy), &question),
        }
    }

    /// The policy of `who`, beside which that of the bucket counts.
    pub(crate) fn policy_of(&self, who: &Who) -> Option<&Policy> {
        match who {
            Who::Anonymous(_) => self.config.anonymous.policy(),
            Who::Key(index, _) => self.config.keys[*index].access.policy(),
            Who::Upload => self.config.upload.access.policy(),
        }
    }

    /// An explicit deny of any policy wins; without an allow of any the answer is no.
    pub(crate) fn verdict(&self, who: &Who, decided: &Decided) -> Result<(), Error> {
        let why = match decided.decision {
            Decision::Allowed(_) => return Ok(()),
            Decision::Denied(_) => "a policy denies it",
            Decision::NotAllowed => match who {
                Who::Anonymous(_) => "no policy allows it to anonymous requests",
                Who::Key(..) => "no policy of this key allows it",
                Who::Upload => "the policy of [upload] does not allow it",
            },
        };
        let Decided {
            action,
            bucket,
            key,
            ..
        } = decided;
        let bucket = self.bucket_name(*bucket);
        Err(Error::Denied(format!(
            "{action} on `{bucket}/{key}`: {why}"
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

    /// Who must be allowed to read an image of a rule: whoever signed its URL, where the URL has a signature of its own,
    /// else `who`.
    pub(crate) fn reader_of_image(
        &self,
        who: &Who,
        url: &ImageUrl,
        place: &Place,
        now: u64,
    ) -> Result<Who, Error> {
        let refused = |reason: &dyn std::fmt::Display| {
            let text = format!(
                "the signature in the URL of image `{}`: {reason}",
                place.key
            );
            Error::Denied(text)
        };
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
            now,
        );
        match access {
            Ok(auth::Access::Anonymous) => Ok(who.clone()),
            Ok(auth::Access::Signed(verified)) => {
                self.host_is_covered(&verified, &url.path, place)?;
                let parsed = rules::split_query(query).map_err(|error| refused(&error))?;
                refuse_other_letter_case(&parsed)?;
                if parsed.parameter(VERSION_ID).is_some() && !covers(&verified, query, VERSION_ID) {
                    return Err(refused(&"it does not cover the parameter versionId"));
                }
                Ok(Who::Key(verified.key_index, who.client()))
            }
            Err(error) => Err(refused(&error)),
        }
    }
}

/// On signed requests, refuses parameters that choose what is done and that the signature leaves out, and what
/// could be such a parameter but for its letter case.
pub(crate) fn refuse_uncovered(call: &Call) -> Result<(), Error> {
    if matches!(call.caller, Caller::Anonymous) {
        return Ok(());
    }
    refuse_other_letter_case(&call.query)?;
    for name in CHOOSING {
        if call.query.parameter(name).is_some() && !call.covers_parameter(name) {
            return Err(Error::Denied(format!(
                "the signature does not cover the parameter {name}"
            )));
        }
    }
    Ok(())
}

/// A signature covers names in lower case alone: without this, whoever holds a URL that is signed for `prefix=a/` lists
/// the whole bucket by `PREFIX=a/`, and gets the original where a rule was signed.
fn refuse_other_letter_case(query: &Query) -> Result<(), Error> {
    for (name, _) in &query.parameters {
        let verb = name.split(['/', '|', '=']).next().unwrap_or_default();
        let other =
            |known: &&str, found: &str| *known != found && known.eq_ignore_ascii_case(found);
        let parameters = CHOOSING.iter().chain(&OTHERS).chain(&UNSUPPORTED);
        let known = parameters.copied().find(|known| other(known, name));
        let known = known.map(|known| (known, name.as_str()));
        let verbs = || VERBS.into_iter().find(|known| other(known, verb));
        if let Some((known, found)) = known.or_else(|| verbs().map(|known| (known, verb))) {
            let text = format!(
                "`{found}` in the query of a signed request is spelled `{known}`, as letter case counts"
            );
            return Err(Error::Denied(text));
        }
    }
    Ok(())
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

/// What policies of the configuration say in vain, with where it stands.
pub(crate) fn idle_actions(config: &Config) -> Vec<String> {
    let anonymous = [("anonymous.policy".to_owned(), config.anonymous.policy())];
    let upload = [("upload.policy".to_owned(), config.upload.access.policy())];
    let keys = config.keys.iter().map(|key| {
        let at = format!("policy of key `{}`", key.key.id);
        (at, key.access.policy())
    });
    let buckets = config.buckets.iter().map(|bucket| {
        let at = format!("policy of bucket `{}`", bucket.name);
        (at, bucket.policy.as_ref())
    });
    let policies = anonymous
        .into_iter()
        .chain(upload)
        .chain(keys)
        .chain(buckets);
    policies
        .flat_map(|(at, policy)| {
            let warnings = policy.map(Policy::warnings).unwrap_or_default();
            warnings
                .into_iter()
                .map(move |warning| format!("{at}: {warning}"))
        })
        .collect()
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
