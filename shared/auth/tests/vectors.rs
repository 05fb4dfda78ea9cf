//! Every published and recorded signature, decided as its source says, in every carrier and spelling.
#![allow(clippy::unwrap_used)] // Helpers stand outside of `#[test]` functions, where clippy does not see that they are tests.

use auth::{Access, Carrier, Error, Key, Request, Signing, Window, escape, unescape, verify};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

struct Recorded {
    vectors: Vec<Value>,
    presigned: Vec<Value>,
    negative: Vec<Value>,
}

fn recorded() -> Recorded {
    let mut file: Value = serde_json::from_str(include_str!("signature-vectors.json")).unwrap();
    let mut take = |name: &str| file[name].take().as_array().unwrap().clone();
    Recorded {
        vectors: take("vectors"),
        presigned: take("presigned"),
        negative: take("negative"),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} of {value}"))
}

fn pairs(value: &Value) -> Vec<(&str, &str)> {
    value
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect()
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            )
        })
        .collect()
}

fn window(text: &str) -> Window {
    let (start, end) = text.split_once(';').unwrap();
    Window {
        start: start.parse().unwrap(),
        end: end.parse().unwrap(),
    }
}

fn authorization(pairs: &[(&str, &str)], authorization: &str) -> HeaderMap {
    let mut map = headers(pairs);
    map.insert(
        "authorization",
        HeaderValue::from_str(authorization).unwrap(),
    );
    map
}

/// Each way in which clients write the same query.
fn queries(params: &[(&str, &str)]) -> Vec<String> {
    let join = |write: &dyn Fn(&str, &str) -> String| {
        params
            .iter()
            .map(|(name, value)| write(name, value))
            .collect::<Vec<_>>()
            .join("&")
    };
    let form = |text: &str| escape(text.as_bytes()).replace("%20", "+");
    let bare = |text: &str| {
        escape(text.as_bytes())
            .replace("%2F", "/")
            .replace("%21", "!")
    };
    vec![
        join(&|name, value| format!("{}={}", escape(name.as_bytes()), escape(value.as_bytes()))),
        join(&|name, value| format!("{}={}", form(name), form(value))),
        join(&|name, value| match value {
            "" => bare(name),
            value => format!("{}={}", bare(name), bare(value)),
        }),
        // As the documentation writes rules: raw, the padding of base64 with them.
        join(&|name, value| match value {
            "" => bare(name).replace("%3D", "=").replace("%7C", "|"),
            value => format!("{}={}", bare(name), bare(value)),
        }),
    ]
}

#[test]
fn recorded_authorizations_verify_in_every_carrier_and_spelling() {
    let recorded = recorded();
    assert_eq!(recorded.vectors.len(), 19);
    for vector in &recorded.vectors {
        let name = text(vector, "name");
        let (method, path) = (text(vector, "method"), text(vector, "path"));
        let (params, sent) = (pairs(&vector["params"]), pairs(&vector["headers"]));
        let keys = [Key::new(
            text(vector, "secret_id"),
            text(vector, "secret_key"),
        )];
        let signature = text(vector, "authorization");
        let now = window(text(vector, "key_time")).start;
        let fields: Vec<_> = signature
            .split('&')
            .map(|field| field.split_once('=').unwrap())
            .collect();
        let twice: Vec<_> = fields
            .iter()
            .map(|(n, v)| format!("{n}={}", escape(v.as_bytes())))
            .collect();
        let once: Vec<_> = fields
            .iter()
            .map(|(n, v)| {
                if n.ends_with("list") {
                    (*n, v.replace(';', "%3B"))
                } else {
                    (*n, (*v).to_string())
                }
            })
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        for raw_path in [
            escape(path.as_bytes()),
            escape(path.as_bytes()).replace("%2F", "/"),
            path.to_string(),
        ] {
            for query in queries(&params) {
                let carriers = [
                    (
                        Carrier::Header,
                        query.clone(),
                        authorization(&sent, signature),
                    ),
                    (
                        Carrier::Query,
                        format!("{}&{query}", twice.join("&")),
                        headers(&sent),
                    ),
                    (
                        Carrier::Query,
                        format!("{query}&{}", once.join("&")),
                        headers(&sent),
                    ),
                    (
                        Carrier::SignParameter,
                        format!("{query}&sign={}", escape(signature.as_bytes())),
                        headers(&sent),
                    ),
                ];
                for (carrier, query, headers) in carriers {
                    let request = Request {
                        method,
                        raw_path: raw_path.as_bytes(),
                        raw_query: query.as_bytes(),
                        headers: &headers,
                    };
                    let access = verify(&request, &keys, now)
                        .unwrap_or_else(|error| panic!("{name}: {error}: {query}"));
                    let Access::Signed(verified) = access else {
                        panic!("{name}: taken as anonymous: {query}")
                    };
                    assert_eq!(verified.carrier, carrier);
                    for item in query.split('&') {
                        let is_carrier = item.starts_with("q-") || item.starts_with("sign=");
                        assert_eq!(
                            verified.covers_param(item.as_bytes()),
                            !is_carrier && !item.is_empty(),
                            "{name}: {item}"
                        );
                    }
                    assert!(!verified.covers_header("user-agent"));
                }
            }
        }
    }
}

