//! What of a request its signature covers, and that nothing else chooses what is done.

use std::sync::Arc;

use http::{Request, StatusCode};
use service_tests::{animate_rule, frame_marker, jpeg};
use shared::auth::Signing;
use shared::config::Outside;
use shared::storage::{Folder, Storage};
use shared::{Config, Service};

use crate::server::{HOST, Server};
use crate::signer::{authorization, denied, key, key_table, presigned, send, window};

/// One key that may do everything, and another that takes signed rules alone.
fn server() -> Server {
    let server = Server::with(&format!(
        "{}{}",
        key_table("all", "policy = \"open\""),
        key_table("strict", "policy = \"open\"\nrequire_signed_rule = true")
    ));
    for name in ["a.jpg", "b.jpg"] {
        server.file(name, &jpeg(24, 16, 1));
    }
    server
}

#[test]
fn another_letter_case_is_no_other_operation() {
    let server = server();
    let begun = send(
        &server,
        Some("all"),
        "POST",
        (HOST, "/a.jpg?uploads"),
        &[],
        b"",
    );
    let upload = format!("/a.jpg?uploadId={}", begun.xml("UploadId"));
    let part = format!("{upload}&partNumber=1");
    let operations = ["acl", "image_process", "delete", "uploads", "append"].map(|name| {
        let target = format!("/a.jpg?{name}");
        (target, name.to_owned(), name.to_uppercase())
    });
    let mut rows: Vec<(&str, String, String, String)> = Vec::new();
    for (target, name, changed) in operations {
        rows.push(("POST", target, name, changed));
    }
    for (method, target, name, changed) in [
        ("GET", "/?prefix=a", "prefix", "PREFIX"),
        ("GET", "/?prefix=a", "prefix", "%50refix"),
        ("GET", "/?delimiter=a", "delimiter", "Delimiter"),
        ("GET", "/?uploads&prefix=a", "uploads", "Uploads"),
        ("DELETE", upload.as_str(), "uploadId", "UPLOADID"),
        ("PUT", part.as_str(), "partNumber", "partnumber"),
        ("PUT", part.as_str(), "uploadId", "uploadid"),
        ("GET", "/a.jpg?versionId=1", "versionId", "versionid"),
        (
            "GET",
            "/a.jpg?response-content-disposition=attachment",
            "response",
            "Response",
        ),
    ] {
        rows.push((
            method,
            target.to_owned(),
            name.to_owned(),
            changed.to_owned(),
        ));
    }
    for (method, target, name, changed) in rows {
        let whole = presigned("strict", method, HOST, &target);
        let begin = whole.find("&q-signature").expect("it is signed");
        let changed = format!(
            "{}{}",
            &whole[..begin],
            whole[begin..].replacen(&name, &changed, 1)
        );
        assert_ne!(changed, whole, "{target}");
        let answer = server.send(method, &changed, &[], b"x");
        denied(&answer, "AccessDenied");
        let message = answer.xml("Message");
        assert!(
            message.contains("letter case counts"),
            "{changed}: {message}"
        );
        // What was signed is done, or refused for another reason.
        let answer = server.send(method, &whole, &[], b"x");
        assert_ne!(answer.status, 403, "{whole}: {}", answer.text());
    }
    assert_eq!(
        server.send("GET", "/?PREFIX=a", &[], b"").status,
        403,
        "anonymous"
    );
    let kept = send(&server, Some("all"), "GET", (HOST, "/a.jpg"), &[], b"");
    assert_eq!(kept.body, jpeg(24, 16, 1), "nothing was deleted or put");
    let whole = presigned("strict", "GET", HOST, "/a.jpg?imageMogr2/interlace/1");
    assert_eq!(frame_marker(&server.get(&whole).body), Some(0xC2));
}

