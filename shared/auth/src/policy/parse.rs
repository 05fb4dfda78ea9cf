//! Policy documents, from text to statements. Every name that is not understood is refused with its place.

use super::{
    json::Json,
    network::Network,
    pattern::{ActionPattern, PrincipalPattern, ResourcePattern},
    statement::{Condition, Effect, Statement},
};

/// Where a policy is attached, which decides whether its statements name principals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment {
    /// To a key: a `principal` is refused, since the key is the principal.
    Key,
    /// To requests without a signature: a `principal` may stand, and must then be everyone.
    Anonymous,
    /// To a bucket: every statement has a `principal`.
    Bucket,
}

/// Why a policy document is refused. `at` is the place in the document: `statement[0].condition`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not JSON, or an object of it gives a name twice.
    #[error("policy is not valid JSON")]
    Json(#[source] serde_json::Error),
    /// A name that has no meaning there, or none yet.
    #[error("{at}: `{name}` is not supported; allowed are {allowed}")]
    UnknownName {
        /// The place.
        at: String,
        /// What was found.
        name: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// A name that must be there and is not.
    #[error("{at}: `{name}` is missing")]
    Missing {
        /// The place.
        at: String,
        /// What is missing.
        name: &'static str,
    },
    /// A value that cannot stand there.
    #[error("{at}: found {found}, expected {expected}")]
    Value {
        /// The place.
        at: String,
        /// What was found.
        found: String,
        /// What may stand there.
        expected: String,
    },
}

/// The statements of a document.
pub(super) fn statements(text: &str, attachment: Attachment) -> Result<Vec<Statement>, Error> {
    let document: Json = serde_json::from_str(text).map_err(Error::Json)?;
    let [version, principal, statement] = names(
        document,
        "policy",
        ["version", "principal", "statement"],
        "`version`, `statement` and `principal`",
    )?;
    match required(version, "policy", "version")? {
        Json::Text(version) if version == "2.0" => {}
        other => return Err(unexpected("version", &other, "`2.0`")),
    }
    // Beside the statements a principal is that of all of them, as in the documentation's conditions (436/46206).
    let common = principal
        .map(|json| principals(json, "principal", attachment))
        .transpose()?;
    let read = |json, at: &str| self::statement(json, at, attachment, common.as_deref());
    match required(statement, "policy", "statement")? {
        Json::List(list) if !list.is_empty() => list
            .into_iter()
            .enumerate()
            .map(|(index, json)| read(json, &format!("statement[{index}]")))
            .collect(),
        json @ Json::Object(_) => Ok(vec![read(json, "statement")?]),
        other => Err(unexpected(
            "statement",
            &other,
            "a statement or a list of statements",
        )),
    }
}

/// One statement; `common` are the principals of the whole document, where it names any.
fn statement(
    json: Json,
    at: &str,
    attachment: Attachment,
    common: Option<&[PrincipalPattern]>,
) -> Result<Statement, Error> {
    let [sid, effect, principal, action, resource, condition] = names(
        json,
        at,
        [
            "sid",
            "effect",
            "principal",
            "action",
            "resource",
            "condition",
        ],
        "`effect`, `action`, `resource`, `condition`, `principal` and `sid`",
    )?;
    let sid = match sid {
        None => None,
        Some(Json::Text(sid)) => Some(sid),
        Some(other) => return Err(unexpected(&format!("{at}.sid"), &other, "text")),
    };
    let effect = match required(effect, at, "effect")? {
        Json::Text(text) if text.eq_ignore_ascii_case("allow") => Effect::Allow,
        Json::Text(text) if text.eq_ignore_ascii_case("deny") => Effect::Deny,
        other => {
            return Err(unexpected(
                &format!("{at}.effect"),
                &other,
                "`allow` or `deny`",
            ));
        }
    };
    let principals = match (principal, common, attachment) {
        (Some(json), None, _) => Some(principals(json, &format!("{at}.principal"), attachment)?),
        (Some(json), Some(_), _) => {
            let expected = "none, as the document has one beside its statements";
            return Err(unexpected(&format!("{at}.principal"), &json, expected));
        }
        (None, Some(common), _) => Some(common.to_vec()),
        (None, None, Attachment::Bucket) => {
            return Err(Error::Missing {
                at: at.into(),
                name: "principal",
            });
        }
        (None, None, Attachment::Key | Attachment::Anonymous) => None,
    };
    Ok(Statement {
        effect,
        sid,
        principals,
        actions: each(
            required(action, at, "action")?,
            &format!("{at}.action"),
            ActionPattern::parse,
        )?,
        resources: each(
            required(resource, at, "resource")?,
            &format!("{at}.resource"),
            ResourcePattern::parse,
        )?,
        conditions: condition.map_or(Ok(Vec::new()), |json| {
            conditions(json, &format!("{at}.condition"))
        })?,
    })
}

fn principals(
    json: Json,
    place: &str,
    attachment: Attachment,
) -> Result<Vec<PrincipalPattern>, Error> {
    if attachment == Attachment::Key {
        let expected = "none, as the key that the policy belongs to is the principal";
        return Err(unexpected(place, &json, expected));
    }
    let list = match json {
        text @ Json::Text(_) => each(text, place, PrincipalPattern::parse)?,
        json => {
            let [qcs] = names(json, place, ["qcs"], "`qcs`")?;
            each(
                required(qcs, place, "qcs")?,
                &format!("{place}.qcs"),
                PrincipalPattern::parse,
            )?
        }
    };
    let named = list.iter().find_map(|pattern| match pattern {
        PrincipalPattern::Named(name) if attachment == Attachment::Anonymous => Some(name),
        _ => None,
    });
    match named {
        Some(name) => Err(Error::Value {
            at: place.into(),
            found: format!("`{name}`"),
            expected:
                "`qcs::cam::anonymous:anonymous`, as the policy is for requests without a signature"
                    .into(),
        }),
        None => Ok(list),
    }
}

fn conditions(json: Json, at: &str) -> Result<Vec<Condition>, Error> {
    let [equal, not_equal] = exact_names(
        json,
        at,
        ["ip_equal", "ip_not_equal"],
        "`ip_equal` and `ip_not_equal`",
    )?;
    let mut conditions = Vec::new();
    for (json, operator, negated) in [
        (equal, "ip_equal", false),
        (not_equal, "ip_not_equal", true),
    ] {
        let Some(json) = json else { continue };
        let at = format!("{at}.{operator}");
        let [addresses] = exact_names(json, &at, ["qcs:ip"], "`qcs:ip`")?;
        let networks = each(
            required(addresses, &at, "qcs:ip")?,
            &format!("{at}.qcs:ip"),
            |text| {
                Network::parse(text)
                    .ok_or_else(|| "an IP address or a CIDR block such as `10.0.0.0/8`".to_string())
            },
        )?;
        conditions.push(Condition { negated, networks });
    }
    Ok(conditions)
}

/// The values of an object's names, which may begin with a capital; another name is an error.
fn names<const N: usize>(
    json: Json,
    at: &str,
    known: [&'static str; N],
    allowed: &'static str,
) -> Result<[Option<Json>; N], Error> {
    let json = match json {
        Json::Object(members) => Json::Object(
            members
                .into_iter()
                .map(|(name, value)| (uncapitalized(&name), value))
                .collect(),
        ),
        other => other,
    };
    exact_names(json, at, known, allowed)
}

fn uncapitalized(name: &str) -> String {
    match name.as_bytes().first() {
        Some(first) if first.is_ascii_uppercase() => {
            format!("{}{}", first.to_ascii_lowercase() as char, &name[1..])
        }
        _ => name.into(),
    }
}

fn exact_names<const N: usize>(
    json: Json,
    at: &str,
    known: [&'static str; N],
    allowed: &'static str,
) -> Result<[Option<Json>; N], Error> {
    let Json::Object(members) = json else {
        return Err(unexpected(at, &json, "an object"));
    };
    let mut values = [const { None }; N];
    for (name, value) in members {
        let Some(index) = known.iter().position(|known| *known == name) else {
            return Err(Error::UnknownName {
                at: at.into(),
                name,
                allowed,
            });
        };
        if values[index].replace(value).is_some() {
            return Err(Error::Value {
                at: at.into(),
                found: format!("`{name}` twice"),
                expected: "it once".into(),
            });
        }
    }
    Ok(values)
}

fn required(value: Option<Json>, at: &str, name: &'static str) -> Result<Json, Error> {
    value.ok_or_else(|| Error::Missing {
        at: at.into(),
        name,
    })
}

/// One text or a list of them, each read by `parse`, which says what it expected.
fn each<T>(
    json: Json,
    at: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, Error> {
    let list = match json {
        Json::List(list) if !list.is_empty() => list,
        text @ Json::Text(_) => vec![text],
        other => return Err(unexpected(at, &other, "text or a list of texts")),
    };
    list.into_iter()
        .map(|json| match &json {
            Json::Text(text) => parse(text).map_err(|expected| unexpected(at, &json, &expected)),
            other => Err(unexpected(at, other, "text")),
        })
        .collect()
}

fn unexpected(at: &str, found: &Json, expected: &str) -> Error {
    Error::Value {
        at: at.into(),
        found: found.to_string(),
        expected: expected.into(),
    }
}
