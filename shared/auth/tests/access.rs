//! What is refused and why: times, tokens, hosts, carriers, and every change of what was signed.
#![allow(clippy::unwrap_used)] // Helpers stand outside of `#[test]` functions, where clippy does not see that they are tests.

use auth::{
    Access, Error, Key, Request, Secret, Signing, Verified, Window, escape, unescape, verify,
    verify_url,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::{prelude::*, sample, test_runner::FileFailurePersistence};

const HOST: &str = "examples-1250000000.cos.ap-shanghai.myqcloud.com";
const RULE: &str = "imageMogr2/format/jpg/interlace/1";
const NOW: u64 = 1_700_000_100;
const WINDOW: Window = Window {
    start: 1_700_000_000,
    end: 1_700_000_360,
};

fn key() -> Key {
    Key::new("AKIDexample", "secretexample")
}

fn headers(pairs: &[(&str, &[u8])]) -> HeaderMap {
    let pair = |(name, value): &(&str, &[u8])| {
        (
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value).unwrap(),
        )
    };
    pairs.iter().map(pair).collect()
}

fn get(target: &str, sent: &[(&str, &str)], keys: &[Key], now: u64) -> Result<Access, Error> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let sent: Vec<_> = sent
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    let (raw_path, raw_query) = (path.as_bytes(), query.as_bytes());
    verify(
        &Request {
            method: "GET",
            raw_path,
            raw_query,
            headers: &headers(&sent),
        },
        keys,
        now,
    )
}

fn verified(access: Result<Access, Error>) -> Verified {
    match access {
        Ok(Access::Signed(verified)) => verified,
        other => panic!("{other:?}"),
    }
}

fn signing<'a>(
    key: &'a Key,
    params: &'a [(&'a str, &'a str)],
    headers: &'a [(&'a str, &'a [u8])],
) -> Signing<'a> {
    Signing {
        key,
        method: "GET",
        path: b"/a.jpg",
        params,
        headers,
        window: WINDOW,
    }
}

#[test]
fn no_signature_is_anonymous_and_a_bad_one_is_not() {
    let keys = [key()];
    for (target, sent) in [
        ("/a.jpg", vec![]),
        ("/a.jpg?imageMogr2/interlace/1&versionId=1&sign=", vec![]),
        ("/a.jpg", vec![("authorization", "")]),
    ] {
        assert!(
            matches!(get(target, &sent, &keys, NOW), Ok(Access::Anonymous)),
            "{target}"
        );
    }
    let fields = signing(&key(), &[], &[]).authorization();
    let without = |name: &str| {
        fields
            .split('&')
            .filter(|field| !field.starts_with(name))
            .collect::<Vec<_>>()
            .join("&")
    };
    for (authorization, message) in [
        (
            "Bearer x".to_string(),
            "signature fields: the Authorization header does not hold `q-sign-algorithm=sha1&q-ak=...`",
        ),
        (
            without("q-ak"),
            "signature fields: `q-ak` is missing in the Authorization header",
        ),
        (
            without("q-header-list"),
            "signature fields: `q-header-list` is missing in the Authorization header",
        ),
        (
            format!("{fields}&q-ak=x"),
            "signature fields: `q-ak` is given twice",
        ),
        (
            fields.replace("=sha1", "=sha256"),
            "q-sign-algorithm: found `sha256`, allowed is `sha1`",
        ),
        (
            fields.replace("AKIDexample", "AKIDother"),
            "the access key id `AKIDother` is not known",
        ),
        (
            fields.replace(
                "q-sign-time=1700000000;1700000360",
                "q-sign-time=1700000360;1700000000",
            ),
            "signature fields: `q-sign-time`: found `1700000360;1700000000`, expected `<start>;<end>` in Unix seconds",
        ),
        (
            fields.replace("q-key-time=1700000000;", "q-key-time=+1700000000;"),
            "signature fields: `q-key-time`: found `+1700000000;1700000360`, expected `<start>;<end>` in Unix seconds",
        ),
        (
            format!("{fields}0"),
            "signature fields: `q-signature` is not 40 lower-case hex digits",
        ),
    ] {
        let error = get("/a.jpg", &[("authorization", &authorization)], &keys, NOW).unwrap_err();
        assert_eq!(error.to_string(), message);
        let error = get(
            &format!("/a.jpg?sign={}", escape(authorization.as_bytes())),
            &[],
            &keys,
            NOW,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            message.replace("the Authorization header", "the query parameter `sign`")
        );
    }
    let sign = escape(fields.as_bytes());
    let query = signing(&key(), &[], &[]).query();
    for target in [
        format!("/a.jpg?sign={sign}&sign={sign}"),
        format!("/a.jpg?sign={sign}&{query}"),
        "/a.jpg?q-ak=x".into(),
    ] {
        assert!(
            matches!(get(&target, &[], &keys, NOW), Err(Error::Malformed(_))),
            "{target}"
        );
    }
    let twice = [
        ("authorization", fields.as_str()),
        ("authorization", fields.as_str()),
    ];
    assert!(matches!(
        get("/a.jpg", &twice, &keys, NOW),
        Err(Error::Malformed(_))
    ));
    // An Authorization header goes before a query: it is not a way round a signature that is wrong.
    assert!(
        get(
            &format!("/a.jpg?{query}"),
            &[("authorization", "x")],
            &keys,
            NOW
        )
        .is_err()
    );
}