/// A `+` is a space to a signature and itself to a rule, so that one signature would be good for two rules.
#[test]
fn a_plus_in_a_signed_rule_is_refused() {
    let server = server();
    let rule = "/a.jpg?imageMogr2/format/j%20pg";
    let spaced = presigned("all", "GET", HOST, rule);
    assert_eq!(server.get(&spaced).status, 200, "spaces mean nothing");
    let plus = spaced.replacen("/j%20pg", "/j+pg", 1);
    assert_ne!(plus, spaced);
    denied(&server.get(&plus), "AccessDenied");
    assert!(server.get(&plus).xml("Message").contains("%2B"));
    // An escaped one is itself to both.
    let escaped = presigned("all", "GET", HOST, &rule.replace("%20", "%2B"));
    let refused = server.get(&escaped);
    assert_eq!(refused.xml("Code"), "InvalidArgument", "{}", refused.text());
    assert!(
        refused.xml("Message").contains("`j+pg`"),
        "{}",
        refused.text()
    );
    // Elsewhere SDKs write spaces so, and a rule that is not signed is nobody's.
    let values = presigned("all", "GET", HOST, "/?prefix=a%20b").replacen("=a%20b", "=a+b", 1);
    assert_eq!(server.get(&values).status, 200);
    let unsigned = presigned("all", "GET", HOST, "/a.jpg");
    let answer = server.get(&format!("{unsigned}&imageMogr2/format/j+pg"));
    assert_eq!(answer.xml("Code"), "InvalidArgument");
}

/// What a signed request deletes is signed, by its digest.
#[test]
fn a_list_to_delete_is_covered_by_the_signature() {
    let server = server();
    let body = |key: &str| format!("<Delete><Object><Key>{key}</Key></Object></Delete>");
    // The MD5 of each.
    let (listed, other) = (body("a.jpg"), body("b.jpg"));
    let (md5, other_md5) = ("FHi1sHTSQ0ZmJt41FeGmdw==", "dEsv9vd1pMJri1IAINtwNA==");
    let whole = presigned("all", "POST", HOST, "/?delete");
    let send_as = |target: &str, md5: &str, body: &str| {
        server.send("POST", target, &[("Content-MD5", md5)], body.as_bytes())
    };
    for (md5, body) in [(md5, &listed), (other_md5, &other)] {
        let answer = send_as(&whole, md5, body);
        denied(&answer, "AccessDenied");
        assert!(answer.xml("Message").contains("Content-MD5"));
    }
    let signed = |body: &str| {
        let headers = [("Content-MD5", md5)];
        send(
            &server,
            Some("all"),
            "POST",
            (HOST, "/?delete"),
            &headers,
            body.as_bytes(),
        )
    };
    assert_eq!(signed(&other).xml("Code"), "BadDigest");
    let deleted = signed(&listed);
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    let left = |key: &str| server.folder.path().join("bucket").join(key).exists();
    assert_eq!((left("a.jpg"), left("b.jpg")), (false, true));
}

/// The letter case of a rule is not signed: broken by it, a rule with `ignore-error` is not the original.
#[test]
fn a_signed_rule_broken_by_letter_case_gives_no_original() {
    let server = server();
    let image = animate_rule("50", &[&format!("http://{HOST}/b.jpg")]);
    let image = image.rsplit_once('/').expect("a rule").1.to_owned();
    let flipped: String = image
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    let rule = format!("imageMogr2/animate/duration/50/images/{image}/ignore-error/1");
    let target = presigned("all", "GET", HOST, &format!("/a.jpg?{rule}"));
    assert_eq!(server.get(&target).status, 200);
    let answer = server.get(&target.replace(&image, &flipped));
    assert_eq!(answer.status, 400, "{}", answer.text());
    // Elsewhere a rule is the same in every letter case.
    let rule = "/a.jpg?imageMogr2/format/png/ignore-error/1";
    let target = presigned("all", "GET", HOST, rule);
    let whole = server.get(&target);
    assert!(whole.body.starts_with(b"\x89PNG"));
    let changed = target.replacen("/format/png", "/forMat/pNg", 1);
    assert_ne!(changed, target);
    assert_eq!(server.get(&changed).body, whole.body);
    // Numbers are the signer's own.
    let target = presigned(
        "all",
        "GET",
        HOST,
        "/a.jpg?imageMogr2/quality/101/ignore-error/1",
    );
    assert_eq!(server.get(&target).body, jpeg(24, 16, 1));
}

