//! What the policies say to a name that someone asks for.

use std::net::IpAddr;

use auth::Carrier;
use auth::policy::{self, Action, Decision, Policy, Principal, Question};
use rules::QueryRule;

use super::Authority;
use super::call::{Call, Caller};
use crate::error::Error;
use crate::storage::{ObjectKey, Version};
use crate::wire::names::PIC_OPERATIONS;

/// How many of a rule's items in the query the signature covers.
fn covered(verified: &auth::Verified, rule: &QueryRule) -> usize {
    let items = rule.raw.iter();
    items
        .filter(|raw| verified.covers_param(raw.as_bytes()))
        .count()
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
    /// To delete some keys of a bucket by `POST ?delete`, which are not known yet.
    DeleteSome { bucket: usize },
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
    /// A configured key, for a rule that its signature leaves out: anyone, but for the object that the signature covers.
    Uncovered {
        /// Whose signature it is.
        key: usize,
        /// Bucket, key and version of the object that it covers.
        object: (usize, String, Option<Version>),
        /// The address.
        client: Option<IpAddr>,
    },
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

    /// Whoever signed `Pic-Operations`: nobody, where the signature leaves it out.
    pub(crate) fn of_pic_operations(call: &Call) -> Self {
        if call.caller.covers_header(PIC_OPERATIONS.as_str()) {
            Self::of_request(call)
        } else {
            Self::Anonymous(call.front.client)
        }
    }

    pub(super) fn client(&self) -> Option<IpAddr> {
        match self {
            Self::Anonymous(client) | Self::Key(_, client) | Self::Uncovered { client, .. } => {
                *client
            }
            Self::Upload => None,
        }
    }
}

impl Authority {
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

    /// Whether anyone may do `action`, from whatever address. It decides what caches may keep, and these serve other clients
    /// than the one for whose address a policy may allow it.
    pub(crate) fn anyone_may(&self, action: Action, bucket: usize, key: &ObjectKey) -> bool {
        self.who_may(&Who::Anonymous(None), action, bucket, key)
            .is_ok()
    }

