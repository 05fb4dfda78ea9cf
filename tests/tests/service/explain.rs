//! What is explained of a request, beside what the service answers it with.

use std::fmt::Write as _;

use service_tests::{animate_rule, jpeg};
use shared::auth::explain::Pasted;
use shared::auth::{Signing, unescape};

use crate::server::{HOST, Server};
use crate::signer::{key, key_table, policy, presigned, window};

const OTHER_HOST: &str = "other-1250000000.cos.ap-shanghai.myqcloud.com";

/// Anyone reads `pub/`; `reader` reads all of the first bucket but `secret/`, `writer` does all there from one network;
/// another bucket lets nobody in.
fn server() -> Server {
    let statement = |effect: &str, actions: &str, resource: &str, more: &str| {
        format!(
            "{{\"sid\":\"{resource}\",\"effect\":\"{effect}\",\"action\":[{actions}],\
             \"resource\":\"qcs::cos:*:*:examples-1250000000/{resource}\"{more}}}"
        )
    };
    let get = "\"cos:GetObject\"";
    let here = ",\"condition\":{\"ip_equal\":{\"qcs:ip\":\"127.0.0.1\"}}";
    let deny = statement("deny", "\"*\"", "secret/*", "");
    let reader = policy(&format!("{},{deny}", statement("allow", get, "*", "")));
    let writer = policy(&statement("allow", "\"cos:*\"", "*", here));
    let server = Server::with(&format!(
        "cloud_mode_needs_put_only = true\n[anonymous]\n{}\n{}{}{}{}",
        policy(&statement("allow", get, "pub/*", "")),
        "[[bucket]]\nname = \"other-1250000000\"\nfolder = \"{folder}/other\"\n",
        key_table("reader", &reader),
        key_table("writer", &writer),
        key_table("strict", &format!("require_signed_rule = true\n{writer}")),
    ));
    for name in [
        "pub/a.jpg",
        "pub/b.jpg",
        "private/a.jpg",
        "private/b.jpg",
        "secret/a.jpg",
    ] {
        server.file(name, &jpeg(24, 16, 1));
    }
    server
}

/// A request: who signs it, with the names of headers that the signature covers; all of its query is covered but for
/// what stands in `added`.
#[derive(Clone, Copy)]
struct Asked<'a> {
    by: Option<&'a str>,
    covered: &'a [&'a str],
    method: &'a str,
    host: &'a str,
    target: &'a str,
    added: &'a str,
    headers: &'a [(&'a str, &'a str)],
}

const GET: Asked<'static> = Asked {
    by: Some("reader"),
    covered: &["host", "pic-operations", "x-cos-copy-source"],
    method: "GET",
    host: HOST,
    target: "/private/a.jpg",
    added: "",
    headers: &[],
};

/// Explains a request as a client of this machine would send it, and sends it: both come to the same.
#[track_caller]
fn explained(server: &Server, asked: Asked) -> String {
    let mut headers = vec![("Host".to_owned(), asked.host.to_owned())];
    headers.extend(
        asked
            .headers
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
    );
    if let Some(by) = asked.by {
        let covered: Vec<(&str, &[u8])> = headers
            .iter()
            .filter(|(name, _)| asked.covered.iter().any(|c| c.eq_ignore_ascii_case(name)))
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let (path, query) = asked.target.split_once('?').unwrap_or((asked.target, ""));
        let params: Vec<(&str, &str)> = query
            .split('&')
            .filter(|item| !item.is_empty())
            .map(|item| item.split_once('=').unwrap_or((item, "")))
            .collect();
        let authorization = Signing {
            key: &key(by),
            method: asked.method,
            path: &unescape(path.as_bytes()),
            params: &params,
            headers: &covered,
            window: window(),
        }
        .authorization();
        headers.push(("Authorization".to_owned(), authorization));
    }
    let target = format!("{}{}", asked.target, asked.added);
    let mut text = format!("{} {target} HTTP/1.1\r\n", asked.method);
    for (name, value) in &headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let now = window().start + 60;
    let address = Some([127, 0, 0, 1].into());
    let pasted = Pasted::parse(&text).expect("a request");
    let explanation = shared::explain(server.config.clone(), &pasted, address, now, None);
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let answer = service_tests::request(server.address, asked.method, &target, &headers, b"");
    match &explanation.refusal {
        Some(error) => {
            let expected = error.answer();
            let found = (answer.status, answer.xml("Code"), answer.xml("Message"));
            let expected = (
                expected.status.as_u16(),
                expected.code.to_owned(),
                error.to_string(),
            );
            assert_eq!(found, expected, "{explanation}");
        }
        None => assert_eq!(answer.status, 200, "{explanation}{}", answer.text()),
    }
    explanation.to_string()
}

