//! What is told about signatures that do not come out.
#![allow(clippy::unwrap_used)] // Helpers stand outside of `#[test]` functions, where clippy does not see that they are tests.

use auth::{
    Key, Signing, Window,
    explain::{Explanation, Outcome, Pasted, explain},
};

const HOST: &str = "examples-1250000000.cos.ap-shanghai.myqcloud.com";
const RULE: &str = "imageMogr2/format/jpg/interlace/1";
const WINDOW: Window = Window {
    start: 1_700_000_000,
    end: 1_700_000_360,
};

fn key() -> Key {
    Key::new("AKIDexample", "secretexample")
}

fn ask(text: &str, client: Option<&str>) -> Explanation {
    explain(
        &Pasted::parse(text).unwrap().request(),
        &[key()],
        WINDOW.start + 100,
        client,
    )
}

/// A GET of `/a b/ü.jpg` as it goes over the wire, and the signature of what the client signs.
struct Client<'a> {
    method: &'a str,
    path: &'a str,
    params: &'a [(&'a str, &'a str)],
    headers: &'a [(&'a str, &'a str)],
}

const CLIENT: Client<'static> = Client {
    method: "GET",
    path: "/a b/ü.jpg",
    params: &[(RULE, ""), ("x", "1 2/3")],
    headers: &[("host", HOST)],
};

impl Client<'_> {
    fn sent(&self) -> String {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let key = key();
        let signing = Signing {
            key: &key,
            method: self.method,
            path: self.path.as_bytes(),
            params: self.params,
            headers: &headers,
            window: WINDOW,
        };
        request(&signing.authorization())
    }
}

fn request(authorization: &str) -> String {
    format!(
        "GET /a%20b/%C3%BC.jpg?{RULE}&x=1+2%2F3 HTTP/1.1\nHost: {HOST}\nAccept: */*\nAuthorization: {authorization}\n"
    )
}

#[test]
fn shows_the_strings_and_what_they_cover() {
    let text = CLIENT
        .sent()
        .replace("HTTP/1.1", "")
        .replacen("&x=", "&versionId=2&x=", 1);
    let explanation = ask(&text, None);
    assert_eq!(explanation.outcome, Ok(Outcome::Signed(0)));
    let expected = "\
signature    in the Authorization header, by `AKIDexample`
q-sign-time  1700000000;1700000360, good for another 260 s
q-key-time   1700000000;1700000360, good for another 260 s
HttpString
    get
    /a b/ü.jpg
    imagemogr2%2fformat%2fjpg%2finterlace%2f1=&x=1%202%2F3
    host=examples-1250000000.cos.ap-shanghai.myqcloud.com
StringToSign
    sha1
    1700000000;1700000360
    3f1d0b8a
covered      parameter imageMogr2/format/jpg/interlace/1
covered      parameter x=1+2%2F3
not covered  parameter versionId=2
covered      header host
not covered  header accept
not covered  header authorization
outcome      the signature is right
";
    let digest = explanation
        .signature
        .as_ref()
        .unwrap()
        .string_to_sign
        .lines()
        .nth(2)
        .unwrap()
        .to_string();
    assert_eq!(digest.len(), 40);
    assert_eq!(
        explanation.to_string(),
        expected.replace("3f1d0b8a", &digest)
    );
}

#[track_caller]
fn tells(sent: &str, difference: &str) {
    let explanation = ask(sent, None);
    assert!(explanation.outcome.is_err());
    let found = explanation
        .signature
        .and_then(|signature| signature.difference)
        .map(|difference| difference.to_string());
    assert_eq!(
        found.as_deref(),
        Some(difference).filter(|text| !text.is_empty())
    );
}

