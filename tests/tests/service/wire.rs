//! Heads and documents as they are on the wire, reviewed as text. What changes from run to run, or with a better
//! encoder, stands as its shape: `[id]`, `[date]`, `[md5]`, `[size]`.

use std::fmt::Write;

use service_tests::{animate_rule, exchange, png};

use crate::server::{HOST, Server};

/// A request and its whole answer but for bytes of images, as text.
fn told(
    server: &Server,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> String {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {HOST}\r\n");
    for (name, value) in headers {
        let _ = write!(request, "{name}: {value}\r\n");
    }
    let len = body.len();
    let _ = write!(
        request,
        "Content-Length: {len}\r\nConnection: close\r\n\r\n"
    );
    let answer = exchange(server.address, &[request.as_bytes(), body].concat());
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.expect("a head") + 4);
    let head = String::from_utf8_lossy(head);
    let mut lines: Vec<String> = head.trim_end().lines().map(shape_of_header).collect();
    // In which order headers come means nothing.
    lines[1..].sort_unstable_by_key(|line| line.to_ascii_lowercase());
    let body = match std::str::from_utf8(body) {
        Ok(text) => shapes_of_elements(text).replace("><", ">\n<"),
        Err(_) => "[bytes]".to_owned(),
    };
    let mut text = format!("> {method} {target}\n");
    for (name, value) in headers {
        let _ = writeln!(text, "> {name}: {value}");
    }
    text + &lines.join("\n") + "\n\n" + body.trim_end() + "\n\n"
}

fn shape_of_header(line: &str) -> String {
    let Some((name, value)) = line.split_once(": ") else {
        return line.to_owned();
    };
    let value = match name {
        "ETag" => shape_of_tag(value),
        "Date" | "Last-Modified" => date(value),
        "x-cos-request-id" => id(value),
        "Content-Length" if value != "0" => size(value),
        "x-cos-hash-crc64ecma" => number(value, "[crc64]"),
        _ => value.to_owned(),
    };
    format!("{name}: {value}")
}

/// The text of each element that changes replaced by its shape.
fn shapes_of_elements(text: &str) -> String {
    let mut text = text.to_owned();
    for (name, shape) in [
        ("ETag", shape_of_tag as fn(&str) -> String),
        ("RequestId", id),
        ("TraceId", id),
        ("Size", size),
        ("UploadId", id),
    ] {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(&open) {
            let (value, after) = after.split_once(&close).expect("a closed element");
            let _ = write!(out, "{before}{open}{}{close}", shape(value));
            rest = after;
        }
        text = out + rest;
    }
    text
}

fn shape_of_tag(text: &str) -> String {
    let opaque = text.replace("&quot;", "\"");
    let opaque = opaque
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let opaque = opaque.unwrap_or_else(|| panic!("`{text}` is not quoted"));
    let digits = opaque.find('-').map_or(opaque, |at| &opaque[..at]);
    assert!(digits.bytes().all(|b| b.is_ascii_hexdigit()), "{text}");
    match digits.len() {
        32 => text.replace(digits, "[md5]"),
        40 => text.replace(digits, "[sha1]"),
        len => panic!("{len} digits in `{text}`"),
    }
}

fn date(text: &str) -> String {
    assert!(text.len() == 29 && text.ends_with(" GMT"), "{text}");
    "[date]".to_owned()
}

fn id(text: &str) -> String {
    assert!(text.len() >= 16, "{text}");
    "[id]".to_owned()
}

fn size(text: &str) -> String {
    number(text, "[size]")
}

fn number(text: &str, shape: &str) -> String {
    assert!(text.parse::<u64>().is_ok(), "{text}");
    shape.to_owned()
}

fn still(red: u8) -> Vec<u8> {
    png(8, 6, &[red, 80, 40].repeat(48))
}

fn server() -> Server {
    let server = Server::open();
    server
        .file("dir/a.png", &still(10))
        .file("dir/b.png", &still(200));
    server
}

