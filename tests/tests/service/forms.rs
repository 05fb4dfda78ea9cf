//! POST Object: forms that upload a file, with a policy that is signed.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use service_tests::{Answer, jpeg, request};
use sha1::{Digest, Sha1};

use crate::server::{BUCKET, HOST, Server};
use crate::signer::{key_table, policy, send, window};

const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxk";

/// Fields before the file, the file's name and bytes, fields after it.
fn body(
    fields: &[(&str, &str)],
    (filename, bytes): (&str, &[u8]),
    after: &[(&str, &str)],
) -> Vec<u8> {
    let field = |(name, value): &(&str, &str)| {
        format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    };
    let file = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\nContent-Type: application/x\r\n\r\n"
    );
    let before: String = fields.iter().map(field).collect();
    let after: String = after.iter().map(field).collect();
    let end = format!("\r\n{after}--{BOUNDARY}--\r\n");
    [before.as_bytes(), file.as_bytes(), bytes, end.as_bytes()].concat()
}

fn post(server: &Server, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let mut all = vec![("Host", HOST), ("Content-Type", content_type.as_str())];
    all.extend_from_slice(headers);
    request(server.address, "POST", "/", &all, body)
}

fn hmac(key: &str, text: &str) -> String {
    let mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("any length");
    hex(&mac.chain_update(text).finalize().into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes it");
        text
    })
}

/// The fields that sign a policy of these conditions, beside one on the bucket.
fn signed(by: &str, conditions: &str) -> Vec<(&'static str, String)> {
    let policy = format!(
        r#"{{"expiration":"2099-01-01T00:00:00.000Z","conditions":[{{"bucket":"{BUCKET}"}},{conditions}]}}"#
    );
    let time = window().to_string();
    let digest = hex(&Sha1::digest(policy.as_bytes()));
    let signature = hmac(&hmac(&format!("secret of {by}"), &time), &digest);
    vec![
        ("policy", STANDARD.encode(policy)),
        ("q-sign-algorithm", "sha1".to_owned()),
        ("q-ak", by.to_owned()),
        ("q-key-time", time),
        ("q-signature", signature),
    ]
}

/// A form signed by `app`.
fn form(conditions: &str, fields: &[(&str, &str)], file: (&str, &[u8])) -> Vec<u8> {
    let signed = signed("app", conditions);
    let mut all = fields.to_vec();
    all.extend(signed.iter().map(|(name, value)| (*name, value.as_str())));
    body(&all, file, &[])
}

