//! The vectors of the specification that a parser can be held to: which rules are refused, and which are the same.

#![allow(clippy::unwrap_used, reason = "this is all test code")]

use rules::{NamedImage, Role, Rule};

const FRAME: &str = "aHR0cDovL2hvc3QvMi5qcGc"; // http://host/2.jpg

#[track_caller]
fn parse(text: &str) -> Rule {
    Rule::parse_unbuilt(&prefixed(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A rule that begins with no command begins with `imageMogr2/`.
fn prefixed(text: &str) -> String {
    let name = text.trim_start_matches('|').split(['/', '|', ';']).next();
    match rules::verb(name.unwrap_or_default()) {
        Some(_) => text.to_owned(),
        None if text.starts_with("style/") => text.to_owned(),
        None => format!("imageMogr2/{text}"),
    }
}

#[track_caller]
fn same(texts: &[&str]) {
    for text in &texts[1..] {
        assert_eq!(parse(text), parse(texts[0]), "{text} and {}", texts[0]);
        assert_eq!(parse(text).to_string(), parse(texts[0]).to_string());
    }
}

/// Refused with `ignore-error/1` and without.
#[track_caller]
fn refuses(text: &str, hidden: bool, part: &str) {
    let error = Rule::parse_unbuilt(&prefixed(text)).unwrap_err();
    assert_eq!(error.is_suppressible(), hidden, "{text}: {error}");
    assert!(error.to_string().contains(part), "{text}: {error}");
}

#[test]
fn many_spellings_are_one_rule() {
    // The numbers are those of the specification's table.
    same(&["thumbnail/!500x500r", "thumbnail/500x500r"]); // 24
    same(&["thumbnail/320x320", "thumbnail/!320x320"]); // 25
    same(&[
        "thumbnail/450x",
        "thumbnail/450",
        "thumbnail/!450",
        "thumbnail/!450x",
    ]); // 26
    same(&["thumbnail/1500x>", "thumbnail/1500>"]); // 27
    same(&["thumbnail/334x250!", "thumbnail/333.5x250!"]); // 29
    same(&["thumbnail/300x", "thumbnail/300x0", "thumbnail/300X"]); // 30
    same(&[
        "imageMogr2",
        "thumbnail/0x0",
        "thumbnail/!1001p",
        "thumbnail/x",
    ]); // 31, 4
    same(&["thumbnail/10000x", "thumbnail/20000x"]); // 32
    same(&["thumbnail/320x", "thumbnail/320x/pad/1"]); // 44
    same(&[
        "thumbnail/200x200/pad/1/color/I0ZGMDAwMA",
        "thumbnail/200x200/pad/1/color/ZmYwMDAw",
        "thumbnail/200x200/pad/1/color/cmVk",
        "thumbnail/200x200/pad/1/color/ff0000",
        "color/cmVk/pad/1/thumbnail/200x200",
        "thumbnail/!200x200/pad/0/pad/1/color/Ymx1ZQ/color/cmVk",
    ]); // 45
    same(&["thumbnail/500x500", "thumbnail/500x500/pad/0"]); // 46
    same(&[
        "crop/600x600/gravity/center",
        "crop/600x600",
        "crop/!600x600",
    ]); // 48, 49, 66
    same(&[
        "gravity/NorthEast/crop/300x300",
        "crop/300x300/gravity/NORTHEAST",
    ]); // 69
    same(&[
        "cut/300x200x10x20",
        "crop/300x200x10x20",
        "crop/!300x200a10a20",
    ]); // 71
    same(&[
        "crop/!580x600a0a20",
        "crop/!600x600-20a20",
        "cut/580x600x0x20",
    ]); // 58
    same(&[
        "cut/400x300x0x0",
        "cut/400x300",
        "cut/400x300/gravity/northwest",
    ]); // 73
    same(&["cut/400x300/gravity/center", "cut/400x300/center"]); // 77
    same(&[
        "cut/400x300x50x60",
        "dx/50/cut/400x300/dy/60",
        "dx/9/cut/400x300/dy/60/dx/50",
    ]);
    same(&[
        "crop/250x",
        "crop/!250x",
        "crop/250x0",
        "cut/250x/gravity/center",
        "scrop/250x",
    ]); // 52
    same(&["imageMogr2", "cut/0x0", "crop/x"]);
    same(&["scrop/300x300", "scrop/!300x300", "scrop/!300x300r"]); // 87
    same(&["indexcrop/width/300/index/0", "indexcrop/width/300"]);
    same(&["rotate/270", "rotate/-90"]); // 96
    same(&["imageMogr2", "rotate/0", "rotate/360", "rotate/-360"]);
    same(&[
        "imageMogr2",
        "blur/1x0",
        "bright/0",
        "contrast/-0",
        "sharpen/0",
        "grayscale/0",
    ]); // 112, 113
    same(&["grayscale/1", "grayscale"]); // 202
    same(&[
        "quality/60/format/jpg",
        "q/60/format/jpeg",
        "format/YJPEG/Quality/060",
    ]); // 127
    same(&["rquality/80/lquality/60", "lq/60/rq/80"]);
    same(&["minsize/1", "minisize/1", "minsize"]); // 153
    same(&[
        "imageMogr2",
        "minsize/0",
        "strip/0",
        "strip/strip/0",
        "cgif/0",
        "egif/1",
    ]);
    same(&["frame/5", "egif/3/frame/5"]);
    same(&["size-limit/50k", "size-limit/51200", "SIZE-LIMIT/50K"]);
    same(&["imageSlim", "imageslim", "IMAGESLIM"]); // 155
    same(&[
        "imageView2/2/h/250",
        "imageView2/2/w/0/h/250",
        "imageView2/2/h/250/w",
    ]); // 171
    same(&[
        "imageMogr2/quality/75",
        "imageView2/q/75",
        "imageView2/1/q/75",
        "imageView2/w/300/q/75",
    ]); // 172
    same(&[
        "imageView2/1/w/300/h/300",
        "imageView2/1/w/300",
        "imageView2/1/h/300",
    ]);
    same(&[
        "imageView2/2/w/300",
        "imageView/2/w/300",
        "IMAGEVIEW2//2/w/300/",
    ]); // 173
    same(&[
        "imageMogr2/thumbnail/300x",
        "imagemogr2/thumbnail/300x",
        "imageMogr/Thumbnail/300x",
    ]); // 191
    same(&[
        "thumbnail/300x",
        "|imageMogr2/thumbnail/300x|",
        "imageMogr2//thumbnail/300x//",
    ]); // 193, 198
    same(&[
        "imageView2/2/w/300|imageMogr2/strip",
        "imageView2/2/w/300;imageMogr2/strip",
    ]); // 197
    same(&["thumbnail/300x|imageSlim", "thumbnail/300x/imageslim"]);
    same(&[
        "thumbnail/300x|watermark/2/text/TW9ncg",
        "thumbnail/300x/watermark/2/text/TW9ncg",
    ]);
    same(&[
        "quality/80/ignore-error/1",
        "ignore-error/1|imageMogr2/quality/80",
    ]);
    same(&[
        "quality/80",
        "quality/70/quality/80",
        "ignore-error/0/quality/80",
    ]);
    let tile = "watermark/2/text/TW9ncg";
    same(&[
        tile,
        &format!(
            "{tile}/gravity/SouthEast/dissolve/90/fontsize/13.0/fill/IzNEM0QzRA==/shadow/0/batch/0"
        ),
    ]);
    same(&[
        &format!("{tile}/fill/d2hpdGU="),
        &format!("{tile}/fill/I0ZGRkZGRg"),
    ]); // 183
    same(&[
        &format!("animate/duration/50/images/{FRAME}"),
        &format!("animate/x-delays/50,50/x-loop/0/images/{FRAME}=/x-fit/Contain"),
    ]);
}

#[test]
fn canonical_text_has_one_order() {
    #[track_caller]
    fn writes(text: &str, canonical: &str) {
        assert_eq!(parse(text).to_string(), canonical);
    }
    writes(
        "ignore-error/1/minsize/size-limit/51200!/strip/lossless/lquality/6/rquality/5/quality/4!/interlace/1/format/webp/\
         auto-orient/cgif/9/egif/3/rotate/90/thumbnail/30x",
        "imageMogr2/rotate/90/thumbnail/30x/egif/3/cgif/9/auto-orient/format/webp/interlace/1/quality/4!/rquality/5/\
         lquality/6/lossless/1/strip/size-limit/50k!/minsize/1/ignore-error/1",
    );
    writes(
        "imageView2/5/q/75/h/200/w/0/format/webp",
        "imageView2/5/w/200/h/200/format/webp/quality/75",
    );
    writes(
        "cut/9x9/crop/8x8/south",
        "imageMogr2/gravity/south/cut/9x9x0x0/gravity/south/crop/8x8",
    );
    writes("crop/!x250-10a30", "imageMogr2/crop/!x250-10a30");
    writes("blur/05x2.50", "imageMogr2/blur/5x2.5");
    writes(
        "imageMogr2|imageMogr2/ignore-error/1",
        "imageMogr2/ignore-error/1",
    );
    writes("|imageInfo/ignore-error/1", "imageInfo/ignore-error/1");
    writes("style/A-b", "style/A-b");
    writes(
        &format!(
            "animate/images/{FRAME}/x-boomerang/1/x-loop/3/x-preset/Quality/x-background/fff/x-delays/9,10"
        ),
        &format!(
            "imageMogr2/animate/x-delays/9,10/x-loop/3/x-boomerang/1/x-background/I0ZGRkZGRg/x-preset/quality/images/{FRAME}"
        ),
    );
}

#[test]
fn what_is_out_of_range_is_refused_and_may_be_hidden() {
    for text in [
        "thumbnail/abc",                // 38
        "thumbnail/0@",                 // 39
        "ignore-error/1/thumbnail/abc", // 40
        "thumbnail/{w}x",
        "thumbnail",
        "thumbnail/strip",
        "color/_w",
        "crop/!600x600-600a0",
        "crop/600",
        "cut/1x2x3x4x5",
        "rcrop/0x5",
        "indexcrop/width/0",
        "indexcrop/depth/5/index/1",
        "gravity/middle",
        "rradius/0",   // 94
        "rotate/12.5", // 100
        "rotate/361",
        "flip/both",
        "blur/51x5", // 114
        "blur/5",
        "sharpen/301",
        "bright/101",
        "contrast/-101",
        "frame/0",
        "egif/301",
        "cgif/101",    // 146
        "quality/-1!", // 128
        "quality/101",
        "size-limit/0",
        "size-limit/5g",
        "format/heif",
        "format/heic",
        "format/tpg",
        "format/astc",
        "format/apng",
        "format/tiff",
        "format/psd",
        "format/svgc", // 131
        "format/foo",  // 132
        "interlace/2",
        "imageView2/6/w/1",
        "imageView2/{mode}/w/1",
        "imageView2/undefined",
        "imageView2/1/w/x",
        "watermark/2/text/TW9ncg/scatype/1",
        "watermark/2/text/TW9ncg/spcent/1",
        "watermark/2/text/TW9ncg/scatype/3/spcent/251",
        "watermark/2/text/TW9ncg/dissolve/101",
        "watermark/2/text/TW9ncg/fontsize/0.5",
        "watermark/2/text/AAAA",
        "watermark/2",
        "watermark/1/image/TW9ncg",
        "watermark/5/text/TW9ncg",
        "ignore-error/2",
    ] {
        refuses(text, true, "");
    }
    let frames = |more: &str| format!("animate/duration/100/{more}/images/{FRAME}");
    for more in [
        "x-loop/65536",
        "x-delays/1,2,3",
        "x-delays/0",
        "x-delays/1,,2",
        "x-fit/fill",
        "x-background/_w",
        "x-preset/best",
        "x-reverse/2",
    ] {
        refuses(&frames(more), true, more.split('/').next().unwrap());
    }
    refuses(&frames("loop/2"), false, "did you mean `x-loop`?"); // 222
    refuses(&frames("background/fff"), false, "background");
}

#[test]
fn what_is_not_understood_is_never_hidden() {
    let eleven = ["imageMogr2/strip"; 11].join("|");
    refuses(&eleven, false, "11 stages"); // 199
    refuses(
        &format!("imageMogr2{}", "/blur/1x1".repeat(33)),
        false,
        "33 operations",
    );
    assert!(Rule::parse_unbuilt(&format!("imageMogr2{}", "/blur/1x1".repeat(32))).is_ok());
    refuses("ignore-error/1/cut-out", false, "cut-out is not supported"); // 201
    refuses(
        "watermark/3/type/1/image/x",
        false,
        "watermark/3 is not supported",
    ); // 184
    refuses(
        "ignore-error/1|watermark/4/a",
        false,
        "watermark/4 is not supported",
    );
    refuses(
        "imageInfo|imageMogr2/strip",
        false,
        "must be the last stage",
    );
    refuses(
        "imageView2/thumbnail/1x",
        false,
        "unknown operation `thumbnail`",
    );
    refuses(
        "watermark/1/fontsize/20",
        false,
        "unknown operation `fontsize`",
    );
    refuses("imageSlim/quality/5", false, "unknown operation `quality`");
    refuses(
        "imageMogr2/strip;quality/5",
        false,
        "unknown operation `strip;quality`",
    );
    refuses("x-loop/3", false, "without `animate` before it");
    assert!(Rule::parse_unbuilt("").is_err());
}

#[test]
fn a_mark_may_carry_one_rule() {
    let base64 = |url: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(url)
    };
    let mark = |query: &str| {
        format!(
            "watermark/1/image/{}",
            base64(&format!("http://host/a.png?{query}"))
        )
    };
    let rule = parse(&mark("imageMogr2/rotate/90&sign=x"));
    let marks: Vec<NamedImage> = rule.images().collect();
    assert_eq!(marks[0].role, Role::Watermark);
    assert_eq!(marks[0].rule().unwrap().to_string(), "imageMogr2/rotate/90");
    assert_eq!(
        marks[0].image.url().rule.as_ref().unwrap().raw,
        ["imageMogr2/rotate/90"]
    );
    let plain = mark("v=1");
    assert_eq!(parse(&plain).images().next().unwrap().rule(), None);
    let nested = mark(&plain);
    assert_eq!(
        parse(&nested)
            .images()
            .next()
            .unwrap()
            .rule()
            .unwrap()
            .images()
            .count(),
        1
    );
    refuses(&mark(&nested), false, "an image with a rule");
    refuses(
        &mark(&format!("imageMogr2/animate/duration/9/images/{FRAME}")),
        false,
        "animate",
    );
    refuses(&mark("imageInfo"), false, "imageInfo");
    refuses(&mark("imageMogr2/sparkle"), false, "unknown operation");
    refuses(&mark("imageMogr2/rotate/x"), true, "rotate");
    assert_eq!(parse(&[plain.as_str(); 10].join("|")).images().count(), 10);
    refuses(
        &[nested.as_str(); 6].join("|"),
        false,
        "12 watermark images",
    );
    let long =
        mark("imageMogr2/rotate/1|imageMogr2/rotate/2|imageMogr2/rotate/3|imageMogr2/rotate/4");
    refuses(&[long.as_str(); 5].join("|"), false, "25 stages");
}
