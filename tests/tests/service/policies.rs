//! What policies decide, over the wire: of keys, of buckets, of anyone, and by address.

use service_tests::{animate_rule, jpeg};

use crate::server::{HOST, Server};
use crate::signer::{denied, key_table, policy, send};

const OTHER_HOST: &str = "other-1250000000.cos.ap-shanghai.myqcloud.com";

/// A statement of an effect on actions and resources of the first bucket.
fn statement(effect: &str, actions: &str, resource: &str) -> String {
    let actions: Vec<String> = actions
        .split(' ')
        .map(|name| format!("\"cos:{name}\""))
        .collect();
    format!(
        "{{\"effect\":\"{effect}\",\"action\":[{}],\"resource\":\"qcs::cos:*:*:examples-1250000000/{resource}\"}}",
        actions.join(",")
    )
}

#[test]
fn cloud_mode_has_two_readings() {
    const PUT: &str = "PutObject";
    const GET: &str = "GetObject";
    const BOTH: &str = "GetObject PutObject";
    let image = format!("http://{HOST}/b.jpg");
    let one = r#"{"rules":[{"fileid":"z.jpg","rule":"imageMogr2/interlace/1"}]}"#;
    let several = format!(
        r#"{{"rules":[{{"fileid":"z.gif","rule":"{}"}}]}}"#,
        animate_rule("50", &[&image])
    );
    let info = r#"{"is_pic_info":1}"#;
    let (rule, images) = (
        "/a.jpg?imageMogr2/interlace/1",
        format!("/a.jpg?{}", animate_rule("50", &[&image])),
    );
    let process = "/a.jpg?image_process";
    // What the key may do, the request, and its statuses in the strict reading and in the looser one.
    let rows: &[(&str, &str, &str, &str, [u16; 2])] = &[
        (GET, "GET", rule, "", [200, 200]),
        (GET, "GET", &images, "", [200, 200]),
        (GET, "PUT", "/a.jpg", one, [403, 403]),
        (GET, "POST", process, one, [403, 403]),
        (GET, "POST", process, &several, [403, 403]),
        (GET, "POST", process, info, [200, 200]),
        (BOTH, "GET", rule, "", [200, 200]),
        (BOTH, "PUT", "/a.jpg", one, [200, 200]),
        (BOTH, "PUT", "/a.jpg", &several, [200, 200]),
        (BOTH, "POST", process, one, [200, 200]),
        (BOTH, "POST", process, &several, [200, 200]),
        (BOTH, "POST", process, info, [200, 200]),
        (PUT, "GET", rule, "", [403, 403]),
        (PUT, "PUT", "/a.jpg", one, [200, 200]),
        (PUT, "PUT", "/a.jpg", &several, [403, 403]),
        (PUT, "PUT", "/a.jpg", info, [200, 200]),
        (PUT, "POST", process, one, [403, 200]),
        // The looser reading is one of the source alone: images are read for whoever may read them.
        (PUT, "POST", process, &several, [403, 403]),
        (PUT, "POST", process, info, [403, 403]),
    ];
    for (reading, switch) in ["", "cloud_mode_needs_put_only = true\n"]
        .into_iter()
        .enumerate()
    {
        let keys = [GET, PUT, BOTH]
            .map(|actions| key_table(actions, &policy(&statement("allow", actions, "*"))));
        let server = Server::with(&format!("{switch}{}", keys.concat()));
        for (actions, method, target, operations, statuses) in rows {
            server
                .file("a.jpg", &jpeg(24, 16, 1))
                .file("b.jpg", &jpeg(24, 16, 2));
            let header = [("Pic-Operations", *operations)];
            let headers = if operations.is_empty() {
                &[]
            } else {
                &header[..]
            };
            let body = if *method == "PUT" {
                jpeg(24, 16, 1)
            } else {
                Vec::new()
            };
            let answer = send(
                &server,
                Some(actions),
                method,
                (HOST, target),
                headers,
                &body,
            );
            let what = format!("{switch}{actions}: {method} {target} {operations}");
            assert_eq!(
                answer.status,
                statuses[reading],
                "{what}: {}",
                answer.text()
            );
        }
    }
}

