//! What every answer has in common, and the Error document, whoever refuses: an operation, or a host before or after it.

use std::time::{Instant, SystemTime};

use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri, request};

use crate::authority::cors;
use crate::causes::chain;
use crate::config::Config;
use crate::error::Error;
use crate::wire::body::Body;
use crate::wire::headers::set;
use crate::wire::logged::logged;
use crate::wire::names::{ERROR_NUMBER, MOGR_HOST, REQUEST_ID};
use crate::wire::request_id;
use crate::wire::xml::Writer;

/// What an answer and the log say of the request, and when it came. It shares its parts with the request and costs no copy
/// of them.
#[derive(Clone, Debug)]
pub struct Seen {
    started: Instant,
    method: Method,
    uri: Uri,
    host: Option<HeaderValue>,
    /// The host that the viewer called, if the front is to be believed.
    viewed: Option<HeaderValue>,
    origin: Option<HeaderValue>,
}

impl Seen {
    fn of(method: &Method, uri: &Uri, headers: &http::HeaderMap) -> Self {
        Self {
            started: Instant::now(),
            method: method.clone(),
            uri: uri.clone(),
            host: headers.get(header::HOST).cloned(),
            viewed: headers.get(MOGR_HOST).cloned(),
            origin: headers.get(header::ORIGIN).cloned(),
        }
    }

    /// Of a request that cannot be read: it has no host, and the path `/`.
    pub fn nothing() -> Self {
        Self::of(&Method::GET, &Uri::default(), &http::HeaderMap::new())
    }

    /// As the viewer called it.
    fn host(&self, trusted_front: bool) -> &str {
        let viewed = self.viewed.as_ref().filter(|_| trusted_front);
        viewed
            .or(self.host.as_ref())
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default()
    }

    /// True where it asks for processing at download time, whose failures have numbers.
    fn has_numbers(&self) -> bool {
        let has_rule = |query| rules::split_query(query).map_or(true, |query| query.rule.is_some());
        matches!(self.method, Method::GET | Method::HEAD) && self.uri.query().is_some_and(has_rule)
    }
}

impl From<&request::Parts> for Seen {
    fn from(parts: &request::Parts) -> Self {
        Self::of(&parts.method, &parts.uri, &parts.headers)
    }
}

impl<B> From<&Request<B>> for Seen {
    fn from(request: &Request<B>) -> Self {
        Self::of(request.method(), request.uri(), request.headers())
    }
}

/// Refuses a request of a host that has no configuration, as [`Service::refuse`](crate::Service::refuse) does where there
/// is one.
pub fn refuse(seen: &Seen, error: Error) -> Response<Body> {
    finish(None, seen, Err(error))
}

/// Adds what is common to all answers, and writes the one line of the log. `config` is that of the host, if it has one.
pub(crate) fn finish(
    config: Option<&Config>,
    seen: &Seen,
    result: Result<Response<Body>, Error>,
) -> Response<Body> {
    let id = request_id::new();
    let (mut response, failure) = match result {
        Ok(response) => (response, None),
        Err(error) => {
            let trusted_front = config.is_some_and(|config| config.trusted_front);
            let response = document(&error, &id, seen, seen.host(trusted_front));
            (response, Some(error))
        }
    };
    let answer = response.headers_mut();
    set(answer, REQUEST_ID, &id);
    set(answer, header::SERVER, "mogr");
    set(
        answer,
        header::DATE,
        &httpdate::fmt_http_date(SystemTime::now()),
    );
    set(answer, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if config.is_some_and(|config| !config.embedding) {
        // The open host of a laptop: no page that its browser has open shows what lies in its folder.
        set(
            answer,
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        );
    }
    let rules = config.map_or(&[][..], |config| &config.cors);
    cors::annotate(rules, &seen.method, seen.origin.as_ref(), answer);
    macro_rules! log {
        ($level:ident) => {
            tracing::$level!(
                request_id = id,
                method = %seen.method,
                path = logged(seen.uri.path()),
                status = response.status().as_u16(),
                code = failure.as_ref().map(|error| error.answer().code),
                error = failure.as_ref().map(|error| logged(&chain(error))),
                bytes = response.body().len(),
                ms = seen.started.elapsed().as_millis() as u64,
                "request"
            )
        };
    }
    // The caller's mistakes are not the operator's business.
    if failure.as_ref().is_none_or(Error::is_callers) {
        log!(info);
    } else {
        log!(error);
    }
    response
}

/// The XML answer of a failure, all five nodes filled.
fn document(error: &Error, id: &str, seen: &Seen, host: &str) -> Response<Body> {
    let answer = error.answer();
    let mut writer = Writer::new("Error");
    writer
        .leaf("Code", answer.code)
        .leaf("Message", message(error));
    if let Error::Signature(auth::Error::Mismatch(mismatch)) = error {
        writer
            .leaf("StringToSign", &mismatch.string_to_sign)
            .leaf("FormatString", &mismatch.format_string);
    }
    let resource = match error.resource() {
        Some(key) => format!("{host}/{key}"),
        None => format!("{host}{}", seen.uri.path()),
    };
    writer
        .leaf("Resource", resource)
        .leaf("RequestId", id)
        .leaf("TraceId", id);
    let text = writer.finish();
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/xml"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(number) = answer.number
        && seen.has_numbers()
    {
        set(headers, ERROR_NUMBER, &number.to_string());
    }
    if let Some(seconds) = error.retry_after() {
        set(headers, header::RETRY_AFTER, &seconds.to_string());
    }
    set(headers, header::CONTENT_LENGTH, &text.len().to_string());
    if seen.method != Method::HEAD {
        *response.body_mut() = text.into();
    }
    response
}

/// What the client is told. Of a fault of ours that is no more than where its operator finds more.
fn message(error: &Error) -> String {
    let is_ours = error.answer().status == StatusCode::INTERNAL_SERVER_ERROR;
    if is_ours && !matches!(error, Error::Misconfigured(_)) {
        return "an internal error; the service's log says more under this request id".to_owned();
    }
    error.to_string()
}
