//! What a query asks for beside the object: told, or refused by name, and never taken for a plain request.

use service_tests::{Answer, jpeg, request};

use crate::server::{BUCKET, HOST, Server};
use crate::signer::{key_table, policy, send};

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, words: &str) {
    assert_eq!((answer.status, answer.xml("Code")), (status, code.into()));
    let message = answer.xml("Message");
    assert!(message.contains(words), "`{words}` in `{message}`");
}

#[test]
fn what_is_not_understood_neither_stores_nor_deletes() {
    let server = Server::open();
    server.put("/kept.txt", &[], b"kept");
    for name in [
        "symlink",
        "legal-hold",
        "accelerate",
        "x-of-tomorrow=1",
        "v=3",
    ] {
        let only = name.split('=').next().unwrap();
        for method in ["PUT", "DELETE", "POST"] {
            let answer = server.send(method, &format!("/kept.txt?{name}"), &[], b"other");
            refused(&answer, 400, "InvalidRequest", &format!("?{only}"));
        }
    }
    for method in ["PUT", "DELETE"] {
        let answer = server.send(method, "/kept.txt?imageMogr2/strip", &[], b"other");
        refused(&answer, 400, "InvalidRequest", "Pic-Operations");
    }
    assert_eq!(server.get("/kept.txt").body, b"kept");
}

#[test]
fn what_reads_passes_over_what_means_nothing_and_refuses_the_rest() {
    let server = Server::open();
    server.file("a.jpg", &jpeg(24, 16, 1));
    let plain = server.get("/a.jpg").body;
    for query in ["v=3", "20240101", "utm_source=x", "x=1&t=2"] {
        assert_eq!(
            server.get(&format!("/a.jpg?{query}")).body,
            plain,
            "{query}"
        );
    }
    for (target, words) in [
        ("/a.jpg?ci-process=AIPicMatting", "ci-process=AIPicMatting"),
        ("/a.jpg?torrent", "?torrent"),
        ("/a.jpg?versioning", "?versioning of an object"),
        ("/?object-lock", "?object-lock"),
        ("/?origin", "?origin"),
        ("/?lifecycle", "?lifecycle"),
    ] {
        refused(&server.get(target), 400, "InvalidRequest", words);
    }
}

#[test]
fn what_clients_merely_ask_for_is_told_as_it_is() {
    let lines = format!(
        "[[cors]]\norigins = [\"https://a.example\"]\nmethods = [\"GET\"]\n[anonymous]\n{}",
        policy(&format!(
            "{{\"effect\":\"allow\",\"action\":\"*\",\"resource\":\"qcs::cos:*:*:{BUCKET}/*\"}},\
             {{\"effect\":\"deny\",\"action\":\"cos:GetObject\",\"resource\":\"qcs::cos:*:*:{BUCKET}/hidden/*\"}}"
        ))
    );
    let server = Server::with(&lines);
    for name in ["shown.jpg", "hidden/a.jpg"] {
        server.file(name, &jpeg(24, 16, 1));
    }
    let all_users = "http://cam.qcloud.com/groups/global/AllUsers";
    let acl = server.get("/shown.jpg?acl");
    assert_eq!(acl.xml("ID"), "qcs::cam::uin/1250000000:uin/1250000000");
    assert!(acl.text().contains(all_users), "{}", acl.text());
    assert!(!server.get("/hidden/a.jpg?acl").text().contains(all_users));
    refused(&server.get("/none?acl"), 404, "NoSuchKey", "none");
    assert_eq!(
        server.get("/?location").xml("LocationConstraint"),
        "ap-shanghai"
    );
    assert_eq!(
        server.get("/?cors").xml("AllowedOrigin"),
        "https://a.example"
    );
    let versioning = server.get("/?versioning");
    assert_eq!(
        (versioning.status, versioning.xml("Status")),
        (200, String::new())
    );
    for target in ["/?tagging", "/shown.jpg?tagging"] {
        let tags = server.get(target);
        assert!(tags.text().contains("<TagSet></TagSet>"), "{}", tags.text());
    }
    refused(&server.get("/none?tagging"), 404, "NoSuchKey", "none");
    for target in [
        "/?acl",
        "/shown.jpg?acl",
        "/?versioning",
        "/?cors",
        "/shown.jpg?tagging",
    ] {
        let answer = server.send("PUT", target, &[], b"<x/>");
        refused(
            &answer,
            400,
            "InvalidRequest",
            "changed in the configuration alone",
        );
    }
    let open = Server::open();
    refused(
        &open.get("/?cors"),
        404,
        "NoSuchCORSConfiguration",
        "[[cors]]",
    );
}

