//! `imageInfo`, `imageAve` and `exif`: results that are texts about a picture.

mod common;

use bytes::Bytes;
use common::{animate, as_format, exif, filled, png, png_with, prepare, refuses, rgb, run};
use image::ImageFormat;
use pipeline::{Limits, header_bytes, image_info};

const NO_EXIF: &str = "{\"error\" : \"no exif data\"}";

/// The text that a rule makes.
#[track_caller]
fn tell(rule: &str, sources: &[Bytes]) -> String {
    let prepared = prepare(rule, sources).expect("a text");
    assert_eq!(prepared.media_type(), "application/json", "{rule}");
    let bytes = prepared.bytes().expect("a text is complete");
    String::from_utf8(bytes.to_vec()).expect("JSON is UTF-8")
}

#[track_caller]
fn text(rule: &str, source: &Bytes) -> String {
    tell(rule, std::slice::from_ref(source))
}

/// The document that belongs to these bytes, of 8 bits and 72 dpi.
fn info(bytes: &[u8], format: &str, width: u32, height: u32, frames: u32) -> String {
    let (size, md5) = (bytes.len(), md5(bytes));
    format!(
        "{{\"format\": \"{format}\", \"width\": \"{width}\", \"height\": \"{height}\", \"size\": \"{size}\", \
         \"md5\": \"{md5}\", \"dynamic_range\": \"unknow\", \"frame_count\": \"{frames}\", \"bit_depth\": \"8\", \
         \"vertical_dpi\": \"72\", \"horizontal_dpi\": \"72\"}}"
    )
}

fn md5(bytes: &[u8]) -> String {
    use md5::{Digest, Md5};
    let digest: [u8; 16] = Md5::digest(bytes).into();
    format!("{:032x}", u128::from_be_bytes(digest))
}

