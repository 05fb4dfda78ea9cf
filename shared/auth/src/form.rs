//! POST Object: who signed a form, and whether the policy in it allows what the form says (COS documentation, "POST Object").

use base64::{Engine, engine::general_purpose::STANDARD};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    canonical::{Covered, is_signature},
    error::{Error, Mismatch, short},
    fields::{Carrier, SentWindow},
    key::Key,
    policy::json::Json,
    query::Pair,
    request::{TOKENS, masked},
    verify::{Verified, check_windows},
};

/// The field with the policy document, in base64. What is signed is the document.
const POLICY: &str = "policy";

/// A form: the bucket it was sent to, and its fields, each name once and in lower case, values as they count.
#[derive(Debug, Clone, Copy)]
pub struct Form<'a> {
    /// The bucket's name, which the policy must name.
    pub bucket: &'a str,
    /// Everything but the file; what a value stands for (`${filename}`) is filled in.
    pub fields: &'a [(String, String)],
}

/// What a policy in a form proved.
#[derive(Debug, Clone)]
pub struct AllowedForm {
    /// Who signed it; what its signature covers as headers are the fields.
    pub verified: Verified,
    /// Bytes that the file has at least and at most.
    pub bytes: (u64, u64),
}

/// Verifies the signature of a form and judges its fields by its policy, at `now` (Unix seconds); `None` where the form has
/// no policy.
///
/// - `policy` is the base64 of a JSON object with `expiration` (RFC 3339) and `conditions`: `{"name": "value"}`,
///   `["eq" | "starts-with", "$name", "value"]` or `["content-length-range", least, most]`. Letter case of names means nothing.
/// - `q-sign-algorithm`, `q-ak`, `q-key-time` and `q-signature` carry the signature: the HMAC over the SHA-1 of the JSON.
/// - Every condition must hold, and there must be one on the bucket, on the key, and on each other field that is not empty
///   but `policy`, `q-*` and a security token.
///
/// # Errors
///
/// As [`verify`](crate::verify()); [`Error::PolicyDocument`] for one that cannot be read, [`Error::Condition`] for a form that
/// it does not allow.
pub fn verify_form(form: &Form<'_>, keys: &[Key], now: u64) -> Result<Option<AllowedForm>, Error> {
    let Some(encoded) = form.field(POLICY) else {
        return Ok(None);
    };
    let text = STANDARD
        .decode(encoded)
        .ok()
        .and_then(|json| String::from_utf8(json).ok())
        .ok_or_else(|| Error::PolicyDocument("it is not base64 of JSON".to_owned()))?;
    let (key_index, end) = form.signer(&text, keys, now)?;
    check_token(form, &keys[key_index])?;
    let document: Json =
        serde_json::from_str(&text).map_err(|error| Error::PolicyDocument(error.to_string()))?;
    let policy = Document::read(document)?;
    if policy.end < now {
        return Err(Error::Expired { end: policy.end });
    }
    form.judge(&policy.conditions)?;
    let mut headers: Vec<Pair> = form
        .fields
        .iter()
        .filter(|(name, _)| needs_condition(name))
        .map(|(name, value)| Pair::new(name.as_bytes(), value.as_bytes()))
        .collect();
    headers.sort_unstable();
    let verified = Verified {
        key_id: keys[key_index].id.clone(),
        key_index,
        carrier: Carrier::Form,
        end: end.min(policy.end),
        covered: Covered {
            params: Vec::new(),
            headers,
        },
    };
    Ok(Some(AllowedForm {
        verified,
        bytes: policy.bytes,
    }))
}