#[track_caller]
fn tells(server: &Server, asked: Asked, lines: &[&str]) {
    let text = explained(server, asked);
    for line in lines {
        assert!(
            text.contains(&format!("\n{line}")),
            "expected {line}\nfound {text}"
        );
    }
}

const FINE: &str =
    "answer       nothing in the request is refused; the rest depends on what is stored\n";

#[test]
fn downloads_are_explained() {
    let server = server();
    tells(
        &server,
        GET,
        &[
            "outcome      the signature is right\n",
            "bucket       `examples-1250000000`\n",
            "key          `private/a.jpg`\n",
            "policy       cos:GetObject on `examples-1250000000/private/a.jpg` for the key `reader`: allowed by statement[0] (`*`) of the policy of the key\n",
            FINE,
        ],
    );
    let secret = Asked {
        target: "/secret/a.jpg",
        ..GET
    };
    tells(
        &server,
        secret,
        &[
            "policy       cos:GetObject on `examples-1250000000/secret/a.jpg` for the key `reader`: denied by statement[1] (`secret/*`) of the policy of the key\n",
            "answer       refused with 403 AccessDenied: cos:GetObject on `examples-1250000000/secret/a.jpg`: a policy denies it\n",
        ],
    );
    let anyone = Asked { by: None, ..GET };
    tells(
        &server,
        anyone,
        &[
            "policy       cos:GetObject on `examples-1250000000/private/a.jpg` for anyone: denied: no statement allows it\n",
            "answer       refused with 403 AccessDenied",
        ],
    );
    tells(
        &server,
        Asked {
            target: "/pub/a.jpg",
            ..anyone
        },
        &[FINE],
    );
    tells(
        &server,
        Asked {
            method: "HEAD",
            target: "/pub/a.jpg",
            ..anyone
        },
        &["policy       cos:GetObject on", FINE],
    );
    tells(
        &server,
        Asked {
            method: "PUT",
            target: "/pub/a.jpg",
            ..anyone
        },
        &["policy       cos:PutObject on `examples-1250000000/pub/a.jpg` for anyone: denied"],
    );
    tells(
        &server,
        Asked {
            target: "/?prefix=pub/",
            ..anyone
        },
        &["policy       cos:GetBucket on `examples-1250000000/pub/` for anyone: denied"],
    );
}

