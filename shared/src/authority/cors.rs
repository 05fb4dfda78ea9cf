//! Cross-origin requests: what the configuration lets browsers do.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::config::Cors;
use crate::wire::body::Body;

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

/// Whether a page of another origin than the host's may send this request; one that no page sends always may.
///
/// Browsers ask before most requests ([`preflight`]), but not before a POST of plain text. Its `Origin` they tell.
pub(crate) fn may_come(rules: &[Cors], method: &Method, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    // `none` is the user, by an address typed in.
    if matches!(text("sec-fetch-site"), Some("same-origin" | "none")) {
        return true;
    }
    let Some(origin) = text("origin") else {
        return !headers.contains_key("sec-fetch-site");
    };
    let own = origin.split_once("://").map(|(_, host)| host);
    let is_own =
        own.is_some_and(|own| text("host").is_some_and(|host| host.eq_ignore_ascii_case(own)));
    is_own
        || rules
            .iter()
            .any(|rule| allows(rule, origin, method.as_str()))
}

/// Adds to an ordinary answer what lets a script of an allowed origin read it.
pub(crate) fn annotate(
    rules: &[Cors],
    method: &Method,
    origin: Option<&HeaderValue>,
    answer: &mut HeaderMap,
) {
    if rules.is_empty() {
        return;
    }
    answer.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin.and_then(|origin| origin.to_str().ok()) else {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_pages_need_a_rule() {
        let rules = [Cors {
            origins: vec!["https://*.example.com".to_owned()],
            methods: vec!["POST".to_owned()],
            headers: Vec::new(),
            expose: Vec::new(),
            max_age: 0,
        }];
        let foreign = "https://evil.example";
        for (headers, may) in [
            (&[][..], true),
            (&[("origin", foreign)], false),
            (&[("origin", "null")], false),
            (&[("origin", "https://www.example.com")], true),
            (&[("origin", "http://localhost:8080")], true),
            (&[("origin", "http://localhost:9090")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (
                &[("sec-fetch-site", "same-site"), ("origin", foreign)],
                false,
            ),
            (
                &[("sec-fetch-site", "same-origin"), ("origin", foreign)],
                true,
            ),
            (&[("sec-fetch-site", "none")], true),
        ] {
            let mut all = HeaderMap::new();
            insert(&mut all, header::HOST, "localhost:8080");
            for (name, value) in headers {
                all.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(may_come(&rules, &Method::POST, &all), may, "{headers:?}");
            let unnamed = may && !headers.contains(&("origin", "https://www.example.com"));
            assert_eq!(may_come(&rules, &Method::PUT, &all), unnamed, "{headers:?}");
        }
    }
}