#[test]
fn policies_say_who_may_ask() {
    let list = |action: &str| {
        policy(&format!(
            "{{\"effect\":\"allow\",\"action\":\"{action}\",\"resource\":\"qcs::cos:*:*:{BUCKET}/*\"}}"
        ))
    };
    let server = Server::with(&format!(
        "{}{}",
        key_table("reader", &list("cos:GetObject")),
        key_table("asker", &list("cos:GetObjectACL"))
    ));
    server.file("a.jpg", &jpeg(24, 16, 1));
    let ask = |who, target| send(&server, Some(who), "GET", (HOST, target), &[], b"");
    refused(
        &ask("reader", "/a.jpg?acl"),
        403,
        "AccessDenied",
        "GetObjectACL",
    );
    refused(
        &ask("reader", "/?location"),
        403,
        "AccessDenied",
        "GetBucketLocation",
    );
    assert_eq!(ask("asker", "/a.jpg?acl").status, 200);
    refused(&ask("asker", "/a.jpg"), 403, "AccessDenied", "GetObject");
}

#[test]
fn what_chooses_another_operation_is_refused_and_nothing_is_stored_or_deleted() {
    let server = Server::open();
    server.put("/a", &[], b"whole");
    for (method, query, name) in [
        ("PUT", "partNumber=1", "partNumber"),
        ("PUT", "append&position=0", "append"),
        ("PUT", "uploads", "uploads"),
        ("PUT", "image_process", "image_process"),
        ("PUT", "delete", "delete"),
        ("PUT", "prefix=a", "prefix"),
        ("PUT", "versionId=1", "versionId"),
        ("DELETE", "partNumber=1", "partNumber"),
        ("DELETE", "append&position=5", "append"),
        ("DELETE", "delete", "delete"),
        ("POST", "uploads&append&position=5", "append"),
        ("POST", "append&position=5&uploadId=1", "uploadId"),
        ("POST", "uploadId=1&partNumber=1", "partNumber"),
    ] {
        let answer = server.send(method, &format!("/a?{query}"), &[], b"part");
        refused(&answer, 400, "InvalidRequest", &format!("?{name}"));
        assert_eq!(server.get("/a").body, b"whole", "{method} {query}");
    }
}

#[test]
fn the_list_of_buckets_has_those_that_the_key_may_list() {
    let server = Server::with(&format!(
        "[[bucket]]\nname = \"other-1250000000\"\nfolder = \"{{folder}}/other\"\nregion = \"eu-frankfurt\"\n{}{}",
        key_table("all", "policy = \"open\""),
        key_table(
            "one",
            &policy(
                "{\"effect\":\"allow\",\"action\":\"cos:GetBucket\",\"resource\":\"qcs::cos:*:*:other-1250000000/*\"}"
            )
        )
    ));
    for host in ["service.cos.myqcloud.com", "cos.ap-shanghai.myqcloud.com"] {
        let list = |who| send(&server, who, "GET", (host, "/"), &[], b"").text();
        let (all, one) = (list(Some("all")), list(Some("one")));
        assert!(
            all.contains(BUCKET) && all.contains("other-1250000000"),
            "{all}"
        );
        assert!(
            !one.contains(BUCKET) && one.contains("<Location>eu-frankfurt</Location>"),
            "{one}"
        );
        assert!(list(None).contains("AccessDenied"));
        let ask = |target| send(&server, Some("all"), "GET", (host, target), &[], b"");
        let there = ask("/?region=eu-frankfurt").text();
        assert!(
            !there.contains(BUCKET) && there.contains("other-1250000000"),
            "{there}"
        );
        for target in ["/?acl", "/?lifecycle", "/?uploads", "/?imageMogr2/strip"] {
            refused(&ask(target), 400, "InvalidRequest", "of the service");
        }
    }
}

