//! What `Display` writes, `parse` reads; and nothing that comes in makes the parsers panic.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use rules::{Animate, Format, ImageMogr2, ImageRef, Output, Quality, Rule, Stage, split_query};

fn image() -> impl Strategy<Value = ImageRef> {
    "https?://[a-z]([a-z0-9-]{0,8}[a-z0-9])?(\\.[a-z]{1,4}){0,2}(:[1-9][0-9]{0,3})?/[^\\p{C}\\\\#?%]{1,12}(\\?[a-z0-9=&]{0,9})?"
        .prop_filter_map("a URL", |text| ImageRef::new(&text).ok())
}

fn animate() -> impl Strategy<Value = ImageMogr2> {
    let images = prop::collection::vec(image(), 1..25);
    (1..=rules::MAX_DURATION, images, any::<bool>()).prop_map(|(duration, images, ignore_error)| {
        ImageMogr2 {
            animate: Some(Animate { duration, images }),
            ignore_error,
            ..ImageMogr2::default()
        }
    })
}

fn still() -> impl Strategy<Value = ImageMogr2> {
    let format = prop::option::of(prop_oneof![Just(Format::Jpg), Just(Format::Png)]);
    let quality = prop::option::of(
        (0..=100_u8, any::<bool>()).prop_map(|(value, forced)| Quality { value, forced }),
    );
    let interlace = prop::option::of(any::<bool>());
    (format, interlace, quality, any::<[bool; 3]>()).prop_map(
        |(format, interlace, quality, [strip, auto_orient, ignore_error])| ImageMogr2 {
            output: Output {
                format,
                interlace,
                quality,
                strip,
            },
            auto_orient,
            ignore_error,
            ..ImageMogr2::default()
        },
    )
}

fn rule() -> impl Strategy<Value = Rule> {
    let stage = prop_oneof![1 => animate(), 3 => still()].prop_map(Stage::ImageMogr2);
    prop::collection::vec(stage, 1..=rules::MAX_STAGES).prop_filter_map("1 to 10", Rule::new)
}

/// As SDKs do it: everything but unreserved characters.
fn escape(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    let one = |b: u8| {
        if keep(b) {
            char::from(b).to_string()
        } else {
            format!("%{b:02X}")
        }
    };
    text.bytes().map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))), ..ProptestConfig::default() })]

    #[test]
    fn parse_reads_what_display_writes(rule in rule()) {
        let text = rule.to_string();
        prop_assert_eq!(Rule::parse(&text), Ok(rule.clone()), "{}", text);
        prop_assert_eq!(Rule::asks_to_ignore_errors(&text), rule.ignore_error());
    }

    #[test]
    fn every_wire_form_reads_alike(rule in rule()) {
        let text = rule.to_string();
        let escaped = escape(&text);
        let forms = [
            text.clone(),
            format!("{text}="),
            text.replace('|', "%7C"),
            format!("versionId=abc&{text}"),
            escaped.clone(),
            format!("{escaped}="),
            format!("q-sign-algorithm=sha1&q-ak=x&{escaped}=&response-content-type=image%2Fgif"),
        ];
        for form in forms {
            let query = split_query(&form).unwrap();
            let item = query.rule.unwrap();
            prop_assert!(form.contains(&item.raw));
            prop_assert_eq!(Rule::parse(&item.text), Ok(rule.clone()), "{}", form);
        }
    }

    #[test]
    fn padding_and_alphabet_of_base64_do_not_matter(image in image()) {
        let bare = image.to_base64();
        let padded = format!("{bare}{}", "=".repeat((4 - bare.len() % 4) % 4));
        let standard = padded.replace('-', "+").replace('_', "/");
        for form in [&bare, &padded, &standard] {
            prop_assert_eq!(ImageRef::from_base64(form), Ok(image.clone()));
        }
    }

    #[test]
    fn nothing_panics(text in any::<String>(), ascii in "[ -~]{0,80}", parts in "(imageMogr2|animate|duration|images|format|jpg|quality|[0-9]{1,3}|[/|!=&%+]){0,30}") {
        for text in [text, ascii, parts] {
            let _ = Rule::parse(&text);
            let _ = Rule::asks_to_ignore_errors(&text);
            let _ = rules::ImageUrl::parse(&text);
            if let Ok(query) = split_query(&text)
                && let Some(item) = query.rule
            {
                let _ = Rule::parse(&item.text);
            }
        }
    }
}
