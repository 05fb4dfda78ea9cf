//! Every event of `events/`, and the request or the objects that it tells of. A file that no line names fails the test.

#![allow(clippy::unwrap_used)] // In a test a panic is the report.
#![cfg(feature = "lambda")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aws::lambda::PathEncoding;
use aws::lambda::front::{self, Arrived, Kind, Refused};
use aws::lambda::trigger::{self, Notification};
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

fn event(name: &str) -> Value {
    let path = folder().join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn arrived(name: &str) -> Arrived {
    front::read(event(name), PathEncoding::Auto)
        .unwrap_or_else(|refused| panic!("{name}: {refused}"))
}

const ANIMATE: &str = "imageMogr2/animate/duration/50/images/aHR0cDovL2V4YW1wbGVzLTEyNTAwMDAwMDAuY29zLmFwLXNoYW5naGFpLm15cWNsb3VkLmNvbS9pbWFnZS0yLmpwZw";
const INTERLACE: &str = "imageMogr2/format/jpg/interlace/1";

/// File, front, method, and the target: what the client sent, escaped where `http` would refuse or cut it.
const REQUESTS: [(&str, Kind, &str, &str); 41] = {
    use Kind::{Alb, FunctionUrl, HttpApi, RestApi};
    [
        ("http-api-get", HttpApi, "GET", "/sample.png?{interlace}"),
        ("http-api-animate", HttpApi, "GET", "/image-1.jpg?{animate}"),
        ("http-api-put", HttpApi, "PUT", "/folder/new.png"),
        (
            "http-api-post",
            HttpApi,
            "POST",
            "/image-1.jpg?image_process",
        ),
        ("http-api-delete", HttpApi, "DELETE", "/folder/new.png"),
        ("http-api-options", HttpApi, "OPTIONS", "/image-1.jpg"),
        (
            "function-url-get",
            FunctionUrl,
            "GET",
            "/image-1.jpg?{animate}",
        ),
        (
            "function-url-head",
            FunctionUrl,
            "HEAD",
            "/sample.png?{interlace}",
        ),
        (
            "function-url-cloudfront",
            FunctionUrl,
            "GET",
            "/private.jpg?{interlace}",
        ),
        ("rest-api-get", RestApi, "GET", "/sample.png?{interlace}"),
        ("rest-api-put", RestApi, "PUT", "/folder/new.png"),
        (
            "alb-get",
            Alb,
            "GET",
            "/sample.png?imageMogr2%2Fformat%2Fjpg%2Finterlace%2F1",
        ),
        (
            "alb-get-single-value",
            Alb,
            "GET",
            "/sample.png?{interlace}",
        ),
        ("alb-post", Alb, "POST", "/image-1.jpg?image_process"),
        // The query, row by row.
        (
            "row-query-animate",
            FunctionUrl,
            "GET",
            "/image-1.jpg?{animate}",
        ),
        (
            "row-query-padding-two",
            FunctionUrl,
            "GET",
            "/i.jpg?imageMogr2/animate/duration/50/images/aGk==",
        ),
        (
            "row-query-padding-one",
            FunctionUrl,
            "GET",
            "/i.jpg?imageMogr2/animate/duration/50/images/aGk=",
        ),
        (
            "row-query-escaped-pipe",
            FunctionUrl,
            "GET",
            "/i.jpg?imageMogr2/thumbnail/!50px50r%7CimageMogr2/format/png",
        ),
        (
            "row-query-raw-marks",
            HttpApi,
            "GET",
            "/i.jpg?imageMogr2/a%7Cb%5Ec%7Bd%7De%5Cf%60g%E4%B8%AD%h%zz",
        ),
        (
            "row-query-raw-refused",
            HttpApi,
            "GET",
            "/i.jpg?imageMogr2/thumbnail/640x640%3E/a%3Cb%22c%20d",
        ),
        (
            "row-query-raw-hash",
            HttpApi,
            "GET",
            "/i.jpg?imageMogr2/color/%23ff0000/quality/80",
        ),
        ("row-query-plus", FunctionUrl, "GET", "/i.jpg?k=a%2Bb+c"),
        (
            "row-query-order",
            HttpApi,
            "GET",
            "/i.jpg?b=1&a=2&imageMogr2/interlace/1",
        ),
        (
            "row-rest-rule",
            RestApi,
            "GET",
            "/i.jpg?imageMogr2/animate/duration/50/images/aHR0",
        ),
        (
            "row-rest-padding",
            RestApi,
            "GET",
            "/i.jpg?imageMogr2/animate/duration/50/images/aHR0cA==&k==",
        ),
        (
            "row-rest-decoded",
            RestApi,
            "GET",
            "/i.jpg?a%26b%3Dc%2541%20d%2Be=f%26g=h%2541%20i%2Bj&r=1&r=2",
        ),
        (
            "row-alb-encoded",
            Alb,
            "GET",
            "/i.jpg?imageMogr2%2Fimages%2Fa%26b%3Dc%2541&v=a%2Bb&v=https%3A%2F%2Fx",
        ),
        // The path, row by row.
        (
            "row-path-dots",
            FunctionUrl,
            "GET",
            "/a/../b//c/%2e%2e/d?{interlace}",
        ),
        (
            "row-path-decoded",
            HttpApi,
            "GET",
            "/%E4%B8%AD%E6%96%87/100%25/a+b%20c%3F.jpg?{interlace}",
        ),
        (
            "row-path-encoded",
            FunctionUrl,
            "GET",
            "/%E4%B8%AD/a%20b+c%2Fd%25.jpg?{interlace}",
        ),
        ("row-path-plain", FunctionUrl, "GET", "/plain+plus.jpg"),
        ("row-path-cargo-lambda", HttpApi, "GET", "/a%20b.jpg"),
        ("row-path-stage", HttpApi, "GET", "/a.jpg?{interlace}"),
        ("row-path-rest", RestApi, "GET", "/dir/a%20b%2Bc.jpg"),
        // Headers and body.
        ("row-host-odd", HttpApi, "GET", "/i.jpg"),
        ("row-host-empty", HttpApi, "GET", "/i.jpg"),
        ("row-headers-non-ascii", HttpApi, "PUT", "/i.jpg"),
        (
            "row-content-length-removed",
            HttpApi,
            "POST",
            "/image-1.jpg?image_process=",
        ),
        ("row-chunked-removed", HttpApi, "PUT", "/i.jpg"),
        ("row-forged-viewer", HttpApi, "GET", "/i.jpg"),
        (
            "row-chunked-presigned",
            FunctionUrl,
            "PUT",
            "/i.jpg?q-header-list=host%3Btransfer-encoding&x=1",
        ),
    ]
};

/// Files that are no request.
const OTHERS: [&str; 11] = [
    "row-body-not-base64",
    "not-an-event",
    "s3-put",
    "s3-put-encoded-key",
    "s3-removed",
    "s3-test-event",
    "eventbridge-object-created",
    "sqs-s3",
    "sqs-mixed",
    "sns-s3",
    "failure-queue",
];

#[test]
fn every_event_is_the_request_that_the_client_sent() {
    for (name, kind, method, target) in REQUESTS {
        let arrived = arrived(name);
        let target = target
            .replace("{animate}", ANIMATE)
            .replace("{interlace}", INTERLACE);
        assert_eq!(arrived.kind, kind, "{name}");
        assert_eq!(arrived.request.method(), method, "{name}");
        assert_eq!(arrived.request.uri().to_string(), target, "{name}");
        assert_eq!(
            arrived.client,
            Some("203.0.113.9".parse().unwrap()),
            "{name}: the address that the front saw"
        );
    }
}

#[test]
fn every_event_file_is_tested() {
    let tested: BTreeSet<_> = REQUESTS
        .iter()
        .map(|row| row.0)
        .chain(OTHERS)
        .map(|name| format!("{name}.json"))
        .collect();
    let found: BTreeSet<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, tested);
}