#[test]
fn both_times_count() {
    let key = key();
    let target = format!("/a.jpg?{}", signing(&key, &[], &[]).query());
    let at = |now| get(&target, &[], std::slice::from_ref(&key), now);
    for now in [WINDOW.start - 900, WINDOW.start, WINDOW.end] {
        assert_eq!(verified(at(now)).end, WINDOW.end);
    }
    assert!(matches!(
        at(WINDOW.start - 901),
        Err(Error::TimeTooSkewed { ahead: 901 })
    ));
    let expired = at(WINDOW.end + 1).unwrap_err();
    assert_eq!(
        (expired.to_string().as_str(), &expired),
        ("Request has expired", &Error::Expired { end: WINDOW.end })
    );
    // Either time alone ends a signature; a changed one no longer fits.
    for name in ["q-sign-time", "q-key-time"] {
        let changed = target.replace(
            &format!("{name}=1700000000%3B1700000360"),
            &format!("{name}=1700000000%3B1700000099"),
        );
        assert_ne!(changed, target);
        let error = get(&changed, &[], std::slice::from_ref(&key), NOW).unwrap_err();
        assert_eq!(error, Error::Expired { end: NOW - 1 }, "{name}");
        let changed = target.replace(&format!("{name}=1700000000"), &format!("{name}=1700000001"));
        let error = get(&changed, &[], std::slice::from_ref(&key), NOW).unwrap_err();
        assert!(matches!(error, Error::Mismatch(_)), "{name}");
    }
}

#[test]
fn several_keys_may_share_an_id() {
    let [old, new] = [key(), Key::new("AKIDexample", "another")];
    let target = |key| format!("/a.jpg?{}", signing(key, &[], &[]).query());
    let keys = [
        Key::new("AKIDthird", "secretexample"),
        old.clone(),
        new.clone(),
    ];
    assert_eq!(verified(get(&target(&old), &[], &keys, NOW)).key_index, 1);
    let second = verified(get(&target(&new), &[], &keys, NOW));
    assert_eq!(
        (second.key_index, second.key_id.as_str()),
        (2, "AKIDexample")
    );
    assert!(matches!(
        get(&target(&new), &[], &keys[..2], NOW),
        Err(Error::Mismatch(_))
    ));
    assert!(matches!(
        get(&target(&new), &[], &[], NOW),
        Err(Error::UnknownKey(_))
    ));
}