    /// Whether anyone may read every object of a bucket.
    pub(crate) fn anyone_may_read_all(&self, bucket: usize) -> bool {
        let (who, read) = (Who::Anonymous(None), Action::GetObject);
        let all = self.decided(&who, read, bucket, "");
        self.verdict(&who, &all).is_ok()
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
            Ask::DeleteSome { bucket } => {
                let some = |action| Decided {
                    action,
                    bucket: *bucket,
                    key: "*",
                    decision: self.ask(who, action, *bucket, "", policy::decide_for_some_key),
                };
                let among = some(Action::DeleteMultipleObjects);
                match among.decision {
                    Decision::Denied(_) => among,
                    Decision::NotAllowed if !matches!(who, Who::Key(..)) => among,
                    _ => some(Action::DeleteObject),
                }
            }
        }
    }

    fn decided<'k>(&self, who: &Who, action: Action, bucket: usize, key: &'k str) -> Decided<'k> {
        Decided {
            action,
            bucket,
            key,
            decision: self.ask(who, action, bucket, key, policy::decide),
        }
    }

    /// What `decide` makes of the policies that count here: that of `who`, and that of the bucket.
    fn ask<'a>(
        &'a self,
        who: &Who,
        action: Action,
        bucket: usize,
        key: &str,
        decide: impl FnOnce(Vec<&'a Policy>, &Question<'_>) -> Decision,
    ) -> Decision {
        let (access, own) = (self.policy_of(who), &self.config.buckets[bucket]);
        let principal = match who {
            Who::Anonymous(_) | Who::Uncovered { .. } => Principal::Anonymous,
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
        decide(access.into_iter().chain(&own.policy).collect(), &question)
    }

    /// The policy of `who`, beside which that of the bucket counts.
    pub(crate) fn policy_of(&self, who: &Who) -> Option<&Policy> {
        match who {
            Who::Anonymous(_) | Who::Uncovered { .. } => self.config.anonymous.policy(),
            Who::Key(index, _) => self.config.keys[*index].grant.policy(),
            Who::Upload => self.config.upload.grant.policy(),
        }
    }

    /// An explicit deny of any policy wins; without an allow of any the answer is no.
    pub(crate) fn verdict(&self, who: &Who, decided: &Decided) -> Result<(), Error> {
        let why = match decided.decision {
            Decision::Allowed(_) => return Ok(()),
            Decision::Denied(_) => "a policy denies it",
            Decision::NotAllowed => match who {
                Who::Anonymous(_) => "no policy allows it to anonymous requests",
                Who::Uncovered { .. } => {
                    "the signature does not cover the rule, so its images must be readable by anyone; sign the rule \
                     (q-url-param-list), or set images_of_unsigned_rules for a key that signs in the Authorization header"
                }
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

    /// On whose behalf the images of a rule are read: whoever signed the rule, else anyone. Where the key says so, a
    /// signature in a header stands for the rule beside it: nobody else can have put that there. A URL is handed on, and
    /// with any rule put to it would open all that the key may read.
    pub(crate) fn reader_of_rule(&self, call: &Call, rule: &QueryRule) -> Who {
        let Caller::Key { index, verified } = &call.caller else {
            return Who::of_request(call);
        };
        let stands_for_rule = self.config.keys[*index].images_of_unsigned_rules
            && verified.carrier == Carrier::Header;
        if stands_for_rule || covered(verified, rule) == rule.raw.len() {
            return Who::of_request(call);
        }
        Who::Uncovered {
            key: *index,
            object: (call.place.bucket, call.place.key.clone(), call.version()),
            client: call.front.client,
        }
    }

    /// Whether a rule that the signature leaves out may act at all.
    ///
    /// One that it covers in part may not: a signed rule could be added to, and what it protects be undone.
    pub(crate) fn may_use_rule(&self, call: &Call, rule: &QueryRule) -> Result<(), Error> {
        let Caller::Key { index, verified } = &call.caller else {
            return Ok(());
        };
        let (covered, all) = (covered(verified, rule), rule.raw.len());
        if covered > 0 && covered < all {
            let text = format!(
                "the signature covers {covered} of {all} rules in the query (q-url-param-list); it must cover all or none"
            );
            return Err(Error::Denied(text));
        }
        if self.config.keys[*index].require_signed_rule && covered < all {
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

    /// `Cache-Control` of an answer about these objects. `said` is what whoever stored the one object said of it; else the
    /// configuration counts.
    ///
    /// Where not everyone may read all of them, no cache that others share may keep the answer, whatever was said.
    pub(crate) fn cache_control<'k>(
        &self,
        objects: impl IntoIterator<Item = (usize, &'k ObjectKey)>,
        said: Option<&str>,
    ) -> String {
        let said = said.or(self.config.cache_control.as_deref());
        let mut objects = objects.into_iter();
        if objects.all(|(bucket, key)| self.anyone_may(Action::GetObject, bucket, key)) {
            return said.unwrap_or("public, max-age=31536000").to_owned();
        }
        said.map_or("private".to_owned(), privately)
    }
}

/// `Cache-Control` that lets only the client's own cache keep an answer: without `public` and `s-maxage`, with `private`.
fn privately(said: &str) -> String {
    let mut is_quoted = false;
    let directives = said.split(|c| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    });
    let kept = directives.map(str::trim).filter(|directive| {
        let name = directive.split('=').next().unwrap_or_default().trim_end();
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        !(name.is_empty() || is("public") || is("private") || is("s-maxage"))
    });
    std::iter::once("private")
        .chain(kept)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_takes_the_place_of_what_shared_caches_obey() {
        for (said, expected) in [
            ("public, max-age=60", "private, max-age=60"),
            ("s-maxage=9,max-age=1", "private, max-age=1"),
            ("Public", "private"),
            (
                "private=\"a, public\", no-cache=\"x, y\"",
                "private, no-cache=\"x, y\"",
            ),
            ("no-store", "private, no-store"),
            ("", "private"),
            ("max-age=1, \"public", "private, max-age=1, \"public"),
        ] {
            assert_eq!(privately(said), expected, "{said}");
        }
    }
}