#[test]
fn bodies_are_bytes_again() {
    let put = arrived("http-api-put").request;
    assert!(put.body().starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!(put.headers()[CONTENT_LENGTH], put.body().len().to_string());
    assert!(
        arrived("rest-api-put")
            .request
            .body()
            .starts_with(b"\x89PNG")
    );
    assert!(arrived("http-api-post").request.body().is_empty());
}

#[test]
fn headers_are_the_clients() {
    assert_eq!(arrived("row-host-odd").request.headers()[HOST], "bad host");
    assert_eq!(arrived("row-host-empty").request.headers()[HOST], "");
    let odd = arrived("row-headers-non-ascii").request;
    assert_eq!(
        odd.headers()["pic-operations"].as_bytes(),
        r#"{"rules":[{"fileid":"图.jpg","rule":"imageMogr2/strip"}]}"#.as_bytes()
    );
    assert!(
        !odd.headers().contains_key("x-bad"),
        "no header has a line break"
    );
    // Signed, and taken away by the front.
    let post = arrived("row-content-length-removed").request;
    assert_eq!(post.headers()[CONTENT_LENGTH], "0");
    for name in ["row-chunked-removed", "row-chunked-presigned"] {
        let put = arrived(name).request;
        assert_eq!(put.headers()[TRANSFER_ENCODING], "chunked", "{name}");
        assert!(!put.headers().contains_key(CONTENT_LENGTH), "{name}");
    }
    let multi = arrived("rest-api-get");
    assert!(multi.multi_value);
    assert_eq!(multi.request.headers()[HOST], "mogr.example.com");
}

/// Only a function URL that nobody but CloudFront reaches may carry these; the service asks the configuration too.
#[test]
fn what_the_viewer_sent_is_believed_on_function_urls_alone() {
    let forged = arrived("row-forged-viewer").request;
    let viewer = arrived("function-url-cloudfront").request;
    for name in ["x-mogr-host", "x-mogr-authorization", "x-mogr-client"] {
        assert!(!forged.headers().contains_key(name), "{name}");
        assert!(viewer.headers().contains_key(name), "{name}");
    }
}

#[test]
fn a_custom_domain_is_no_function_url() {
    let kind = |domain: &str| {
        let mut event = event("function-url-cloudfront");
        event["requestContext"]["domainName"] = domain.into();
        let arrived = front::read(event, PathEncoding::Auto).unwrap();
        let believed = arrived.request.headers().contains_key("x-mogr-host");
        assert_eq!(
            believed,
            arrived.kind == Kind::FunctionUrl,
            "{domain}: what the viewer sent"
        );
        arrived.kind
    };
    for domain in [
        "a.lambda-url.eu-west-1.on.aws",
        "a.lambda-url.cn-north-1.on.amazonwebservices.com.cn",
    ] {
        assert_eq!(kind(domain), Kind::FunctionUrl, "{domain}");
    }
    for domain in [
        "a.execute-api.us-east-1.amazonaws.com",
        "a.lambda-url.us-east-1.on.aws.example.com",
        "a.lambda-url.example.com",
        "lambda-url.us-east-1.on.aws",
        "",
    ] {
        assert_eq!(kind(domain), Kind::HttpApi, "{domain}");
    }
}

#[test]
fn what_is_no_request_is_refused() {
    let refused = |name| front::read(event(name), PathEncoding::Auto).unwrap_err();
    assert_eq!(
        refused("row-body-not-base64"),
        Refused::Bad {
            kind: Kind::HttpApi,
            multi_value: false,
            why: "the body is not base64, as the front says it is"
        }
    );
    assert_eq!(
        refused("not-an-event").to_string(),
        "the event is not of HTTP API, function URL, REST API or load balancer; it has the fields hello"
    );
    let long = |len| {
        let mut event = event("http-api-get");
        event["rawQueryString"] = "k".repeat(len).into();
        front::read(event, PathEncoding::Auto)
    };
    assert!(long(60_000).is_ok());
    assert!(matches!(long(70_000), Err(Refused::Bad { .. })));
}

#[test]
fn the_path_encoding_can_be_set() {
    let path = |name, encoding| {
        let arrived = front::read(event(name), encoding).unwrap();
        arrived.request.uri().path().to_owned()
    };
    assert_eq!(
        path("row-path-plain", PathEncoding::Encoded),
        "/plain+plus.jpg"
    );
    assert_eq!(
        path("row-path-cargo-lambda", PathEncoding::Decoded),
        "/a%2520b.jpg"
    );
    assert_eq!(
        path("row-path-decoded", PathEncoding::Encoded),
        "/%E4%B8%AD%E6%96%87/100%/a+b%20c"
    );
}

/// Whatever a field holds: an answer, never a panic.
#[test]
fn no_field_of_another_type_is_a_panic() {
    for (name, ..) in REQUESTS {
        let whole = event(name);
        for field in whole.as_object().unwrap().keys() {
            for other in [
                Value::Null,
                1.into(),
                "\u{0}x".into(),
                true.into(),
                Vec::<u8>::new().into(),
            ] {
                let mut event = whole.clone();
                event[field] = other;
                let _ = front::read(event.clone(), PathEncoding::Auto);
                let _ = trigger::read(&event);
            }
        }
    }
}

/// `bucket/key#version`, `-` for nothing to do, `!` for unreadable; messages apart by ` | `, with their ids.
#[track_caller]
fn tells(name: &str, expected: &str) {
    let told = |told: &Notification| match told {
        Notification::Created(created) => {
            let version = created
                .version
                .as_ref()
                .map_or(String::new(), |version| format!("#{}", version.0));
            format!("{}/{}{version}", created.bucket, created.key)
        }
        Notification::Nothing(what) => format!("-{what}"),
        Notification::Unreadable(_) => "!".to_owned(),
    };
    let messages: Vec<_> = trigger::read(&event(name))
        .iter()
        .map(|message| {
            let id = message
                .id
                .as_ref()
                .map_or(String::new(), |id| format!("{}: ", &id[..8]));
            format!(
                "{id}{}",
                message.told.iter().map(told).collect::<Vec<_>>().join(" ")
            )
        })
        .collect();
    assert_eq!(messages.join(" | "), expected, "{name}");
}

#[test]
fn every_trigger_tells_its_objects() {
    tells("s3-put", "mogr-images/uploads/image-1.jpg");
    tells(
        "s3-put-encoded-key",
        "mogr-images/uploads/a b+中.jpg#3HL4kqtJlcpXroDTDmJ",
    );
    tells("s3-removed", "-ObjectRemoved:Delete");
    tells("s3-test-event", "-s3:TestEvent");
    tells(
        "eventbridge-object-created",
        "mogr-images/uploads/image 1+2.jpg#3HL4kqtJlcpXroDTDmJ",
    );
    tells("sqs-s3", "00000001: mogr-images/uploads/image-1.jpg");
    tells(
        "sqs-mixed",
        "00000001: -s3:TestEvent | 00000002: mogr-images/uploads/image 1+2.jpg#3HL4kqtJlcpXroDTDmJ \
         | 00000003: ! | 00000004: mogr-images/uploads/image-1.jpg mogr-images/uploads/image-2.jpg",
    );
    tells("sns-s3", "mogr-images/uploads/image-1.jpg");
    tells("failure-queue", "00000001: mogr-images/uploads/image-1.jpg");
    tells("not-an-event", "!");
}
