//! Forms: who signed the policy, and what it allows.

use auth::{AllowedForm, Error, Form, Key, verify_form};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};

const NOW: u64 = 1_800_000_000;
const TIME: &str = "1799999940;1800000600";
const BUCKET: &str = "examples-1250000000";
/// Conditions that every policy needs.
const NEEDED: &str = r#"{"bucket":"examples-1250000000"},["starts-with","$key","form/"]"#;

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes it");
        text
    })
}

fn hmac(key: &str, text: &str) -> String {
    let mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("any length");
    hex(&mac.chain_update(text).finalize().into_bytes())
}

/// The documentation's way to sign, written anew.
fn signed(policy: &str, fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let digest = hex(&Sha1::digest(policy.as_bytes()));
    let signature = hmac(&hmac("the secret", TIME), &digest);
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut all: Vec<_> = fields.iter().map(own).collect();
    for (name, value) in [
        ("policy", STANDARD.encode(policy)),
        ("q-sign-algorithm", "sha1".to_owned()),
        ("q-ak", "AKID".to_owned()),
        ("q-key-time", TIME.to_owned()),
        ("q-signature", signature),
    ] {
        if !all.iter().any(|(found, _)| found == name) {
            all.push((name.to_owned(), value));
        }
    }
    all
}

fn verify(fields: &[(String, String)]) -> Result<Option<AllowedForm>, Error> {
    let keys = [Key::new("other", "x"), Key::new("AKID", "the secret")];
    let bucket = BUCKET;
    verify_form(&Form { bucket, fields }, &keys, NOW)
}

fn policy(conditions: &str) -> String {
    // 2027-01-15T08:03:20Z is 200 s from now.
    format!(r#"{{"expiration":"2027-01-15T08:03:20.000Z","conditions":[{conditions}]}}"#)
}

fn judged(conditions: &str, fields: &[(&str, &str)]) -> Result<AllowedForm, Error> {
    verify(&signed(&policy(conditions), fields)).map(|allowed| allowed.expect("a policy"))
}

#[track_caller]
fn refused(conditions: &str, fields: &[(&str, &str)], words: &str) {
    let error = judged(conditions, fields).expect_err("it is refused");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn a_policy_allows_what_its_conditions_name() {
    let conditions = format!(
        r#"{NEEDED},["eq","$Success_Action_Status","201"],["starts-with","$x-cos-meta-a",""],{{"q-ak":"AKID"}},
        {{"q-sign-time":"{TIME}"}},["content-length-range",1,"100"],["content-length-range",0,90]"#
    );
    let fields = [
        ("key", "form/a.jpg"),
        ("success_action_status", "201"),
        ("x-cos-meta-a", "b"),
        ("content-type", ""),
    ];
    let allowed = judged(&conditions, &fields).expect("it is allowed");
    assert_eq!(allowed.bytes, (1, 90));
    let verified = allowed.verified;
    assert_eq!((verified.key_index, verified.end), (1, NOW + 200));
    assert!(verified.covers_header("X-Cos-Meta-A") && verified.covers_header("key"));
    assert!(!verified.covers_header("host") && !verified.covers_header("policy"));
    assert!(verify(&[("key".to_owned(), "a".to_owned())]).is_ok_and(|form| form.is_none()));
}

#[test]
fn every_condition_holds_and_every_field_has_one() {
    let key = ("key", "form/a");
    refused(NEEDED, &[("key", "other/a")], "`key` is `other/a`");
    refused(NEEDED, &[], "`key` is missing");
    refused(NEEDED, &[key, ("acl", "default")], "field `acl`");
    refused(r#"{"bucket":"examples-1250000000"}"#, &[key], "field `key`");
    refused(r#"["starts-with","$key",""]"#, &[key], "whole `bucket`");
    let other = r#"{"bucket":"other-1250000000"},["starts-with","$key",""]"#;
    refused(other, &[key], "`bucket` is `examples-1250000000`");
    let part = r#"["starts-with","$bucket","ex"],["starts-with","$key",""]"#;
    refused(part, &[key], "whole `bucket`");
    let more = format!(r#"{NEEDED},{{"acl":"default"}}"#);
    refused(&more, &[key], "`acl` is missing");
    let time = format!(r#"{NEEDED},{{"q-sign-time":"1;2"}}"#);
    refused(&time, &[key], "q-sign-time");
}

#[test]
fn a_document_that_is_not_understood_is_refused() {
    let key = [("key", "form/a")];
    for (conditions, words) in [
        (r#"["ends-with","$key","x"]"#, "conditions[0]"),
        (r#"["eq","key","x"]"#, "without `$`"),
        (r#"{"key":1}"#, "`key`: `1`"),
        (r#"["content-length-range",-1,5]"#, "`-1`"),
        (r#""x""#, "`x`"),
        (r#"{"key":"a","key":"b"}"#, "twice"),
    ] {
        refused(conditions, &key, words);
    }
    for (policy, words) in [
        ("[]", "an empty list"),
        ("{", "EOF"),
        (r#"{"conditions":[]}"#, "no `expiration`"),
        (
            r#"{"expiration":"2027-01-15T08:03:20Z"}"#,
            "no `conditions`",
        ),
        (r#"{"expiration":"tomorrow"}"#, "`tomorrow`"),
        (
            r#"{"expiration":"2027-01-15T08:03:20Z","conditions":[],"x":1}"#,
            "`x`",
        ),
    ] {
        let error = verify(&signed(policy, &key)).expect_err("it is refused");
        assert!(matches!(&error, Error::PolicyDocument(text) if text.contains(words)));
    }
    let past = policy(NEEDED).replace("08:03", "07:03");
    assert!(matches!(
        verify(&signed(&past, &key)),
        Err(Error::Expired { .. })
    ));
}

#[test]
fn only_the_key_signs() {
    let key = ("key", "form/a");
    let forged = "0".repeat(40);
    let text = policy(NEEDED);
    let error = |fields: &[(&str, &str)]| verify(&signed(&text, fields)).expect_err("refused");
    assert!(matches!(
        error(&[key, ("q-signature", &forged)]),
        Error::Mismatch(_)
    ));
    assert!(matches!(
        error(&[key, ("q-key-time", "1799999940;1800000601")]),
        Error::Mismatch(_)
    ));
    assert!(matches!(
        error(&[key, ("q-key-time", "1;2")]),
        Error::Expired { .. }
    ));
    assert!(matches!(
        error(&[key, ("q-ak", "other")]),
        Error::Mismatch(_)
    ));
    assert!(matches!(
        error(&[key, ("q-ak", "none")]),
        Error::UnknownKey(_)
    ));
    assert!(matches!(
        error(&[key, ("q-sign-algorithm", "sha256")]),
        Error::Algorithm(_)
    ));
    assert!(matches!(
        error(&[key, ("x-cos-security-token", "t")]),
        Error::UnknownToken
    ));
    let mut bare = signed(&text, &[key]);
    bare.retain(|(name, _)| name != "q-signature");
    assert!(matches!(verify(&bare), Err(Error::Malformed(_))));
    let other = policy(&format!(r#"{NEEDED},["starts-with","$acl",""]"#));
    let mut swapped = signed(&text, &[key]);
    let document = swapped.iter_mut().find(|(name, _)| name == "policy");
    document.expect("it is there").1 = STANDARD.encode(other);
    assert!(matches!(verify(&swapped), Err(Error::Mismatch(_))));
}
