//! Copies between buckets and into parts, objects that grow, and storage classes.

use std::fmt::Write as _;

use service_tests::Answer;

use crate::server::{BUCKET, HOST, Server};
use crate::signer::{denied, key_table, policy, presigned, send};

const OTHER: &str = "backup-1250000000";
const OTHER_HOST: &str = "backup-1250000000.cos.ap-shanghai.myqcloud.com";

/// Two buckets, small bodies, and objects that grow to 100 bytes.
fn server(lines: &str) -> Server {
    Server::with(&format!(
        "[limits]\nput_bytes = 1000000\nappend_bytes = 100\n\
         [[bucket]]\nname = \"{OTHER}\"\nfolder = \"{{folder}}/backup\"\n{lines}"
    ))
}

fn open() -> Server {
    server("[anonymous]\npolicy = \"open\"\n")
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    let found = (answer.status, answer.xml("Code"));
    assert_eq!(found, (status, code.to_owned()), "{}", answer.text());
}

/// Puts into the other bucket.
fn put_there(server: &Server, key: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut all = vec![("Host", OTHER_HOST)];
    all.extend_from_slice(headers);
    service_tests::request(server.address, "PUT", key, &all, body)
}

fn get_there(server: &Server, key: &str) -> Answer {
    service_tests::request(server.address, "GET", key, &[("Host", OTHER_HOST)], b"")
}

/// A copy to another bucket goes through as a stream: it is not bound to what one body may have.
#[test]
fn large_objects_are_copied_between_buckets() {
    let server = open();
    let large: Vec<u8> = (0..9_000_000_u32)
        .map(|n| (n.wrapping_mul(n) >> 7) as u8)
        .collect();
    server.file("large", &large).file("small.txt", b"small");
    for (name, bytes) in [("large", &large[..]), ("small.txt", b"small")] {
        let source = format!("{HOST}/{name}");
        let copy = [
            ("x-cos-copy-source", source.as_str()),
            ("If-None-Match", "*"),
        ];
        let copied = put_there(&server, "/copy", &copy, b"");
        assert_eq!(copied.status, 200, "{}", copied.text());
        let found = get_there(&server, "/copy");
        assert!(found.body == bytes, "{name}: all bytes, in order");
        assert_eq!(found.header("etag"), copied.xml("ETag"));
        assert_eq!(found.header("x-cos-hash-crc64ecma"), copied.xml("CRC64"));
        refused(
            &put_there(&server, "/copy", &copy, b""),
            412,
            "PreconditionFailed",
        );
        let deleted = service_tests::request(
            server.address,
            "DELETE",
            "/copy",
            &[("Host", OTHER_HOST)],
            b"",
        );
        assert_eq!(deleted.status, 204);
    }
}