#[test]
fn a_signed_rule_is_the_same_in_every_letter_case() {
    let server = server();
    let whole = presigned(
        "strict",
        "GET",
        HOST,
        "/a.jpg?imageMogr2/strip|imageMogr2/interlace/1",
    );
    let expected = server.get(&whole);
    assert_eq!(frame_marker(&expected.body), Some(0xC2));
    for changed in [
        "&IMAGEMOGR2/strip",
        "&imagemogr2%2Fstrip",
        "&imageMogr2/STRIP",
    ] {
        let begin = whole.find("&q-signature").expect("it is signed");
        let target = whole[begin..].replacen("&imageMogr2/strip", changed, 1);
        let target = format!("{}{target}", &whole[..begin]);
        assert_ne!(target, whole);
        let answer = server.get(&target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        assert_eq!(answer.body, expected.body, "{target}");
    }
}

#[test]
fn what_is_signed_of_a_rule_is_all_of_it() {
    let server = server();
    // Joined to a signed rule, one that is not signed could undo it.
    for key in ["all", "strict"] {
        let whole = presigned(key, "GET", HOST, "/a.jpg?imageMogr2/interlace/1");
        assert_eq!(server.get(&whole).status, 200);
        for more in [
            "&imageMogr2/interlace/0",
            "?imageMogr2/interlace/0",
            "&IMAGEMOGR/interlace/0",
        ] {
            // After another item, so that the signed ones stay as they are.
            let answer = server.get(&format!("{whole}&v=1{more}"));
            denied(&answer, "AccessDenied");
            assert!(answer.xml("Message").contains("1 of 2 rules"), "{more}");
        }
        let both = "/a.jpg?imageMogr2/interlace/1&imageMogr2/strip";
        assert_eq!(server.get(&presigned(key, "GET", HOST, both)).status, 200);
    }
    let plain = presigned("all", "GET", HOST, "/a.jpg");
    let added = format!("{plain}&imageMogr2/interlace/1&imageMogr2/strip");
    assert_eq!(server.get(&added).status, 200, "covered in no part");
    let plain = presigned("strict", "GET", HOST, "/a.jpg");
    denied(
        &server.get(&format!("{plain}&imageMogr2/strip")),
        "AccessDenied",
    );
}

#[test]
fn a_second_question_mark_hides_nothing() {
    let server = server();
    let plain = presigned("all", "GET", HOST, "/a.jpg");
    for more in [
        "imageMogr2/strip?versionId=1",
        "v=1?imageMogr2/strip?versionId=1",
    ] {
        let answer = server.get(&format!("{plain}&{more}"));
        denied(&answer, "AccessDenied");
        assert!(answer.xml("Message").contains("versionId"), "{more}");
    }
    let answer = server.get(&format!(
        "{plain}&imageMogr2/strip?response-content-type=text/html"
    ));
    assert_ne!(answer.status, 200, "{}", answer.text());
    let answer = server.get(&format!("{plain}&v=1?imageMogr2/interlace/1?t=2"));
    assert_eq!(frame_marker(&answer.body), Some(0xC2));
}

#[test]
fn a_fault_in_signed_base64_is_not_hidden() {
    let server = server();
    let image = "aHR0cDovL2hvc3QvMi5qcGc"; // http://host/2.jpg
    let rule = format!("imageMogr2/ignore-error/1/animate/duration/50/images/{image}");
    let whole = presigned("all", "GET", HOST, &format!("/a.jpg?{rule}"));
    let changed = whole.replace(image, &image.to_uppercase());
    assert_ne!(changed, whole);
    let answer = server.get(&changed);
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.xml("Code"), "InvalidImageSource");
    // A value in plain text is read alike in every letter case.
    let plain = presigned(
        "all",
        "GET",
        HOST,
        "/a.jpg?imageMogr2/ignore-error/1/interlace/7",
    );
    assert_eq!(server.get(&plain).body, jpeg(24, 16, 1));
}

