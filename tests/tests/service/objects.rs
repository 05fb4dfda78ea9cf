//! The object API around the rules.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use service_tests::jpeg;

use crate::server::{BUCKET, HOST, Server};
use crate::signer::{key_table, policy, send};

#[test]
fn what_is_put_is_got() {
    let server = Server::open();
    let put = server.put(
        "/dir/a%20b%2Bc+d.txt",
        &[
            ("Content-Type", "text/plain"),
            ("x-cos-meta-author", "someone"),
            ("Cache-Control", "max-age=5"),
        ],
        b"hello",
    );
    assert_eq!((put.status, put.body.len()), (200, 0));
    assert_eq!(put.header("etag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    // CRC-64/XZ of `hello`, by an independent program.
    assert_eq!(put.header("x-cos-hash-crc64ecma"), "11177612005948864433");
    let got = server.get("/dir%2Fa%20b%2Bc%2Bd.txt");
    assert_eq!((got.status, got.body.as_slice()), (200, &b"hello"[..]));
    for (name, value) in [
        ("content-type", "text/plain"),
        ("x-cos-meta-author", "someone"),
        ("cache-control", "max-age=5"),
        ("content-length", "5"),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
    assert!(!got.header("last-modified").is_empty() && !got.header("date").is_empty());
    let head = server.send("HEAD", "/dir/a%20b%2Bc+d.txt", &[], b"");
    assert_eq!((head.status, head.header("content-length")), (200, "5"));
    assert_eq!(
        server
            .send("DELETE", "/dir/a%20b%2Bc+d.txt", &[], b"")
            .status,
        204
    );
    server.lacks("/dir/a%20b%2Bc+d.txt");
    assert_eq!(
        server
            .send("DELETE", "/dir/a%20b%2Bc+d.txt", &[], b"")
            .status,
        204
    );
}

#[test]
fn conditions_and_ranges() {
    let server = Server::open();
    let etag = server
        .put("/a", &[], b"0123456789")
        .header("etag")
        .to_owned();
    let get = |name: &str, value: &str| server.send("GET", "/a", &[(name, value)], b"");
    let same = get("If-None-Match", &etag);
    assert_eq!(
        (same.status, same.header("content-length"), same.body.len()),
        (304, "0", 0)
    );
    assert_eq!(get("If-None-Match", "\"other\"").status, 200);
    assert_eq!(
        get("If-Match", "\"other\"").xml("Code"),
        "PreconditionFailed"
    );
    for (range, status, body) in [
        ("bytes=0-3", 206, "0123"),
        ("bytes=8-", 206, "89"),
        ("bytes=-3", 206, "789"),
        ("bytes=5-100", 206, "56789"),
        ("bytes=3-2", 200, "0123456789"),
        ("lines=1-2", 200, "0123456789"),
    ] {
        let answer = get("Range", range);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (status, body),
            "{range}"
        );
    }
    assert_eq!(
        get("Range", "bytes=0-3").header("content-range"),
        "bytes 0-3/10"
    );
    let past = get("Range", "bytes=10-");
    assert_eq!(
        (past.status, past.xml("Code").as_str()),
        (416, "InvalidRange")
    );
}

#[test]
fn digests_are_checked() {
    let server = Server::open();
    let right = STANDARD.encode([
        0x5d, 0x41, 0x40, 0x2a, 0xbc, 0x4b, 0x2a, 0x76, 0xb9, 0x71, 0x9d, 0x91, 0x10, 0x17, 0xc5,
        0x92,
    ]);
    assert_eq!(
        server
            .put("/a", &[("Content-MD5", &right)], b"hello")
            .status,
        200
    );
    let wrong = server.put("/b", &[("Content-MD5", &right)], b"hellO");
    assert_eq!(
        (wrong.status, wrong.xml("Code").as_str()),
        (400, "BadDigest")
    );
    assert_eq!(
        server
            .put("/b", &[("Content-MD5", "xyz")], b"hello")
            .xml("Code"),
        "InvalidDigest"
    );
    server.lacks("/b");
    let large = "v".repeat(3000);
    assert_eq!(
        server
            .put("/b", &[("x-cos-meta-a", &large)], b"")
            .xml("Code"),
        "MetadataTooLarge"
    );
}

#[test]
fn lists_come_in_pages() {
    let server = Server::open();
    for key in ["a/1", "a/2", "b", "c/1", "d%26%3C"] {
        assert_eq!(server.put(&format!("/{key}"), &[], b"x").status, 200);
    }
    let all = server.get("/");
    assert_eq!(all.status, 200);
    assert_eq!(all.text().matches("<Contents>").count(), 5);
    assert!(all.text().contains("<Key>d&amp;&lt;</Key>"));
    assert_eq!(all.xml("IsTruncated"), "false");
    let grouped = server.get("/?delimiter=/");
    assert_eq!(grouped.text().matches("<CommonPrefixes>").count(), 2);
    assert_eq!(grouped.text().matches("<Contents>").count(), 2);
    let page = server.get("/?max-keys=2");
    assert_eq!(
        (
            page.xml("IsTruncated").as_str(),
            page.xml("NextMarker").as_str()
        ),
        ("true", "a/2")
    );
    let next = server.get("/?max-keys=2&marker=a%2F2&encoding-type=url");
    assert!(next.text().contains("<Key>b</Key>") && next.text().contains("<Key>c/1</Key>"));
    assert_eq!(
        server
            .get("/?prefix=c")
            .text()
            .matches("<Contents>")
            .count(),
        1
    );
    assert_eq!(server.get("/?max-keys=many").xml("Code"), "InvalidArgument");
    assert_eq!(server.send("HEAD", "/", &[], b"").status, 200);
}

#[test]
fn uploads_in_parts_are_joined_and_may_be_processed() {
    let server = Server::open();
    let source = service_tests::jpeg(300, 300, 4);
    let (first, second) = source.split_at(source.len() / 2);
    let begun = server.send(
        "POST",
        "/big.jpg?uploads",
        &[("Content-Type", "image/jpeg")],
        b"",
    );
    let id = begun.xml("UploadId");
    assert!(!id.is_empty(), "{}", begun.text());
    let part = |number: u32, bytes: &[u8]| {
        let answer = server.put(
            &format!("/big.jpg?partNumber={number}&uploadId={id}"),
            &[],
            bytes,
        );
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.header("etag").to_owned()
    };
    let tags = [part(1, first), part(2, second)];
    assert!(server.get("/?uploads").text().contains(&id));
    assert_eq!(
        server
            .get(&format!("/big.jpg?uploadId={id}"))
            .text()
            .matches("<Part>")
            .count(),
        2
    );
    let document = |tags: &[String]| {
        let mut parts = String::new();
        for (n, tag) in tags.iter().enumerate() {
            let number = n + 1;
            let _ = write!(
                parts,
                "<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
            );
        }
        format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
    };
    let complete = |body: &str, operations: &str| {
        server.send(
            "POST",
            &format!("/big.jpg?uploadId={id}"),
            &[("Pic-Operations", operations)],
            body.as_bytes(),
        )
    };
    let rules = r#"{"is_pic_info":1,"rules":[{"fileid":"p.jpg","rule":"imageMogr2/interlace/1"}]}"#;
    // Faults of the request leave the upload open.
    assert_eq!(
        complete(&document(&tags), "{").xml("Code"),
        "InvalidPicOperations"
    );
    assert_eq!(complete("<x/>", rules).xml("Code"), "MalformedXML");
    let wrong = [tags[0].clone(), "\"0\"".to_owned()];
    assert_eq!(
        complete(&document(&wrong), rules).xml("Code"),
        "InvalidPart"
    );
    let absent = service_tests::animate_rule("50", &[&format!("http://{HOST}/absent.jpg")]);
    let absent = format!(r#"{{"rules":[{{"fileid":"a.gif","rule":"{absent}"}}]}}"#);
    let answer = complete(&document(&tags), &absent);
    assert_eq!(
        (answer.status, answer.xml("Code").as_str()),
        (404, "NoSuchKey")
    );
    assert!(answer.xml("Message").contains("a.gif"), "{}", answer.text());
    server.lacks("/big.jpg");
    let done = complete(&document(&tags), rules);
    assert_eq!(done.status, 200, "{}", done.text());
    assert!(done.text().contains("<CompleteMultipartUploadResult>"));
    assert!(
        done.text()
            .contains("<ProcessResults><Object><Key>p.jpg</Key>"),
        "{}",
        done.text()
    );
    assert!(
        done.text()
            .contains("<ImageInfo><Format>JPEG</Format><Width>300</Width>")
    );
    assert_eq!(server.get("/big.jpg").body, source);
    assert_eq!(
        service_tests::frame_marker(&server.get("/p.jpg").body),
        Some(0xC2)
    );
    assert_eq!(
        complete(&document(&tags), rules).xml("Code"),
        "NoSuchUpload"
    );
}

#[test]
fn what_was_joined_stays_where_a_rule_fails_on_it() {
    let server = Server::open();
    let begun = server.send("POST", "/text.jpg?uploads", &[], b"");
    let target = format!("/text.jpg?uploadId={}", begun.xml("UploadId"));
    let part = server.put(&format!("{target}&partNumber=1"), &[], b"no picture");
    let tag = part.header("etag");
    let document = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>"
    );
    let rules = r#"{"rules":[{"fileid":"p.jpg","rule":"imageMogr2/interlace/1"}]}"#;
    let headers = [("Pic-Operations", rules)];
    let answer = server.send("POST", &target, &headers, document.as_bytes());
    assert_eq!(
        (answer.status, answer.xml("Code").as_str()),
        (400, "InvalidImageFormat")
    );
    let message = answer.xml("Message");
    assert!(message.contains("the original was stored"), "{message}");
    assert_eq!(server.get("/text.jpg").body, b"no picture");
    server.lacks("/p.jpg");
}

#[test]
fn a_source_named_in_utf_8_is_copied() {
    let server = Server::open();
    server.file("图 a.jpg", b"source").file("b.jpg", b"target");
    let copy = |headers: &[(&str, &str)]| server.put("/b.jpg", headers, b"");
    let source = format!("{HOST}/图%20a.jpg");
    let both = [
        ("x-cos-copy-source", source.as_str()),
        ("Pic-Operations", "{}"),
    ];
    let refused = copy(&both);
    assert_eq!(
        (refused.status, refused.xml("Code").as_str()),
        (400, "InvalidArgument")
    );
    let head = format!("PUT /b.jpg HTTP/1.1\r\nHost: {HOST}\r\nx-cos-copy-source: {HOST}/");
    let mut latin = head.into_bytes();
    latin.extend_from_slice(b"\xfc.jpg\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let answer = service_tests::exchange(server.address, &latin);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(server.get("/b.jpg").body, b"target");
    let copied = copy(&both[..1]);
    assert_eq!(copied.status, 200, "{}", copied.text());
    assert_eq!(server.get("/b.jpg").body, b"source");
}

#[test]
fn objects_are_copied() {
    let server = Server::open();
    server.put(
        "/a%20b.txt",
        &[("x-cos-meta-k", "v"), ("Content-Type", "text/plain")],
        b"hello",
    );
    let source = format!("{HOST}/a%20b.txt");
    let copied = server.put("/copy", &[("x-cos-copy-source", &source)], b"");
    assert_eq!(copied.status, 200, "{}", copied.text());
    assert_eq!(copied.xml("ETag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    let copy = server.get("/copy");
    assert_eq!(
        (copy.text().as_str(), copy.header("x-cos-meta-k")),
        ("hello", "v")
    );
    let replaced = [
        ("x-cos-copy-source", source.as_str()),
        ("x-cos-metadata-directive", "Replaced"),
        ("Content-Type", "text/css"),
    ];
    assert_eq!(server.put("/copy", &replaced, b"").status, 200);
    assert_eq!(server.get("/copy").header("content-type"), "text/css");
    assert_eq!(server.get("/copy").header("x-cos-meta-k"), "");
    assert_eq!(
        server
            .put("/x", &[("x-cos-copy-source", "evil.net/a")], b"")
            .xml("Code"),
        "InvalidArgument"
    );
    let absent = format!("{HOST}/absent");
    assert_eq!(
        server
            .put("/x", &[("x-cos-copy-source", &absent)], b"")
            .xml("Code"),
        "NoSuchKey"
    );
}

#[test]
fn odd_keys_are_names_not_paths() {
    let server = Server::open();
    for key in [
        "/../../outside",
        "/a//b",
        "/a/",
        "/a/b/../c",
        "/%E7%9B%AE%E5%BD%95/x%20y",
        "/a/b",
        "/a",
        "/.mogr/x",
        "/con",
        "/A",
    ] {
        let body = key.as_bytes();
        assert_eq!(server.put(key, &[], body).status, 200, "{key}");
    }
    for key in [
        "/../../outside",
        "/a//b",
        "/a/",
        "/a/b/../c",
        "/%E7%9B%AE%E5%BD%95/x%20y",
        "/a/b",
        "/a",
        "/.mogr/x",
        "/con",
        "/A",
    ] {
        assert_eq!(server.get(key).text(), key, "{key}");
    }
    let beside = std::fs::read_dir(server.folder.path())
        .expect("the folder")
        .count();
    assert_eq!(beside, 1, "nothing is outside the bucket's folder");
    let long = format!("/{}", "k".repeat(1025));
    assert_eq!(server.put(&long, &[], b"x").xml("Code"), "KeyTooLong");
    let deep = format!("/{}k", "d/".repeat(64));
    assert_eq!(server.put(&deep, &[], b"deep").status, 200);
    assert_eq!(server.get(&deep).text(), "deep");
    let deeper = server.put(&format!("/{}k", "d/".repeat(65)), &[], b"x");
    assert_eq!(deeper.xml("Code"), "InvalidObjectName");
    let found = "the object key has 65 slashes; at most 64 are allowed";
    assert_eq!(deeper.xml("Message"), found);
    assert_eq!(server.put("/%ff", &[], b"x").xml("Code"), "InvalidURI");
}

#[test]
fn browsers_of_allowed_origins_may_ask() {
    let server = Server::with(
        "[anonymous]\npolicy = \"open\"\n[[cors]]\norigins = [\"https://*.example.com\"]\nmethods = [\"GET\", \"PUT\"]\n\
         headers = [\"*\"]\nexpose = [\"ETag\"]\nmax_age = 600\n",
    );
    let preflight = |origin: &str, method: &str| {
        let headers = [
            ("Origin", origin),
            ("Access-Control-Request-Method", method),
            (
                "Access-Control-Request-Headers",
                "authorization, pic-operations",
            ),
        ];
        server.send("OPTIONS", "/a", &headers, b"")
    };
    let allowed = preflight("https://www.example.com", "PUT");
    assert_eq!(allowed.status, 200);
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        "https://www.example.com"
    );
    assert_eq!(
        allowed.header("access-control-allow-headers"),
        "authorization, pic-operations"
    );
    assert_eq!(preflight("https://evil.net", "PUT").status, 403);
    assert_eq!(preflight("https://www.example.com", "DELETE").status, 403);
    server.put("/a", &[], b"x");
    let got = server.send("GET", "/a", &[("Origin", "https://www.example.com")], b"");
    assert_eq!(got.header("access-control-expose-headers"), "ETag");
    assert_eq!(server.get("/a").header("access-control-allow-origin"), "");
}

/// A `Content-MD5` of `body`, told by the server's own tag of it.
fn content_md5(server: &Server, body: &str) -> String {
    let stored = server.put("/digest", &[], body.as_bytes());
    let etag = stored.header("etag").trim_matches('"').to_owned();
    let digest = (0..16).map(|n| u8::from_str_radix(&etag[2 * n..2 * n + 2], 16).expect("hex"));
    STANDARD.encode(digest.collect::<Vec<_>>())
}

const DELETE_ALL: &str =
    "<Delete><Object><Key>a</Key></Object><Object><Key>none</Key></Object></Delete>";

#[test]
fn many_are_deleted_by_a_body_with_its_digest() {
    let server = Server::open();
    server.put("/a", &[], b"x");
    let digest = content_md5(&server, DELETE_ALL);
    let delete =
        |headers: &[(&str, &str)]| server.send("POST", "/?delete", headers, DELETE_ALL.as_bytes());
    let without = delete(&[]);
    assert_eq!(without.xml("Code"), "InvalidArgument");
    assert!(without.xml("Message").contains("Content-MD5"));
    let wrong = delete(&[("Content-MD5", &digest.replace(&digest[..2], "AA"))]);
    assert_eq!(wrong.xml("Code"), "BadDigest");
    assert_eq!(server.get("/a").status, 200);
    let deleted = delete(&[("Content-MD5", &digest)]);
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    assert_eq!(deleted.text().matches("<Deleted>").count(), 2);
    server.lacks("/a");

    // One version is not the object.
    server.put("/b", &[], b"x");
    let one_version = "<Delete><Object><VersionId>1</VersionId><Key>b</Key></Object><Object><Key>c</Key></Object></Delete>";
    let digest = content_md5(&server, one_version);
    let headers = [("Content-MD5", digest.as_str())];
    let answer = server.send("POST", "/?delete", &headers, one_version.as_bytes());
    assert_eq!(answer.text().matches("<Deleted>").count(), 1);
    assert_eq!(answer.xml("Code"), "InvalidRequest");
    assert!(answer.xml("Message").contains("one version"));
    assert_eq!(server.get("/b").status, 200);
}

/// What a browser sends without asking first, on behalf of any page.
#[test]
fn pages_of_other_origins_change_nothing() {
    let server = Server::with(
        "[anonymous]\npolicy = \"open\"\n[[cors]]\norigins = [\"https://app.example\"]\nmethods = [\"POST\"]\n",
    );
    server.put("/a", &[], b"x");
    let digest = content_md5(&server, DELETE_ALL);
    let send = |method: &str, target: &str, headers: &[(&str, &str)]| {
        let md5 = [("Content-MD5", digest.as_str())];
        let headers = [headers, &md5[..]].concat();
        server.send(method, target, &headers, DELETE_ALL.as_bytes())
    };
    for (method, target) in [
        ("POST", "/?delete"),
        ("POST", "/new?uploads"),
        ("PUT", "/new"),
        ("DELETE", "/a"),
    ] {
        for headers in [
            &[("Origin", "https://evil.example")][..],
            &[("Origin", "null"), ("Sec-Fetch-Site", "cross-site")],
        ] {
            let answer = send(method, target, headers);
            let code = answer.xml("Code");
            assert_eq!((answer.status, code.as_str()), (403, "AccessDenied"));
        }
    }
    assert_eq!(server.get("/a").status, 200);
    server.lacks("/new");
    let own = format!("http://{HOST}");
    let allowed = [
        ("Origin", "https://app.example"),
        ("Origin", own.as_str()),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    for header in allowed {
        assert_eq!(send("POST", "/new?uploads", &[header]).status, 200);
    }
    let foreign = [("Origin", "https://evil.example")];
    assert_eq!(server.send("GET", "/a", &foreign, b"").status, 200);
}

#[test]
fn nothing_is_overwritten_that_must_not_be() {
    let server = Server::open();
    let etag = server.put("/held", &[], b"held").header("etag").to_owned();
    server.put("/source", &[], b"source");
    let source = format!("{HOST}/source");
    let id = server
        .send("POST", "/held?uploads", &[], b"")
        .xml("UploadId");
    let part = server.put(&format!("/held?partNumber=1&uploadId={id}"), &[], b"part");
    let document = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        part.header("etag")
    );
    let operations =
        r#"{"rules":[{"fileid":"/result","rule":"imageMogr2/interlace/1/ignore-error/1"}]}"#;
    let put = |condition| server.put("/held", &[condition], b"new");
    let processed = |condition| {
        server.put(
            "/held",
            &[condition, ("Pic-Operations", operations)],
            b"new",
        )
    };
    let copy = |condition| {
        let from = ("x-cos-copy-source", source.as_str());
        server.put("/held", &[from, condition], b"")
    };
    let complete = |condition| {
        let target = format!("/held?uploadId={id}");
        server.send("POST", &target, &[condition], document.as_bytes())
    };
    for condition in [
        ("x-cos-forbid-overwrite", "true"),
        ("If-None-Match", "*"),
        ("If-Match", "\"0123\""),
    ] {
        for (how, answer) in [
            ("put", put(condition)),
            ("processed", processed(condition)),
            ("copy", copy(condition)),
            ("complete", complete(condition)),
        ] {
            let code = answer.xml("Code");
            assert_eq!(code, "PreconditionFailed", "{how} {condition:?}");
        }
        let begun = server.send("POST", "/held?uploads", &[condition], b"");
        assert_eq!(begun.xml("Code"), "InvalidRequest", "{condition:?}");
    }
    assert_eq!(server.get("/held").body, b"held");
    server.lacks("/result");
    assert_eq!(copy(("If-Match", &etag)).status, 200);
    assert_eq!(server.get("/held").body, b"source");
    server.send("DELETE", "/held", &[], b"");
    assert_eq!(complete(("x-cos-forbid-overwrite", "true")).status, 200);
    assert_eq!(server.get("/held").body, b"part");
    let both = [("If-None-Match", "*"), ("If-Match", etag.as_str())];
    assert_eq!(
        server.put("/held", &both, b"").xml("Code"),
        "InvalidArgument"
    );
}

#[test]
fn a_get_that_races_a_put_gets_one_of_the_two() {
    let server = Server::open();
    server.put("/a", &[], b"0");
    let address = server.address;
    std::thread::scope(|scope| {
        for writer in 1..4_u8 {
            scope.spawn(move || {
                for _ in 0..200 {
                    let headers = [("Host", HOST)];
                    service_tests::request(address, "PUT", "/a", &headers, &[writer; 5000]);
                }
            });
        }
        for round in 0..300 {
            let condition = [("If-None-Match", "\"none\"")];
            let headers = if round % 2 == 0 { &condition[..] } else { &[] };
            let answer = server.send("GET", "/a", headers, b"");
            // One that is weighed again and again may be told to try later, but not that a condition failed that it
            // never set.
            assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
            assert!(answer.body.iter().all(|byte| *byte == answer.body[0]) || answer.status == 503);
            assert!(round % 2 == 0 || answer.status == 200, "without conditions");
        }
    });
}

#[test]
fn not_modified_has_the_objects_own_cache_control() {
    let server = Server::open();
    let own = [("Cache-Control", "max-age=7")];
    let etag = server.put("/a", &own, b"x").header("etag").to_owned();
    let answer = server.send("GET", "/a", &[("If-None-Match", &etag)], b"");
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (304, "max-age=7")
    );
}

#[test]
fn what_not_everyone_may_read_is_private_whatever_its_uploader_said() {
    let table = key_table("all", "policy = \"open\"");
    let shown = policy(&format!(
        "{{\"effect\":\"allow\",\"action\":\"cos:GetObject\",\"resource\":\"qcs::cos:*:*:{BUCKET}/shown/*\"}}"
    ));
    let server = Server::with(&format!(
        "cache_control = \"public, s-maxage=9, max-age=5\"\n{table}[anonymous]\n{shown}"
    ));
    let ask = |method, target, headers: &[(&str, &str)], body: &[u8]| {
        send(&server, Some("all"), method, (HOST, target), headers, body)
    };
    let photo = jpeg(24, 16, 1);
    let said = [("Cache-Control", "public, max-age=7")];
    for key in ["/hidden/said", "/shown/said"] {
        assert_eq!(ask("PUT", key, &said, &photo).status, 200);
    }
    for key in ["/hidden/plain", "/shown/plain"] {
        assert_eq!(ask("PUT", key, &[], &photo).status, 200);
    }
    for (target, expected) in [
        ("/shown/said", "public, max-age=7"),
        ("/shown/plain", "public, s-maxage=9, max-age=5"),
        ("/hidden/said", "private, max-age=7"),
        ("/hidden/plain", "private, max-age=5"),
        (
            "/shown/said?imageMogr2/strip",
            "public, s-maxage=9, max-age=5",
        ),
        ("/hidden/said?imageMogr2/strip", "private, max-age=5"),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = ask(method, target, &[], b"");
            assert_eq!(answer.status, 200, "{target}");
            assert_eq!(
                answer.header("cache-control"),
                expected,
                "{method} {target}"
            );
            let etag = answer.header("etag").to_owned();
            let same = ask(method, target, &[("If-None-Match", &etag)], b"");
            assert_eq!(same.status, 304, "{target}");
            assert_eq!(same.header("cache-control"), expected, "304 of {target}");
        }
    }
}

#[test]
fn stored_pages_run_no_scripts_unless_they_may() {
    for (lines, expected) in [("", "sandbox"), ("active_content = true\n", "")] {
        let server = Server::with(&format!("{lines}[anonymous]\npolicy = \"open\"\n"));
        for (media_type, is_active) in [
            ("text/html; charset=utf-8", true),
            ("TEXT/HTML", true),
            ("image/svg+xml", true),
            ("application/xhtml+xml", true),
            ("text/xml", true),
            ("image/jpeg", false),
            ("text/plain", false),
            ("application/octet-stream", false),
        ] {
            server.put("/a", &[("Content-Type", media_type)], b"<script>");
            for method in ["GET", "HEAD"] {
                let answer = server.send(method, "/a", &[], b"");
                let found = answer.header("content-security-policy");
                assert_eq!(found, if is_active { expected } else { "" }, "{media_type}");
            }
        }
    }
}

#[test]
fn pages_of_other_origins_show_what_a_configured_host_serves() {
    let expected = [("", ""), ("embedding = false\n", "same-origin")];
    for (lines, expected) in expected {
        let server = Server::with(&format!("{lines}[anonymous]\npolicy = \"open\"\n"));
        server.file("a", b"x");
        for target in ["/a", "/none", "/"] {
            let answer = server.get(target);
            let found = answer.header("cross-origin-resource-policy");
            assert_eq!(found, expected, "{target}");
        }
    }
    assert!(!shared::Config::open("b", "/none".into()).embedding);
}