#[test]
fn a_buckets_policy_counts_beside_its_callers() {
    let bucket = |statements: &str| {
        format!(
            "[[bucket]]\nname = \"other-1250000000\"\nfolder = \"{{folder}}/other\"\n{}\n",
            policy(statements)
        )
    };
    let principal = "qcs::cam::uin/100000000001:uin/100000000002";
    let statement = |who: &str, effect: &str, action: &str, resource: &str| {
        format!(
            "{{\"principal\":{{\"qcs\":[\"{who}\"]}},\"effect\":\"{effect}\",\"action\":\"cos:{action}\",\
             \"resource\":\"qcs::cos:*:*:other-1250000000/{resource}\"}}"
        )
    };
    let statements = [
        statement(principal, "allow", "GetObject", "shared/*"),
        statement(
            "qcs::cam::anonymous:anonymous",
            "allow",
            "GetObject",
            "pub/*",
        ),
        statement(
            "qcs::cam::uin/100000000001:uin/*",
            "deny",
            "GetObject",
            "pub/locked/*",
        ),
    ];
    let named = format!("principal = \"{principal}\"");
    let server = Server::with(&format!(
        "{}{}{}{}",
        bucket(&statements.join(",")),
        key_table("named", &named),
        key_table("open", &format!("{named}\npolicy = \"open\"")),
        key_table("other", ""),
    ));
    for key in ["shared/a", "pub/a", "pub/locked/a", "private/a"] {
        let path = server.folder.path().join("other").join(key);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, b"x").expect("a file");
    }
    server.file("shared/a", b"x");
    for (by, target, status) in [
        (Some("named"), "/shared/a", 200),
        (Some("named"), "/pub/a", 200),
        (Some("named"), "/pub/locked/a", 403),
        (Some("named"), "/private/a", 403),
        (Some("open"), "/private/a", 200),
        (Some("open"), "/pub/locked/a", 403),
        (Some("other"), "/shared/a", 403),
        (Some("other"), "/pub/a", 200),
        // A key without a principal may be any.
        (Some("other"), "/pub/locked/a", 403),
        (None, "/shared/a", 403),
        (None, "/pub/a", 200),
        (None, "/pub/locked/a", 200),
        (None, "/pub/absent", 404),
        (None, "/private/absent", 403),
    ] {
        let answer = send(&server, by, "GET", (OTHER_HOST, target), &[], b"");
        assert_eq!(answer.status, status, "{by:?} {target}: {}", answer.text());
    }
    // It is the policy of that bucket alone.
    let elsewhere = send(&server, Some("named"), "GET", (HOST, "/shared/a"), &[], b"");
    denied(&elsewhere, "AccessDenied");
    let public = send(&server, None, "GET", (OTHER_HOST, "/pub/a"), &[], b"");
    assert!(public.header("cache-control").starts_with("public"));
}

#[test]
fn an_address_that_decides_keeps_answers_private() {
    let by_address = |operator: &str, addresses: &str, effect: &str| {
        let statement = statement(effect, "GetObject", "*");
        let condition =
            format!(",\"condition\":{{\"{operator}\":{{\"qcs:ip\":\"{addresses}\"}}}}}}");
        format!(
            "{}{condition}",
            statement.strip_suffix('}').expect("an object")
        )
    };
    let allow = statement("allow", "GetObject", "*");
    let here = by_address("ip_equal", "127.0.0.0/8", "allow");
    let elsewhere = by_address("ip_equal", "10.0.0.0/8", "allow");
    let deny_elsewhere = by_address("ip_not_equal", "127.0.0.0/8", "deny");
    for (statements, status, cache) in [
        (allow.clone(), 200, "public, max-age=31536000"),
        (here.clone(), 200, "private"),
        (format!("{allow},{deny_elsewhere}"), 200, "private"),
        (format!("{allow},{here}"), 200, "public, max-age=31536000"),
        (elsewhere.clone(), 403, "no-store"),
        (
            format!("{allow},{}", by_address("ip_equal", "127.0.0.1", "deny")),
            403,
            "no-store",
        ),
    ] {
        let policy = policy(&statements);
        let server = Server::with(&format!(
            "[anonymous]\n{policy}\n{}",
            key_table("key", &policy)
        ));
        server.file("a.jpg", &jpeg(24, 16, 1));
        for target in ["/a.jpg", "/a.jpg?imageMogr2/interlace/1"] {
            for by in [None, Some("key")] {
                let answer = send(&server, by, "GET", (HOST, target), &[], b"");
                let found = (answer.status, answer.header("cache-control"));
                assert_eq!(found, (status, cache), "{statements} {target}");
            }
        }
        let tag = server.get("/a.jpg").header("etag").to_owned();
        if !tag.is_empty() {
            let same = server.send("GET", "/a.jpg", &[("If-None-Match", &tag)], b"");
            assert_eq!((same.status, same.header("cache-control")), (304, cache));
        }
    }
}

