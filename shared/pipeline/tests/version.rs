//! Holds [`pipeline::ENCODER_VERSION`] to the bytes that this crate makes beside what its codecs do: they cannot change
//! alone.
//!
//! Sources are lossless and without profile, so that every machine gives the same: JPEG decoding and color conversion
//! are not ours, and differ by the processor's instructions in the last bit. What changes there needs a look by hand.

mod common;

use bytes::Bytes;
use common::{animate, as_format, exif, filled, png, png_with, prepare, rgb, run};
use image::ImageFormat;
use pipeline::ENCODER_VERSION;
use sha1::{Digest, Sha1};

/// The version, and the digest of what it writes.
const PINNED: (&str, &str) = (
    "mogr 2, gif 1, jpeg 2",
    "6c3c44d7df09c70d573461cfe9d52bc44960daa6",
);

/// The picture of [`rgb`] with an alpha that falls from left to right.
fn rgba(width: u32, height: u32) -> Vec<u8> {
    let pixels = rgb(width, height);
    let alpha = (0..width * height).map(|at| (255 - at % width * 255 / width) as u8);
    let pixels = pixels.as_chunks::<3>().0.iter().zip(alpha);
    pixels.flat_map(|([r, g, b], a)| [*r, *g, *b, a]).collect()
}

#[test]
fn the_version_changes_with_the_bytes() {
    let turned = |color, pixels: &[u8]| {
        png_with(90, 61, color, pixels, |info| {
            info.exif_metadata = Some(exif(6).into());
        })
    };
    let gray: Vec<u8> = (0..90 * 61_u32).map(|at| (at * 7 / 3) as u8).collect();
    let stills: [Bytes; 7] = [
        png(90, 61, png::ColorType::Rgb, &rgb(90, 61)),
        png(90, 61, png::ColorType::Rgba, &rgba(90, 61)),
        png(90, 61, png::ColorType::Grayscale, &gray),
        turned(png::ColorType::Rgb, &rgb(90, 61)),
        as_format(ImageFormat::WebP, 90, 61, rgba(90, 61)),
        as_format(ImageFormat::Bmp, 90, 61, filled(90, 61, [9, 80, 200, 255])),
        as_format(ImageFormat::Gif, 90, 61, filled(90, 61, [9, 80, 200, 255])),
    ];
    let rules = [
        "imageMogr2/format/jpg",
        "imageMogr2/format/jpg/quality/60/interlace/1",
        "imageMogr2/strip/format/jpg",
        "imageMogr2/auto-orient/format/jpg",
        "imageMogr2/format/png",
        "imageMogr2/auto-orient/format/png",
        "imageMogr2/strip/format/png",
    ];
    let mut digest = Sha1::new();
    let mut add = |made: &[u8]| {
        digest.update((made.len() as u64).to_be_bytes());
        digest.update(made);
    };
    for still in &stills {
        for rule in rules {
            add(&run(rule, std::slice::from_ref(still)));
        }
    }
    // Sources of other proportions are fitted in, smaller and larger.
    let sources = [
        stills[0].clone(),
        stills[3].clone(),
        png(200, 60, png::ColorType::Rgba, &rgba(200, 60)),
        png(30, 40, png::ColorType::Rgb, &rgb(30, 40)),
    ];
    add(&run(&animate(50, 3), &sources));
    for source in &stills {
        for rule in ["imageInfo", "imageAve", "exif"] {
            let told = prepare(rule, std::slice::from_ref(source)).expect("a text");
            add(told.bytes().expect("a text is complete"));
        }
    }
    let digest = digest
        .finalize()
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let version = ENCODER_VERSION.as_str();
    assert!(
        PINNED == (version, &*digest),
        "version `{version}` writes {digest}; pinned is {PINNED:?}. If a codec has a new version, pin both here. If the \
         bytes changed otherwise, raise `VERSION` in shared/pipeline/src/version.rs, or browsers keep what the old version \
         made; then pin version and digest here. `cargo test -p pipeline --test version` prints the digest of what is \
         written now."
    );
}