fn server() -> Server {
    let may = |actions: &str| {
        policy(&format!(
            r#"{{"effect":"allow","action":[{actions}],"resource":["qcs::cos:*:*:{BUCKET}/form/*"]}}"#
        ))
    };
    Server::with(&format!(
        "[limits]\nput_bytes = 1000000\n{}{}",
        key_table("app", &may(r#""cos:PostObject","cos:GetObject""#)),
        key_table("all", "policy = \"open\"")
    ))
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, words: &str) {
    let found = (answer.status, answer.xml("Code"));
    assert_eq!(found, (status, code.to_owned()), "{}", answer.text());
    let message = answer.xml("Message");
    assert!(message.contains(words), "`{words}` in `{message}`");
}

fn get(server: &Server, key: &str) -> Answer {
    send(server, Some("all"), "GET", (HOST, key), &[], b"")
}

const ANY_KEY: &str = r#"["starts-with","$key","form/"]"#;

#[test]
fn a_form_with_a_signed_policy_stores_its_file() {
    let server = server();
    let conditions = format!(
        r#"{ANY_KEY},["starts-with","$Content-Type","text/"],["eq","$x-cos-meta-a","ä"],
        ["starts-with","$success_action_status",""],["content-length-range",5,5]"#
    );
    let file = ("C:\\photos\\ein Bild.txt", &b"he\r\nl"[..]);
    for (status, found) in [("200", 200), ("201", 201), ("204", 204)] {
        let fields = [
            ("key", "form/${filename}"),
            ("Content-Type", "text/plain"),
            ("x-cos-meta-a", "ä"),
            ("success_action_status", status),
        ];
        let answer = post(&server, &[], &form(&conditions, &fields, file));
        assert_eq!(answer.status, found, "{}", answer.text());
        let location = answer.header("location");
        assert!(location.ends_with("/form/ein%20Bild.txt"), "{location}");
        let stored = get(&server, "/form/ein%20Bild.txt");
        assert_eq!(stored.body, file.1);
        assert_eq!(stored.header("content-type"), "text/plain");
        assert_eq!(stored.header("x-cos-meta-a"), "ä");
        assert_eq!(answer.header("etag"), stored.header("etag"));
        if found == 201 {
            assert_eq!(answer.xml("Key"), "form/ein Bild.txt");
            assert_eq!(answer.xml("Bucket"), BUCKET);
            assert_eq!(answer.xml("ETag"), stored.header("etag"));
        } else {
            assert!(answer.body.is_empty());
        }
    }
    let plain = form(
        ANY_KEY,
        &[("key", "form/plain"), ("Content-Type", "")],
        ("", b""),
    );
    assert_eq!(post(&server, &[], &plain).status, 204);
    // A page of another origin sends it, and its signature tells who means it.
    let page = [
        ("Origin", "https://other.example"),
        ("Sec-Fetch-Site", "cross-site"),
    ];
    assert_eq!(post(&server, &page, &plain).status, 204);
    assert_eq!(
        get(&server, "/form/plain").header("content-type"),
        "application/octet-stream"
    );
}

#[test]
fn rules_in_a_form_work_as_on_a_put() {
    let server = server();
    let rules = r#"{"rules":[{"fileid":"/form/made.jpg","rule":"imageMogr2/interlace/1"}]}"#;
    let conditions = format!(r#"{ANY_KEY},["starts-with","$Pic-Operations",""]"#);
    let photo = jpeg(24, 16, 1);
    let fields = [("key", "form/photo.jpg"), ("Pic-Operations", rules)];
    let sent = form(&conditions, &fields, ("photo.jpg", &photo));
    // What rules store is put, which this key may not.
    refused(&post(&server, &[], &sent), 403, "AccessDenied", "PutObject");
    let signed = signed("all", &conditions);
    let mut all = fields.to_vec();
    all.extend(signed.iter().map(|(name, value)| (*name, value.as_str())));
    let answer = post(&server, &[], &body(&all, ("photo.jpg", &photo), &[]));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(
        answer.text().contains("<Key>form/made.jpg</Key>"),
        "{}",
        answer.text()
    );
    assert_eq!(get(&server, "/form/photo.jpg").body, photo);
    assert_eq!(
        get(&server, "/form/made.jpg").header("content-type"),
        "image/jpeg"
    );
}

#[test]
fn what_the_policy_does_not_name_is_refused_and_nothing_is_stored() {
    let server = server();
    let file = ("a.txt", &b"hello"[..]);
    let check = |conditions: &str, fields: &[(&str, &str)], status, code, words| {
        let sent = form(conditions, fields, file);
        refused(&post(&server, &[], &sent), status, code, words);
    };
    let key = ("key", "form/a");
    let denied = "AccessDenied";
    check(
        ANY_KEY,
        &[("key", "other/a")],
        403,
        denied,
        "`key` is `other/a`",
    );
    check(
        ANY_KEY,
        &[key, ("x-cos-meta-a", "b")],
        403,
        denied,
        "x-cos-meta-a",
    );
    check(
        ANY_KEY,
        &[key, ("success_action_status", "201")],
        403,
        denied,
        "success_action_status",
    );
    check(
        r#"["starts-with","$key",""]"#,
        &[("key", "else/a")],
        403,
        denied,
        "PostObject",
    );
    // What the name of the file stands for is judged as a part of the key.
    check(
        r#"["eq","$key","form/${filename}"]"#,
        &[("key", "form/${filename}")],
        403,
        denied,
        "form/a.txt",
    );
    let twice = [key, ("KEY", "form/b")];
    check(ANY_KEY, &twice, 400, "MalformedPOSTRequest", "twice");
    let redirect = [key, ("success_action_redirect", "http://a.example")];
    check(
        ANY_KEY,
        &redirect,
        400,
        "InvalidRequest",
        "success_action_redirect",
    );
    check(
        ANY_KEY,
        &[key, ("name", "x")],
        400,
        "InvalidRequest",
        "`name`",
    );
    check(ANY_KEY, &[], 400, "InvalidArgument", "key");
    check(
        r#"["ends-with","$key",""]"#,
        &[key],
        400,
        "InvalidPolicyDocument",
        "conditions[1]",
    );
    let large = format!(r#"{ANY_KEY},["content-length-range",0,4]"#);
    check(
        &large,
        &[key],
        400,
        "EntityTooLarge",
        "content-length-range",
    );
    let small = format!(r#"{ANY_KEY},["content-length-range",6,9]"#);
    check(&small, &[key], 400, "EntityTooSmall", "6 at least");
    let acl = format!(r#"{ANY_KEY},{{"acl":"public-read"}}"#);
    check(
        &acl,
        &[key, ("acl", "public-read")],
        400,
        "InvalidRequest",
        "x-cos-acl",
    );
    for name in ["..", "a/", "\u{1}"] {
        let sent = form(ANY_KEY, &[("key", "form/${filename}")], (name, b"x"));
        let answer = post(&server, &[], &sent);
        assert!(name == ".." || answer.status == 400, "{}", answer.text());
    }
    for key in ["/form/a", "/form/b", "/else/a", "/form/a.txt"] {
        assert_eq!(get(&server, key).status, 404, "{key} must not be stored");
    }
}

#[test]
fn a_form_that_is_cut_or_goes_on_stores_nothing() {
    let server = server();
    let whole = form(ANY_KEY, &[("key", "form/a")], ("a", b"hello"));
    let end = format!("\r\n--{BOUNDARY}--\r\n").len();
    for cut in [whole.len() - end, whole.len() - end + 9, 200] {
        let answer = post(&server, &[], &whole[..cut]);
        refused(&answer, 400, "MalformedPOSTRequest", "form");
    }
    let signed = signed("app", ANY_KEY);
    let mut fields = vec![("key", "form/a")];
    fields.extend(signed.iter().map(|(name, value)| (*name, value.as_str())));
    let late = body(&fields, ("a", b"hello"), &[("x-cos-meta-late", "1")]);
    refused(
        &post(&server, &[], &late),
        400,
        "MalformedPOSTRequest",
        "after `file`",
    );
    let long = "v".repeat(64 * 1024);
    let mut many = vec![("x-cos-meta-a", long.as_str())];
    many.extend_from_slice(&fields);
    let answer = post(&server, &[], &body(&many, ("a", b"hello"), &[]));
    refused(&answer, 400, "MaxPostPreDataLengthExceeded", "65536");
    assert_eq!(get(&server, "/form/a").status, 404);
    // Browsers send the name of the button.
    let button = body(&fields, ("a", b"hello"), &[("submit", "Upload")]);
    assert_eq!(post(&server, &[], &button).status, 204);
    let button = get(&server, "/form/a");
    assert_eq!(button.text(), "hello");
}

#[test]
fn only_whoever_signs_is_believed() {
    let server = server();
    let fields = |more: &[(&'static str, String)]| {
        let mut all = signed("app", ANY_KEY);
        for (name, value) in more {
            all.retain(|(found, _)| found != name);
            all.push((*name, value.clone()));
        }
        all.push(("key", "form/a".to_owned()));
        all
    };
    let send_form = |fields: &[(&str, String)], headers: &[(&str, &str)]| {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        post(&server, headers, &body(&fields, ("a", b"x"), &[]))
    };
    let forged = fields(&[("q-signature", "0".repeat(40))]);
    refused(&send_form(&forged, &[]), 403, "SignatureDoesNotMatch", "");
    let other = fields(&[("q-ak", "all".to_owned())]);
    refused(&send_form(&other, &[]), 403, "SignatureDoesNotMatch", "");
    let old = fields(&[("q-key-time", "1;2".to_owned())]);
    refused(&send_form(&old, &[]), 403, "AccessDenied", "expired");
    let mut bare = fields(&[]);
    bare.retain(|(name, _)| *name != "policy");
    refused(&send_form(&bare, &[]), 403, "AccessDenied", "no policy");
    let anonymous = [("key", "form/a".to_owned())];
    refused(
        &send_form(&anonymous, &[]),
        403,
        "AccessDenied",
        "anonymous",
    );
    assert_eq!(get(&server, "/form/a").status, 404);

    // The SDK of mini programs signs the request that brings the form, in a header or in a field.
    let authorization = crate::signer::authorization("all", "POST", "/", &[("host", HOST)]);
    let header = [("Authorization", authorization.as_str())];
    assert_eq!(send_form(&anonymous, &header).status, 204);
    let mut in_field = anonymous.to_vec();
    in_field.push(("Signature", authorization.clone()));
    assert_eq!(send_form(&in_field, &header).status, 204);
    assert_eq!(send_form(&in_field, &[]).status, 204);
    refused(
        &send_form(&fields(&[]), &header),
        403,
        "AccessDenied",
        "send one",
    );
    in_field.push(("Pic-Operations", r#"{"rules":[]}"#.to_owned()));
    refused(
        &send_form(&in_field, &[]),
        403,
        "AccessDenied",
        "Pic-Operations",
    );
    // What is covered as a header is not what the form says.
    let pictures = ("Pic-Operations", r#"{"is_pic_info":1}"#);
    let headers = [("host", HOST), ("pic-operations", pictures.1)];
    let covering = crate::signer::authorization("all", "POST", "/", &headers);
    let header = [("Authorization", covering.as_str()), pictures];
    in_field.retain(|(name, _)| *name != "Signature");
    refused(
        &send_form(&in_field, &header),
        400,
        "InvalidRequest",
        "beside a form",
    );
    // In a URL, which is handed on, it would be good for every key.
    let target = crate::signer::presigned("all", "POST", HOST, "/");
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [("Host", HOST), ("Content-Type", content_type.as_str())];
    let sent = body(&[("key", "form/b")], ("a", b"x"), &[]);
    let answer = request(server.address, "POST", &target, &headers, &sent);
    refused(&answer, 403, "AccessDenied", "in the URL");
}

#[test]
fn pages_need_a_rule_to_send_a_form_that_nobody_signed() {
    let server = Server::open();
    let sent = body(&[("key", "a")], ("a", b"x"), &[]);
    assert_eq!(post(&server, &[], &sent).status, 204);
    let page = [("Origin", "https://other.example")];
    refused(&post(&server, &page, &sent), 403, "AccessDenied", "CORS");
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [
        ("Host", HOST),
        ("Content-Type", content_type.as_str()),
        ("Origin", "https://other.example"),
        ("Content-MD5", "x"),
    ];
    let answer = request(server.address, "POST", "/?delete", &headers, &sent);
    refused(&answer, 403, "AccessDenied", "CORS");
    let answer = request(server.address, "POST", "/?prefix=a", &headers[..2], &sent);
    refused(&answer, 400, "InvalidRequest", "?prefix");
}