#[test]
fn a_head_is_denied_where_heads_are() {
    for (statements, get, head) in [
        (statement("allow", "GetObject", "*"), 200, 200),
        (statement("allow", "HeadObject", "*"), 403, 200),
        (statement("allow", "PutObject", "*"), 403, 403),
        (
            format!(
                "{},{}",
                statement("allow", "*", "*"),
                statement("deny", "HeadObject", "*")
            ),
            200,
            403,
        ),
        (
            format!(
                "{},{}",
                statement("allow", "*", "*"),
                statement("deny", "GetObject", "*")
            ),
            403,
            200,
        ),
        (
            format!(
                "{},{}",
                statement("allow", "Get*", "*"),
                statement("deny", "HeadObject", "*")
            ),
            200,
            403,
        ),
    ] {
        let server = Server::with(&key_table("key", &policy(&statements)));
        server.file("a", b"x");
        for (method, status) in [("GET", get), ("HEAD", head)] {
            let answer = send(&server, Some("key"), method, (HOST, "/a"), &[], b"");
            assert_eq!(answer.status, status, "{method} with {statements}");
        }
    }
}

#[test]
fn a_list_is_judged_by_its_prefix() {
    let list = "GetBucket ListMultipartUploads";
    let all = statement("allow", list, "*");
    for (statements, allowed, refused) in [
        (all.clone(), &["", "doc/", "doc/x", "secret/"][..], &[][..]),
        // As the documentation grants uploads under `doc/` (436/30580).
        (
            statement("allow", list, "doc/*"),
            &["doc/", "doc/x"],
            &["", "doc", "doc2/", "secret/"],
        ),
        (
            format!("{all},{}", statement("deny", list, "secret/*")),
            &["", "doc/"],
            &["secret/", "secret/x"],
        ),
        // The bucket itself is its every part.
        (statement("allow", list, ""), &["", "doc/"], &[]),
        (
            format!("{all},{}", statement("deny", list, "")),
            &[],
            &["", "doc/"],
        ),
    ] {
        let server = Server::with(&key_table("key", &policy(&statements)));
        for (prefixes, status) in [(allowed, 200), (refused, 403)] {
            for prefix in prefixes {
                for what in ["/?prefix=", "/?uploads&prefix="] {
                    let target = format!("{what}{prefix}");
                    let answer = send(&server, Some("key"), "GET", (HOST, &target), &[], b"");
                    assert_eq!(answer.status, status, "{target} with {statements}");
                }
            }
        }
    }
}

#[test]
fn many_keys_are_deleted_by_who_may_delete_each() {
    let delete = statement("allow", "DeleteObject", "in/*");
    let many = statement("allow", "DeleteObject DeleteMultipleObjects", "in/*");
    let denied = format!("{many},{}", statement("deny", "DeleteMultipleObjects", "*"));
    for (statements, signed, anonymous) in [
        (&delete, true, false),
        (&many, true, true),
        (&denied, false, false),
    ] {
        for (by, deleted) in [(Some("key"), signed), (None, anonymous)] {
            let policy = policy(statements);
            let server = Server::with(&format!(
                "[anonymous]\n{policy}\n{}",
                key_table("key", &policy)
            ));
            server.file("in/a", b"x").file("out/a", b"x");
            let body = b"<Delete><Object><Key>in/a</Key></Object><Object><Key>out/a</Key></Object></Delete>";
            // The MD5 of the body.
            let headers = [("Content-MD5", "O20gsFeLwBrjlUlqNgzj4g==")];
            let answer = send(&server, by, "POST", (HOST, "/?delete"), &headers, body);
            let text = answer.text();
            let left = |key: &str| server.folder.path().join("bucket").join(key).exists();
            if !deleted {
                // Who may delete nothing is refused before the keys are read.
                assert_eq!(answer.status, 403, "{text}");
                assert!(text.contains("on `examples-1250000000/*`"), "{text}");
                assert!(left("in/a") && left("out/a"));
                continue;
            }
            assert_eq!(answer.status, 200, "{text}");
            assert!(
                text.contains("<Deleted><Key>in/a</Key></Deleted>"),
                "{text}"
            );
            assert!(
                text.contains("<Error><Key>out/a</Key><Code>AccessDenied</Code>"),
                "{text}"
            );
            assert_eq!((left("in/a"), left("out/a")), (false, true));
        }
    }
}