impl Form<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(found, _)| found == name)?;
        Some(&found.1)
    }

    /// Which key signed the policy, and when that ends.
    fn signer(&self, policy: &str, keys: &[Key], now: u64) -> Result<(usize, u64), Error> {
        let needed = |name: &str| {
            let value = self.field(name);
            value.ok_or_else(|| Error::Malformed(format!("`{name}` is missing in the form")))
        };
        let algorithm = needed("q-sign-algorithm")?;
        if algorithm != "sha1" {
            return Err(Error::Algorithm(short(algorithm)));
        }
        let id = needed("q-ak")?;
        let time = SentWindow::parse("q-key-time", needed("q-key-time")?.to_owned())?;
        let signature = crate::encoding::from_hex(needed("q-signature")?).ok_or_else(|| {
            Error::Malformed("`q-signature` is not 40 lower-case hex digits".into())
        })?;
        if !keys.iter().any(|key| key.id == id) {
            return Err(Error::UnknownKey(short(id)));
        }
        check_windows(&[time.window], now)?;
        let signed = crate::canonical::digest(policy.as_bytes());
        let index = keys.iter().position(|key| {
            key.id == id && is_signature(key.secret.as_bytes(), &time.text, &signed, &signature)
        });
        match index {
            Some(index) => Ok((index, time.window.end)),
            None => Err(Error::Mismatch(Box::new(Mismatch {
                string_to_sign: signed,
                format_string: masked(policy),
                missing: Vec::new(),
            }))),
        }
    }

    fn judge(&self, conditions: &[Condition]) -> Result<(), Error> {
        for condition in conditions {
            let found = match condition.name.as_str() {
                "bucket" => Some(self.bucket),
                // Named so in policies; forms have one time.
                "q-sign-time" => self.field("q-sign-time").or(self.field("q-key-time")),
                name => self.field(name),
            };
            if !found.is_some_and(|found| condition.holds(found)) {
                return Err(Error::Condition(format!(
                    "`{}` is {}, and the policy wants {condition}",
                    condition.name,
                    found.map_or("missing".to_owned(), |found| format!("`{}`", short(found)))
                )));
            }
        }
        let is_named = |name: &str| conditions.iter().any(|condition| condition.name == name);
        let whole = |condition: &Condition| condition.name == "bucket" && condition.is_whole;
        if !conditions.iter().any(whole) {
            let text = "it has no condition on the whole `bucket`";
            return Err(Error::Condition(text.to_owned()));
        }
        // What is empty says nothing.
        let given = self.fields.iter().filter(|(_, value)| !value.is_empty());
        let bare = given
            .map(|(name, _)| name.as_str())
            .filter(|name| needs_condition(name))
            .chain(["key"])
            .find(|name| !is_named(name));
        match bare {
            Some(name) => Err(Error::Condition(format!(
                "it has no condition on the field `{name}`; add one, as [\"starts-with\", \"${name}\", \"\"], or leave the field out"
            ))),
            None => Ok(()),
        }
    }
}

/// The policy and its signature stand for themselves, and a token is that of the key or none.
fn needs_condition(name: &str) -> bool {
    name != POLICY && !name.starts_with("q-") && !TOKENS.contains(&name)
}

fn check_token(form: &Form<'_>, key: &Key) -> Result<(), Error> {
    let mut tokens = TOKENS
        .iter()
        .filter_map(|name| form.field(name))
        .filter(|token| !token.is_empty())
        .peekable();
    match &key.token {
        None if tokens.peek().is_none() => Ok(()),
        Some(_) if tokens.peek().is_none() => Err(Error::MissingToken),
        Some(own) if tokens.all(|token| own.is(token.as_bytes())) => Ok(()),
        None | Some(_) => Err(Error::UnknownToken),
    }
}

/// A policy document.
struct Document {
    /// The last Unix second at which it is good.
    end: u64,
    conditions: Vec<Condition>,
    /// Of the file.
    bytes: (u64, u64),
}

/// What a policy wants of a field.
struct Condition {
    /// In lower case.
    name: String,
    value: String,
    /// The value is all of it, not only its beginning.
    is_whole: bool,
}

impl Condition {
    fn new(name: &str, value: String, is_whole: bool) -> Self {
        let name = name.to_ascii_lowercase();
        Self {
            name,
            value,
            is_whole,
        }
    }

