//! Who may do what: signatures and policies, over the wire.

use service_tests::{Answer, animate_rule, b64, jpeg, request};
use shared::auth::{Signing, Window};

use crate::server::{HOST, Server};
use crate::signer::{denied, key, window};

const OTHER: &str = "other-1250000000";
const OTHER_HOST: &str = "other-1250000000.cos.ap-shanghai.myqcloud.com";

/// Two buckets; `reader` reads `examples`' `pub/` and `private/`, `writer` writes `in/` and `out/` and reads `in/`,
/// `loose` may send unsigned operations, `strict` takes signed rules alone; anyone reads `pub/`.
fn server() -> Server {
    let policy = |actions: &str, resources: &[&str]| {
        let resources: Vec<String> = resources
            .iter()
            .map(|resource| format!("\"qcs::cos:ap-shanghai:uid/1250000000:{resource}\""))
            .collect();
        let resources = resources.join(",");
        format!(
            "policy = '''{{\"version\":\"2.0\",\"statement\":[{{\"effect\":\"allow\",\"action\":[{actions}],\"resource\":[{resources}]}}]}}'''"
        )
    };
    let get = "\"name/cos:GetObject\"";
    let both = "\"cos:GetObject\",\"cos:PutObject\"";
    let key = |id: &str, more: &str, policy: String| {
        format!("[[key]]\nid = \"{id}\"\nsecret = \"secret of {id}\"\n{more}{policy}\n")
    };
    let text = [
        format!(
            "[anonymous]\n{}\n",
            policy(get, &["examples-1250000000/pub/*"])
        ),
        format!("[[bucket]]\nname = \"{OTHER}\"\nfolder = \"{{folder}}/other\"\n"),
        key(
            "reader",
            "",
            policy(
                get,
                &["examples-1250000000/pub/*", "examples-1250000000/private/*"],
            ),
        ),
        key(
            "writer",
            "",
            policy(
                both,
                &["examples-1250000000/in/*", "examples-1250000000/out/*"],
            ),
        ),
        key(
            "putter",
            "",
            policy("\"cos:PutObject\"", &["examples-1250000000/*"]),
        ),
        key(
            "loose",
            "allow_unsigned_pic_operations = true\n",
            policy(both, &["examples-1250000000/*"]),
        ),
        key(
            "strict",
            "require_signed_rule = true\n",
            policy(both, &["examples-1250000000/*", "other-1250000000/*"]),
        ),
    ]
    .concat();
    let server = Server::with(&text);
    for key in [
        "pub/a.jpg",
        "pub/b.jpg",
        "private/a.jpg",
        "private/b.jpg",
        "in/a.jpg",
    ] {
        server.file(key, &jpeg(24, 16, key.len() as u32));
    }
    let other = server.folder.path().join("other/private");
    std::fs::create_dir_all(&other).expect("a folder");
    std::fs::write(other.join("a.jpg"), jpeg(24, 16, 1)).expect("a file");
    server
}

/// Signs these query names and headers of a request, and sends it.
struct Signed<'a> {
    by: &'a str,
    method: &'a str,
    path: &'a str,
    params: &'a [(&'a str, &'a str)],
    headers: &'a [(&'a str, &'a str)],
}

impl Signed<'_> {
    fn authorization(&self) -> String {
        let key = key(self.by);
        let mut headers: Vec<(&str, &[u8])> = vec![("host", HOST.as_bytes())];
        headers.extend(
            self.headers
                .iter()
                .map(|(name, value)| (*name, value.as_bytes())),
        );
        Signing {
            key: &key,
            method: self.method,
            path: self.path.as_bytes(),
            params: self.params,
            headers: &headers,
            window: window(),
        }
        .authorization()
    }

    fn send(&self, server: &Server, target: &str, more: &[(&str, &str)], body: &[u8]) -> Answer {
        let authorization = self.authorization();
        let mut headers = vec![("Host", HOST), ("Authorization", authorization.as_str())];
        headers.extend_from_slice(self.headers);
        headers.extend_from_slice(more);
        request(server.address, self.method, target, &headers, body)
    }
}

fn get<'a>(by: &'a str, path: &'a str, params: &'a [(&'a str, &'a str)]) -> Signed<'a> {
    Signed {
        by,
        method: "GET",
        path,
        params,
        headers: &[],
    }
}

