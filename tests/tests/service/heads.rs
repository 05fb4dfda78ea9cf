//! Bodies come after heads: what is refused is refused by the head, before anything of the body is asked for, whatever host
//! has the request.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::Request;
use shared::config::Outside;
use shared::{Broken, Config, Incoming, Service};
use tempfile::TempDir;

use crate::server::{BUCKET, HOST};
use crate::signer::{key_table, presigned};

/// A service over a temporary folder, without a host before it.
struct Bare {
    service: Service,
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
}

/// How many times a body was asked for more, and how many bytes it gave.
#[derive(Default)]
struct Asked {
    times: AtomicU64,
    bytes: AtomicU64,
}

/// One request, of which the body comes in `parts`.
struct Sent<'a> {
    method: &'a str,
    target: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    parts: Vec<Bytes>,
    /// What the head says of its length.
    len: Option<u64>,
}

impl<'a> Sent<'a> {
    fn new(method: &'a str, target: &'a str, body: &'static [u8]) -> Self {
        Self {
            method,
            target,
            headers: Vec::new(),
            parts: vec![Bytes::from_static(body)],
            len: Some(body.len() as u64),
        }
    }

    fn with(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    fn len(mut self, len: Option<u64>) -> Self {
        self.len = len;
        self
    }
}

struct Answered {
    status: u16,
    text: String,
    /// Of the body of the request.
    asked: u64,
    given: u64,
}

impl Bare {
    fn with(lines: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let text =
            format!("[[bucket]]\nname = \"{BUCKET}\"\nfolder = \".\"\ndefault = true\n{lines}");
        let outside = Outside {
            env: &|_| None,
            file: &|_| Err(std::io::ErrorKind::NotFound.into()),
        };
        let config = Config::parse(&text, &outside).expect("the configuration is right");
        let path = folder.path().to_owned();
        let service = Service::new(config, |bucket| {
            mogr::open_storage(bucket, Path::new(&path))
        });
        Self {
            service: service.expect("the folder can be opened"),
            folder,
            runtime: tokio::runtime::Runtime::new().expect("a runtime"),
        }
    }

    fn send(&self, sent: Sent) -> Answered {
        let asked = Arc::new(Asked::default());
        let counts = Arc::clone(&asked);
        let mut parts = sent.parts.into_iter();
        let body = futures_util::stream::poll_fn(move |_| {
            counts.times.fetch_add(1, Ordering::Relaxed);
            let part = parts.next();
            let bytes = part.as_ref().map_or(0, Bytes::len) as u64;
            counts.bytes.fetch_add(bytes, Ordering::Relaxed);
            std::task::Poll::Ready(part.map(Ok::<_, Broken>))
        });
        let mut request = Request::builder()
            .method(sent.method)
            .uri(sent.target)
            .header("host", HOST);
        for (name, value) in sent.headers {
            request = request.header(name, value);
        }
        if let Some(len) = sent.len {
            request = request.header("content-length", len);
        }
        let request = request
            .body(Incoming::new(body, sent.len))
            .expect("a request");
        let (status, text) = self.runtime.block_on(async {
            let answer = self.service.answer(request).await;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect(1 << 20).await;
            let body = body.expect("an answer");
            (status, String::from_utf8_lossy(&body).into_owned())
        });
        Answered {
            status,
            text,
            asked: asked.times.load(Ordering::Relaxed),
            given: asked.bytes.load(Ordering::Relaxed),
        }
    }

    /// Refused by its head alone.
    #[track_caller]
    fn refuses(&self, sent: Sent, status: u16, code: &str) {
        let what = format!("{} {} {:?}", sent.method, sent.target, sent.headers);
        let answer = self.send(sent);
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
        assert!(
            answer.text.contains(&format!("<Code>{code}</Code>")),
            "{what}: {}",
            answer.text
        );
        assert_eq!(answer.asked, 0, "{what} was asked for its body");
    }