#[test]
fn lists_of_the_second_shape_go_on_by_their_tokens() {
    let server = Server::open();
    for name in ["a", "b", "c 图", "d/1", "d/2", "e"] {
        server.file(name, b"x");
    }
    let mut keys = Vec::new();
    let mut token = String::new();
    loop {
        let more = if token.is_empty() {
            "&start-after=a".to_owned()
        } else {
            format!("&continuation-token={token}")
        };
        let page = server.get(&format!("/?list-type=2&max-keys=2&delimiter=%2F{more}"));
        let text = page.text();
        assert!(text.contains("<KeyCount>"), "{text}");
        let names = text
            .split("<Key>")
            .skip(1)
            .chain(text.split("<Prefix>").skip(2));
        keys.extend(names.map(|rest| rest.split('<').next().unwrap().to_owned()));
        if page.xml("IsTruncated") == "false" {
            break;
        }
        token = page.xml("NextContinuationToken");
    }
    assert_eq!(keys, ["b", "c 图", "e", "d/"]);
    refused(
        &server.get("/?list-type=2&continuation-token=%21"),
        400,
        "InvalidArgument",
        "NextContinuationToken",
    );
    refused(
        &server.get("/?list-type=3"),
        400,
        "InvalidArgument",
        "expected 1 or 2",
    );
}

#[test]
fn a_copy_names_its_source_by_host_or_by_bucket() {
    let server = Server::open();
    server.put("/from%20x.txt", &[], b"copied");
    for (n, source) in [
        format!("{HOST}/from%20x.txt"),
        format!("/{BUCKET}/from%20x.txt"),
        format!("{BUCKET}/from%20x.txt"),
    ]
    .iter()
    .enumerate()
    {
        let answer = server.put(&format!("/to-{n}"), &[("x-cos-copy-source", source)], b"");
        assert_eq!(answer.status, 200, "{source}: {}", answer.text());
        assert_eq!(server.get(&format!("/to-{n}")).body, b"copied");
    }
    let odd = format!("/{BUCKET}/from%20x.txt?versionId=%FF");
    let odd = server.put("/to", &[("x-cos-copy-source", &odd)], b"");
    refused(&odd, 400, "InvalidArgument", "x-cos-copy-source");
    let foreign = server.put("/to", &[("x-cos-copy-source", "/elsewhere-1/from")], b"");
    refused(&foreign, 400, "InvalidArgument", "elsewhere-1");
}

#[test]
fn a_signature_of_aws_is_told_from_one_of_cos() {
    let server = Server::with(&key_table("all", "policy = \"open\""));
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    for (target, headers) in [
        ("/a", vec![("Authorization", authorization)]),
        (
            "/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00",
            vec![],
        ),
        ("/a", vec![("Authorization", "AWS AKIA:sig")]),
        ("/a?AWSAccessKeyId=AKIA&Signature=x&Expires=1", vec![]),
    ] {
        let answer = server.send("GET", target, &headers, b"");
        refused(&answer, 400, "InvalidRequest", "signature of AWS");
    }
}

#[test]
fn scripts_may_read_what_sdks_of_cos_read_by_default() {
    let server = Server::with(
        "[[cors]]\norigins = [\"*\"]\nmethods = [\"GET\"]\n[anonymous]\npolicy = \"open\"\n",
    );
    server.file("a", b"x");
    let headers = [("Host", HOST), ("Origin", "https://a.example")];
    let answer = request(server.address, "GET", "/a", &headers, b"");
    let exposed = answer.header("access-control-expose-headers");
    for name in [
        "ETag",
        "x-cos-request-id",
        "x-cos-next-append-position",
        "*",
    ] {
        assert!(
            exposed.split(", ").any(|found| found == name),
            "{name} in {exposed}"
        );
    }
}