fn operations() -> String {
    let image = animate_rule("50", &[&format!("http://{HOST}/dir/b.png")]);
    format!(
        r#"{{"is_pic_info":1,"rules":[{{"fileid":"out.jpg","rule":"imageMogr2/format/jpg/interlace/1"}},{{"fileid":"/gif/out.gif","rule":"{image}"}}]}}"#
    )
}

#[test]
fn results_of_uploads() {
    let server = server();
    let operations = operations();
    let with = [("Pic-Operations", operations.as_str())];
    let mut text = told(&server, "PUT", "/dir/new.png", &with, &still(90));
    text += &told(&server, "POST", "/dir/a.png?image_process", &with, b"");
    let plain = r#"{"rules":[{"fileid":"copy","rule":"imageMogr2/interlace/7/ignore-error/1"}]}"#;
    let with = [("Pic-Operations", plain)];
    text += &told(&server, "POST", "/dir/a.png?image_process", &with, b"");
    let begun = server.send("POST", "/parts.png?uploads", &[], b"");
    let id = begun.xml("UploadId");
    let part = server.put(
        &format!("/parts.png?partNumber=1&uploadId={id}"),
        &[],
        &still(1),
    );
    let document = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        part.header("etag")
    );
    let target = format!("/parts.png?uploadId={id}");
    let with = [("Pic-Operations", operations.as_str())];
    let completed = told(&server, "POST", &target, &with, document.as_bytes());
    text += &completed.replace(&id, "[id]");
    insta::assert_snapshot!(text);
}

#[test]
fn errors() {
    let server = server();
    server.file("text.jpg", b"just text");
    let mut text = String::new();
    for target in [
        "/none.png?imageMogr2/interlace/1",
        "/none.png",
        "/dir/a.png?imageMogr2/thumbnail/5x",
        "/text.jpg?imageMogr2/interlace/1",
    ] {
        text += &told(&server, "GET", target, &[], b"");
    }
    text += &told(
        &server,
        "HEAD",
        "/text.jpg?imageMogr2/interlace/1",
        &[],
        b"",
    );
    let operations = operations();
    let with = [("Pic-Operations", operations.as_str())];
    text += &told(&server, "PUT", "/dir/new.jpg", &with, b"just text");
    text += &told(&server, "POST", "/text.jpg?image_process", &with, b"");
    let with = [("Pic-Operations", "{")];
    text += &told(&server, "PUT", "/dir/new.jpg", &with, b"");
    text += &told(&server, "PATCH", "/dir/new.jpg", &[], b"");
    insta::assert_snapshot!(text);
}

#[test]
fn heads_of_downloads() {
    let server = server();
    let own = [
        ("Content-Type", "text/plain"),
        ("Cache-Control", "max-age=7"),
        ("x-cos-meta-author", "someone"),
    ];
    let mut text = told(&server, "PUT", "/plain.txt", &own, b"0123456789");
    text += &told(&server, "GET", "/plain.txt", &[], b"");
    text += &told(&server, "GET", "/plain.txt", &[("Range", "bytes=2-4")], b"");
    text += &told(&server, "HEAD", "/dir/a.png", &[], b"");
    let rule = "/dir/a.png?imageMogr2/format/jpg/interlace/1";
    text += &told(&server, "GET", rule, &[], b"");
    let etag = server.get(rule).header("etag").to_owned();
    let unchanged = [("If-None-Match", etag.as_str())];
    let unchanged = told(&server, "GET", rule, &unchanged, b"");
    text += &unchanged.replace(&etag, "[the tag]");
    let image = animate_rule("50", &[&format!("http://{HOST}/dir/b.png")]);
    text += &told(&server, "GET", &format!("/dir/a.png?{image}"), &[], b"");
    let hidden = "/plain.txt?imageMogr2/interlace/1/ignore-error/1";
    text += &told(&server, "GET", hidden, &[], b"");
    text += &told(&server, "DELETE", "/plain.txt", &[], b"");
    insta::assert_snapshot!(text);
}
