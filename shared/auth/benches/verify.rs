//! Verification of what clients usually send: a presigned URL with a rule, and the headers of an SDK.
#![allow(missing_docs, clippy::unwrap_used)] // criterion's macros make items without documentation.

use std::hint::black_box;

use auth::{Access, Key, Request, Signing, Window, verify};
use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderName, HeaderValue};

const HOST: &str = "examples-1250000000.cos.ap-shanghai.myqcloud.com";
const RULE: &str = "imageMogr2/thumbnail/640x480/quality/80/format/jpg/interlace/1";
const SIGNED: &[(&str, &[u8])] = &[
    ("host", HOST.as_bytes()),
    ("content-type", b"image/jpeg"),
    ("content-md5", b"1B2M2Y8AsgTpgAmY7PhCfg=="),
    ("x-cos-acl", b"private"),
    ("x-cos-meta-author", b"someone"),
];
const WINDOW: Window = Window {
    start: 1_700_000_000,
    end: 1_700_000_360,
};

fn headers(pairs: &[(&str, &[u8])]) -> HeaderMap {
    let pair = |(name, value): &(&str, &[u8])| {
        (
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value).unwrap(),
        )
    };
    pairs.iter().map(pair).collect()
}

fn check(query: &str, headers: &HeaderMap, keys: &[Key]) {
    let request = Request {
        method: "GET",
        raw_path: b"/photos/2024/a%20picture.jpg",
        raw_query: query.as_bytes(),
        headers,
    };
    let access = verify(black_box(&request), black_box(keys), WINDOW.start + 1);
    assert!(matches!(access, Ok(Access::Signed(_))));
}

fn verification(criterion: &mut Criterion) {
    let key = Key::new("AKIDexample", "secretexample");
    let signing = |params: &'static [(&str, &str)], headers: &'static [(&str, &[u8])]| Signing {
        key: &key,
        method: "GET",
        path: b"/photos/2024/a picture.jpg",
        params,
        headers,
        window: WINDOW,
    };
    let keys = std::slice::from_ref(&key);

    let query = signing(&[(RULE, "")], &SIGNED[..1]).query();
    let sent = headers(&[
        ("host", HOST.as_bytes()),
        ("accept", b"*/*"),
        ("user-agent", b"curl/8"),
    ]);
    criterion.bench_function("presigned URL", |bencher| {
        bencher.iter(|| check(&query, &sent, keys));
    });

    let authorization = signing(&[], SIGNED).authorization();
    let mut sent = headers(SIGNED);
    sent.insert("authorization", authorization.parse().unwrap());
    criterion.bench_function("SDK headers", |bencher| {
        bencher.iter(|| check("", &sent, keys));
    });
}

/// The longest request that a front takes, of as many items as it holds, with a signature that is wrong.
fn refusal(criterion: &mut Criterion) {
    let names: Vec<_> = (0..100).map(|n| format!("n{n:02}")).collect();
    let authorization = format!(
        "q-sign-algorithm=sha1&q-ak=AKIDexample&q-sign-time={WINDOW}&q-key-time={WINDOW}&q-header-list=\
         &q-url-param-list={}&q-signature={}",
        names.join(";"),
        "0".repeat(40)
    );
    let items: Vec<_> = (0..60_000).map(|n| names[n % 100].as_str()).collect();
    let query = items.join("&");
    let sent = headers(&[("authorization", authorization.as_bytes())]);
    let keys = [Key::new("AKIDexample", "secretexample")];
    criterion.bench_function("wrong signature over 240 kB", |bencher| {
        bencher.iter(|| {
            let request = Request {
                method: "GET",
                raw_path: b"/a.jpg",
                raw_query: query.as_bytes(),
                headers: &sent,
            };
            let refused = verify(black_box(&request), &keys, WINDOW.start + 1);
            assert!(refused.is_err());
        });
    });
}

criterion_group!(benches, verification, refusal);
criterion_main!(benches);
