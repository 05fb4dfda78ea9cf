//! What policy documents decide, and what is refused in them.
#![allow(clippy::unwrap_used)] // Helpers stand outside of `#[test]` functions, where clippy does not see that they are tests.

use auth::policy::{
    Action, Attachment, Decision, Policy, Principal, Question, decide, decide_for_some_key,
};

fn question(action: Action, target: &str) -> Question<'_> {
    let (bucket, key) = target.split_once('/').unwrap();
    Question {
        principal: Principal::Key(""),
        action,
        bucket,
        region: None,
        key,
        address: None,
    }
}

/// A document with these statements.
fn parse(statements: &str) -> Policy {
    Policy::parse(
        &format!(r#"{{"version":"2.0","statement":{statements}}}"#),
        Attachment::Key,
    )
    .unwrap()
}

#[track_caller]
fn decides(policy: &Policy, question: &Question<'_>, expected: &str) {
    assert_eq!(
        policy.decide(question).to_string(),
        expected,
        "{question:?}"
    );
}

const ALLOWED: &str = "allowed by statement[0]";
const SILENT: &str = "denied: no statement allows it";

#[test]
fn actions_are_matched_in_both_spellings() {
    for (pattern, get, head, put) in [
        (r#""name/cos:GetObject""#, true, false, false),
        (r#""cos:GetObject""#, true, false, false),
        (
            r#"["cos:GetObject","name/cos:PutObject"]"#,
            true,
            false,
            true,
        ),
        (r#""*""#, true, true, true),
        (r#""cos:*""#, true, true, true),
        (r#""name/cos:*""#, true, true, true),
        (r#""cos:Get*""#, true, false, false),
        (r#""name/cos:*Object""#, true, true, true),
        (r#""cos:GetObjectACL""#, false, false, false),
        (r#""ci:CreateMediaJobs""#, false, false, false),
    ] {
        let policy = parse(&format!(
            r#"{{"effect":"allow","action":{pattern},"resource":"*"}}"#
        ));
        for (action, expected) in [
            (Action::GetObject, get),
            (Action::HeadObject, head),
            (Action::PutObject, put),
        ] {
            assert_eq!(
                policy.decide(&question(action, "b-1/k")).is_allowed(),
                expected,
                "{pattern} {action}"
            );
        }
    }
}

#[test]
fn resources_are_matched_part_by_part() {
    let bucket = "examples-1250000000";
    for (pattern, target, region, expected) in [
        ("*", "examples-1250000000/a", None, true),
        (
            "qcs::cos:ap-shanghai:uid/1250000000:examples-1250000000/*",
            "examples-1250000000/a/b",
            None,
            true,
        ),
        (
            "qcs::cos:ap-shanghai:uid/1250000000:examples-1250000000/*",
            "examples-1250000000/a/b",
            Some("ap-shanghai"),
            true,
        ),
        (
            "qcs::cos:ap-shanghai:uid/1250000000:examples-1250000000/*",
            "examples-1250000000/a/b",
            Some("ap-beijing"),
            false,
        ),
        (
            "qcs::cos:ap-*:uid/*:examples-1250000000/*",
            "examples-1250000000/a",
            Some("ap-beijing"),
            true,
        ),
        (
            "qcs::cos::uid/1250000000:examples-1250000000/*",
            "examples-1250000000/a",
            Some("ap-beijing"),
            true,
        ),
        (
            "qcs::cos:*:uid/1250000001:examples-1250000000/*",
            "examples-1250000000/a",
            None,
            false,
        ),
        (
            "qcs::cos:*:uid/1250000001:pictures/*",
            "pictures/a",
            None,
            true,
        ),
        (
            "qcs::cos:*:*:examples-1250000000/in/*",
            "examples-1250000000/in/a",
            None,
            true,
        ),
        (
            "qcs::cos:*:*:examples-1250000000/in/*",
            "examples-1250000000/inside",
            None,
            false,
        ),
        (
            "qcs::cos:*:*:examples-1250000000/in/*",
            "examples-1250000000/a/in/b",
            None,
            false,
        ),
        (
            "qcs::cos:*:*:examples-1250000000/a.jpg",
            "examples-1250000000/a.jpg",
            None,
            true,
        ),
        (
            "qcs::cos:*:*:examples-1250000000/a.jpg",
            "examples-1250000000/A.jpg",
            None,
            false,
        ),
        (
            "qcs::cos:*:*:examples-1250000000/a.jpg",
            "examples-1250000000//a.jpg",
            None,
            false,
        ),
        (
            "qcs::cos:*:*:examples-1250000000/*.jpg",
            "examples-1250000000/a/b.jpg",
            None,
            true,
        ),
        (
            "qcs::cos:*:*:examples-1250000000/图片/*",
            "examples-1250000000/图片/a",
            None,
            true,
        ),
        (
            "qcs::cos:*:*:examples-1250000000/*",
            "examples-12500000001/a",
            None,
            false,
        ),
        (
            "qcs::cos:*:*:examples-1250000000",
            "examples-1250000000/a",
            None,
            false,
        ),
        (
            "qcs::cos:*:*:examples-1250000000",
            "examples-1250000000/",
            None,
            true,
        ),
        (
            "qcs::cos:*:*:examples-1250000000/",
            "examples-1250000000/",
            None,
            true,
        ),
        (
            "qcs::cos:*:*:examples-1250000000/*",
            "examples-1250000000/",
            None,
            true,
        ),
        (
            "qcs::ci:*:*:examples-1250000000/*",
            "examples-1250000000/a",
            None,
            false,
        ),
    ] {
        let policy = parse(&format!(
            r#"[{{"effect":"allow","action":"*","resource":["{pattern}"]}}]"#
        ));
        let question = Question {
            region,
            ..question(Action::GetObject, target)
        };
        assert_eq!(
            policy.decide(&question).is_allowed(),
            expected,
            "{pattern} {target} {region:?} {bucket}"
        );
    }
}

#[test]
fn a_deny_wins_wherever_it_stands() {
    let policy = parse(
        r#"[{"effect":"deny","action":"cos:GetObject","resource":"qcs::cos:*:*:b-1/secret/*","sid":"secrets"},
            {"effect":"allow","action":"*","resource":"*"},
            {"effect":"deny","action":"cos:PutObject","resource":"*"}]"#,
    );
    decides(
        &policy,
        &question(Action::GetObject, "b-1/a"),
        "allowed by statement[1]",
    );
    decides(
        &policy,
        &question(Action::GetObject, "b-1/secret/a"),
        "denied by statement[0] (`secrets`)",
    );
    decides(
        &policy,
        &question(Action::PutObject, "b-1/a"),
        "denied by statement[2]",
    );
    decides(
        &parse(r#"{"effect":"deny","action":"*","resource":"*"}"#),
        &question(Action::GetObject, "b-1/a"),
        "denied by statement[0]",
    );
    decides(
        &Policy::open(),
        &question(Action::GetObject, "b-1/a"),
        "allowed by statement[0] (`open`)",
    );
}

#[test]
fn policies_are_decided_together() {
    let allow = parse(r#"{"effect":"allow","action":"cos:GetObject","resource":"*"}"#);
    let deny = parse(r#"{"effect":"deny","action":"*","resource":"qcs::cos:*:*:b-1/x"}"#);
    let Decision::Denied(basis) = decide([&allow, &deny], &question(Action::GetObject, "b-1/x"))
    else {
        panic!()
    };
    assert_eq!((basis.policy, basis.statement), (1, 0));
    assert!(decide([&deny, &allow], &question(Action::GetObject, "b-1/y")).is_allowed());
    assert_eq!(
        decide([], &question(Action::GetObject, "b-1/y")),
        Decision::NotAllowed
    );
}

#[test]
fn conditions_look_at_the_address() {
    let from = |address: Option<&str>| Question {
        address: address.map(|address| address.parse().unwrap()),
        ..question(Action::GetObject, "b-1/a")
    };
    let inside = r#"{"ip_equal":{"qcs:ip":["10.0.0.0/8","2001:db8::/32"]}}"#;
    let outside = r#"{"ip_not_equal":{"qcs:ip":"10.0.0.0/8"}}"#;
    let both = r#"{"ip_equal":{"qcs:ip":"10.0.0.0/8"},"ip_not_equal":{"qcs:ip":["10.1.0.0/16"]}}"#;
    let document = |effect: &str, condition: &str| {
        parse(&format!(
            r#"[{{"effect":"{effect}","action":"*","resource":"*","condition":{condition}}},
                {{"effect":"allow","action":"cos:PutObject","resource":"*"}}]"#
        ))
    };
    for (condition, address, holds) in [
        (inside, "10.2.3.4", true),
        (inside, "::ffff:10.2.3.4", true),
        (inside, "2001:db8::1", true),
        (inside, "11.2.3.4", false),
        (outside, "10.2.3.4", false),
        (outside, "11.2.3.4", true),
        (outside, "2001:db8::1", true),
        (both, "10.2.3.4", true),
        (both, "10.1.3.4", false),
        (both, "11.2.3.4", false),
    ] {
        decides(
            &document("allow", condition),
            &from(Some(address)),
            if holds { ALLOWED } else { SILENT },
        );
        decides(
            &document("deny", condition),
            &from(Some(address)),
            if holds {
                "denied by statement[0]"
            } else {
                SILENT
            },
        );
    }
    // Where the address is not known, nothing is allowed on its account, and nothing escapes a deny.
    for condition in [inside, outside, both] {
        decides(&document("allow", condition), &from(None), SILENT);
        decides(
            &document("deny", condition),
            &from(None),
            "denied by statement[0]",
        );
    }
}

#[test]
fn bucket_policies_name_principals() {
    // Written as in the documentation of bucket policies.
    let text = r#"{"Statement":[
        {"Principal":{"qcs":["qcs::cam::uin/100000000001:uin/100000000011"]},"Effect":"Allow",
         "Action":["name/cos:PutObject"],"Resource":["qcs::cos:ap-shanghai:uid/1250000000:examples-1250000000/*"]},
        {"Principal":{"qcs":["qcs::cam::anonymous:anonymous"]},"Effect":"Allow","Action":["name/cos:GetObject"],"Resource":["*"]},
        {"Principal":{"qcs":"qcs::cam::uin/100000000001:uin/*"},"Effect":"Deny","Action":"cos:DeleteObject","Resource":"*"}],
        "version":"2.0"}"#;
    let policy = Policy::parse(text, Attachment::Bucket).unwrap();
    let eleven = Principal::Key("qcs::cam::uin/100000000001:uin/100000000011");
    let twelve = Principal::Key("qcs::cam::uin/100000000001:uin/100000000012");
    for (principal, action, expected) in [
        (eleven, Action::PutObject, "allowed by statement[0]"),
        (twelve, Action::PutObject, SILENT),
        (Principal::Key(""), Action::PutObject, SILENT),
        (Principal::Anonymous, Action::PutObject, SILENT),
        (eleven, Action::GetObject, "allowed by statement[1]"),
        (
            Principal::Anonymous,
            Action::GetObject,
            "allowed by statement[1]",
        ),
        (twelve, Action::DeleteObject, "denied by statement[2]"),
        (
            Principal::Key(""),
            Action::DeleteObject,
            "denied by statement[2]",
        ),
        (Principal::Anonymous, Action::DeleteObject, SILENT),
    ] {
        decides(
            &policy,
            &Question {
                principal,
                ..question(action, "examples-1250000000/a")
            },
            expected,
        );
    }
    let public = r#"{"version":"2.0","statement":{"principal":"*","effect":"allow","action":"cos:GetObject","resource":"*"}}"#;
    let policy = Policy::parse(public, Attachment::Anonymous).unwrap();
    decides(
        &policy,
        &Question {
            principal: Principal::Anonymous,
            ..question(Action::GetObject, "b-1/a")
        },
        ALLOWED,
    );
}

/// A key without a name may be any principal: no allow of a name is for it, and no deny of a name passes it by.
#[test]
fn a_deny_that_may_concern_a_key_without_a_name_applies() {
    let policy = |principals: &str, effect: &str| {
        let text = format!(
            r#"{{"version":"2.0","statement":[
            {{"principal":"*","effect":"allow","action":"cos:HeadObject","resource":"*"}},
            {{"principal":{{"qcs":{principals}}},"effect":"{effect}","action":"*","resource":"*"}}]}}"#
        );
        Policy::parse(&text, Attachment::Bucket).unwrap()
    };
    let [nameless, named] = ["", "qcs::cam::uin/1:uin/2"].map(Principal::Key);
    let denied = "denied by statement[1]";
    let allowed = "allowed by statement[0]";
    for (principals, effect, nameless_is, named_is, anonymous_is) in [
        (
            r#"["qcs::cam::uin/*:uin/*"]"#,
            "deny",
            denied,
            denied,
            allowed,
        ),
        (
            r#"["qcs::cam::uin/1:uin/*"]"#,
            "deny",
            denied,
            denied,
            allowed,
        ),
        (
            r#"["qcs::cam::uin/1:uin/3"]"#,
            "deny",
            denied,
            allowed,
            allowed,
        ),
        (
            r#"["qcs::cam::uin/1:uin/3","*"]"#,
            "deny",
            denied,
            denied,
            denied,
        ),
    ] {
        let policy = policy(principals, effect);
        let expected = usize::from(!principals.contains("\"*\""));
        assert_eq!(policy.denies_of_named().len(), expected, "{principals}");
        for (principal, expected) in [
            (nameless, nameless_is),
            (named, named_is),
            (Principal::Anonymous, anonymous_is),
        ] {
            let question = Question {
                principal,
                ..question(Action::HeadObject, "examples-1250000000/a")
            };
            decides(&policy, &question, expected);
        }
    }
    let policy = policy(r#"["qcs::cam::uin/*:uin/*"]"#, "allow");
    assert_eq!(policy.denies_of_named(), [0_usize; 0]);
    for (principal, expected) in [(nameless, SILENT), (named, "allowed by statement[1]")] {
        let question = Question {
            principal,
            ..question(Action::PutObject, "examples-1250000000/a")
        };
        decides(&policy, &question, expected);
    }
}

#[test]
fn a_principal_may_stand_beside_the_statements() {
    // As the documentation of conditions has it (436/46206).
    let text = r#"{"version":"2.0","principal":{"qcs":["qcs::cam::uin/100000000001:uin/100000000002"]},
        "statement":[{"effect":"allow","action":["name/cos:PutObject","name/cos:GetObject"],
        "resource":["qcs::cos:ap-beijing:uid/1250000000:examplebucket-bj-1250000000/*"],
        "condition":{"ip_equal":{"qcs:ip":["192.168.1.0/24","101.226.100.185"]}}}]}"#;
    let policy = Policy::parse(text, Attachment::Bucket).unwrap();
    for (principal, address, expected) in [
        (
            "qcs::cam::uin/100000000001:uin/100000000002",
            "192.168.1.9",
            ALLOWED,
        ),
        (
            "qcs::cam::uin/100000000001:uin/100000000002",
            "192.168.2.9",
            SILENT,
        ),
        (
            "qcs::cam::uin/100000000001:uin/100000000003",
            "192.168.1.9",
            SILENT,
        ),
    ] {
        decides(
            &policy,
            &Question {
                principal: Principal::Key(principal),
                address: Some(address.parse().unwrap()),
                ..question(Action::GetObject, "examplebucket-bj-1250000000/a")
            },
            expected,
        );
    }
    refuses(
        text,
        Attachment::Key,
        "principal: found an object, expected none, as the key that the policy belongs to is the principal",
    );
    refuses(
        &text.replace(
            r#"{"effect":"allow""#,
            r#"{"principal":"*","effect":"allow""#,
        ),
        Attachment::Bucket,
        "statement[0].principal: found `*`, expected none, as the document has one beside its statements",
    );
}

#[test]
fn actions_that_are_not_known_are_told() {
    let policy = parse(
        r#"[{"effect":"deny","action":["cos:GetObjekt","cos:Put*"],"resource":"*"},
            {"effect":"allow","action":["name/cos:PutObjectACL","*","cos:DeleteMultipleObjects"],"resource":"*"}]"#,
    );
    assert_eq!(
        policy.warnings(),
        [
            "statement[0].action: `cos:GetObjekt` is no action that this service knows",
            "statement[1].action: `cos:PutObjectACL` is no action that this service knows",
        ]
    );
    assert!(Policy::open().warnings().is_empty());
}

#[track_caller]
fn refuses(text: &str, attachment: Attachment, message: &str) {
    assert_eq!(
        Policy::parse(text, attachment).unwrap_err().to_string(),
        message,
        "{text}"
    );
}

#[test]
fn says_what_was_wrong_and_where() {
    let statement = |inner: &str| format!(r#"{{"version":"2.0","statement":[{{{inner}}}]}}"#);
    let with = |more: &str| {
        statement(&format!(
            r#""effect":"allow","action":"*","resource":"*",{more}"#
        ))
    };
    let key = |text: &str, message: &str| refuses(text, Attachment::Key, message);
    key("", "policy is not valid JSON");
    key("[]", "policy: found an empty list, expected an object");
    key(r#"{"version":"2.0"}"#, "policy: `statement` is missing");
    key(r#"{"statement":[]}"#, "policy: `version` is missing");
    key(
        r#"{"version":2.0,"statement":[]}"#,
        "version: found `2.0`, expected `2.0`",
    );
    key(
        r#"{"version":"2.0","statement":[]}"#,
        "statement: found an empty list, expected a statement or a list of statements",
    );
    key(
        r#"{"version":"2.0","statement":[],"id":1}"#,
        "policy: `id` is not supported; allowed are `version`, `statement` and `principal`",
    );
    key(
        &statement(r#""action":"*","resource":"*""#),
        "statement[0]: `effect` is missing",
    );
    key(
        &statement(r#""effect":"allow","resource":"*""#),
        "statement[0]: `action` is missing",
    );
    key(
        &statement(r#""effect":"allow","action":"*""#),
        "statement[0]: `resource` is missing",
    );
    key(
        &statement(r#""effect":"permit","action":"*","resource":"*""#),
        "statement[0].effect: found `permit`, expected `allow` or `deny`",
    );
    key(
        &statement(r#""effect":"deny","action":"cos:getObject","resource":"*""#),
        "statement[0].action: found `cos:getObject`, expected `cos:GetObject`, as letter case counts",
    );
    key(
        &statement(r#""effect":"deny","action":["GetObject"],"resource":"*""#),
        "statement[0].action: found `GetObject`, expected an action such as `name/cos:GetObject`, `cos:Get*` or `*`",
    );
    key(
        &statement(r#""effect":"allow","action":[],"resource":"*""#),
        "statement[0].action: found an empty list, expected text or a list of texts",
    );
    let resource = "expected `*` or `qcs::cos:<region>:uid/<appid>:<bucket>/<key>`";
    for text in [
        "examples-1250000000/*",
        "qcs::cos:ap-shanghai:examples-1250000000/*",
        "qcs::cos:a:1250000000:b/*",
        "qcs::cos:a:uid/1:",
    ] {
        key(
            &statement(&format!(
                r#""effect":"allow","action":"*","resource":"{text}""#
            )),
            &format!("statement[0].resource: found `{text}`, {resource}"),
        );
    }
    key(
        &statement(r#""effect":"allow","action":"*","resource":"qcs::cos:a:uid/1:prefix//1/b/*""#),
        &format!(
            "statement[0].resource: found `qcs::cos:a:uid/1:prefix//1/b/*`, {resource}; \
             the older form `prefix//<appid>/<bucket>/<key>` is not supported"
        ),
    );
    key(
        &with(r#""notAction":"*""#),
        "statement[0]: `notAction` is not supported; allowed are `effect`, `action`, `resource`, `condition`, `principal` and `sid`",
    );
    key(
        &with(r#""condition":{"string_equal":{"cos:content-type":"image/jpeg"}}"#),
        "statement[0].condition: `string_equal` is not supported; allowed are `ip_equal` and `ip_not_equal`",
    );
    key(
        &with(r#""condition":{"ip_equal":{"vpc:requester_vpc":"x"}}"#),
        "statement[0].condition.ip_equal: `vpc:requester_vpc` is not supported; allowed are `qcs:ip`",
    );
    key(
        &with(r#""condition":{"ip_equal":{"qcs:ip":["10.0.0.0/40"]}}"#),
        "statement[0].condition.ip_equal.qcs:ip: found `10.0.0.0/40`, expected an IP address or a CIDR block such as `10.0.0.0/8`",
    );
    key(
        &with(r#""principal":"*""#),
        "statement[0].principal: found `*`, expected none, as the key that the policy belongs to is the principal",
    );
    key(
        &with(r#""Effect":"deny""#),
        "statement[0]: found `effect` twice, expected it once",
    );
    refuses(
        &with(r#""principal":{"qcs":["qcs::cam::uin/1:uin/2"]}"#),
        Attachment::Anonymous,
        "statement[0].principal: found `qcs::cam::uin/1:uin/2`, expected `qcs::cam::anonymous:anonymous`, \
         as the policy is for requests without a signature",
    );
    refuses(
        &with(r#""principal":{"service":["cdn"]}"#),
        Attachment::Bucket,
        "statement[0].principal: `service` is not supported; allowed are `qcs`",
    );
    refuses(
        &with(r#""sid":"a""#),
        Attachment::Bucket,
        "statement[0]: `principal` is missing",
    );
    let twice = with(r#""effect":"deny""#);
    let error = Policy::parse(&twice, Attachment::Key).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("`effect` is given twice"), "{cause}");
}

/// What is said of some key is what is said of one key after another, each of up to three characters.
#[test]
fn some_key_is_any_of_them() {
    let letters = ["a", "b", "/"];
    let mut keys = vec![String::new()];
    for _ in 0..3 {
        let longer = keys
            .iter()
            .flat_map(|key| letters.map(|letter| format!("{key}{letter}")));
        let longer: Vec<_> = longer.collect();
        keys.extend(longer);
    }
    keys.retain(|key| !key.is_empty());
    let objects = [
        "*", "b-1/*", "b-1/a*", "b-1/a", "b-1*", "b-*", "b*a", "*/a", "*b", "*1/b", "c-1/*", "b-1",
        "b-12/*", "c*", "b-1/ab*b",
    ];
    let action = Action::DeleteObject;
    for allowed in objects {
        for denied in ["", "b-1/a", "b-1/*", "b-*", "*/a", "c-1/*", "b-1/a*"] {
            let resource = |object: &str| format!("qcs::cos::uid/1:{object}");
            let mut statements = format!(
                r#"{{"effect":"allow","action":"cos:DeleteObject","resource":"{}"}}"#,
                resource(allowed)
            );
            if !denied.is_empty() {
                let denied = format!(
                    r#",{{"effect":"deny","action":"cos:Delete*","resource":"{}"}}"#,
                    resource(denied)
                );
                statements.push_str(&denied);
            }
            let policy = parse(&format!("[{statements}]"));
            let allows = |key: &String| {
                policy
                    .decide(&question(action, &format!("b-1/{key}")))
                    .is_allowed()
            };
            let found = decide_for_some_key([&policy], &question(action, "b-1/"));
            let any = keys.iter().any(allows);
            assert!(found.is_allowed() || !any, "{allowed} without {denied}");
            // A deny of some keys alone is not weighed against each allow.
            if denied.is_empty() || denied.ends_with("/*") || denied == "b-*" {
                assert_eq!(found.is_allowed(), any, "{allowed} without {denied}");
            }
        }
    }
}
