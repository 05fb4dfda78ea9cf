//! The request target that a client sent, from what each front makes of it.
//!
//! | front | path | query |
//! | --- | --- | --- |
//! | HTTP API | decoded, cut at a decoded `?` | as sent |
//! | function URL | as sent | as sent |
//! | REST API | as sent | decoded, as a map: order and the `=` of an empty value are lost |
//! | load balancer | as sent | as sent, but as a map |

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;
use shared::rules;

/// How `rawPath` of a version 2 event is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathEncoding {
    /// It is still escaped if `requestContext.http.path` is another text, which is then the decoded one.
    #[default]
    Auto,
    /// It is still escaped.
    Encoded,
    /// It is already decoded.
    Decoded,
}

/// Characters that are escaped anywhere in a target: `http::Uri` refuses them, cuts the target there, or takes them in some
/// of its versions only. `%` is not among them, so escapes stay as they are.
const ILLEGAL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Characters that are escaped in a path that the front has decoded.
const DECODED_PATH: &AsciiSet = &ILLEGAL.add(b'%').add(b'?');

/// Characters that are escaped in a name or value of a query that the front has decoded. `=` and `/` stay, for a rule is one name with both in it.
const DECODED_ITEM: &AsciiSet = &ILLEGAL.add(b'%').add(b'&').add(b'+').add(b';');

/// Characters that are escaped in the decoded name of a parameter that is no rule.
const DECODED_NAME: &AsciiSet = &DECODED_ITEM.add(b'=');

/// The target in an event of payload version 2: HTTP API and function URL.
pub(super) fn of_version_2(event: &Value, encoding: PathEncoding) -> String {
    let http = &event["requestContext"]["http"];
    let mut raw = event["rawPath"].as_str().unwrap_or_default();
    let other = http["path"].as_str();
    let encoded = match encoding {
        PathEncoding::Encoded => true,
        PathEncoding::Decoded => false,
        // cargo-lambda gives the escaped path twice.
        PathEncoding::Auto => {
            http["userAgent"] == "cargo-lambda" || other.is_none_or(|other| other != raw)
        }
    };
    let stage = event["requestContext"]["stage"]
        .as_str()
        .unwrap_or("$default");
    if stage != "$default"
        && let Some(rest) = raw
            .strip_prefix('/')
            .and_then(|rest| rest.strip_prefix(stage))
        && (rest.is_empty() || rest.starts_with('/'))
    {
        raw = rest;
    }
    let set = if encoded { ILLEGAL } else { DECODED_PATH };
    join(
        &utf8_percent_encode(raw, set).to_string(),
        &escape(event["rawQueryString"].as_str().unwrap_or_default()),
    )
}

/// The target in an event of a REST API.
pub(super) fn of_rest(event: &Value) -> String {
    let mut items = Vec::new();
    each(event, |name, value| {
        // Such an item is all name, whatever `=` it holds.
        let is_rule = rules::verb(name).is_some();
        let set = if is_rule { DECODED_ITEM } else { DECODED_NAME };
        items.push(item(
            &utf8_percent_encode(name, set).to_string(),
            &utf8_percent_encode(value, DECODED_ITEM).to_string(),
        ));
    });
    join(&path(event), &items.join("&"))
}

/// The target in an event of a load balancer.
pub(super) fn of_alb(event: &Value) -> String {
    let mut items = Vec::new();
    each(event, |name, value| {
        items.push(item(&escape(name), &escape(value)));
    });
    join(&path(event), &items.join("&"))
}

fn path(event: &Value) -> String {
    escape(event["path"].as_str().unwrap_or_default())
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, ILLEGAL).to_string()
}

/// A map cannot tell `name` from `name=`; the rules' own form has no `=`.
fn item(name: &str, value: &str) -> String {
    if value.is_empty() {
        name.to_owned()
    } else {
        format!("{name}={value}")
    }
}

/// Every parameter, repeated ones in their order.
fn each(event: &Value, mut take: impl FnMut(&str, &str)) {
    if let Some(multi) = event["multiValueQueryStringParameters"].as_object() {
        for (name, values) in multi {
            for value in values.as_array().into_iter().flatten() {
                take(name, value.as_str().unwrap_or_default());
            }
        }
    } else if let Some(single) = event["queryStringParameters"].as_object() {
        for (name, value) in single {
            take(name, value.as_str().unwrap_or_default());
        }
    }
}

fn join(path: &str, query: &str) -> String {
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{slash}{path}{mark}{query}")
}
