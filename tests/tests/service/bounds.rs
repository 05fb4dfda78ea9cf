//! What is too much: for a rule, for the time, for the machine. Each a clear answer, or the source where
//! `ignore-error/1` asks for it.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request};
use service_tests::{Answer, animate_rule, jpeg, png};
use shared::{Front, Service};

use crate::server::{HOST, Server};

const OPEN: &str = "[anonymous]\npolicy = \"open\"\n";

/// A rule of 21 frames.
fn too_many(more: &str) -> String {
    let url = format!("http://{HOST}/b.jpg");
    let rule = animate_rule("50", &[url.as_str(); 20]);
    format!("{rule}{more}")
}

fn operations(fileid: &str, rule: &str) -> String {
    format!(r#"{{"is_pic_info":1,"rules":[{{"fileid":"{fileid}","rule":"{rule}"}}]}}"#)
}

/// Uploads `body` in two parts, and completes with these operations.
fn complete(server: &Server, key: &str, body: &[u8], operations: &str) -> Answer {
    let created = server.send("POST", &format!("{key}?uploads"), &[], b"");
    let id = created.xml("UploadId");
    let mut document = "<CompleteMultipartUpload>".to_owned();
    for (n, part) in body.chunks(body.len().div_ceil(2)).enumerate() {
        let n = n + 1;
        let stored = server.put(&format!("{key}?partNumber={n}&uploadId={id}"), &[], part);
        let etag = stored.header("etag");
        let _ = write!(
            document,
            "<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>"
        );
    }
    document += "</CompleteMultipartUpload>";
    server.send(
        "POST",
        &format!("{key}?uploadId={id}"),
        &[("Pic-Operations", operations)],
        document.as_bytes(),
    )
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, words: &str) {
    let message = answer.xml("Message");
    assert_eq!(
        (answer.status, answer.xml("Code").as_str()),
        (status, code),
        "{message}"
    );
    assert!(message.contains(words), "{message}");
}

/// What `ignore-error/1` hides, in every mode: the source comes back, or lies under the `fileid`.
#[track_caller]
fn hides(server: &Server, rule: &str, code: &str, source: &[u8]) {
    let plain = rule.replace("/ignore-error/1", "");
    let text = String::from_utf8_lossy;
    refused(&server.get(&format!("/a.jpg?{plain}")), 400, code, "");
    let got = server.get(&format!("/a.jpg?{rule}"));
    assert_eq!(got.status, 200, "{rule}: {}", text(&got.body));
    assert!(got.body == source, "{rule}");
    assert_eq!(got.header("x-mogr-ignored-error"), code, "{rule}");
    assert!(got.header("cache-control").contains("max-age=60"));
    let stored = |answer: &Answer, name: &str, how: &str| {
        assert_eq!(answer.status, 200, "{how} {rule}: {}", text(&answer.body));
        let size = format!("<Size>{}</Size>", source.len());
        assert!(text(&answer.body).contains(&size), "{how} {rule}");
        let copy = server.get(name);
        assert!(copy.body == source, "{how} {rule}");
        assert_eq!(copy.header("content-type"), "image/jpeg", "{how}");
    };
    let with = |name: &str, rule: &str| operations(name, rule);
    let answer = server.put(
        "/put/a.jpg",
        &[("Pic-Operations", &with("/copy/put", rule))],
        source,
    );
    stored(&answer, "/copy/put", "PUT");
    assert!(server.get("/put/a.jpg").body == source);
    let answer = server.send(
        "POST",
        "/a.jpg?image_process",
        &[("Pic-Operations", &with("/copy/post", rule))],
        b"",
    );
    stored(&answer, "/copy/post", "POST");
    let answer = complete(server, "/parts/a.jpg", source, &with("/copy/parts", rule));
    stored(&answer, "/copy/parts", "complete");
    // Without it, each mode refuses by the same code, and nothing lies under the target.
    let put = server.put(
        "/put/b.jpg",
        &[("Pic-Operations", &with("/no/put", &plain))],
        source,
    );
    refused(&put, 400, code, "");
    let post = server.send(
        "POST",
        "/a.jpg?image_process",
        &[("Pic-Operations", &with("/no/post", &plain))],
        b"",
    );
    refused(&post, 400, code, "");
    let parts = complete(server, "/parts/b.jpg", source, &with("/no/parts", &plain));
    refused(&parts, 400, code, "");
    for name in ["/no/put", "/no/post", "/no/parts"] {
        server.lacks(name);
    }
}

#[test]
fn ignore_error_hides_the_same_in_every_mode() {
    let server = Server::open();
    let source = jpeg(40, 30, 0);
    server
        .file("a.jpg", &source)
        .file("b.jpg", &jpeg(40, 30, 5))
        .file("text.jpg", b"just text")
        .file("wide.jpg", &jpeg(1081, 8, 1));
    let image = |key: &str| {
        let rule = animate_rule("50", &[&format!("http://{HOST}/{key}")]);
        format!("{rule}/ignore-error/1")
    };
    let more = "/ignore-error/1";
    hides(&server, &too_many(more), "ImageResolutionExceed", &source);
    hides(
        &server,
        &image("wide.jpg"),
        "ImageResolutionExceed",
        &source,
    );
    hides(&server, &image("text.jpg"), "InvalidImageFormat", &source);
    for values in ["interlace/7", "format/gif", "quality/high"] {
        let rule = format!("imageMogr2/{values}/ignore-error/1");
        hides(&server, &rule, "InvalidArgument", &source);
    }
}

#[test]
fn ignore_error_never_hides_what_it_must_not() {
    let server = Server::open();
    let source = jpeg(40, 30, 0);
    server.file("a.jpg", &source);
    let image = |url: &str| format!("{}/ignore-error/1", animate_rule("50", &[url]));
    for (rule, status, code) in [
        (
            "imageMogr2/nonsense/1/ignore-error/1".to_owned(),
            400,
            "InvalidArgument",
        ),
        (
            "imageMogr2/thumbnail/5x/ignore-error/1".to_owned(),
            400,
            "InvalidArgument",
        ),
        (
            image("http://elsewhere.example/b.jpg"),
            400,
            "InvalidImageSource",
        ),
        (
            image(&format!("http://{HOST}/absent.jpg")),
            404,
            "NoSuchKey",
        ),
    ] {
        let operations = operations("/copy", &rule);
        let headers = [("Pic-Operations", operations.as_str())];
        for answer in [
            server.get(&format!("/a.jpg?{rule}")),
            server.put("/new.jpg", &headers, &source),
            server.send("POST", "/a.jpg?image_process", &headers, b""),
            complete(&server, "/parts.jpg", &source, &operations),
        ] {
            refused(&answer, status, code, "");
        }
        server.lacks("/copy");
    }
}

#[test]
fn what_stands_in_is_public_only_where_anyone_may_read() {
    let rule = "/a.jpg?imageMogr2/interlace/7/ignore-error/1";
    let here = r#"[anonymous]
policy = """{"version":"2.0","statement":[{"effect":"allow","action":"cos:GetObject","resource":"*",
"condition":{"ip_equal":{"qcs:ip":"127.0.0.1"}}}]}"""
"#;
    for (policy, expected) in [(OPEN, "public, max-age=60"), (here, "private, max-age=60")] {
        let server = Server::with(policy);
        server.file("a.jpg", &jpeg(8, 8, 0));
        let answer = server.get(rule);
        assert_eq!(answer.status, 200, "{}", answer.xml("Message"));
        assert_eq!(answer.header("cache-control"), expected);
    }
}

#[test]
fn a_source_over_the_limit_is_refused_or_copied() {
    let server = Server::open();
    // One byte too long, and a JPEG by its beginning.
    let mut source = jpeg(40, 30, 0);
    source.resize((32 << 20) + 1, 0);
    server.file("a.jpg", &source);
    hides(
        &server,
        "imageMogr2/interlace/1/ignore-error/1",
        "ImageTooLarge",
        &source,
    );
    refused(
        &server.get("/a.jpg?imageMogr2/interlace/1"),
        400,
        "ImageTooLarge",
        "33554433 bytes; at most 33554432 are allowed",
    );
    // As an image of a rule it is named by its place.
    server.file("first.jpg", &jpeg(40, 30, 0));
    let rule = animate_rule("50", &[&format!("http://{HOST}/a.jpg")]);
    let answer = server.get(&format!("/first.jpg?{rule}"));
    refused(&answer, 400, "ImageTooLarge", "image 1: 33554433 bytes");
    // An upload that is too large for its rules stays open.
    let open = server.get("/?uploads").text();
    assert_eq!(open.matches("<Upload>").count(), 1, "{open}");
}

/// A picture of few bytes, and a rule that is long at work on it.
fn slow() -> (Vec<u8>, String) {
    let mut state = 1_u32;
    let row: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(4000 * 3)
    .collect();
    // Whatever its stages are, a rule encodes once; here the scans of 16 Mpx of noise at full quality are chosen.
    let rule = "imageMogr2/format/jpg/quality/100!/interlace/1";
    (png(4000, 4000, &row.repeat(4000)), rule.to_owned())
}

#[test]
fn the_deadline_ends_a_request() {
    let server = Server::with(&format!("{OPEN}[limits]\nthreads = 1\n"));
    let (source, rule) = slow();
    server.file("a.png", &source);
    let service = Service::new(server.config.clone(), |bucket| {
        mogr::open_storage(bucket, Path::new(""))
    });
    let service = service.expect("the folder can be opened");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    // Whatever runs the service ends it long before 16 Mpx of noise are encoded, however fast the machine is.
    let ask = |method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]| {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers.iter().chain(&[("host", HOST)]) {
            request = request.header(*name, *value);
        }
        let deadline = Some(Instant::now() + Duration::from_millis(60));
        let front = Front {
            deadline,
            ..Front::default()
        };
        let request = request.extension(front).body(Bytes::copy_from_slice(body));
        runtime.block_on(async {
            let answer = service.answer(request.expect("a request")).await;
            let (head, body) = answer.into_parts();
            let body = body.collect(u64::MAX).await.expect("a whole body");
            (head, body)
        })
    };
    let told = |headers: &HeaderMap, name: &str| {
        let value = headers.get(name).map(|value| value.to_str());
        value.map_or(String::new(), |text| text.expect("text").to_owned())
    };
    let (head, body) = ask("GET", &format!("/a.png?{rule}"), &[], b"");
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(text.contains("<Code>RequestTimeout</Code>"), "{text}");
    assert_eq!(head.status, 400);
    assert_eq!(told(&head.headers, "x-errno"), "-901");
    let (head, body) = ask("GET", &format!("/a.png?{rule}/ignore-error/1"), &[], b"");
    let ignored = told(&head.headers, "x-mogr-ignored-error");
    assert_eq!((head.status.as_u16(), &*ignored), (200, "RequestTimeout"));
    assert!(body == source);
    let document = operations("/out.png", &rule);
    let headers = [("pic-operations", &*document)];
    let (head, body) = ask("PUT", "/new.png", &headers, &source);
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(text.contains("<Code>RequestTimeout</Code>"), "{text}");
    assert!(text.contains("the original was stored"), "{text}");
    let number = told(&head.headers, "x-errno");
    assert_eq!(number, "", "a number of downloads alone");
    server.lacks("/out.png");
    assert_eq!(server.get("/new.png").status, 200);
}

