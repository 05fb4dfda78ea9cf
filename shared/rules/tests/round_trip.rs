//! What `Display` writes, `parse` reads; and nothing that comes in makes the parsers panic.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use rules::{ImageRef, Rule, split_query};

fn image() -> impl Strategy<Value = ImageRef> {
    "https?://[a-z]([a-z0-9-]{0,8}[a-z0-9])?(\\.[a-z]{1,4}){0,2}(:[1-9][0-9]{0,3})?/[^\\p{C}\\\\#?%]{1,12}(\\?[a-z0-9=&]{0,9})?"
        .prop_filter_map("a URL", |text| ImageRef::new(&text).ok())
}

/// A number that is small, large, or too large for anything.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => (0..400_u32).prop_map(|n| n.to_string()),
        1 => any::<u64>().prop_map(|n| n.to_string()),
        1 => (0..400_u32, 0..10_000_u32).prop_map(|(n, part)| format!("{n}.{part}")),
        1 => Just(String::new()),
    ]
}

fn base64() -> impl Strategy<Value = String> {
    prop_oneof![
        image().prop_map(|image| image.to_base64()),
        "[A-Za-z0-9_-]{0,12}",
        Just("IzAwODBGRg".to_owned()), // #0080FF
        Just("bm9uZQ==".to_owned()),   // none
        Just("TW9ncg".to_owned()),     // Mogr
    ]
}

/// Something that may stand after the name of an operation.
fn value() -> impl Strategy<Value = String> {
    let sides = || (number(), number()).prop_map(|(w, h)| format!("{w}x{h}"));
    prop_oneof![
        3 => number(),
        3 => (sides(), "[!<>r@]?", "!?").prop_map(|(sides, after, before)| format!("{before}{sides}{after}")),
        1 => number().prop_map(|n| format!("!{n}p")),
        1 => (sides(), sides()).prop_map(|(a, b)| format!("{a}x{b}")),
        1 => (sides(), "[a-]", 0..300_u32, "[a-]", 0..300_u32)
            .prop_map(|(sides, a, dx, b, dy)| format!("!{sides}{a}{dx}{b}{dy}")),
        1 => (number(), "[km@!]{0,2}").prop_map(|(n, unit)| format!("{n}{unit}")),
        2 => base64(),
        2 => "(0|1|north|SouthEast|center|horizontal|Vertical|width|height|index|jpg|PNG|webp|src|small|cover|-90|1,2,3)",
    ]
}

const NAMES: &str = "animate duration images x-loop x-delays x-reverse x-boomerang x-fit x-background thumbnail pad color \
     cut crop gravity dx dy scrop rcrop indexcrop index iradius rradius rotate flip blur sharpen bright contrast \
     grayscale frame egif cgif auto-orient format interlace quality q rquality rq lquality lossless strip size-limit \
     minsize minisize x-size-limit x-preset ignore-error w h image text dissolve batch degree spacing scatype spcent \
     blogo font fontsize fill shadow Thumbnail IMAGESLIM watermark";

/// A stage that is often a rule, and often nearly one.
fn stage() -> impl Strategy<Value = String> {
    let names: Vec<&str> = NAMES.split_whitespace().collect();
    let part = (
        prop::sample::select(names),
        prop::collection::vec(value(), 0..3),
    );
    let part = part.prop_map(|(name, values)| format!("/{name}/{}", values.join("/")));
    let command = "(imageMogr2|imageView2|imageView2/[0-5]|watermark/[12]|imageSlim|imageInfo|exif|style/a|imagemogr)";
    (command, prop::collection::vec(part, 0..5))
        .prop_map(|(command, parts)| command + &parts.concat())
}