    fn holds(&self, found: &str) -> bool {
        if self.is_whole {
            found == self.value
        } else {
            found.starts_with(&self.value)
        }
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let how = if self.is_whole {
            ""
        } else {
            "it to begin with "
        };
        write!(f, "{how}`{}`", short(&self.value))
    }
}

impl Document {
    fn read(document: Json) -> Result<Self, Error> {
        let wrong = |text: String| Err(Error::PolicyDocument(text));
        let Json::Object(members) = document else {
            return wrong(format!("expected an object, found {document}"));
        };
        let mut end = None;
        let mut conditions = None;
        let mut bytes = (0, u64::MAX);
        for (name, value) in members {
            match (name.as_str(), value) {
                ("expiration", Json::Text(text)) => {
                    let time = OffsetDateTime::parse(&text, &Rfc3339).ok();
                    end = time.and_then(|time| u64::try_from(time.unix_timestamp()).ok());
                    if end.is_none() {
                        return wrong(format!(
                            "expiration: expected a time as `2030-01-31T23:59:59.000Z`, found `{}`",
                            short(&text)
                        ));
                    }
                }
                ("conditions", Json::List(list)) => {
                    let mut read = Vec::new();
                    for (n, condition) in list.into_iter().enumerate() {
                        condition
                            .into_conditions(&mut read, &mut bytes)
                            .map_err(|found| {
                                Error::PolicyDocument(format!(
                                    "conditions[{n}]: expected {{\"name\": \"value\"}}, [\"eq\" or \"starts-with\", \
                                     \"$name\", \"value\"] or [\"content-length-range\", least, most], found {found}"
                                ))
                            })?;
                    }
                    conditions = Some(read);
                }
                (_, value) => {
                    return wrong(format!(
                        "expected `expiration` and a list of `conditions`, found `{}`: {value}",
                        short(&name)
                    ));
                }
            }
        }
        match (end, conditions) {
            (Some(end), Some(conditions)) => Ok(Self {
                end,
                conditions,
                bytes,
            }),
            (None, _) => wrong("it has no `expiration`".to_owned()),
            (_, None) => wrong("it has no `conditions`".to_owned()),
        }
    }
}

impl Json {
    /// Reads one of a policy's conditions; what else it is, if it is none.
    fn into_conditions(
        self,
        read: &mut Vec<Condition>,
        bytes: &mut (u64, u64),
    ) -> Result<(), String> {
        match self {
            Self::Object(members) => {
                for (name, value) in members {
                    let Self::Text(value) = value else {
                        return Err(format!("`{}`: {value}", short(&name)));
                    };
                    read.push(Condition::new(&name, value, true));
                }
                Ok(())
            }
            Self::List(list) => match list.as_slice() {
                [Self::Text(range), least, most]
                    if range.eq_ignore_ascii_case("content-length-range") =>
                {
                    let number = |json: &Self| match json {
                        Self::Number(text) | Self::Text(text) => text.parse::<u64>().ok(),
                        _ => None,
                    };
                    let (Some(least), Some(most)) = (number(least), number(most)) else {
                        return Err(format!("{least} and {most}"));
                    };
                    *bytes = (bytes.0.max(least), bytes.1.min(most));
                    Ok(())
                }
                [Self::Text(how), Self::Text(name), Self::Text(value)] => {
                    let is_whole = match how.as_str() {
                        "eq" => true,
                        "starts-with" => false,
                        other => return Err(format!("`{}`", short(other))),
                    };
                    let plain = name.strip_prefix('$');
                    let plain = plain.ok_or_else(|| format!("`{}` without `$`", short(name)))?;
                    read.push(Condition::new(plain, value.clone(), is_whole));
                    Ok(())
                }
                _ => Err(format!("a list of {} values", list.len())),
            },
            other => Err(other.to_string()),
        }
    }
}