#[test]
fn signing_gives_the_recorded_strings() {
    for vector in &recorded().vectors {
        let name = text(vector, "name");
        let params = pairs(&vector["params"]);
        let listed = text(vector, "authorization")
            .split_once("q-header-list=")
            .unwrap()
            .1
            .split_once('&')
            .unwrap()
            .0;
        let listed: Vec<_> = listed.split(';').collect();
        let sent: Vec<_> = pairs(&vector["headers"])
            .into_iter()
            .filter(|(name, _)| listed.contains(&name.to_ascii_lowercase().as_str()))
            .map(|(name, value)| (name, value.as_bytes()))
            .collect();
        let key = Key::new(text(vector, "secret_id"), text(vector, "secret_key"));
        let signing = Signing {
            key: &key,
            method: text(vector, "method"),
            path: text(vector, "path").as_bytes(),
            params: &params,
            headers: &sent,
            window: window(text(vector, "key_time")),
        };
        assert_eq!(
            String::from_utf8_lossy(&signing.format_string()),
            text(vector, "http_string"),
            "{name}"
        );
        assert_eq!(
            signing.string_to_sign(),
            text(vector, "string_to_sign"),
            "{name}"
        );
        assert_eq!(
            signing.authorization(),
            text(vector, "authorization"),
            "{name}"
        );
    }
}

/// Verifies a whole URL as its fields in the file say.
fn decide(vector: &Value) -> Result<Access, Error> {
    let url = text(vector, "url").strip_prefix("http://").unwrap();
    let (host, rest) = url.split_at(url.find('/').unwrap());
    let (path, query) = rest.split_once('?').unwrap();
    let keys = [Key::new(
        text(vector, "secret_id"),
        text(vector, "secret_key"),
    )];
    let request = Request {
        method: text(vector, "method"),
        raw_path: path.as_bytes(),
        raw_query: query.as_bytes(),
        headers: &headers(&[("host", host)]),
    };
    verify(&request, &keys, vector["now"].as_u64().unwrap())
}

#[test]
fn presigned_urls_are_decided_as_recorded() {
    let recorded = recorded();
    assert_eq!(
        (recorded.presigned.len(), recorded.negative.len()),
        (11, 30)
    );
    for vector in &recorded.presigned {
        let name = text(vector, "name");
        // The file leaves lists that are escaped once to the server; this one takes them.
        assert!(matches!(text(vector, "expect"), "ok" | "either"));
        let Ok(Access::Signed(verified)) = decide(vector) else {
            panic!("{name}: {:?}", decide(vector))
        };
        let rule = text(vector, "url").split('&').next_back().unwrap();
        assert!(
            rule.starts_with("imageMogr2") && verified.covers_param(rule.as_bytes()),
            "{name}"
        );
        assert!(verified.covers_header("Host"));
    }
    for vector in &recorded.negative {
        let name = text(vector, "name");
        let error = decide(vector).expect_err(name);
        let expected = match name {
            "expired" => matches!(error, Error::Expired { end: 1_700_000_360 }),
            "not yet valid" => matches!(error, Error::TimeTooSkewed { ahead: 1000 }),
            _ => matches!(error, Error::Mismatch(_)),
        };
        assert!(expected, "{name}: {error:?}");
    }
}

const DOCUMENTATION: (&str, &str) = (
    "AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q",
    "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz",
);
const SHANGHAI: &str = "examples-1250000000.cos.ap-shanghai.myqcloud.com";

struct Published<'a> {
    key: (&'a str, &'a str),
    request: &'a str,
    time: &'a str,
    params: &'a [(&'a str, &'a str)],
    headers: &'a [(&'a str, &'a str)],
    signature: &'a str,
}

