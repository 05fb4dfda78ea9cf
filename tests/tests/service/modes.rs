//! Upload and cloud processing: `Pic-Operations`, what is stored, and what is answered.

use service_tests::{animate_rule, frame_marker, jpeg, png, read_gif, soft};

use crate::server::{HOST, Server};

const PROGRESSIVE: &str = r#"{"is_pic_info":1,"rules":[{"fileid":"out.jpg","rule":"imageMogr2/format/jpg/interlace/1"}]}"#;

#[test]
fn an_upload_stores_the_original_and_every_result() {
    let server = Server::open();
    let source = jpeg(80, 60, 2);
    let image = animate_rule("50", &[&format!("http://{HOST}/p1/test1.jpg")]);
    server.file("p1/test1.jpg", &source);
    let operations = format!(
        r#"{{"is_pic_info":1,"rules":[{{"fileid":"/p2/a.jpg","rule":"imageMogr2/interlace/1"}},{{"fileid":"p2/b.gif","rule":"{image}"}}]}}"#
    );
    let answer = server.put("/p1/new.jpg", &[("Pic-Operations", &operations)], &source);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/xml");
    let text = answer.text();
    let inside = text.split("<ProcessResults>").nth(1).expect("results");
    assert_eq!(answer.xml("Key"), "p1/new.jpg");
    assert_eq!(answer.xml("Location"), format!("{HOST}/p1/new.jpg"));
    for (name, value) in [
        ("Format", "JPEG"),
        ("Width", "80"),
        ("Height", "60"),
        ("Orientation", "1"),
        ("FrameCount", "1"),
    ] {
        assert_eq!(answer.xml(name), value, "{name} of the original");
    }
    let quality: u32 = answer.xml("Quality").parse().expect("a number");
    assert!((88..=92).contains(&quality), "{quality}");
    let average = answer.xml("Ave");
    assert!(average.len() == 8 && average.starts_with("0x"), "{average}");
    assert!(
        inside.contains("<Key>p2/a.jpg</Key>") && inside.contains("<Key>p1/p2/b.gif</Key>"),
        "{inside}"
    );
    assert!(inside.contains("<Format>jpeg</Format>") && inside.contains("<Format>gif</Format>"));
    assert!(inside.contains("<FrameCount>2</FrameCount>"));
    assert_eq!(server.get("/p1/new.jpg").body, source);
    let progressive = server.get("/p2/a.jpg");
    assert_eq!(progressive.header("content-type"), "image/jpeg");
    assert_eq!(frame_marker(&progressive.body), Some(0xC2));
    assert!(inside.contains(&format!("<Size>{}</Size>", progressive.body.len())));
    assert!(inside.contains(&progressive.header("etag").replace('"', "&quot;")));
    let gif = server.get("/p1/p2/b.gif");
    assert_eq!(gif.header("content-type"), "image/gif");
    assert_eq!(read_gif(&gif.body).delays, [5, 5]);
}

#[test]
fn cloud_processing_stores_and_tells_the_same() {
    let server = Server::open();
    server.file("dir/a.png", &png(30, 20, &soft(30, 20, 1)));
    for target in ["/dir/a.png?image_process", "/dir/a.png?image_process="] {
        let answer = server.send("POST", target, &[("Pic-Operations", PROGRESSIVE)], b"");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().contains("<Key>dir/out.jpg</Key>"));
        assert_eq!(answer.xml("Format"), "PNG");
    }
    assert_eq!(frame_marker(&server.get("/dir/out.jpg").body), Some(0xC2));
}

