//! What stands before a function, and the HTTP request in the event that it sends.
//!
//! The four fronts do not deliver the same request; here each is turned into the one that the client sent, as far as
//! that can be known. Nothing in an event is a panic: what no request can be made of is refused.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use shared::wire::names::{MOGR_AUTHORIZATION, MOGR_CLIENT, MOGR_HOST};

use super::target::{self, PathEncoding};

/// A front: what stands between the client and the function, and sends the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// API Gateway HTTP API, payload version 2.
    HttpApi,
    /// A Lambda function URL.
    FunctionUrl,
    /// API Gateway REST API (payload version 1).
    RestApi,
    /// An Application Load Balancer.
    Alb,
}

impl Kind {
    /// Bytes of a body that surely fit through the front, in either direction. A front takes JSON with the body in base64:
    /// three quarters of its limit, after 24 KiB for the headers and the rest of the event.
    pub fn buffered_limit(self) -> u64 {
        const REST: u64 = 24 << 10;
        let payload: u64 = match self {
            Self::HttpApi | Self::FunctionUrl | Self::RestApi => 6 << 20,
            Self::Alb => 1 << 20,
        };
        (payload - REST) / 4 * 3
    }
}

/// An HTTP request, and where it came from.
#[derive(Debug)]
pub struct Arrived {
    /// The front that sent the event.
    pub kind: Kind,
    /// Whether the event has multi-value headers; then the answer must have them too.
    pub multi_value: bool,
    /// The request: origin-form target, escaped where `http` would refuse or cut it and otherwise as it was sent.
    pub request: Request<Bytes>,
    /// The client's address as the front verified it.
    pub client: Option<IpAddr>,
}

/// Why an event is no request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No front sends such an event.
    #[error("the event is not of HTTP API, function URL, REST API or load balancer; it has {0}")]
    NotHttp(String),
    /// Something that no client can have sent, or that is too long.
    #[error("{why}")]
    Bad {
        /// The front that sent it.
        kind: Kind,
        /// Whether its answers must have multi-value headers.
        multi_value: bool,
        /// What is wrong, as it is told to the client.
        why: &'static str,
    },
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::HttpApi => "http-api",
            Self::FunctionUrl => "function-url",
            Self::RestApi => "rest-api",
            Self::Alb => "alb",
        })
    }
}

/// The front that sends events of this shape.
pub fn kind(event: &Value) -> Option<Kind> {
    let context = &event["requestContext"];
    if event["version"] == "2.0" && context["http"].is_object() {
        let domain = context["domainName"].as_str().unwrap_or_default();
        return Some(if is_function_url(domain) {
            Kind::FunctionUrl
        } else {
            Kind::HttpApi
        });
    }
    if !event["httpMethod"].is_string() {
        return None;
    }
    let alb = context["elb"].is_object();
    (alb || context.is_object()).then_some(if alb { Kind::Alb } else { Kind::RestApi })
}

/// Whether an event of any front is a HEAD request, whose answer has no body.
pub(super) fn is_head(event: &Value) -> bool {
    event["httpMethod"] == "HEAD" || event["requestContext"]["http"]["method"] == "HEAD"
}

/// Whether a host is one that Lambda gives to function URLs. These end in domains of AWS, so no custom domain of an HTTP
/// API can pass for one.
fn is_function_url(domain: &str) -> bool {
    [".on.aws", ".on.amazonwebservices.com.cn"]
        .iter()
        .filter_map(|suffix| domain.strip_suffix(suffix))
        .any(|name| name.contains(".lambda-url."))
}