#[test]
fn rules_and_their_images_are_explained() {
    let server = server();
    let signed = presigned("reader", "GET", HOST, "/private/b.jpg");
    let urls = [
        format!("http://{HOST}/pub/b.jpg"),
        format!("http://{HOST}/private/b.jpg"),
        format!("http://{HOST}{signed}"),
    ];
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let public = animate_rule("50", &urls[..1]);
    let all = animate_rule("50", &urls);
    let target = format!("/pub/a.jpg?{all}");
    let on = |n: u32, key: &str, rest: &str| {
        format!("image {n}      cos:GetObject on `examples-1250000000/{key}` for {rest}")
    };
    let by_reader = "the key `reader`: allowed by statement[0] (`*`) of the policy of the key\n";
    let shown = format!("image 2      {HOST}/private/b.jpg\n");
    let mine = [1, 2, 3].map(|n| {
        on(
            n,
            if n == 1 { "pub/b.jpg" } else { "private/b.jpg" },
            by_reader,
        )
    });
    tells(
        &server,
        Asked {
            target: &target,
            ..GET
        },
        &[
            "stage 1      imageMogr2/animate/duration/50/images/",
            &shown,
            &mine[0],
            &mine[1],
            &mine[2],
            FINE,
        ],
    );
    // After the signature, and not covered by it, the rule acts for anyone, but for the image whose URL is signed.
    let anyones = on(
        1,
        "pub/b.jpg",
        "anyone: allowed by statement[0] (`pub/*`) of the policy of [anonymous]\n",
    );
    let refused = on(
        2,
        "private/b.jpg",
        "anyone: denied: no statement allows it\n",
    );
    tells(
        &server,
        Asked {
            target: "/pub/a.jpg",
            added: &format!("?{all}"),
            ..GET
        },
        &[
            &anyones,
            &refused,
            &mine[2],
            "answer       refused with 403 AccessDenied: cos:GetObject on `examples-1250000000/private/b.jpg`",
        ],
    );
    tells(
        &server,
        Asked {
            target: "/pub/a.jpg",
            added: &format!("?{public}"),
            ..GET
        },
        &[&anyones, FINE],
    );
    tells(
        &server,
        Asked {
            by: Some("strict"),
            target: "/pub/a.jpg",
            added: "?imageMogr2/interlace/1|imageMogr2/strip",
            ..GET
        },
        &[
            "stage 1      imageMogr2/interlace/1\nstage 2      imageMogr2/strip\n",
            "answer       refused with 403 AccessDenied: this key takes only rules that its signature covers",
        ],
    );
    tells(
        &server,
        Asked {
            target: "/pub/a.jpg?imageMogr2/interlace/2",
            ..GET
        },
        &[
            "rule         not understood: ",
            "answer       refused with 400 InvalidArgument: ",
        ],
    );
    tells(
        &server,
        Asked {
            target: "/pub/a.jpg?imageMogr2/interlace/2/ignore-error/1",
            ..GET
        },
        &[
            "rule         not understood: ",
            "ignore-error gives the original in place of: ",
            FINE,
        ],
    );
    let lost = animate_rule("50", &["http://unknown.example.net/x.jpg"]);
    tells(
        &server,
        Asked {
            target: &format!("/pub/a.jpg?{lost}"),
            ..GET
        },
        &[
            "image 1      image 1 of the rule",
            "answer       refused with 400 InvalidImageSource: ",
        ],
    );
}

#[test]
fn what_the_signature_leaves_out_is_explained() {
    let server = server();
    let refused = |asked: Asked, reason: &str| {
        let line = format!("answer       refused with 403 AccessDenied: {reason}");
        tells(
            &server,
            asked,
            &["outcome      the signature is right\n", &line],
        );
    };
    refused(
        Asked {
            covered: &[],
            ..GET
        },
        "the signature does not cover the header host",
    );
    refused(
        Asked {
            added: "?versionId=1",
            ..GET
        },
        "the signature does not cover the parameter versionId",
    );
    refused(
        Asked {
            added: "?response-content-type=x",
            ..GET
        },
        "response-content-type is honored only",
    );
    refused(
        Asked {
            added: "?VersionID=1",
            ..GET
        },
        "`VersionID` in the query of a signed request is spelled `versionId`",
    );
    let write = Asked {
        by: Some("writer"),
        covered: &["host"],
        method: "PUT",
        target: "/in/x.jpg",
        ..GET
    };
    let source = format!("{HOST}/private/a.jpg");
    refused(
        Asked {
            headers: &[("x-cos-copy-source", &source)],
            ..write
        },
        "the signature does not cover x-cos-copy-source",
    );
    let operations = r#"{"rules":[{"fileid":"y.jpg","rule":"imageMogr2/interlace/1"}]}"#;
    refused(
        Asked {
            headers: &[("Pic-Operations", operations)],
            ..write
        },
        "the signature does not cover the header Pic-Operations",
    );
    tells(
        &server,
        Asked {
            by: None,
            method: "PUT",
            target: "/pub/a.jpg",
            headers: &[("Origin", "https://elsewhere.example.net")],
            ..GET
        },
        &["answer       refused with 403 AccessDenied: no CORS rule allows"],
    );
    tells(
        &server,
        Asked {
            host: "elsewhere.example.net",
            ..GET
        },
        &[
            "policy       not asked",
            "answer       refused with 404 NoSuchBucket: ",
        ],
    );
    tells(
        &server,
        Asked {
            by: Some("unknown"),
            target: "/pub/a.jpg?imageMogr2/interlace/1",
            ..GET
        },
        &[
            "stage 1      imageMogr2/interlace/1\n",
            "policy       not asked",
            "answer       refused with 403 InvalidAccessKeyId: ",
        ],
    );
}