impl Published<'_> {
    /// Signs, compares with the published signature, and verifies what was signed in both common carriers.
    #[track_caller]
    fn holds(&self) {
        let (method, path) = self.request.split_once(' ').unwrap();
        let key = Key::new(self.key.0, self.key.1);
        let signed: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let window = window(self.time);
        let signing = Signing {
            key: &key,
            method,
            path: path.as_bytes(),
            params: self.params,
            headers: &signed,
            window,
        };
        assert_eq!(
            signing.signature(),
            self.signature,
            "{}",
            String::from_utf8_lossy(&signing.format_string())
        );
        let plain = queries(self.params);
        let presigned = signing.query();
        for (query, headers) in plain
            .iter()
            .map(|query| {
                (
                    query.as_str(),
                    authorization(self.headers, &signing.authorization()),
                )
            })
            .chain([(presigned.as_str(), headers(self.headers))])
        {
            let raw_path = escape(path.as_bytes()).replace("%2F", "/");
            let request = Request {
                method,
                raw_path: raw_path.as_bytes(),
                raw_query: query.as_bytes(),
                headers: &headers,
            };
            let access = verify(&request, std::slice::from_ref(&key), window.start).unwrap();
            assert!(matches!(access, Access::Signed(_)), "{query}");
        }
    }
}

#[test]
fn the_documentation_s_signatures_come_out() {
    let beijing = "examplebucket-1250000000.cos.ap-beijing.myqcloud.com";
    let old = "bucket1-1254000000.cos.ap-beijing.myqcloud.com";
    let cases = [
        Published {
            key: DOCUMENTATION,
            request: "PUT /exampleobject(腾讯云)",
            time: "1557989151;1557996351",
            params: &[],
            headers: &[
                ("Date", "Thu, 16 May 2019 06:45:51 GMT"),
                ("Host", beijing),
                ("Content-Type", "text/plain"),
                ("Content-Length", "13"),
                ("Content-MD5", "mQ/fVh815F3k6TAUm8m0eg=="),
                ("x-cos-acl", "private"),
                ("x-cos-grant-read", "uin=\"100000000011\""),
            ],
            signature: "3b8851a11a569213c17ba8fa7dcf2abec6935172",
        },
        Published {
            key: DOCUMENTATION,
            request: "GET /exampleobject(腾讯云)",
            time: "1557989753;1557996953",
            params: &[
                ("response-content-type", "application/octet-stream"),
                ("response-cache-control", "max-age=600"),
            ],
            headers: &[("Date", "Thu, 16 May 2019 06:55:53 GMT"), ("Host", beijing)],
            signature: "01681b8c9d798a678e43b685a9f1bba0f6c0e012",
        },
        Published {
            key: DOCUMENTATION,
            request: "GET /testfile",
            time: "1417773892;1417853898",
            params: &[],
            headers: &[("Host", old), ("Range", "bytes=0-3")],
            signature: "4b6cbab14ce01381c29032423481ebffd514e8be",
        },
        Published {
            key: DOCUMENTATION,
            request: "PUT /testfile2",
            time: "1417773892;1417853898",
            params: &[],
            headers: &[
                ("Host", old),
                (
                    "x-cos-content-sha1",
                    "7b502c3a1f48c8609ae212cdfb639dee39673f5e",
                ),
                ("x-cos-storage-class", "standard"),
            ],
            signature: "14e6ebd7955b0c6da532151bf97045e2c5a64e10",
        },
        Published {
            key: (
                "QmFzZTY0IGlzIGEgZ2VuZXJp",
                "AKIDZfbOA78asKUYBcXFrJD0a1ICvR98JM",
            ),
            request: "PUT /testfile2",
            time: "1480932292;1481012292",
            params: &[],
            headers: &[
                ("Host", "testbucket-125000000.cos.ap-guangzhou.myqcloud.com"),
                (
                    "x-cos-content-sha1",
                    "db8ac1c259eb89d4a131b253bacfca5f319d54f2",
                ),
                ("x-cos-stroage-class", "nearline"),
            ],
            signature: "ce4ac0ecbcdb30538b3fee0a97cc6389694ce53a",
        },
        Published {
            key: ("QmFzZTY0IGlzIGEgZ*******", "ZfbOA78asKUYBcXFrJD0a1I*******"),
            request: "PUT /test.jpg",
            time: "1622702557;1622706157",
            params: &[],
            headers: &[],
            signature: "820975b5a8eccce9455b94d4ebed14d66654bf3c",
        },
        Published {
            key: ("QmFzZTY0IGlzIGEgZ*******", "ZfbOA78asKUYBcXFrJD0a1I*******"),
            request: "PUT /test.jpg",
            time: "1622702557;1622706157",
            params: &[("test", "params")],
            headers: &[],
            signature: "7757e84ed5f8953eafc30afcd2a5d1ad68e00d67",
        },
    ];
    for case in &cases {
        case.holds();
    }
}