#[test]
fn too_many_at_once_are_told_to_slow_down() {
    let server = Server::with(&format!("{OPEN}[limits]\nconcurrency = 1\nqueue = 1\n"));
    let (source, rule) = slow();
    server.file("a.png", &source);
    // One works, one has read its source, one waits.
    let busy = occupy(&server, &rule, 3);
    let out = operations("/out", &rule);
    let with = [("Pic-Operations", out.as_str())];
    for (answer, words) in [
        (server.get(&format!("/a.png?{rule}")), ""),
        (server.send("POST", "/a.png?image_process", &with, b""), ""),
        (
            server.put("/b.png", &with, &source),
            "the original was stored",
        ),
    ] {
        refused(&answer, 503, "SlowDown", words);
        assert_eq!(answer.header("retry-after"), "2");
        assert_eq!(answer.header("x-errno"), "");
    }
    // What needs no work is done.
    assert_eq!(server.get("/b.png").body, source);
    server.lacks("/out");
    // Clients that go away give their places back.
    drop(busy);
    let started = Instant::now();
    while server.get("/a.png?imageMogr2/interlace/1").status != 200 {
        assert!(
            started.elapsed().as_secs() < 20,
            "the places do not come back"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Clients that ask for `rule` on `/a.png` and wait, so many that one more is refused.
fn occupy(server: &Server, rule: &str, count: usize) -> Vec<TcpStream> {
    let ask = |target: &str| {
        let mut client = TcpStream::connect(server.address).expect("the server listens");
        let request = format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        client.write_all(request.as_bytes()).expect("sent");
        client
    };
    let target = format!("/a.png?{rule}");
    let mut clients: Vec<TcpStream> = std::iter::repeat_with(|| ask(&target))
        .take(count)
        .collect();
    server.file("probe.jpg", &jpeg(8, 8, 0));
    let started = Instant::now();
    loop {
        assert!(started.elapsed().as_secs() < 20, "never refused");
        let mut probe = ask("/probe.jpg?imageMogr2/format/png");
        let within = |client: &TcpStream, ms| {
            let timeout = Some(Duration::from_millis(ms));
            client.set_read_timeout(timeout).expect("a timeout");
        };
        // A probe that has to wait goes away, and asks again.
        within(&probe, 100);
        let mut status = [0; 12];
        let mut is_full = probe.read_exact(&mut status).is_ok() && status == *b"HTTP/1.1 503";
        // It can have taken the place of a client, who was refused.
        for client in &mut clients {
            within(client, 1);
            if client.peek(&mut status).is_ok() {
                *client = ask(&target);
                is_full = false;
            }
        }
        if is_full {
            return clients;
        }
    }
}

#[test]
fn an_unchanged_result_needs_no_place() {
    let server = Server::with(&format!("{OPEN}[limits]\nconcurrency = 1\nqueue = 0\n"));
    let (source, rule) = slow();
    server.file("a.png", &source).file("b.jpg", &jpeg(8, 8, 0));
    let etag = server.get("/b.jpg?imageMogr2/interlace/1");
    let etag = etag.header("etag");
    let _busy = occupy(&server, &rule, 2);
    let conditional = |etag: &str| {
        let headers = [("If-None-Match", etag)];
        server.send("GET", "/b.jpg?imageMogr2/interlace/1", &headers, b"")
    };
    assert_eq!(conditional("\"other\"").status, 503);
    assert_eq!(conditional(etag).status, 304);
}