/// The request in `event`.
///
/// # Errors
///
/// [`Refused`] says why there is none.
pub fn read(mut event: Value, path_encoding: PathEncoding) -> Result<Arrived, Refused> {
    let Some(kind) = kind(&event) else {
        return Err(Refused::NotHttp(names(&event)));
    };
    let multi_value = event["multiValueHeaders"].is_object();
    let bad = |why| Refused::Bad {
        kind,
        multi_value,
        why,
    };

    let http = &event["requestContext"]["http"];
    let method = match kind {
        Kind::HttpApi | Kind::FunctionUrl => &http["method"],
        Kind::RestApi | Kind::Alb => &event["httpMethod"],
    };
    let method = Method::from_bytes(method.as_str().unwrap_or_default().as_bytes())
        .map_err(|_| bad("the method is not an HTTP method"))?;
    let target = match kind {
        Kind::HttpApi | Kind::FunctionUrl => target::of_version_2(&event, path_encoding),
        Kind::RestApi => target::of_rest(&event),
        Kind::Alb => target::of_alb(&event),
    };
    let uri = Uri::try_from(target).map_err(|_| bad("the path and query are too long"))?;
    let mut headers = headers(&event);
    let client = client(kind, &event, &headers);

    let text = match event["body"].take() {
        Value::String(text) => text,
        _ => String::new(),
    };
    let body = if event["isBase64Encoded"] == true {
        Bytes::from(
            STANDARD
                .decode(text)
                .map_err(|_| bad("the body is not base64, as the front says it is"))?,
        )
    } else {
        Bytes::from(text)
    };

    // Where CloudFront puts what the viewer sent. Elsewhere anyone can have written them, so nobody shall believe them.
    if kind != Kind::FunctionUrl {
        for name in [MOGR_HOST, MOGR_AUTHORIZATION, MOGR_CLIENT] {
            headers.remove(name);
        }
    }
    restore(&mut headers, uri.query().unwrap_or_default(), body.len());

    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(Arrived {
        kind,
        multi_value,
        request,
        client,
    })
}

/// The names in an object, for a message.
fn names(event: &Value) -> String {
    match event.as_object() {
        Some(fields) if fields.is_empty() => "no fields".to_owned(),
        Some(fields) => {
            let names: Vec<_> = fields.keys().map(String::as_str).take(12).collect();
            format!("the fields {}", names.join(", "))
        }
        None => "no fields, for it is no object".to_owned(),
    }
}

/// Headers as bytes: a value that is UTF-8 stays so, what no header can hold is left out.
fn headers(event: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut add = |name: &str, value: &Value| {
        let value = value
            .as_str()
            .map(|text| HeaderValue::from_bytes(text.trim().as_bytes()));
        if let (Ok(name), Some(Ok(value))) = (HeaderName::from_bytes(name.as_bytes()), value) {
            headers.append(name, value);
        }
    };
    if let Some(multi) = event["multiValueHeaders"].as_object() {
        for (name, values) in multi {
            for value in values.as_array().into_iter().flatten() {
                add(name, value);
            }
        }
    } else if let Some(single) = event["headers"].as_object() {
        for (name, value) in single {
            add(name, value);
        }
    }
    if let Some(cookies) = event["cookies"].as_array() {
        let all: Vec<_> = cookies.iter().filter_map(Value::as_str).collect();
        add("cookie", &Value::String(all.join("; ")));
    }
    headers
}

/// The address that the front saw. A load balancer appends it to what the client may have invented.
fn client(kind: Kind, event: &Value, headers: &HeaderMap) -> Option<IpAddr> {
    let context = &event["requestContext"];
    match kind {
        Kind::HttpApi | Kind::FunctionUrl => context["http"]["sourceIp"].as_str()?.parse().ok(),
        Kind::RestApi => context["identity"]["sourceIp"].as_str()?.parse().ok(),
        Kind::Alb => {
            let last = headers.get_all("x-forwarded-for").iter().next_back()?;
            last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
        }
    }
}

/// Puts back the headers that fronts take away and clients sign. It can make no signature hold that did not hold for the
/// client: a signature covers the headers that it lists, with their values.
fn restore(headers: &mut HeaderMap, query: &str, body: usize) {
    if !headers.contains_key(TRANSFER_ENCODING) {
        let listed = [MOGR_AUTHORIZATION, AUTHORIZATION]
            .into_iter()
            .find_map(|name| signed_headers(headers.get(name)?.to_str().ok()?))
            .or_else(|| signed_headers(query));
        if listed.is_some_and(|listed| listed.split(';').any(|name| name == "transfer-encoding")) {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            return;
        }
        if !headers.contains_key(CONTENT_LENGTH) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body));
        }
    }
}

/// The value of `q-header-list`, in an Authorization header or a query.
fn signed_headers(fields: &str) -> Option<String> {
    let value = fields
        .split('&')
        .find_map(|field| field.trim().strip_prefix("q-header-list="))?;
    let list = percent_decode_str(value).decode_utf8().ok()?;
    Some(list.to_ascii_lowercase())
}