#[test]
fn anyone_reads_what_is_public_and_nothing_else() {
    let server = server();
    assert_eq!(server.get("/pub/a.jpg").status, 200);
    assert_eq!(server.get("/pub/a.jpg?imageMogr2/interlace/1").status, 200);
    assert!(
        server
            .get("/pub/a.jpg")
            .header("cache-control")
            .starts_with("public")
    );
    for target in [
        "/private/a.jpg",
        "/private/absent.jpg",
        "/private/a.jpg?imageMogr2/interlace/1",
        "/",
        "/?uploads",
    ] {
        denied(&server.get(target), "AccessDenied");
    }
    denied(&server.put("/pub/new.jpg", &[], b"x"), "AccessDenied");
    denied(
        &server.send("DELETE", "/pub/a.jpg", &[], b""),
        "AccessDenied",
    );
    let images = animate_rule("50", &[&format!("http://{HOST}/private/b.jpg")]);
    denied(&server.get(&format!("/pub/a.jpg?{images}")), "AccessDenied");
    denied(
        &server.get("/pub/a.jpg?response-content-type=text/html"),
        "AccessDenied",
    );
}

#[test]
fn a_signature_opens_what_its_keys_policy_allows() {
    let server = server();
    let read = get("reader", "/private/a.jpg", &[]);
    let answer = read.send(&server, "/private/a.jpg", &[], b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "private");
    // The same signature on another key, method or host.
    denied(
        &read.send(&server, "/private/b.jpg", &[], b""),
        "SignatureDoesNotMatch",
    );
    let authorization = read.authorization();
    let headers = [("Host", HOST), ("Authorization", authorization.as_str())];
    denied(
        &request(server.address, "PUT", "/private/a.jpg", &headers, b"x"),
        "SignatureDoesNotMatch",
    );
    let elsewhere = [
        ("Host", OTHER_HOST),
        ("Authorization", authorization.as_str()),
    ];
    denied(
        &request(server.address, "GET", "/private/a.jpg", &elsewhere, b""),
        "SignatureDoesNotMatch",
    );
    denied(
        &get("reader", "/in/a.jpg", &[]).send(&server, "/in/a.jpg", &[], b""),
        "AccessDenied",
    );
    denied(
        &get("nobody", "/private/a.jpg", &[]).send(&server, "/private/a.jpg", &[], b""),
        "InvalidAccessKeyId",
    );
}

#[test]
fn a_refused_signature_can_be_debugged() {
    let server = server();
    let answer = get("reader", "/private/other.jpg", &[]).send(&server, "/private/a.jpg", &[], b"");
    denied(&answer, "SignatureDoesNotMatch");
    assert!(answer.xml("StringToSign").starts_with("sha1\n"));
    assert!(
        answer
            .xml("FormatString")
            .starts_with("get\n/private/a.jpg\n"),
        "{}",
        answer.text()
    );
    assert!(!answer.header("date").is_empty());
    assert!(!answer.text().contains("secret of"));
    let key = key("reader");
    let expired = |start: u64, end: u64| {
        Signing {
            key: &key,
            method: "GET",
            path: b"/private/a.jpg",
            params: &[],
            headers: &[("host", HOST.as_bytes())],
            window: Window { start, end },
        }
        .authorization()
    };
    let now = window().start + 60;
    let send = |authorization: String| {
        server.send(
            "GET",
            "/private/a.jpg",
            &[("Authorization", &authorization)],
            b"",
        )
    };
    let old = send(expired(now - 100, now - 50));
    denied(&old, "AccessDenied");
    assert_eq!(old.xml("Message"), "Request has expired");
    denied(
        &send(expired(now + 1000, now + 2000)),
        "RequestTimeTooSkewed",
    );
    denied(
        &send("q-sign-algorithm=sha1&nonsense".to_owned()),
        "AccessDenied",
    );
    assert_eq!(
        server
            .send("GET", "/pub/a.jpg", &[("Authorization", "")], b"")
            .status,
        200,
        "an empty one is none"
    );
}