#[test]
fn finds_what_the_client_signed_instead() {
    tells(
        &Client {
            path: "/a%20b/%C3%BC.jpg",
            ..CLIENT
        }
        .sent(),
        "the client signed the path still escaped: HttpString differs from byte 6 on: the client has \"%20b/%C3%BC.jpg\\n\", the request gives \" b/ü.jpg\\n\"",
    );
    tells(
        &Client {
            path: "a b/ü.jpg",
            ..CLIENT
        }
        .sent(),
        "the client signed the path without its first slash: HttpString differs from byte 4 on: the client has \"a b/ü.jpg\\n\", the request gives \"/a b/ü.jpg\\n\"",
    );
    tells(
        &Client {
            path: "/ü.jpg",
            ..CLIENT
        }
        .sent(),
        "the client signed the path without its first part (the bucket of a path-style request): \
         HttpString differs from byte 5 on: the client has \"ü.jpg\\n\", the request gives \"a b/ü.jpg\\n\"",
    );
    tells(
        &Client {
            method: "HEAD",
            ..CLIENT
        }
        .sent(),
        "the client signed the method HEAD: HttpString differs from byte 0 on: the client has \"head\\n\", the request gives \"get\\n\"",
    );
    tells(
        &Client {
            params: &[(RULE, ""), ("x", "1+2/3")],
            ..CLIENT
        }
        .sent(),
        "the client signed `+` in parameters as a plus sign: HttpString differs from byte 64 on: the client has \"%2B2%2F3\\n\", the request gives \"%202%2F3\\n\"",
    );
    let host = format!("{HOST}:80");
    tells(
        &Client {
            headers: &[("host", &host)],
            ..CLIENT
        }
        .sent(),
        "the client signed the host with :80: HttpString differs from byte 124 on: the client has \"%3A80\\n\", the request gives \"\\n\"",
    );
    // Signed without a parameter, and listed all the same.
    let list = "q-url-param-list=imagemogr2%2fformat%2fjpg%2finterlace%2f1;x";
    let sent = Client {
        params: &[],
        ..CLIENT
    }
    .sent()
    .replace("q-url-param-list=", list);
    tells(
        &sent,
        "the client signed no parameters: HttpString differs from byte 16 on: the client has \"\\n\", the request gives \
         \"imagemogr2%2fformat%2fjpg%2finterlace%2f1=&x=1%202%2F3\\n\"",
    );
    // Listed, but neither sent nor signed.
    let sent = CLIENT
        .sent()
        .replace("q-url-param-list=", "q-url-param-list=acl;");
    tells(
        &sent,
        "the client signed nothing for the listed names that the request lacks",
    );
    // A secret that is another one gives nothing away.
    let sent = CLIENT.sent();
    let (start, _) = sent.split_once("q-signature=").unwrap();
    tells(&format!("{start}q-signature={}", "0".repeat(40)), "");
}

#[test]
fn compares_with_what_the_client_shows() {
    let (start, _) = CLIENT
        .sent()
        .split_once("q-signature=")
        .map(|(a, b)| (a.to_string(), b.to_string()))
        .unwrap();
    let sent = format!("{start}q-signature={}", "0".repeat(40));
    let place = |client: &str| {
        let difference = ask(&sent, Some(client)).signature.unwrap().difference?;
        difference
            .place
            .map(|place| (place.string, place.byte, place.client))
    };
    let right = ask(&sent, None).signature.unwrap();
    assert_eq!(place(&right.http_string), None);
    assert_eq!(place(right.http_string.trim_end()), None);
    assert_eq!(place(&right.http_string.replace('\n', "\\n")), None);
    assert_eq!(place(&right.string_to_sign), None);
    assert_eq!(
        place(&right.http_string.replace("jpg%2f", "png%2f")),
        Some((
            "HttpString",
            38,
            "png%2finterlace%2f1=&x=1%202%2F3\n".into()
        ))
    );
    assert_eq!(
        place(&right.string_to_sign.replace("0360", "0361")),
        Some(("StringToSign", 25, "1\n".into()))
    );
}

#[test]
fn says_what_is_wrong_before_anything_is_signed() {
    let explanation = ask(&format!("http://{HOST}/a.jpg?{RULE}"), None);
    assert_eq!(
        explanation.to_string(),
        "outcome      no signature: the request is anonymous\n"
    );
    let explanation = ask(&request("nonsense"), None);
    assert_eq!(
        explanation.to_string(),
        "outcome      refused: signature fields: the Authorization header does not hold `q-sign-algorithm=sha1&q-ak=...`\n"
    );
    let text = ask(&CLIENT.sent().replace("AKIDexample", "AKIDother"), None).to_string();
    assert!(
        text.ends_with("outcome      refused: the access key id `AKIDother` is not known\n"),
        "{text}"
    );
    let text = ask(&CLIENT.sent().replace(&format!("{RULE}&"), ""), None).to_string();
    assert!(
        text.contains("missing      listed imagemogr2%2fformat%2fjpg%2finterlace%2f1\n"),
        "{text}"
    );
    let late = explain(
        &Pasted::parse(CLIENT.sent()).unwrap().request(),
        &[key()],
        WINDOW.end + 7,
        None,
    );
    assert!(
        late.to_string()
            .contains("q-sign-time  1700000000;1700000360, ended 7 s ago\n")
    );
    assert!(
        late.to_string()
            .ends_with("outcome      refused: Request has expired\n")
    );
}

#[test]
fn hides_tokens_and_signatures() {
    let sent = Client {
        headers: &[("host", HOST), ("x-cos-security-token", "tokenexample")],
        ..CLIENT
    }
    .sent();
    let signature = sent
        .trim()
        .split_once("q-signature=")
        .unwrap()
        .1
        .to_string();
    let sent = format!("{sent}x-cos-security-token: othertoken\n")
        .replace("HTTP/1.1", "")
        .replace("&x=", "&x-cos-security-token=querytoken&x=");
    for client in [
        None,
        Some("get\n/a b/ü.jpg\n\nhost=h&x-cos-security-token=clienttoken\n"),
    ] {
        let explanation = ask(&sent, client);
        for text in [explanation.to_string(), format!("{explanation:?}")] {
            assert!(text.contains("x-cos-security-token=(hidden)"), "{text}");
            for secret in [
                "tokenexample",
                "othertoken",
                "querytoken",
                "clienttoken",
                "secretexample",
                &signature,
            ] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}
