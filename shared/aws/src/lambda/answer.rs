//! An answer as the front takes it: one JSON, or a prelude with the bytes after it as they are made.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::Stream;
use http::header::{CONNECTION, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Response};
use http_body::Body as _;
use lambda_runtime::{MetadataPrelude, StreamResponse};
use percent_encoding::{CONTROLS, percent_encode};
use serde_json::{Map, Value, json};
use shared::Body;

use super::front::Kind;
use super::journal;

/// The JSON that the front makes an answer of.
///
/// A body is sent as text where it is XML, JSON or text: a REST API without binary media types would not decode it.
pub fn buffered(kind: Kind, multi_value: bool, response: Response<Bytes>) -> Value {
    let (parts, body) = response.into_parts();
    let headers = clean(parts.headers);
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let textual = content_type.starts_with("text/")
        || content_type.contains("xml")
        || content_type.contains("json");
    let text = std::str::from_utf8(&body)
        .ok()
        .filter(|_| textual || body.is_empty());
    let mut answer = json!({
        "statusCode": parts.status.as_u16(),
        "isBase64Encoded": text.is_none(),
        "body": text.map_or_else(|| STANDARD.encode(&body), str::to_owned),
    });
    if kind == Kind::Alb {
        let reason = parts.status.canonical_reason().unwrap_or("Unknown");
        answer["statusDescription"] = format!("{} {reason}", parts.status.as_u16()).into();
    }
    if kind == Kind::RestApi || (kind == Kind::Alb && multi_value) {
        let mut multi = Map::new();
        for (name, value) in &headers {
            let values = multi.entry(name.as_str()).or_insert_with(|| json!([]));
            if let Value::Array(values) = values {
                values.push(text_of(value).into());
            }
        }
        answer["multiValueHeaders"] = multi.into();
    } else {
        answer["headers"] = joined(&headers)
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect::<Map<_, _>>()
            .into();
    }
    answer
}

/// The prelude, and the body as it comes.
pub(super) fn streamed(response: Response<Body>) -> StreamResponse<Chunks> {
    let (parts, body) = response.into_parts();
    let mut headers = HeaderMap::new();
    // One value a name: Lambda takes no lists here.
    for (name, value) in joined(&clean(parts.headers)) {
        if let (Ok(name), Ok(value)) = (
            http::HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            headers.insert(name, value);
        }
    }
    StreamResponse {
        metadata_prelude: MetadataPrelude {
            status_code: parts.status,
            headers,
            cookies: Vec::new(),
        },
        stream: Chunks(Some(body)),
    }
}

/// What belongs to one connection is the front's business.
fn clean(mut headers: HeaderMap) -> HeaderMap {
    for name in [
        CONNECTION,
        TRANSFER_ENCODING,
        http::HeaderName::from_static("keep-alive"),
    ] {
        headers.remove(name);
    }
    headers
}

/// A header's text in ASCII, with what is beyond percent-escaped (file names in Content-Disposition, user metadata).
/// No front promises what becomes of other bytes, and the prelude of a streamed answer cannot hold them.
fn text_of(value: &HeaderValue) -> String {
    percent_encode(value.as_bytes(), CONTROLS).to_string()
}

fn joined(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .keys()
        .map(|name| {
            let values: Vec<_> = headers.get_all(name).iter().map(text_of).collect();
            (name.as_str().to_owned(), values.join(", "))
        })
        .collect()
}

/// The bytes of a body on their way out.
///
/// The status has been sent, so a failure can only be shown by an answer that is visibly incomplete. An orderly end would
/// make half an image look like a whole one, and caches would keep it; nothing says that an announced Content-Length
/// survives Lambda and the front, which send chunks of their own. So the process ends, and the connection with it. The
/// runtime's own way, to write the error into the body, would do the same harm.
pub(super) struct Chunks(Option<Body>);