#[test]
fn tokens_belong_to_their_key() {
    let plain = key();
    let temporary = Key {
        token: Some(Secret::new("TOKEN/+=")),
        ..key()
    };
    let unsigned = signing(&plain, &[], &[]).authorization();
    let header = signing(&plain, &[], &[("x-cos-security-token", b"TOKEN/+=")]).authorization();
    let presigned = signing(&plain, &[("x-cos-security-token", "TOKEN/+=")], &[]).query();
    let parameter = "/a.jpg?x-cos-security-token=TOKEN%2F%2B%3D";
    for (target, token, authorization) in [
        ("/a.jpg", Some("TOKEN/+="), unsigned.as_str()),
        ("/a.jpg", Some("TOKEN/+="), &header),
        (parameter, None, &unsigned),
        (&parameter.replace("-cos-", "-ci-"), None, &unsigned),
        ("/a.jpg?x-cos-security-token=TOKEN/+=", None, &unsigned),
        (&format!("/a.jpg?{presigned}"), None, ""),
    ] {
        let mut sent = vec![("authorization", authorization)];
        sent.extend(token.map(|token| ("x-cos-security-token", token)));
        verified(get(target, &sent, std::slice::from_ref(&temporary), NOW));
        let error = get(target, &sent, std::slice::from_ref(&plain), NOW).unwrap_err();
        assert_eq!(error, Error::UnknownToken);
        let other = Key {
            token: Some(Secret::new("TOKEN/+")),
            ..key()
        };
        assert_eq!(
            get(target, &sent, &[other], NOW).unwrap_err(),
            Error::UnknownToken
        );
    }
    let sent = [("authorization", unsigned.as_str())];
    assert_eq!(
        get("/a.jpg", &sent, std::slice::from_ref(&temporary), NOW).unwrap_err(),
        Error::MissingToken
    );
    verified(get("/a.jpg", &sent, &[plain], NOW));
    let sent = [sent[0], ("x-cos-security-token", "other")];
    assert_eq!(
        get(parameter, &sent, &[temporary], NOW).unwrap_err(),
        Error::UnknownToken
    );
}

#[test]
fn a_port_may_be_left_out_of_the_signed_host() {
    let key = key();
    let signed = |host: &str| signing(&key, &[], &[("host", host.as_bytes())]).authorization();
    for (host, sent, accepted) in [
        ("127.0.0.1:8080", "127.0.0.1:8080", true),
        ("127.0.0.1", "127.0.0.1:8080", true),
        ("[::1]", "[::1]:8080", true),
        ("127.0.0.1:8080", "127.0.0.1:8081", false),
        ("127.0.0.1:8080", "127.0.0.1", false),
        ("127.0.0.1", "127.0.0.1:x", false),
        ("[:", "[::1]", false),
        (HOST, "other-1250000000.cos.ap-shanghai.myqcloud.com", false),
    ] {
        let access = get(
            "/a.jpg",
            &[("authorization", &signed(host)), ("host", sent)],
            std::slice::from_ref(&key),
            NOW,
        );
        assert_eq!(access.is_ok(), accepted, "{host} {sent}");
    }
}

#[test]
fn only_what_is_listed_is_covered() {
    let key = key();
    let target = format!(
        "/a.jpg?{}&{RULE}&versionId=2",
        signing(&key, &[("versionId", "2")], &[("host", HOST.as_bytes())]).query()
    );
    let verified = verified(get(
        &target.replacen("&versionId=2", "", 1),
        &[("host", HOST), ("pic-operations", "{}")],
        &[key],
        NOW,
    ));
    assert!(verified.covers_param(b"versionId=2") && verified.covers_param(b"version%49d=%32"));
    assert!(!verified.covers_param(b"versionId=3") && !verified.covers_param(b"versionId"));
    assert!(!verified.covers_param(RULE.as_bytes()));
    assert!(verified.covers_header("HOST") && !verified.covers_header("Pic-Operations"));
}

#[test]
fn a_listed_name_that_is_absent_is_not_an_empty_one() {
    let key = key();
    let query = signing(&key, &[("acl", ""), (RULE, "")], &[("x-cos-acl", b"")]).query();
    let sent = [("x-cos-acl", "")];
    verified(get(
        &format!("/a.jpg?{query}"),
        &sent,
        std::slice::from_ref(&key),
        NOW,
    ));
    for (target, sent, missing) in [
        (query.replace("&acl", ""), &sent[..], "acl"),
        (
            query.replace(&format!("&{RULE}"), ""),
            &sent[..],
            "imagemogr2%2fformat%2fjpg%2finterlace%2f1",
        ),
        (query, &[][..], "x-cos-acl"),
    ] {
        let error = get(
            &format!("/a.jpg?{target}"),
            sent,
            std::slice::from_ref(&key),
            NOW,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the signature does not match the request: it lacks the signed {missing}")
        );
    }
}

