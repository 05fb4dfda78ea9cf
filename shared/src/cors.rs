//! Cross-origin requests: what the configuration lets browsers do.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::body::Body;
use crate::config::Cors;

/// Answers a preflight request; `None` where no rule allows it.
pub(crate) fn preflight(rules: &[Cors], headers: &HeaderMap) -> Option<Response<Body>> {
    let origin = headers.get(header::ORIGIN)?.to_str().ok()?;
    let method = headers
        .get(header::ACCESS_CONTROL_REQUEST_METHOD)?
        .to_str()
        .ok()?;
    let wanted: Vec<String> = headers
        .get_all(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    let rule = rules.iter().find(|rule| {
        allows(rule, origin, method)
            && wanted.iter().all(|name| {
                rule.headers
                    .iter()
                    .any(|allowed| fits(&allowed.to_ascii_lowercase(), name))
            })
    })?;
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::OK;
    let answer = response.headers_mut();
    describe(rule, origin, answer);
    insert(
        answer,
        header::ACCESS_CONTROL_ALLOW_METHODS,
        &rule.methods.join(", "),
    );
    if !wanted.is_empty() {
        insert(
            answer,
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            &wanted.join(", "),
        );
    }
    if rule.max_age > 0 {
        insert(
            answer,
            header::ACCESS_CONTROL_MAX_AGE,
            &rule.max_age.to_string(),
        );
    }
    Some(response)
}

/// Adds to an ordinary answer what lets a script of an allowed origin read it.
pub(crate) fn annotate(
    rules: &[Cors],
    method: &Method,
    headers: &HeaderMap,
    answer: &mut HeaderMap,
) {
    if rules.is_empty() {
        return;
    }
    answer.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = headers
        .get(header::ORIGIN)
        .and_then(|origin| origin.to_str().ok())
    else {
        return;
    };
    if let Some(rule) = rules
        .iter()
        .find(|rule| allows(rule, origin, method.as_str()))
    {
        describe(rule, origin, answer);
        if !rule.expose.is_empty() {
            insert(
                answer,
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                &rule.expose.join(", "),
            );
        }
    }
}

fn allows(rule: &Cors, origin: &str, method: &str) -> bool {
    rule.origins.iter().any(|allowed| fits(allowed, origin))
        && rule
            .methods
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(method))
}

fn describe(rule: &Cors, origin: &str, answer: &mut HeaderMap) {
    let any = rule.origins.iter().any(|allowed| allowed == "*");
    insert(
        answer,
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        if any { "*" } else { origin },
    );
}

/// True where `text` is `pattern`, in which one `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => {
            text.len() >= before.len() + after.len()
                && text.starts_with(before)
                && text.ends_with(after)
        }
    }
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