    fn has(&self, key: &str) -> bool {
        self.folder.path().join(key).exists()
    }
}

const OPERATIONS: &str = r#"{"rules":[{"fileid":"/elsewhere","rule":"imageMogr2/interlace/1"}]}"#;
const MD5: &str = "O20gsFeLwBrjlUlqNgzj4g==";

/// May write under `in/`, and complete there.
const SOME: &str = r#"[anonymous]
policy = """{"version":"2.0","statement":[
{"effect":"allow","action":["cos:PutObject","cos:UploadPart","cos:CompleteMultipartUpload"],"resource":"qcs::cos::uid/1250000000:examples-1250000000/in/*"}]}"""
[limits]
put_bytes = 1000
"#;

#[test]
fn a_refusal_asks_for_nothing_of_the_body() {
    let bare = Bare::with(SOME);
    let put = |target| Sent::new("PUT", target, b"body");
    let post = |target| Sent::new("POST", target, b"<Delete/>");
    bare.refuses(put("/out/a"), 403, "AccessDenied");
    bare.refuses(put("/out/a").len(None), 403, "AccessDenied");
    bare.refuses(put("/in/a?q-ak=x"), 403, "AccessDenied");
    bare.refuses(
        put("/in/a").with("origin", "https://evil.example"),
        403,
        "AccessDenied",
    );
    bare.refuses(put("/in/a?acl"), 400, "InvalidRequest");
    bare.refuses(put("/in/a").with("host", "b"), 400, "InvalidRequest");
    bare.refuses(put("/"), 400, "InvalidArgument");
    bare.refuses(
        put("/in/a").with("content-md5", "no digest"),
        400,
        "InvalidDigest",
    );
    bare.refuses(
        put("/in/a").with("x-cos-acl", "public-read"),
        400,
        "InvalidRequest",
    );
    bare.refuses(put("/in/a").len(Some(1001)), 400, "EntityTooLarge");
    // Its result would go where nobody may write.
    bare.refuses(
        put("/in/a").with("pic-operations", OPERATIONS),
        403,
        "AccessDenied",
    );
    bare.refuses(
        put("/in/a").with("pic-operations", "{"),
        400,
        "InvalidPicOperations",
    );
    let part = "/in/a?partNumber=1&uploadId=x";
    bare.refuses(put("/out/a?partNumber=1&uploadId=x"), 403, "AccessDenied");
    bare.refuses(put("/in/a?partNumber=0&uploadId=x"), 400, "InvalidArgument");
    bare.refuses(put(part).len(Some(1001)), 400, "EntityTooLarge");
    let complete = post("/in/a?uploadId=x").with("pic-operations", OPERATIONS);
    bare.refuses(complete, 403, "AccessDenied");
    bare.refuses(post("/out/a?uploadId=x"), 403, "AccessDenied");
    bare.refuses(
        post("/in/a?uploadId=x").len(Some((2 << 20) + 1)),
        400,
        "EntityTooLarge",
    );
    // Whoever may delete no key at all.
    bare.refuses(
        post("/?delete").with("content-md5", MD5),
        403,
        "AccessDenied",
    );
    // What is allowed is asked for, and stored.
    let stored = bare.send(put("/in/a"));
    assert_eq!((stored.status, stored.given), (200, 4), "{}", stored.text);
    assert!(bare.has("in/a") && !bare.has("out"));
}

#[test]
fn a_signature_that_does_not_hold_asks_for_nothing() {
    let bare = Bare::with(&key_table("key", "policy = \"open\""));
    let target = presigned("key", "PUT", HOST, "/a");
    let put = |target| Sent::new("PUT", target, b"body");
    let other = presigned("key", "PUT", HOST, "/b").replace("/b?", "/a?");
    bare.refuses(put(&other), 403, "SignatureDoesNotMatch");
    let unknown = target.replace("q-ak=key", "q-ak=nobody");
    bare.refuses(put(&unknown), 403, "InvalidAccessKeyId");
    // Operations that a signature leaves out, and parameters that choose the operation.
    bare.refuses(
        put(&target).with("pic-operations", OPERATIONS),
        403,
        "AccessDenied",
    );
    let part = format!("{target}&partNumber=1&uploadId=x");
    bare.refuses(put(&part), 403, "AccessDenied");
    let stored = bare.send(put(&target));
    assert_eq!((stored.status, stored.given), (200, 4), "{}", stored.text);
}

/// A body of unknown length is given up with the part that passes its limit.
#[test]
fn no_more_is_read_than_is_allowed() {
    let bare = Bare::with("[anonymous]\npolicy = \"open\"\n[limits]\nput_bytes = 1000\n");
    let parts = |count: usize| vec![Bytes::from_static(&[b' '; 400]); count];
    let endless = Sent {
        parts: parts(1_000_000),
        ..Sent::new("PUT", "/a", b"").len(None)
    };
    let answer = bare.send(endless);
    assert!(answer.text.contains("EntityTooLarge"), "{}", answer.text);
    assert_eq!(answer.given, 1200);
    let fits = Sent {
        parts: parts(2),
        ..Sent::new("PUT", "/a", b"").len(None)
    };
    assert_eq!(bare.send(fits).status, 200);
    for target in ["/?delete", "/a?uploadId=x"] {
        let endless = Sent {
            parts: parts(1_000_000),
            ..Sent::new("POST", target, b"").len(None)
        };
        let answer = bare.send(endless.with("content-md5", MD5));
        assert!(answer.text.contains("EntityTooLarge"), "{}", answer.text);
        assert!(
            answer.given <= (2 << 20) + 400,
            "{target}: {}",
            answer.given
        );
    }
    // What needs no body is asked for none.
    for (method, target) in [
        ("GET", "/a"),
        ("HEAD", "/a"),
        ("POST", "/b?uploads"),
        ("DELETE", "/a"),
    ] {
        let answer = bare.send(Sent::new(method, target, b"body"));
        assert!(answer.status < 300, "{}", answer.text);
        assert_eq!(answer.asked, 0, "{method} {target}");
    }
}

/// The head of a form is its fields: of a file that may not be stored, nothing is asked for; of fields, no more than 64 KiB.
#[test]
fn the_fields_of_a_form_are_its_head() {
    let bare = Bare::with(SOME);
    let boundary = ("content-type", "multipart/form-data; boundary=x");
    let field = |name: &str, value: &str| {
        let name = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        Bytes::from(format!("{name}{value}\r\n"))
    };
    let file = Bytes::from_static(
        b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n",
    );
    let (key, rest) = (field("key", "out/a"), Bytes::from_static(&[b' '; 900]));
    let head = (key.len() + file.len()) as u64;
    let form = Sent {
        parts: vec![key, file, rest.clone()],
        ..Sent::new("POST", "/", b"").len(Some(head + 900))
    };
    let answer = bare.send(form.with(boundary.0, boundary.1));
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert!(answer.text.contains("PostObject"), "{}", answer.text);
    assert_eq!((answer.asked, answer.given), (2, head));

    let endless = Sent {
        parts: vec![rest; 1_000_000],
        ..Sent::new("POST", "/", b"").len(None)
    };
    let answer = bare.send(endless.with(boundary.0, boundary.1));
    let code = "MaxPostPreDataLengthExceeded";
    assert!(answer.text.contains(code), "{}", answer.text);
    assert!(answer.given <= 64 * 1024 + 900, "{}", answer.given);
}

/// Until its fields are read nobody knows who sends a form, so only so many are read at once, and the next is told to come
/// again.
#[test]
fn only_so_many_forms_are_read_at_once() {
    let bare = Bare::with(SOME);
    let request = || {
        let never = futures_util::stream::pending::<Result<Bytes, Broken>>();
        Request::builder()
            .method("POST")
            .uri("/")
            .header("host", HOST)
            .header("content-type", "multipart/form-data; boundary=x")
            .body(Incoming::new(never, None))
            .expect("a request")
    };
    let _inside = bare.runtime.enter();
    let poll = |answer: &mut std::pin::Pin<Box<dyn Future<Output = u16> + '_>>| {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        answer.as_mut().poll(&mut context)
    };
    let answer = || -> std::pin::Pin<Box<dyn Future<Output = u16> + '_>> {
        let answer = bare.service.answer(request());
        Box::pin(async { answer.await.status().as_u16() })
    };
    let mut waiting: Vec<_> = (0..64).map(|_| answer()).collect();
    for answer in &mut waiting {
        assert!(poll(answer).is_pending());
    }
    assert!(matches!(poll(&mut answer()), std::task::Poll::Ready(503)));
    waiting.pop();
    assert!(poll(&mut answer()).is_pending());
}