#[test]
fn nothing_can_be_put_beside_a_signed_item_under_its_name() {
    let key = key();
    let rule = "imageMogr2/animate/duration/50/images/aHR0cDovL2E=/aHR0cDovL2I_eA==";
    let query = signing(
        &key,
        &[(rule, ""), ("response-content-type", "image/gif")],
        &[("x-cos-acl", b"private")],
    )
    .query();
    let sent = [("x-cos-acl", "private")];
    for extra in ["versionId=1", "imageMogr2/interlace/1", "a=b&c"] {
        verified(get(
            &format!("/a.jpg?{query}&{extra}"),
            &sent,
            std::slice::from_ref(&key),
            NOW,
        ));
    }
    let rule = rule.replace('=', "%3D");
    for extra in [
        "response-content-type=text/html",
        "Response-Content-Type=text/html",
        "response%2Dcontent-type",
        &rule,
        &format!("{rule}="),
        &format!("{rule}=1"),
        &rule.to_uppercase().replacen("IMAGEMOGR2", "imageMogr2", 1),
    ] {
        for target in [
            format!("/a.jpg?{query}&{extra}"),
            format!("/a.jpg?{extra}&{query}"),
        ] {
            let error = get(&target, &sent, std::slice::from_ref(&key), NOW).unwrap_err();
            assert!(matches!(error, Error::Mismatch(_)), "{extra}");
        }
    }
    let twice = [sent[0], ("x-cos-acl", "public-read")];
    assert!(matches!(
        get(&format!("/a.jpg?{query}"), &twice, &[key], NOW),
        Err(Error::Mismatch(_))
    ));
}

#[test]
fn image_urls_carry_their_own_signatures() {
    let key = key();
    let query = signing(&key, &[], &[("host", HOST.as_bytes())]).query();
    let check = |host: &str, path: &str, query: &str| {
        verify_url(
            host,
            path.as_bytes(),
            query.as_bytes(),
            std::slice::from_ref(&key),
            NOW,
        )
    };
    assert!(verified(check(HOST, "/a.jpg", &query)).covers_header("host"));
    assert!(matches!(check(HOST, "/a.jpg", ""), Ok(Access::Anonymous)));
    assert!(matches!(
        check(HOST, "/b.jpg", &query),
        Err(Error::Mismatch(_))
    ));
    assert!(matches!(
        check("other.example", "/a.jpg", &query),
        Err(Error::Mismatch(_))
    ));
    assert!(matches!(
        check("a\nb", "/a.jpg", &query),
        Err(Error::Malformed(_))
    ));
}