/// Not published: made with an algorithm that gives all of the above.
#[test]
fn processing_requests_sign_as_derived() {
    let interlace = "imageMogr2/format/jpg/interlace/1";
    let animate = "imageMogr2/animate/duration/50/images/\
        aHR0cDovL2V4YW1wbGVzLTEyNTAwMDAwMDAuY29zLmFwLXNoYW5naGFpLm15cWNsb3VkLmNvbS9pbWFnZS0yLmpwZw";
    let pipeline = "imageMogr2/thumbnail/640x640>|imageMogr2/format/jpg/quality/90!/interlace/1";
    let host = ("Host", SHANGHAI);
    let holds = |request, params: &[(&str, &str)], headers: &[(&str, &str)], signature| {
        Published {
            key: DOCUMENTATION,
            request,
            time: "1557989753;1557996953",
            params,
            headers,
            signature,
        }
        .holds();
    };
    holds(
        "GET /sample.png",
        &[(interlace, "")],
        &[host],
        "fb43165c4eea48268dc4d5b76a9e66056d72f954",
    );
    holds(
        "GET /sample.png",
        &[(interlace, "")],
        &[],
        "b777efce45531e9886a6b514f3133f15a3c0b283",
    );
    holds(
        "GET /image-1.jpg",
        &[(animate, "")],
        &[host],
        "483ce82d567695e6bd165dba03f7c8e7eedbfc74",
    );
    holds(
        "POST /image-1.jpg",
        &[("image_process", "")],
        &[
            host,
            ("Content-Length", "0"),
            (
                "Pic-Operations",
                r#"{"is_pic_info":1,"rules":[{"fileid":"out.jpg","rule":"imageMogr2/format/jpg/interlace/1"}]}"#,
            ),
        ],
        "e8f64ed74754eeff2f1149e9b8ceadc5c245a9ab",
    );
    holds(
        "PUT /folder/a.jpg",
        &[],
        &[
            host,
            (
                "Pic-Operations",
                r#"{"is_pic_info":1,"rules":[{"fileid":"b.gif","rule":"imageMogr2/format/jpg/interlace/1"}]}"#,
            ),
        ],
        "7d8304283dd9ce7a4649184f86c44b6d1ad23c24",
    );
    holds(
        "GET /examples-1250000000/sample.png",
        &[(interlace, "")],
        &[("Host", "cos.ap-shanghai.myqcloud.com")],
        "9193dd2ca0b2143657f679b4c2c1e20851843a8d",
    );
    holds(
        "GET /sample.png",
        &[(pipeline, "")],
        &[host],
        "6d454940407e76c7f3587aeb2bf79b2027140285",
    );
    holds(
        "GET /目录/a b.png",
        &[("imageMogr2/interlace/1", "")],
        &[host],
        "6f15a43eb39432f272b525c538fc887de5a326ac",
    );
    // A token is the key's own: here only the signature is compared, `access.rs` has the tokens.
    let key = Key::new(DOCUMENTATION.0, DOCUMENTATION.1);
    let signing = Signing {
        key: &key,
        method: "GET",
        path: b"/sample.png",
        params: &[
            ("imageMogr2/interlace/1", ""),
            ("response-content-type", "image/jpeg"),
            ("x-cos-security-token", "TOKEN/+="),
        ],
        headers: &[("Host", SHANGHAI.as_bytes())],
        window: window("1557989753;1557996953"),
    };
    assert_eq!(
        signing.signature(),
        "0fac36b209be067edd861667a850cbbd480ec07d"
    );
}

#[test]
fn escaped_and_raw_bytes_are_one_request() {
    let raw = "imageMogr2/thumbnail/640x640>|imageMogr2/x/\"é<^`{}";
    let key = Key::new(DOCUMENTATION.0, DOCUMENTATION.1);
    let window = Window { start: 1, end: 2 };
    let signing = Signing {
        key: &key,
        method: "GET",
        path: "/é\"<>|.jpg".as_bytes(),
        params: &[(raw, "")],
        headers: &[],
        window,
    };
    let map = authorization(&[], &signing.authorization());
    let escaped = escape(raw.as_bytes());
    assert_eq!(unescape(escaped.as_bytes()), raw.as_bytes());
    for (path, query) in [
        ("/é\"<>|.jpg", raw),
        ("/%C3%A9%22%3C%3E%7C.jpg", escaped.as_str()),
    ] {
        let request = Request {
            method: "GET",
            raw_path: path.as_bytes(),
            raw_query: query.as_bytes(),
            headers: &map,
        };
        let Ok(Access::Signed(verified)) = verify(&request, std::slice::from_ref(&key), 1) else {
            panic!("{path}")
        };
        assert!(verified.covers_param(raw.as_bytes()) && verified.covers_param(escaped.as_bytes()));
    }
}