/// Every operation alone, with values that it takes.
fn good() -> impl Strategy<Value = String> {
    let images = prop::collection::vec(image(), 1..25);
    let animate =
        (1..=rules::MAX_DURATION, images, any::<bool>()).prop_map(|(duration, images, ignore)| {
            let images: Vec<String> = images.iter().map(ImageRef::to_base64).collect();
            let images = images.join("/");
            let ignore = u8::from(ignore);
            format!("imageMogr2/animate/duration/{duration}/images/{images}/ignore-error/{ignore}")
        });
    let size = || prop_oneof![Just(0_u32), 1..500_u32, 9_990..10_010_u32];
    let operation = prop_oneof![
        (size(), size(), "!?", "[<>r!]?")
            .prop_map(|(w, h, a, b)| format!("/thumbnail/{a}{w}x{h}{b}/pad/1")),
        (0..1100_u32, "(p|px)").prop_map(|(s, p)| format!("/thumbnail/!{s}{p}")),
        (size(), size(), 0..99_u32, 0..99_u32)
            .prop_map(|(w, h, x, y)| format!("/cut/{w}x{h}x{x}x{y}")),
        (size(), size(), "(|/east|/North)").prop_map(|(w, h, g)| format!("/crop/{w}x{h}{g}")),
        (500..900_u32, size(), 0..99_u32, 0..99_u32)
            .prop_map(|(w, h, x, y)| format!("/crop/!{w}x{h}-{x}a{y}")),
        (0..99_u32, 0..99_u32).prop_map(|(x, y)| format!("/dx/{x}/dy/{y}")),
        "/gravity/(north|south|CENTER|west)",
        "/color/(IzAwODBGRg|bm9uZQ|fff)",
        (size(), size()).prop_map(|(w, h)| format!("/scrop/!{w}x{h}r")),
        (1..300_u32, 1..300_u32).prop_map(|(a, b)| format!("/rcrop/{a}x{b}")),
        "/indexcrop/(width|height)/[1-9]{1,3}/index/[0-9]",
        "/(iradius|rradius)/[1-9]{1,3}",
        "/rotate/-?[12]?[0-9]{1,2}",
        "/flip/(horizontal|vertical)",
        "/blur/[1-4]?[1-9]x[0-9]{1,2}\\.[0-9]{1,5}",
        "/(sharpen|bright|contrast)/[0-9]{1,2}",
        "/(bright|contrast)/-[0-9]{1,2}",
        "/(grayscale|strip|auto-orient|minsize|lossless)(/[01])?",
        "/(frame|egif|cgif)/[1-9][0-9]?",
        "/format/(jpg|yjpeg|png|webp|gif|bmp|avif|src)",
        "/(q|quality)/[0-9]{1,2}!?",
        "/(rq|rquality|lq|lquality)/[0-9]{1,2}",
        "/size-limit/([1-9][0-9]{0,6}[km]?|\\$\\(fsize\\))!?",
        "/x-size-limit/[1-9][0-9]{0,6}[km]?",
        "/x-preset/(quality|small)",
        "/interlace/[01]",
    ];
    let picture = prop::collection::vec(operation, 0..7)
        .prop_map(|parts| format!("imageMogr2{}", parts.concat()));
    let view = (
        "imageView2(/[0-5])?",
        size(),
        size(),
        "(|/q/7[0-9]|/format/webp/interlace/1)",
    )
        .prop_map(|(view, w, h, rest)| format!("{view}/w/{w}/h/{h}{rest}"));
    let mark = ("watermark/2/text/TW9ncg(/gravity/(north|SouthEast))?(/d[xy]/[0-9]{1,5})?(/batch/1/degree/[0-9]{1,2})?(/fontsize/2[0-9]\\.5)?(/fill/d2hpdGU=)?(/scatype/3/spcent/250)?", image())
        .prop_map(|(text, image)| format!("{text}|watermark/1/image/{}/blogo/1/dissolve/50", image.to_base64()));
    prop_oneof![2 => animate, 6 => picture, 2 => view, 2 => mark, 1 => Just("imageSlim".to_owned())]
}

fn rule() -> impl Strategy<Value = Rule> {
    let stages = prop::collection::vec(good(), 1..=5);
    stages.prop_map(|stages| {
        let text = stages.join("|");
        Rule::parse_unbuilt(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
    })
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
        let again = Rule::parse_unbuilt(&text);
        prop_assert_eq!(again.as_ref(), Ok(&rule), "{}", text);
        prop_assert_eq!(Rule::asks_to_ignore_errors(&text), rule.ignore_error());
    }

    #[test]
    fn what_is_read_is_written_so_that_it_is_read_again(stages in prop::collection::vec(stage(), 1..4)) {
        let text = stages.join("|");
        if let Ok(rule) = Rule::parse_unbuilt(&text) {
            let written = rule.to_string();
            prop_assert_eq!(Rule::parse_unbuilt(&written), Ok(rule), "{} of {}", written, text);
        }
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
            prop_assert!(form.contains(&item.raw[0]));
            prop_assert_eq!(Rule::parse_unbuilt(&item.text), Ok(rule.clone()), "{}", form);
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
            let _ = Rule::parse_unbuilt(&text);
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
