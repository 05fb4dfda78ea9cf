//! Any text: a rule is parsed or refused, and what is parsed is written so that it is read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rules::{ImageUrl, Rule, split_query};

fuzz_target!(|text: &str| {
    let _ = Rule::asks_to_ignore_errors(text);
    let _ = Rule::parse(text);
    if let Ok(rule) = Rule::parse_unbuilt(text) {
        check(&rule);
    }
    if let Ok(url) = ImageUrl::parse(text) {
        let _ = format!("{url:?}");
    }
    if let Ok(query) = split_query(text) {
        let _ = query.parameter("sign");
    }
});

fn check(rule: &Rule) {
    let written = rule.to_string();
    let again = Rule::parse_unbuilt(&written).expect("what is written can be read");
    assert!(again == *rule, "{written}");
    assert!(again.to_string() == written, "{written}");
    assert_eq!(rule.ignore_error(), again.ignore_error());
    for rules::NamedImage { image, .. } in rule.images() {
        let again = rules::ImageRef::with_rule_from_base64(&image.to_base64()).expect("we wrote it");
        assert_eq!(again.text(), image.text());
    }
}