#[test]
fn secrets_and_right_signatures_are_never_printed() {
    let key = Key {
        token: Some(Secret::new("tokenexample")),
        ..key()
    };
    let signing = signing(&key, &[], &[("x-cos-security-token", b"tokenexample")]);
    let wrong = signing
        .authorization()
        .replace(&signing.signature(), &"0".repeat(40));
    let sent = [
        ("authorization", wrong.as_str()),
        ("x-cos-security-token", "tokenexample"),
    ];
    let error = get("/a.jpg", &sent, std::slice::from_ref(&key), NOW).unwrap_err();
    let Error::Mismatch(mismatch) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(mismatch.string_to_sign, signing.string_to_sign());
    let format_string = String::from_utf8(signing.format_string()).unwrap();
    assert_eq!(
        mismatch.format_string,
        format_string.replace("=tokenexample", "=(hidden)")
    );
    for text in [format!("{error:?} {error}"), format!("{key:?} {signing:?}")] {
        for secret in ["secretexample", "tokenexample", &signing.signature()] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn lists_hold_a_hundred_names() {
    let key = key();
    let names: Vec<_> = (0..101).map(|n| format!("n{n:03}")).collect();
    let send = |params: &[String], headers: &[(&str, &[u8])], more: &str| {
        let params: Vec<_> = params.iter().map(|name| (name.as_str(), "")).collect();
        let query = signing(&key, &params, headers).query().replacen(
            "q-url-param-list=",
            &format!("q-url-param-list={more}"),
            1,
        );
        get(
            &format!("/a.jpg?{query}"),
            &[("host", HOST)],
            std::slice::from_ref(&key),
            NOW,
        )
    };
    let host = [("host", HOST.as_bytes())];
    verified(send(&names[..100], &[], ""));
    verified(send(&names[..99], &host, ""));
    // Names that are empty are none, as COS's own SDKs may end a list with `;`.
    verified(send(&names[..99], &host, "%3B%3B"));
    for refused in [
        send(&names, &[], ""),
        send(&names[..100], &host, ""),
        send(&names[..1], &[], &"n000%3B".repeat(100)),
    ] {
        assert_eq!(
            refused.unwrap_err().to_string(),
            "the signature lists 101 names in q-header-list and q-url-param-list; at most 100 are allowed"
        );
    }
}

#[test]
fn a_signed_query_has_a_thousand_parameters() {
    let key = key();
    let fields = signing(&key, &[], &[]).query();
    let own = fields.split('&').count();
    let send = |others: usize| {
        let target = format!("/a.jpg?{}{fields}", "x&".repeat(others));
        get(&target, &[("host", HOST)], std::slice::from_ref(&key), NOW)
    };
    verified(send(1000 - own));
    assert_eq!(
        send(1001 - own).unwrap_err().to_string(),
        "the query has 1001 parameters; at most 1000 are allowed in a signed request"
    );
}

#[test]
fn what_a_request_says_is_cut_in_messages() {
    let keys = [key()];
    let long = "x".repeat(200_000);
    let fields = signing(&key(), &[], &[]).authorization();
    let listing =
        |names: &str| fields.replace("q-url-param-list=", &format!("q-url-param-list={names}"));
    let many = (0..100)
        .map(|n| format!("{n}{long}"))
        .collect::<Vec<_>>()
        .join(";");
    for authorization in [
        long.clone(),
        fields.replace("=sha1", &format!("={long}")),
        fields.replace("AKIDexample", &long),
        fields.replace("q-sign-time=1700000000", &format!("q-sign-time={long}")),
        fields.replace("q-signature=", &format!("q-signature={long}")),
        listing(&long),
        listing(&many),
    ] {
        let error = get("/a.jpg", &[("authorization", &authorization)], &keys, NOW).unwrap_err();
        let text = error.to_string();
        assert!(text.len() < 1_500, "{} bytes: {}", text.len(), &text[..200]);
    }
    let error = get(
        "/a.jpg",
        &[("authorization", &fields.replace("AKIDexample", &long))],
        &keys,
        NOW,
    );
    let expected = format!(
        "the access key id `{}… (200000 bytes)` is not known",
        "x".repeat(100)
    );
    assert_eq!(error.unwrap_err().to_string(), expected);
}

type Param<'a> = (&'a str, &'a str);
type Header<'a> = (&'a str, &'a [u8]);

/// A request as signed, before it is written down.
#[derive(Debug, Clone)]
struct Signed {
    method: String,
    path: String,
    params: Vec<(String, String)>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Signed {
    fn signing<'a>(
        &'a self,
        key: &'a Key,
        params: &'a [(&'a str, &'a str)],
        headers: &'a [(&'a str, &'a [u8])],
    ) -> Signing<'a> {
        Signing {
            key,
            method: &self.method,
            path: self.path.as_bytes(),
            params,
            headers,
            window: WINDOW,
        }
    }

    fn refs(&self) -> (Vec<Param<'_>>, Vec<Header<'_>>) {
        (
            self.params
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            self.headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_slice()))
                .collect(),
        )
    }

    /// The signature of this request, in a query.
    fn fields(&self, key: &Key) -> String {
        let (params, headers) = self.refs();
        let query = self.signing(key, &params, &headers).query();
        query.split('&').take(7).collect::<Vec<_>>().join("&")
    }

    /// The items of the query, in one of the ways clients write them.
    fn items(&self, style: usize) -> Vec<String> {
        let write = |(name, value): &(String, String)| {
            let is_rule = name.starts_with("imageMogr2");
            let (name, value) = (escape(name.as_bytes()), escape(value.as_bytes()));
            match style {
                0 => format!("{name}={value}"),
                1 if value.is_empty() => name.replace("%2F", "/"),
                1 => format!("{}={value}", name.replace("%2F", "/")),
                // Raw, padding and all.
                _ if is_rule && value.is_empty() => name.replace("%2F", "/").replace("%3D", "="),
                _ => format!("{name}={value}").replace("%20", "+"),
            }
        };
        self.params.iter().map(write).collect()
    }

    /// Sends this request with `fields` for its signature.
    fn send(&self, fields: &str, style: usize) -> Result<Access, Error> {
        let mut items = self.items(style);
        items.insert(items.len() / 2, fields.to_string());
        let (_, sent) = self.refs();
        let (path, query) = (
            escape(self.path.as_bytes()).replace("%2F", "/"),
            items.join("&"),
        );
        let (raw_path, raw_query) = (path.as_bytes(), query.as_bytes());
        verify(
            &Request {
                method: &self.method,
                raw_path,
                raw_query,
                headers: &headers(&sent),
            },
            &[key()],
            NOW,
        )
    }
}

