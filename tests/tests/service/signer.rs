//! Signs what tests send: all of it, by keys whose secret is `secret of <id>`.

use std::time::{SystemTime, UNIX_EPOCH};

use service_tests::{Answer, request};
use shared::auth::{Key, Signing, Window, unescape};

use crate::server::Server;

/// A minute ago to ten minutes from now.
pub(crate) fn window() -> Window {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    Window {
        start: now - 60,
        end: now + 600,
    }
}

pub(crate) fn key(id: &str) -> Key {
    Key::new(id, format!("secret of {id}"))
}

/// The configuration of a key, with these further lines.
pub(crate) fn key_table(id: &str, lines: &str) -> String {
    format!("[[key]]\nid = \"{id}\"\nsecret = \"secret of {id}\"\n{lines}\n")
}

/// A `policy` line of these statements, JSON objects.
pub(crate) fn policy(statements: &str) -> String {
    format!("policy = '''{{\"version\":\"2.0\",\"statement\":[{statements}]}}'''")
}

/// Names and values of a query, decoded; a rule is a name.
fn params(query: &str) -> Vec<(String, String)> {
    let items = query.split('&').filter(|item| !item.is_empty());
    let decode = |text: &str| String::from_utf8(unescape(text.as_bytes())).expect("UTF-8");
    items
        .map(|item| {
            let (name, value) = match item.split_once('=') {
                Some(split) if !item.contains('/') || !split.1.is_empty() => split,
                _ => (item, ""),
            };
            (decode(name), decode(value))
        })
        .collect()
}

fn signing<T>(
    by: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    then: impl FnOnce(Signing<'_>) -> T,
) -> T {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let params = params(query);
    let params: Vec<(&str, &str)> = params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let headers: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    then(Signing {
        key: &key(by),
        method,
        path: &unescape(path.as_bytes()),
        params: &params,
        headers: &headers,
        window: window(),
    })
}

/// The target of a presigned URL: everything in `target` is signed, and so is the host.
pub(crate) fn presigned(by: &str, method: &str, host: &str, target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default();
    let query = signing(by, method, target, &[("host", host)], |signing| {
        signing.query()
    });
    format!("{path}?{query}")
}

/// The value of an `Authorization` header over these headers and everything in `target`.
pub(crate) fn authorization(
    by: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> String {
    signing(by, method, target, headers, |signing| {
        signing.authorization()
    })
}

/// Sends a request, everything in it signed by the key `by`; anonymously without one.
pub(crate) fn send(
    server: &Server,
    by: Option<&str>,
    method: &str,
    (host, target): (&str, &str),
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut all = vec![("Host", host)];
    all.extend_from_slice(headers);
    let authorization = by.map(|by| signing(by, method, target, &all, |s| s.authorization()));
    if let Some(authorization) = &authorization {
        all.push(("Authorization", authorization));
    }
    request(server.address, method, target, &all, body)
}

/// Refused with 403 and this code.
#[track_caller]
pub(crate) fn denied(answer: &Answer, code: &str) {
    assert_eq!(
        (answer.status, answer.xml("Code").as_str()),
        (403, code),
        "{}",
        answer.text()
    );
}