#[test]
fn without_is_pic_info_the_original_is_named_but_not_described() {
    let server = Server::open();
    let operations = PROGRESSIVE.replace("\"is_pic_info\":1,", "");
    let answer = server.put(
        "/a.jpg",
        &[("Pic-Operations", &operations)],
        &jpeg(16, 16, 0),
    );
    assert_eq!(answer.status, 200);
    assert!(
        answer.text().contains("<OriginalInfo><Key>a.jpg</Key>"),
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains("ImageInfo"));
    let nothing = server.put(
        "/b.jpg",
        &[("Pic-Operations", r#"{"rules":null}"#)],
        &jpeg(16, 16, 0),
    );
    assert_eq!(nothing.status, 200);
    assert!(
        nothing.text().contains("<ProcessResults></ProcessResults>"),
        "{}",
        nothing.text()
    );
}

#[test]
fn a_result_may_take_the_originals_place() {
    let server = Server::open();
    let operations = PROGRESSIVE.replace("out.jpg", "/dir/a.jpg");
    let source = jpeg(40, 40, 1);
    let answer = server.put("/dir/a.jpg", &[("Pic-Operations", &operations)], &source);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let stored = server.get("/dir/a.jpg");
    assert_eq!(frame_marker(&stored.body), Some(0xC2));
    assert_eq!(
        answer.xml("ETag"),
        stored.header("etag"),
        "the original's tag is now the result's"
    );
}

#[test]
fn a_failing_rule_loses_no_upload_and_stores_no_result() {
    let server = Server::open();
    let two = r#"{"rules":[{"fileid":"ok.jpg","rule":"imageMogr2/interlace/1"},{"fileid":"bad.gif","rule":"RULE"}]}"#
        .replace("RULE", &animate_rule("50", &[&format!("http://{HOST}/absent.jpg")]));
    let answer = server.put("/a.jpg", &[("Pic-Operations", &two)], &jpeg(16, 16, 0));
    assert_eq!(
        (answer.status, answer.xml("Code").as_str()),
        (404, "NoSuchKey")
    );
    let message = answer.xml("Message");
    assert!(
        message.contains("bad.gif") && message.contains("the original was stored"),
        "{message}"
    );
    assert!(answer.xml("Resource").contains("absent.jpg"));
    assert_eq!(server.get("/a.jpg").status, 200);
    server.lacks("/ok.jpg");
    server.lacks("/bad.gif");
    // Where the result would take the upload's place, nothing is stored.
    let own = r#"{"rules":[{"fileid":"b.jpg","rule":"imageMogr2/interlace/1"}]}"#;
    let answer = server.put("/b.jpg", &[("Pic-Operations", own)], b"not an image");
    assert_eq!(answer.status, 400);
    assert!(
        answer.xml("Message").contains("nothing was stored"),
        "{}",
        answer.xml("Message")
    );
    server.lacks("/b.jpg");
}

#[test]
fn ignore_error_stores_a_copy_of_the_source() {
    let server = Server::open();
    let operations =
        r#"{"rules":[{"fileid":"copy","rule":"imageMogr2/interlace/1/ignore-error/1"}]}"#;
    let answer = server.put(
        "/a.txt",
        &[
            ("Pic-Operations", operations),
            ("Content-Type", "text/plain"),
        ],
        b"words",
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    let copy = server.get("/copy");
    assert_eq!(
        (copy.body.as_slice(), copy.header("content-type")),
        (&b"words"[..], "text/plain")
    );
}

#[test]
fn faults_of_the_request_store_nothing() {
    let server = Server::open();
    let rule = r#"{"fileid":"N.jpg","rule":"imageMogr2/interlace/1"}"#;
    let rules = |n: usize| {
        let all: Vec<String> = (0..n).map(|k| rule.replace('N', &k.to_string())).collect();
        format!(r#"{{"rules":[{}]}}"#, all.join(","))
    };
    let cases = [
        ("{not json".to_owned(), "InvalidPicOperations", "JSON"),
        (rules(6), "InvalidPicOperations", "6 rules; at most 5"),
        (
            r#"{"rules":[{"rule":"imageMogr2/interlace/1"}]}"#.to_owned(),
            "InvalidPicOperations",
            "no fileid",
        ),
        (
            rules(2).replace("1.jpg", "0.jpg"),
            "InvalidPicOperations",
            "same target",
        ),
        (
            rules(2).replace("1.jpg", "dir/"),
            "InvalidPicOperations",
            "ends in `/`",
        ),
        (
            rules(1).replace("interlace/1", "thumbnail/5x"),
            "InvalidArgument",
            "thumbnail is not supported yet",
        ),
        (
            rules(1).replace("interlace/1", "nonsense/1"),
            "InvalidArgument",
            "unknown operation",
        ),
        (
            rules(1).replace("\"rule\"", "\"bucket\":\"other-1\",\"rule\""),
            "AccessDenied",
            "other-1",
        ),
        (
            r#"{"is_pic_info":3}"#.to_owned(),
            "InvalidPicOperations",
            "expected 0 or 1, found 3",
        ),
    ];
    for (operations, code, message) in cases {
        for (method, target) in [("PUT", "/new.jpg"), ("POST", "/new.jpg?image_process")] {
            let answer = server.send(
                method,
                target,
                &[("Pic-Operations", &operations)],
                &jpeg(16, 16, 0),
            );
            assert_eq!(
                answer.xml("Code"),
                code,
                "{method} {operations}: {}",
                answer.text()
            );
            assert!(
                answer.xml("Message").contains(message),
                "{operations}: {}",
                answer.xml("Message")
            );
            assert!((400..500).contains(&answer.status));
            server.lacks("/new.jpg");
            server.lacks("/0.jpg");
        }
    }
    assert_eq!(
        server
            .send("POST", "/new.jpg?image_process", &[], b"")
            .status,
        400,
        "no Pic-Operations"
    );
    assert_eq!(
        server
            .send(
                "POST",
                "/absent.jpg?image_process",
                &[("Pic-Operations", PROGRESSIVE)],
                b""
            )
            .xml("Code"),
        "NoSuchKey"
    );
}

/// Rules count on the completion of an upload. Some SDKs send them at its beginning as well, others there alone, and these
/// must not be told that all is well.
#[test]
fn rules_at_the_beginning_of_an_upload_are_not_forgotten() {
    let server = Server::open();
    let rules = [("Pic-Operations", PROGRESSIVE)];
    let begun = server.send("POST", "/photo.jpg?uploads", &rules, b"");
    assert_eq!(begun.status, 200, "{}", begun.text());
    let upload = begun.xml("UploadId");
    let part = format!("/photo.jpg?partNumber=1&uploadId={upload}");
    let answer = server.put(&part, &rules, b"x");
    assert_eq!(answer.xml("Code"), "InvalidRequest");
    assert!(answer.xml("Message").contains("on a part"));
    let etag = server
        .put(&part, &[], &jpeg(24, 16, 1))
        .header("etag")
        .to_owned();
    let document = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    let target = format!("/photo.jpg?uploadId={upload}");
    let answer = server.send("POST", &target, &[], document.as_bytes());
    assert_eq!(answer.xml("Code"), "InvalidRequest");
    assert!(
        answer
            .xml("Message")
            .contains("Pic-Operations with ?uploads alone")
    );
    server.lacks("/photo.jpg");
    assert_eq!(server.get(&target).status, 200, "the upload is still open");
    let answer = server.send("POST", &target, &rules, document.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(server.get("/out.jpg").status, 200);
}