fn any_text() -> impl Strategy<Value = String> {
    // Everything that is special somewhere on the way.
    let characters: Vec<char> = "abzAZ019-_.~/ +%=&;?:@!|<>\"',é图😀\u{1}".chars().collect();
    prop::collection::vec(sample::select(characters), 1..12)
        .prop_map(|characters| characters.into_iter().collect())
}

fn any_request() -> impl Strategy<Value = Signed> {
    let method = sample::select(vec!["GET", "PUT", "POST", "HEAD", "DELETE"]);
    let rule = prop_oneof![
        Just(None),
        any_text().prop_map(|text| Some(format!("imageMogr2/{text}"))),
        Just(Some(
            "imageMogr2/animate/duration/50/images/aHR0cDovL2E=/aHR0cDovL2I_eA==".to_string()
        )),
    ];
    let params = prop::collection::btree_map(
        any_text().prop_map(|name| name.to_lowercase()),
        prop_oneof![Just(String::new()), any_text()],
        0..4,
    );
    let value = prop::collection::vec(prop_oneof![0x20_u8..0x7f, 0x80_u8..=0xff], 0..12);
    let name = sample::select(vec![
        "host",
        "content-length",
        "pic-operations",
        "x-cos-meta-a",
        "range",
    ]);
    let headers = prop::collection::btree_map(name, value, 0..4);
    (method, any_text(), rule, params, headers).prop_map(|(method, path, rule, params, headers)| {
        Signed {
            method: method.into(),
            path: format!("/{path}"),
            params: params
                .into_iter()
                .chain(rule.map(|rule| (rule, String::new())))
                .filter(|(name, _)| {
                    !name.starts_with("q-") && name != "sign" && !name.contains("token")
                })
                .collect(),
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.to_string(), value))
                .collect(),
        }
    })
}