#[test]
fn results_are_explained() {
    let server = server();
    let image = format!("http://{HOST}/private/b.jpg");
    let operations = format!(
        r#"{{"rules":[{{"fileid":"/in/y.jpg","rule":"imageMogr2/interlace/1"}},{{"bucket":"other-1250000000","fileid":"y.gif","rule":"{}"}}]}}"#,
        animate_rule("50", &[&image])
    );
    let headers = [("Pic-Operations", operations.as_str())];
    let write = Asked {
        by: Some("writer"),
        method: "POST",
        target: "/private/a.jpg?image_process",
        headers: &headers,
        ..GET
    };
    let own = "for the key `writer`: allowed by statement[0] (`*`) of the policy of the key\n";
    let lines = [
        "fileid 1     /in/y.jpg\nstage 1      imageMogr2/interlace/1\nfileid 2     y.gif\nstage 1      imageMogr2/animate".to_owned(),
        format!("result 1     cos:PutObject on `examples-1250000000/in/y.jpg` {own}"),
        "result 2     cos:PutObject on `other-1250000000/private/y.gif` for the key `writer`: denied: no statement allows it\n".to_owned(),
        format!("image 1      cos:GetObject on `examples-1250000000/private/b.jpg` {own}"),
        "answer       refused with 403 AccessDenied: cos:PutObject on `other-1250000000/private/y.gif`".to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    tells(&server, write, &lines);
    tells(
        &server,
        Asked {
            headers: &[],
            ..write
        },
        &["answer       refused with 400 InvalidArgument: ?image_process needs"],
    );
    let twice = r#"{"rules":[{"fileid":"y.jpg","rule":"imageMogr2/interlace/1"},{"fileid":"y.jpg","rule":"imageMogr2/strip"}]}"#;
    tells(
        &server,
        Asked {
            headers: &[("Pic-Operations", twice)],
            ..write
        },
        &["answer       refused with 400 InvalidPicOperations: two rules have the same target"],
    );
    // A description alone is a read.
    let describe = [("Pic-Operations", r#"{"is_pic_info":1}"#)];
    tells(
        &server,
        Asked {
            headers: &describe,
            ..write
        },
        &[FINE],
    );
    tells(
        &server,
        Asked {
            target: "/secret/a.jpg?image_process",
            by: Some("reader"),
            headers: &describe,
            ..write
        },
        &["answer       refused with 403 AccessDenied: cos:GetObject on"],
    );
    let source = format!("{OTHER_HOST}/private/a.jpg");
    tells(
        &server,
        Asked {
            method: "PUT",
            target: "/in/x.jpg",
            headers: &[("x-cos-copy-source", &source)],
            ..write
        },
        &[
            "policy       cos:GetObject on `other-1250000000/private/a.jpg` for the key `writer`: denied",
            "policy       cos:PutObject on `examples-1250000000/in/x.jpg` for the key `writer`: allowed",
            "answer       refused with 403 AccessDenied: cos:GetObject on `other-1250000000/private/a.jpg`",
        ],
    );
}