#[test]
fn an_image_urls_signature_covers_its_version() {
    let server = server();
    let image = |target: &str, more: &str| {
        let signed = presigned("all", "GET", HOST, target);
        let rule = animate_rule("50", &[&format!("http://{HOST}{signed}{more}")]);
        send(
            &server,
            Some("all"),
            "GET",
            (HOST, &format!("/a.jpg?{rule}")),
            &[],
            b"",
        )
    };
    assert_eq!(image("/b.jpg", "").status, 200);
    denied(&image("/b.jpg", "&versionId=1"), "AccessDenied");
    denied(&image("/b.jpg", "&VERSIONID=1"), "AccessDenied");
    let covered = image("/b.jpg?versionId=1", "");
    assert_eq!(covered.xml("Code"), "NoSuchVersion", "{}", covered.text());
}

#[test]
fn operations_that_are_not_signed_read_what_anyone_may() {
    let public = "[anonymous]\npolicy = '''{\"version\":\"2.0\",\"statement\":{\"effect\":\"allow\",\
                  \"action\":\"cos:GetObject\",\"resource\":\"qcs::cos:*:*:examples-1250000000/pub/*\"}}'''\n";
    let loose = key_table(
        "loose",
        "policy = \"open\"\nallow_unsigned_pic_operations = true",
    );
    let server = Server::with(&format!("{public}{loose}"));
    server.file("pub/b.jpg", &jpeg(24, 16, 1));
    server.file("private/b.jpg", &jpeg(24, 16, 2));
    let put = |image: &str, covered: bool| {
        let rule = animate_rule("50", &[&format!("http://{HOST}/{image}")]);
        let operations = format!(r#"{{"rules":[{{"fileid":"x.gif","rule":"{rule}"}}]}}"#);
        let header = [("Pic-Operations", operations.as_str())];
        let body = jpeg(24, 16, 3);
        if covered {
            return send(
                &server,
                Some("loose"),
                "PUT",
                (HOST, "/a.jpg"),
                &header,
                &body,
            );
        }
        let target = presigned("loose", "PUT", HOST, "/a.jpg");
        server.put(&target, &header, &body)
    };
    assert_eq!(put("private/b.jpg", true).status, 200);
    assert_eq!(put("pub/b.jpg", false).status, 200);
    denied(&put("private/b.jpg", false), "AccessDenied");
}

#[test]
fn a_signature_without_the_host_does_not_turn_a_prefix_into_a_folder() {
    let text = "[[bucket]]\nname = \"examples-1250000000\"\ns3 = \"b\"\nprefix = \"images/\"\n\
                [[key]]\nid = \"all\"\nsecret = \"secret of all\"\npolicy = \"open\"\n";
    let outside = Outside {
        env: &|_| None,
        file: &|_| Err(std::io::ErrorKind::NotFound.into()),
    };
    let config = Config::parse(text, &outside).expect("the configuration is right");
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    // What lies under the prefix; the storage is not what this is about.
    std::fs::create_dir_all(folder.path().join("images")).expect("a folder");
    std::fs::write(folder.path().join("images/x"), b"images/images/x").expect("a file");
    std::fs::write(folder.path().join("x"), b"images/x").expect("a file");
    let storage: Arc<dyn Storage> = Arc::new(Folder::open(folder.path()).expect("a folder"));
    let service = Service::new(config, |_| Ok(storage.clone())).expect("a service");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let get = |host: &str, with_host: bool| {
        let headers = [("host", host.as_bytes())];
        let authorization = Signing {
            key: &key("all"),
            method: "GET",
            path: b"/images/x",
            params: &[],
            headers: if with_host { &headers } else { &[] },
            window: window(),
        }
        .authorization();
        let request = Request::get("/images/x")
            .header("host", host)
            .header("authorization", authorization)
            .body(bytes::Bytes::new())
            .expect("a request");
        runtime.block_on(service.answer(request)).status()
    };
    let (cos, s3) = (HOST, "b.s3.eu-west-1.amazonaws.com");
    assert_eq!(get(cos, false), StatusCode::OK);
    assert_eq!(get(s3, false), StatusCode::FORBIDDEN);
    assert_eq!(get(s3, true), StatusCode::OK);
}

#[test]
fn a_key_takes_unsigned_operations_or_signed_rules_alone() {
    let key = key_table(
        "x",
        "allow_unsigned_pic_operations = true\nrequire_signed_rule = true",
    );
    let text = format!("[[bucket]]\nname = \"b\"\nfolder = \".\"\n{key}");
    let outside = Outside {
        env: &|_| None,
        file: &|_| Err(std::io::ErrorKind::NotFound.into()),
    };
    let error = Config::parse(&text, &outside).expect_err("it is refused");
    assert!(
        error
            .to_string()
            .contains("key[0].allow_unsigned_pic_operations"),
        "{error}"
    );
    let text = text.replace("allow_unsigned_pic_operations", "images_of_unsigned_rules");
    let error = Config::parse(&text, &outside).expect_err("it is refused");
    let named = "key[0].images_of_unsigned_rules";
    assert!(error.to_string().contains(named), "{error}");
}

/// SDKs that sign no rule: the signed object is read for its key, other images only where the key says so, and never by a
/// URL, which would open all that the key may read to whoever holds it.
#[test]
fn images_of_a_rule_that_is_not_signed() {
    let server = Server::with(&format!(
        "{}{}",
        key_table("all", "policy = \"open\""),
        key_table(
            "server",
            "policy = \"open\"\nimages_of_unsigned_rules = true"
        )
    ));
    for name in ["a.jpg", "b.jpg"] {
        server.file(name, &jpeg(24, 16, 1));
    }
    let animate = |name: &str| animate_rule("50", &[&format!("http://{HOST}/{name}")]);
    let by_header = |by: &str, rule: &str| {
        let authorization = authorization(by, "GET", "/a.jpg", &[("host", HOST)]);
        let headers = [("Authorization", authorization.as_str())];
        server.send("GET", &format!("/a.jpg?{rule}"), &headers, b"")
    };
    let by_url = |by: &str, rule: &str| {
        let target = presigned(by, "GET", HOST, "/a.jpg");
        server.get(&format!("{target}&{rule}"))
    };
    let (own, other) = (animate("a.jpg"), animate("b.jpg"));
    for by in ["all", "server"] {
        assert_eq!(by_header(by, &own).status, 200);
        assert_eq!(by_url(by, &own).status, 200);
        let answer = by_url(by, &other);
        denied(&answer, "AccessDenied");
        let message = answer.xml("Message");
        for way in [
            "does not cover the rule",
            "q-url-param-list",
            "images_of_unsigned_rules",
        ] {
            assert!(message.contains(way), "{way}: {message}");
        }
    }
    denied(&by_header("all", &other), "AccessDenied");
    assert_eq!(by_header("server", &other).status, 200);
    // Another version of the object is another object.
    let version = animate("a.jpg?versionId=1");
    denied(&by_header("all", &version), "AccessDenied");
}

#[test]
fn a_token_is_not_told() {
    let table = key_table("temporary", "token = \"the token\"\npolicy = \"open\"");
    let server = Server::with(&table);
    let headers = [("x-cos-security-token", "the token")];
    let ok = send(
        &server,
        Some("temporary"),
        "GET",
        (HOST, "/absent"),
        &headers,
        b"",
    );
    assert_eq!(ok.status, 404, "{}", ok.text());
    let target = presigned(
        "temporary",
        "GET",
        HOST,
        "/a?x-cos-security-token=the%20token",
    );
    let answer = server.get(&target.replacen("/a?", "/b?", 1));
    denied(&answer, "SignatureDoesNotMatch");
    let format = answer.xml("FormatString");
    assert!(format.contains("x-cos-security-token=(hidden)"), "{format}");
    assert!(!answer.text().contains("the%20token"), "{}", answer.text());
}