fn sources() -> [(&'static str, Bytes); 5] {
    let png = png(90, 61, png::ColorType::Rgb, &rgb(90, 61));
    let jpeg = run("imageMogr2/format/jpg", std::slice::from_ref(&png)).into();
    let pixels = || filled(90, 61, [9, 80, 200, 255]);
    [
        ("jpeg", jpeg),
        ("png", png),
        ("gif", as_format(ImageFormat::Gif, 90, 61, pixels())),
        ("webp", as_format(ImageFormat::WebP, 90, 61, pixels())),
        ("bmp", as_format(ImageFormat::Bmp, 90, 61, pixels())),
    ]
}

#[test]
fn tells_what_each_format_is() {
    for (format, source) in sources() {
        assert_eq!(text("imageInfo", &source), info(&source, format, 90, 61, 1));
        assert_eq!(text("exif", &source), NO_EXIF, "{format}");
    }
}

#[test]
fn the_beginning_is_enough_for_the_headers() {
    let limits = Limits::default();
    for (format, source) in sources() {
        let (size, md5) = (source.len() as u64, md5(&source));
        let whole = text("imageInfo", &source);
        let lens = (0..source.len()).filter_map(|len| header_bytes(&source[..len]));
        match lens.min() {
            Some(len) => {
                assert!(len < source.len(), "{format}");
                let told = image_info(&source[..len], size, &md5, &limits);
                assert_eq!(told.as_deref(), Ok(&*whole), "{format}");
            }
            None => assert!(matches!(format, "gif" | "webp"), "{format}"),
        }
    }
    let other = b"no picture at all";
    assert_eq!(header_bytes(other), Some(other.len()));
}

#[test]
fn tells_of_the_result_of_the_stages_before() {
    let source = png_with(90, 61, png::ColorType::Rgb, &rgb(90, 61), |info| {
        info.exif_metadata = Some(exif(6).into());
    });
    let turned = "imageMogr2/auto-orient/format/jpg/quality/60";
    let made = run(turned, std::slice::from_ref(&source));
    let told = text(&format!("{turned}|imageInfo"), &source);
    assert_eq!(told, info(&made, "jpeg", 61, 90, 1));
    // Frames are encoded only to be counted and summed up.
    let sources = [source.clone(), sources()[1].1.clone()];
    let animated = animate(50, 1);
    let gif = run(&animated, &sources);
    let told = tell(&format!("{animated}|imageInfo"), &sources);
    assert_eq!(told, info(&gif, "gif", 61, 90, 2));
    assert_eq!(tell(&format!("{animated}|exif"), &sources), NO_EXIF);
}

#[test]
fn tells_how_densely_pixels_lie() {
    let phys = png_with(8, 8, png::ColorType::Rgb, &rgb(8, 8), |info| {
        info.pixel_dims = Some(png::PixelDimensions {
            xppu: 11_811,
            yppu: 5906,
            unit: png::Unit::Meter,
        });
    });
    // In TIFF's own words: 300 and 118.11 pixels, in inches and centimeters.
    let tiff = |unit: u8, over: u32, under: u32| {
        let mut tiff = b"MM\0*\0\0\0\x08\0\x03".to_vec();
        for tag in [0x1A, 0x1B] {
            tiff.extend([1, tag, 0, 5, 0, 0, 0, 1, 0, 0, 0, 50]);
        }
        tiff.extend([1, 0x28, 0, 3, 0, 0, 0, 1, 0, unit, 0, 0, 0, 0, 0, 0]);
        tiff.extend(over.to_be_bytes());
        tiff.extend(under.to_be_bytes());
        assert_eq!(tiff.len(), 58);
        tiff
    };
    let of_exif = |unit, over, under| {
        png_with(8, 8, png::ColorType::Rgb, &rgb(8, 8), |info| {
            info.exif_metadata = Some(tiff(unit, over, under).into());
        })
    };
    for (source, vertical, horizontal) in [
        (phys.clone(), 150, 300),
        (run("imageMogr2/format/jpg", &[phys]).into(), 150, 300),
        (of_exif(2, 300, 1), 300, 300),
        (of_exif(3, 11_811, 100), 300, 300),
        (of_exif(1, 300, 1), 72, 72),
        (of_exif(2, 300, 0), 72, 72),
        (of_exif(2, 0, 1), 72, 72),
    ] {
        let told = text("imageInfo", &source);
        let expected =
            format!("\"vertical_dpi\": \"{vertical}\", \"horizontal_dpi\": \"{horizontal}\"}}");
        assert!(told.ends_with(&expected), "{told}");
    }
}

#[test]
fn tells_the_tags_of_exif() {
    let source = png_with(90, 61, png::ColorType::Rgb, &rgb(90, 61), |info| {
        info.exif_metadata = Some(exif(6).into());
    });
    let told = "{\"Orientation\": {\"val\": \"Right-top\", \"type\": 3}}";
    assert_eq!(text("exif", &source), told);
    assert_eq!(text("imageMogr2/format/jpg|exif", &source), told);
    let upright = "{\"Orientation\": {\"val\": \"Top-left\", \"type\": 3}}";
    let turned = "imageMogr2/auto-orient/format/jpg|exif";
    assert_eq!(text(turned, &source), upright);
}

#[test]
fn tells_the_average_color() {
    let brown = common::flat(8, 8, [0x73, 0x62, 0x46, 255]);
    let told = "{\"RGB\": \"0x736246\"}";
    assert_eq!(text("imageAve", &brown), told);
    assert_eq!(text("imageMogr2/format/png|imageAve", &brown), told);
    let clear = common::flat(8, 8, [0x73, 0x62, 0x46, 0]);
    assert_eq!(
        text("imageMogr2/format/jpg|imageAve", &clear),
        "{\"RGB\": \"0xffffff\"}"
    );
    // Of an animation, that of the first frame.
    let animated = format!("{}|imageAve", animate(50, 1));
    assert_eq!(tell(&animated, &[brown, clear]), told);
}

#[test]
fn a_text_is_said_to_be_one() {
    let sources = [sources()[0].1.clone()];
    let media_type = |rule| prepare(rule, &sources).expect("a result").media_type();
    assert_eq!(media_type("imageMogr2/strip"), "image/jpeg");
    assert_eq!(media_type("imageMogr2/strip|exif"), "application/json");
    for rule in ["imageInfo", "imageAve", "exif"] {
        let message =
            "the object: not an image that can be processed: JPEG, PNG, GIF, WEBP and BMP can";
        refuses(rule, &[Bytes::from_static(b"some text")], message);
    }
}