#[test]
fn parts_are_copied_from_ranges_of_objects() {
    let server = open();
    server.file("source", b"0123456789");
    put_there(&server, "/source", &[], b"abcdefghij");
    let begun = server.send("POST", "/joined?uploads", &[], b"");
    let upload = begun.xml("UploadId");
    let part = |number: u32, host: &str, more: &[(&str, &str)]| {
        let source = format!("{host}/source");
        let mut headers = vec![("x-cos-copy-source", source.as_str())];
        headers.extend_from_slice(more);
        let target = format!("/joined?partNumber={number}&uploadId={upload}");
        server.put(&target, &headers, b"")
    };
    let range = |text: &'static str| [("x-cos-copy-source-range", text)];
    let copied = [
        part(1, HOST, &range("bytes=2-4")),
        part(2, OTHER_HOST, &range("bytes=0-9")),
        part(3, HOST, &[]),
        part(4, OTHER_HOST, &range("bytes=9-9")),
    ];
    let mut document = "<CompleteMultipartUpload>".to_owned();
    for (index, answer) in copied.iter().enumerate() {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(
            answer.text().contains("<CopyPartResult"),
            "{}",
            answer.text()
        );
        assert!(
            answer.xml("LastModified").ends_with('Z'),
            "{}",
            answer.text()
        );
        let (number, etag) = (index + 1, answer.xml("ETag"));
        write!(
            document,
            "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        )
        .expect("a text takes all");
    }
    document += "</CompleteMultipartUpload>";
    for wrong in [
        "bytes=+1-+2",
        "bytes=8-10",
        "bytes=4-2",
        "bytes=-3",
        "bytes=3-",
        "3-4",
        "bytes=1-2,4-5",
    ] {
        refused(&part(5, HOST, &range(wrong)), 400, "InvalidArgument");
    }
    let etag = [("x-cos-copy-source-if-match", "\"0\"")];
    refused(&part(5, HOST, &etag), 412, "PreconditionFailed");
    let target = format!("/joined?uploadId={upload}");
    let done = server.send("POST", &target, &[], document.as_bytes());
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(server.get("/joined").text(), "234abcdefghij0123456789j");
    refused(&part(5, HOST, &[]), 404, "NoSuchUpload");
}

#[test]
fn objects_grow_by_appends() {
    let server = open();
    let append = |position: &str, body: &[u8]| {
        let target = format!("/log?append&position={position}");
        server.send("POST", &target, &[("x-cos-meta-k", "v")], body)
    };
    for (position, next, body) in [("0", "5", "hello"), ("5", "11", " world")] {
        let answer = append(position, body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-cos-next-append-position"), next);
        let head = server.send("HEAD", "/log", &[], b"");
        assert_eq!(head.header("etag"), answer.header("etag"));
        assert_eq!(head.header("x-cos-object-type"), "appendable");
        assert_eq!(head.header("x-cos-next-append-position"), next);
        assert_eq!(head.header("x-cos-meta-k"), "v");
    }
    assert_eq!(server.get("/log").text(), "hello world");
    refused(&append("5", b"x"), 409, "PositionNotEqualToLength");
    refused(&append("", b"x"), 400, "InvalidArgument");
    refused(&append("-1", b"x"), 400, "InvalidArgument");
    refused(&append("11", &[b'x'; 90]), 400, "EntityTooLarge");
    assert_eq!(append("11", &[b'x'; 89]).status, 200);
    let md5 = [("Content-MD5", "XUFAKrxLKna5cZ2REBfFkg==")];
    let target = "/log?append&position=100";
    refused(
        &server.send("POST", target, &md5, b"other"),
        400,
        "BadDigest",
    );
    let if_match = [("If-Match", "\"0\"")];
    refused(
        &server.send("POST", target, &if_match, b""),
        400,
        "InvalidRequest",
    );

    server.put("/put", &[], b"12345");
    let put = server.send("POST", "/put?append&position=5", &[], b"x");
    refused(&put, 409, "ObjectNotAppendable");
    assert_eq!(server.get("/put").header("x-cos-object-type"), "");
}

/// What chooses an append or a copy, where it begins and what it reads, is signed; and appends are an action of their own.
#[test]
fn what_chooses_is_signed_and_allowed() {
    let may = |actions: &str| {
        policy(&format!(
            r#"{{"effect":"allow","action":[{actions}],"resource":["*"]}}"#
        ))
    };
    let server = server(&format!(
        "{}{}{}",
        key_table("all", "policy = \"open\""),
        key_table(
            "putter",
            &may(r#""name/cos:PutObject","name/cos:GetObject""#)
        ),
        key_table("appender", &may(r#""name/cos:AppendObject""#)),
    ));
    let whole = "/log?append&position=0";
    let as_key = |by, target| send(&server, by, "POST", (HOST, target), &[], b"x");
    denied(&as_key(None, whole), "AccessDenied");
    denied(&as_key(Some("putter"), whole), "AccessDenied");
    assert_eq!(as_key(Some("appender"), whole).status, 200);
    denied(&as_key(Some("appender"), "/log?uploads"), "AccessDenied");

    // Signed for something else, with the rest put beside it.
    let signed = presigned("all", "POST", HOST, "/log?append");
    let changed = server.send("POST", &format!("{signed}&position=1"), &[], b"x");
    denied(&changed, "AccessDenied");
    assert!(
        changed.xml("Message").contains("position"),
        "{}",
        changed.text()
    );
    let signed = presigned("all", "POST", HOST, "/log?uploads");
    let changed = server.send("POST", &format!("{signed}&append&position=1"), &[], b"x");
    denied(&changed, "AccessDenied");
    let signed = presigned("all", "POST", HOST, "/log?append&position=1");
    assert_eq!(server.send("POST", &signed, &[], b"x").status, 200);

    let begun = send(
        &server,
        Some("all"),
        "POST",
        (HOST, "/joined?uploads"),
        &[],
        b"",
    );
    let target = format!("/joined?partNumber=1&uploadId={}", begun.xml("UploadId"));
    let source = format!("{HOST}/log");
    let copy = [("x-cos-copy-source", source.as_str())];
    let whole = send(&server, Some("all"), "PUT", (HOST, &target), &copy, b"");
    assert_eq!(whole.status, 200, "{}", whole.text());
    // The part's key may not be enough to read the source.
    let putter = send(&server, Some("putter"), "PUT", (HOST, &target), &copy, b"");
    denied(&putter, "AccessDenied");
    let signed = presigned("all", "PUT", HOST, &target);
    denied(&server.put(&signed, &copy, b""), "AccessDenied");
    let range = [("x-cos-copy-source-range", "bytes=0-0")];
    let ranged = server.put(&signed, &range, b"x");
    denied(&ranged, "AccessDenied");
    assert!(
        ranged.xml("Message").contains("copy-source-range"),
        "{}",
        ranged.text()
    );
}

/// A folder has one storage class; another is refused, never dropped.
#[test]
fn a_storage_class_that_is_not_there_is_refused() {
    let server = open();
    let class = |class| [("x-cos-storage-class", class)];
    assert_eq!(server.put("/k", &class("STANDARD"), b"x").status, 200);
    assert_eq!(server.get("/k").header("x-cos-storage-class"), "");
    for (method, target) in [
        ("PUT", "/new"),
        ("POST", "/new?uploads"),
        ("POST", "/new?append&position=0"),
    ] {
        let answer = server.send(method, target, &class("STANDARD_IA"), b"");
        refused(&answer, 400, "InvalidRequest");
        assert!(
            answer.xml("Message").contains("`STANDARD_IA`"),
            "{}",
            answer.text()
        );
    }
    let source = format!("{BUCKET}.cos.ap-shanghai.myqcloud.com/k");
    let copy = [
        ("x-cos-copy-source", source.as_str()),
        class("STANDARD_IA")[0],
    ];
    refused(&server.put("/new", &copy, b""), 400, "InvalidRequest");
    server.lacks("/new");
}