#[test]
fn a_rule_that_is_not_signed_acts_on_the_signed_object_alone() {
    let server = server();
    let public = animate_rule("50", &[&format!("http://{HOST}/pub/b.jpg")]);
    let private = animate_rule("50", &[&format!("http://{HOST}/private/b.jpg")]);
    let unsigned = get("reader", "/private/a.jpg", &[]);
    assert_eq!(
        unsigned
            .send(&server, "/private/a.jpg?imageMogr2/interlace/1", &[], b"")
            .status,
        200
    );
    assert_eq!(
        unsigned
            .send(&server, &format!("/private/a.jpg?{public}"), &[], b"")
            .status,
        200
    );
    denied(
        &unsigned.send(&server, &format!("/private/a.jpg?{private}"), &[], b""),
        "AccessDenied",
    );
    let params = [(private.as_str(), "")];
    let signed = get("reader", "/private/a.jpg", &params);
    assert_eq!(
        signed
            .send(&server, &format!("/private/a.jpg?{private}"), &[], b"")
            .status,
        200
    );
    // An image whose own URL is signed may be read by whoever holds that URL.
    let signer = key("reader");
    let query = Signing {
        key: &signer,
        method: "GET",
        path: b"/private/b.jpg",
        params: &[],
        headers: &[("host", HOST.as_bytes())],
        window: window(),
    }
    .query();
    let own = animate_rule("50", &[&format!("http://{HOST}/private/b.jpg?{query}")]);
    assert_eq!(
        unsigned
            .send(&server, &format!("/private/a.jpg?{own}"), &[], b"")
            .status,
        200
    );
    let spoiled = animate_rule("50", &[&format!("http://{HOST}/pub/b.jpg?{query}")]);
    denied(
        &unsigned.send(&server, &format!("/private/a.jpg?{spoiled}"), &[], b""),
        "AccessDenied",
    );
    // A key may refuse unsigned rules altogether.
    let strict = get("strict", "/private/a.jpg", &[]);
    denied(
        &strict.send(&server, "/private/a.jpg?imageMogr2/interlace/1", &[], b""),
        "AccessDenied",
    );
    assert_eq!(strict.send(&server, "/private/a.jpg", &[], b"").status, 200);
}

#[test]
fn authority_comes_before_existence() {
    let server = server();
    let absent = animate_rule("50", &[&format!("http://{HOST}/private/absent.jpg")]);
    denied(&server.get(&format!("/pub/a.jpg?{absent}")), "AccessDenied");
    denied(
        &server.get(&format!("/pub/a.jpg?{absent}/ignore-error/1")),
        "AccessDenied",
    );
    let params = [(absent.as_str(), "")];
    let signed = get("reader", "/pub/a.jpg", &params).send(
        &server,
        &format!("/pub/a.jpg?{absent}"),
        &[],
        b"",
    );
    assert_eq!(
        (signed.status, signed.xml("Code").as_str()),
        (404, "NoSuchKey")
    );
    let foreign = animate_rule("50", &[&format!("http://{OTHER_HOST}/private/a.jpg")]);
    let params = [(foreign.as_str(), "")];
    let answer = get("reader", "/pub/a.jpg", &params).send(
        &server,
        &format!("/pub/a.jpg?{foreign}"),
        &[],
        b"",
    );
    denied(&answer, "AccessDenied");
}