impl Stream for Chunks {
    type Item = Result<Bytes, lambda_runtime::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(body) = self.0.as_mut() else {
                return Poll::Ready(None);
            };
            let polled = catch_unwind(AssertUnwindSafe(|| {
                Pin::new(&mut *body).poll_frame(context)
            }));
            let broken = match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(None)) => {
                    self.0 = None;
                    return Poll::Ready(None);
                }
                Ok(Poll::Ready(Some(Ok(frame)))) => match frame.into_data() {
                    Ok(bytes) if !bytes.is_empty() => return Poll::Ready(Some(Ok(bytes))),
                    _ => continue,
                },
                Ok(Poll::Ready(Some(Err(error)))) => error.to_string(),
                Err(_) => "a panic".to_owned(),
            };
            tracing::error!(
                reason = broken,
                "an answer broke off in the middle, and ends the process"
            );
            journal::broken_answer();
            std::process::exit(70);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(content_type: Option<&str>, body: &'static [u8]) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from_static(body));
        if let Some(content_type) = content_type {
            response
                .headers_mut()
                .insert(CONTENT_TYPE, content_type.parse().unwrap());
        }
        response
            .headers_mut()
            .append("vary", "origin".parse().unwrap());
        response
            .headers_mut()
            .append("vary", "accept".parse().unwrap());
        response
            .headers_mut()
            .insert(TRANSFER_ENCODING, "chunked".parse().unwrap());
        response
    }

    #[test]
    fn bytes_go_as_base64_and_xml_as_text() {
        let encoded = |content_type, body| {
            let answer = buffered(Kind::HttpApi, false, response(content_type, body));
            (
                answer["isBase64Encoded"].as_bool().unwrap(),
                answer["body"].as_str().unwrap().to_owned(),
            )
        };
        assert_eq!(
            encoded(Some("image/gif"), b"GIF"),
            (true, "R0lG".to_owned())
        );
        assert_eq!(
            encoded(Some("image/svg+xml"), b"<svg/>"),
            (false, "<svg/>".to_owned())
        );
        assert_eq!(
            encoded(Some("application/xml"), b"<E/>"),
            (false, "<E/>".to_owned())
        );
        assert_eq!(
            encoded(Some("text/plain"), b"\xff"),
            (true, "/w==".to_owned())
        );
        assert_eq!(encoded(None, b"hi"), (true, "aGk=".to_owned()));
        assert_eq!(encoded(None, b""), (false, String::new()));
    }

    #[test]
    fn headers_beyond_ascii_are_escaped_in_either_shape() {
        let name = "attachment; filename=\"图 1%.jpg\"";
        let escaped = "attachment; filename=\"%E5%9B%BE 1%.jpg\"";
        let with = |mut headers: HeaderMap| {
            let value = HeaderValue::from_bytes(name.as_bytes()).unwrap();
            headers.insert("content-disposition", value);
            headers
        };
        let mut whole = response(Some("image/jpeg"), b"x");
        *whole.headers_mut() = with(HeaderMap::new());
        let answer = buffered(Kind::HttpApi, false, whole);
        assert_eq!(answer["headers"]["content-disposition"], escaped);
        let mut parts = Response::new(Body::Empty);
        *parts.headers_mut() = with(HeaderMap::new());
        let prelude = serde_json::to_value(streamed(parts).metadata_prelude).unwrap();
        assert_eq!(prelude["headers"]["content-disposition"], escaped);
    }

    #[test]
    fn each_front_gets_its_own_headers() {
        let answer = |kind, multi| buffered(kind, multi, response(Some("image/gif"), b"GIF"));
        let v2 = answer(Kind::FunctionUrl, false);
        assert_eq!(v2["headers"]["vary"], "origin, accept");
        assert_eq!(v2["headers"].get("transfer-encoding"), None);
        let rest = answer(Kind::RestApi, true);
        assert_eq!(
            rest["multiValueHeaders"]["vary"],
            json!(["origin", "accept"])
        );
        assert_eq!(rest.get("headers"), None);
        let alb = answer(Kind::Alb, false);
        assert_eq!(alb["headers"]["content-type"], "image/gif");
        assert_eq!(alb["statusDescription"], "200 OK");
        assert_eq!(
            answer(Kind::Alb, true)["multiValueHeaders"]["content-type"],
            json!(["image/gif"])
        );
    }
}
