//! Events and answers as `lambda_http` reads them, an independent reader: where its types are sound, its requests are ours. What they
//! lose or panic on (`row-*` in `events/`) is the reason for a reader of our own.

#![allow(clippy::unwrap_used)] // In a test a panic is the report.

use std::collections::BTreeMap;
use std::path::Path;

use aws::lambda::PathEncoding;
use aws::lambda::buffered;
use aws::lambda::front::{self, Kind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response};
use lambda_http::RequestExt;
use lambda_http::aws_lambda_events::alb::AlbTargetGroupResponse;
use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyResponse;
use percent_encoding::percent_decode_str;

const ORDINARY: [&str; 15] = [
    "http-api-get",
    "http-api-animate",
    "http-api-put",
    "http-api-post",
    "http-api-delete",
    "http-api-options",
    "function-url-get",
    "function-url-head",
    "function-url-cloudfront",
    "rest-api-get",
    "rest-api-put",
    "alb-get",
    "alb-get-single-value",
    "alb-post",
    "row-query-order",
];

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

/// All values of each header, without the length, which fronts take away and we restore.
fn fields(headers: &HeaderMap) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut fields = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in headers.iter().filter(|(name, _)| *name != CONTENT_LENGTH) {
        let values = fields.entry(name.to_string()).or_default();
        values.push(value.as_bytes().to_vec());
    }
    fields
}

#[test]
fn ordinary_events_are_the_same_request_to_lambda_http() {
    for name in ORDINARY {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        let text = std::fs::read_to_string(path.join(format!("{name}.json"))).unwrap();
        let theirs = lambda_http::request::from_str(&text).unwrap();
        let event = serde_json::from_str(&text).unwrap();
        let arrived = front::read(event, PathEncoding::Auto).unwrap();
        let ours = arrived.request;

        assert_eq!(ours.method(), theirs.method(), "{name}");
        let path = theirs.raw_http_path();
        assert_eq!(decoded(ours.uri().path()), decoded(path), "{name}");
        let query = |uri: &http::Uri| decoded(uri.query().unwrap_or_default());
        match arrived.kind {
            // Read from a map, where an empty value and none are alike: `lambda_http` writes the `=`.
            Kind::RestApi | Kind::Alb => {
                let theirs = query(theirs.uri());
                assert_eq!(query(ours.uri()), theirs.trim_end_matches('='), "{name}");
            }
            Kind::HttpApi | Kind::FunctionUrl => {
                assert_eq!(ours.uri().query(), theirs.uri().query(), "{name}");
            }
        }
        assert_eq!(fields(ours.headers()), fields(theirs.headers()), "{name}");
        assert_eq!(&ours.body()[..], theirs.body().as_ref(), "{name}");
    }
}

/// What `lambda_http` reads in our answer, by the type that it has for the front.
#[test]
fn answers_are_what_lambda_http_takes_them_for() {
    let body = b"\xff\xd8\xff";
    let answer = |kind, multi| {
        let mut response = Response::new(Bytes::from_static(body));
        for (name, value) in [
            ("content-type", "image/jpeg"),
            ("vary", "origin"),
            ("vary", "accept"),
        ] {
            response.headers_mut().append(name, value.parse().unwrap());
        }
        buffered(kind, multi, response)
    };
    for kind in [Kind::HttpApi, Kind::FunctionUrl, Kind::RestApi] {
        let json = answer(kind, kind == Kind::RestApi);
        let read: ApiGatewayProxyResponse = serde_json::from_value(json).unwrap();
        assert_eq!(read.status_code, 200, "{kind}");
        let (headers, values) = match kind {
            Kind::RestApi => (&read.multi_value_headers, vec!["origin", "accept"]),
            _ => (&read.headers, vec!["origin, accept"]),
        };
        assert_eq!(headers["content-type"], "image/jpeg", "{kind}");
        assert_eq!(
            headers.get_all("vary").iter().collect::<Vec<_>>(),
            values,
            "{kind}"
        );
        assert!(read.is_base64_encoded, "{kind}");
        let text = read.body.unwrap();
        assert_eq!(STANDARD.decode(&*text).unwrap(), body, "{kind}");
    }
    for multi in [false, true] {
        let read: AlbTargetGroupResponse =
            serde_json::from_value(answer(Kind::Alb, multi)).unwrap();
        assert_eq!(read.status_description.as_deref(), Some("200 OK"));
        let headers = if multi {
            &read.multi_value_headers
        } else {
            &read.headers
        };
        assert_eq!(headers["content-type"], "image/jpeg", "multi {multi}");
    }
}