#[test]
fn operations_must_be_signed_and_every_result_allowed() {
    let server = server();
    let to = |fileid: &str| {
        format!(r#"{{"rules":[{{"fileid":"{fileid}","rule":"imageMogr2/interlace/1"}}]}}"#)
    };
    let send = |by: &str, method: &str, target: &str, fileid: &str, covered: bool| {
        let operations = to(fileid);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let params: Vec<(&str, &str)> = if query.is_empty() {
            Vec::new()
        } else {
            vec![(query, "")]
        };
        let headers = [("pic-operations", operations.as_str())];
        let signed = Signed {
            by,
            method,
            path,
            params: &params,
            headers: if covered { &headers } else { &[] },
        };
        let body = if method == "PUT" {
            jpeg(24, 16, 1)
        } else {
            Vec::new()
        };
        signed.send(&server, target, if covered { &[] } else { &headers }, &body)
    };
    assert_eq!(
        send("writer", "PUT", "/in/new.jpg", "/out/x.jpg", true).status,
        200
    );
    denied(
        &send("writer", "PUT", "/in/new.jpg", "/elsewhere/x.jpg", true),
        "AccessDenied",
    );
    denied(
        &send("writer", "PUT", "/in/new.jpg", "/out/y.jpg", false),
        "AccessDenied",
    );
    assert_eq!(
        send("loose", "PUT", "/in/new.jpg", "/out/y.jpg", false).status,
        200
    );
    assert_eq!(
        send(
            "writer",
            "POST",
            "/in/a.jpg?image_process",
            "/out/z.jpg",
            true
        )
        .status,
        200
    );
    denied(
        &send(
            "writer",
            "POST",
            "/private/a.jpg?image_process",
            "/out/z.jpg",
            true,
        ),
        "AccessDenied",
    );
    denied(
        &send(
            "reader",
            "POST",
            "/private/a.jpg?image_process",
            "/private/z.jpg",
            true,
        ),
        "AccessDenied",
    );
    // Cloud mode asks for GetObject on the source as well, unless the looser reading is configured.
    denied(
        &send(
            "putter",
            "POST",
            "/private/a.jpg?image_process",
            "/out/z.jpg",
            true,
        ),
        "AccessDenied",
    );
}

#[test]
fn a_presigned_url_reaches_one_object_in_one_way() {
    let server = server();
    let signer = key("loose");
    let presigned = |method: &'static str, path: &str, params: &[(&str, &str)], host: &str| {
        Signing {
            key: &signer,
            method,
            path: path.as_bytes(),
            params,
            headers: &[("host", host.as_bytes())],
            window: window(),
        }
        .query()
    };
    let query = presigned("GET", "/private/a.jpg", &[], HOST);
    assert_eq!(server.get(&format!("/private/a.jpg?{query}")).status, 200);
    denied(
        &server.get(&format!("/private/b.jpg?{query}")),
        "SignatureDoesNotMatch",
    );
    denied(
        &server.get(&format!("/private/a.jpg?{query}&versionId=1")),
        "AccessDenied",
    );
    denied(
        &server.get(&format!("/private/a.jpg?{query}&uploadId=1")),
        "AccessDenied",
    );
    denied(
        &server.get(&format!(
            "/private/a.jpg?{query}&response-content-type=text/html"
        )),
        "AccessDenied",
    );
    let put = presigned("PUT", "/in/p.jpg", &[], HOST);
    let source = format!("{HOST}/private/a.jpg");
    denied(
        &server.put(
            &format!("/in/p.jpg?{put}"),
            &[("x-cos-copy-source", &source)],
            b"",
        ),
        "AccessDenied",
    );
    denied(
        &server.put(
            &format!("/in/p.jpg?{put}&partNumber=1&uploadId=1"),
            &[],
            b"x",
        ),
        "AccessDenied",
    );
    assert_eq!(
        server.put(&format!("/in/p.jpg?{put}"), &[], b"x").status,
        200
    );
    let overridden = presigned(
        "GET",
        "/private/a.jpg",
        &[("response-content-type", "text/x")],
        HOST,
    );
    let answer = server.get(&format!("/private/a.jpg?{overridden}"));
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "text/x")
    );
    let images = b64(&format!("http://{HOST}/private/b.jpg"));
    let rule = format!("imageMogr2/animate/duration/50/images/{images}");
    let signed_rule = presigned("GET", "/private/a.jpg", &[(&rule, "")], HOST);
    assert_eq!(
        server.get(&format!("/private/a.jpg?{signed_rule}")).status,
        200
    );
}

#[test]
fn a_signature_without_the_host_is_good_for_one_bucket_only() {
    let server = server();
    let signer = key("strict");
    let authorization = Signing {
        key: &signer,
        method: "GET",
        path: b"/private/a.jpg",
        params: &[],
        headers: &[],
        window: window(),
    }
    .authorization();
    for host in [HOST, OTHER_HOST] {
        let headers = [("Host", host), ("Authorization", authorization.as_str())];
        denied(
            &request(server.address, "GET", "/private/a.jpg", &headers, b""),
            "AccessDenied",
        );
    }
}

#[test]
fn a_signature_without_the_host_does_not_turn_a_bucket_into_a_folder() {
    let policy = "policy = \"open\"";
    let server = Server::with(&format!(
        "[[key]]\nid = \"one\"\nsecret = \"secret of one\"\n{policy}\n"
    ));
    server.file("a.jpg", b"secret");
    let signer = key("one");
    let path = format!("/{}/a.jpg", crate::server::BUCKET);
    let signed = |path: &str| {
        Signing {
            key: &signer,
            method: "GET",
            path: path.as_bytes(),
            params: &[],
            headers: &[],
            window: window(),
        }
        .authorization()
    };
    let get = |host: &str, path: &str| {
        let authorization = signed(path);
        let headers = [("Host", host), ("Authorization", authorization.as_str())];
        request(server.address, "GET", path, &headers, b"")
    };
    assert_eq!(get(HOST, "/a.jpg").status, 200);
    denied(&get("cos.ap-shanghai.myqcloud.com", &path), "AccessDenied");
}