/// `text` with one character replaced by another that the signature tells from it.
fn altered(text: &str, at: sample::Index, case_counts: bool) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    if characters.is_empty() {
        return "x".into();
    }
    let at = at.index(characters.len());
    let old = characters[at];
    let equal = |new: char| {
        if case_counts {
            new == old
        } else {
            new.eq_ignore_ascii_case(&old)
        }
    };
    characters[at] = ['x', 'y'].into_iter().find(|new| !equal(*new)).unwrap();
    characters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))), ..ProptestConfig::default() })]

    #[test]
    fn what_was_signed_verifies_in_every_spelling(request in any_request()) {
        let fields = request.fields(&key());
        for style in 0..3 {
            prop_assert!(matches!(request.send(&fields, style), Ok(Access::Signed(_))), "{:?}", request.items(style));
        }
    }

    #[test]
    fn every_change_of_the_signed_request_is_refused(
        request in any_request(),
        what in 0..8,
        which in any::<sample::Index>(),
        at in any::<sample::Index>(),
        style in 0_usize..3,
    ) {
        let mut changed = request.clone();
        match what {
            0 => changed.method = if request.method == "GET" { "PUT".into() } else { "GET".into() },
            1 => changed.path = format!("/{}", altered(&request.path[1..], at, true)),
            2 => changed.path.push('x'),
            3..=5 if !request.params.is_empty() => {
                let which = which.index(request.params.len());
                let (name, value) = &mut changed.params[which];
                match what {
                    3 => *name = altered(name, at, false),
                    4 => *value = if value.is_empty() { "x".into() } else { altered(value, at, true) },
                    _ => drop(changed.params.remove(which)),
                }
            }
            6..=7 if !request.headers.is_empty() => {
                let which = which.index(request.headers.len());
                if what == 6 {
                    let value = &mut changed.headers[which].1;
                    let at = at.index(value.len().max(1));
                    match value.get_mut(at) {
                        Some(byte) => *byte = if *byte == b'x' { b'y' } else { b'x' },
                        None => value.push(b'x'),
                    }
                } else {
                    changed.headers.remove(which);
                }
            }
            _ => return Ok(()),
        }
        let access = changed.send(&request.fields(&key()), style);
        prop_assert!(matches!(access, Err(Error::Mismatch(_))), "{changed:?} {access:?}");
    }

    /// Whatever single byte of a URL is changed: where it still verifies, path and parameters read as they did.
    #[test]
    fn a_changed_byte_of_a_url_changes_nothing_or_is_refused(
        request in any_request(),
        style in 0_usize..3,
        at in any::<sample::Index>(),
        byte in prop_oneof![0x21_u8..0x7f, Just(b'&'), Just(b'='), Just(b'+'), Just(b'%')],
    ) {
        let path = escape(request.path.as_bytes()).replace("%2F", "/");
        let items = request.items(style).join("&");
        let (_, sent) = request.refs();
        let mut url = format!("{path}?{items}").into_bytes();
        let at = at.index(url.len());
        url[at] = byte;
        let cut = url.iter().position(|&byte| byte == b'?').unwrap_or(url.len());
        let (raw_path, changed) = (&url[..cut], url.get(cut + 1..).unwrap_or_default());
        let raw_query = [request.fields(&key()).as_bytes(), b"&", changed].concat();
        let access = verify(&Request { method: &request.method, raw_path, raw_query: &raw_query, headers: &headers(&sent) }, &[key()], NOW);
        if let Ok(Access::Signed(verified)) = access {
            prop_assert_eq!(unescape(raw_path), unescape(path.as_bytes()));
            let read = |query: &[u8], covered: &dyn Fn(&[u8]) -> bool| {
                let mut items: Vec<_> = query.split(|&byte| byte == b'&').filter(|item| covered(item)).map(meaning).collect();
                items.sort();
                items
            };
            let before = read(items.as_bytes(), &|item| !item.is_empty());
            prop_assert_eq!(read(changed, &|item| verified.covers_param(item)), before);
        }
    }
}

/// What an item says, with what the signature does not see taken away: the letter case of names, the verb's among them
/// (`imageMoGr2` is covered as `imageMogr2` is, and no rule), and how a name ends.
fn meaning(item: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let form = |raw: &[u8]| {
        let raw: Vec<u8> = raw
            .iter()
            .map(|&byte| if byte == b'+' { b' ' } else { byte })
            .collect();
        unescape(&raw)
    };
    let whole = form(item);
    let verb = whole.get(.."imageMogr2".len());
    if verb.is_some_and(|verb| verb.eq_ignore_ascii_case(b"imageMogr2")) {
        let mut name = whole.to_ascii_lowercase();
        while name.last() == Some(&b'=') {
            name.pop();
        }
        return (name, Vec::new());
    }
    let at = item
        .iter()
        .position(|&byte| byte == b'=')
        .unwrap_or(item.len());
    (
        form(&item[..at]).to_ascii_lowercase(),
        form(item.get(at + 1..).unwrap_or_default()),
    )
}
