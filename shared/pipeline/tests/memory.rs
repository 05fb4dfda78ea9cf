//! The memory bound of a plan beside what its work really allocates. A binary of its own, with one test: the counts
//! are of the whole process.

#![allow(clippy::unwrap_used, reason = "this is all test code")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use common::{Jpeg, as_format, exif};
use image::ImageFormat;
use jpeg_encoder::ColorType as Color;
use jpeg_encoder::SamplingFactor::{F_1_1, F_2_1, F_2_2};
use pipeline::{Limits, Options, Plan};
use png::{BitDepth, ColorType};
use raster::Unwatched;
use rules::Rule;

/// Counts the bytes that are allocated, and the most there have been.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn add(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

// SAFETY: every call is handed on to the system's allocator as it came.
#[allow(unsafe_code, reason = "an allocator cannot be written without")]
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the line above is for all"
)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    /// Counted as growing in place: the system moves large blocks by their pages.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size.saturating_sub(layout.size()));
        LIVE.fetch_sub(layout.size().saturating_sub(size), Ordering::Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Plans and carries out `rule`, and holds what was allocated to the plan's bound; the bound is at most `factor` times
/// that.
fn holds(name: &str, rule: &str, sources: &[Bytes], factor: f64, threads: usize) {
    let rule_read = Rule::parse(rule).unwrap();
    let options = Options {
        threads,
        ..Options::default()
    };
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let plan = match Plan::new(sources, &rule_read, &Limits::default(), &options) {
        Ok(plan) => plan,
        // A BMP, GIF or WebP that would have to be written.
        Err(error) => {
            return assert!(
                error.to_string().contains("are not supported yet"),
                "{error}"
            );
        }
    };
    let bound = plan.memory_bytes();
    let prepared = plan.prepare(&Unwatched).unwrap();
    prepared.write(&Unwatched, &mut std::io::sink()).unwrap();
    let peak = (PEAK.load(Ordering::Relaxed) - before) as u64;
    assert!(
        peak <= bound,
        "{name} {rule}, {threads} threads: {peak} bytes were allocated; at most {bound} were to be"
    );
    // A plan that does nothing has a constant for its bound.
    assert!(
        bound < 1 << 20 || bound as f64 <= factor * peak as f64,
        "{name} {rule}, {threads} threads: {bound} bytes are told of, and {peak} are allocated"
    );
}

/// Noise: no picture of its size has more coefficients, nor is any larger as a PNG.
fn noise(width: u32, height: u32) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take((width * height * 3) as usize)
    .collect()
}

const RULES: [&str; 13] = [
    "imageMogr2/interlace/1",
    "imageMogr2/interlace/0",
    "imageMogr2/quality/50!",
    "imageMogr2/quality/95!/interlace/1",
    "imageMogr2/format/png",
    "imageMogr2/format/jpg/interlace/1",
    "imageMogr2/format/jpg/auto-orient/quality/75",
    "imageMogr2/format/jpg|imageMogr2/format/png",
    "imageMogr2/strip/auto-orient",
    "imageAve",
    "imageMogr2/format/jpg/auto-orient|imageAve",
    "imageMogr2/format/png|imageInfo",
    "imageMogr2/interlace/1|exif",
];

fn sources(width: u16, height: u16) -> Vec<(&'static str, Bytes)> {
    let (w, h) = (u32::from(width), u32::from(height));
    let rgb = noise(w, h);
    let rgba: Vec<u8> = rgb
        .chunks(3)
        .flat_map(|p| [p[0], p[1], p[2], p[0] | 15])
        .collect();
    let gray: Vec<u8> = rgb.iter().step_by(3).copied().collect();
    let wide: Vec<u8> = rgb.iter().flat_map(|value| [*value, 77]).collect();
    let icc = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let jpeg = |quality, progressive, color, pixels: &[u8], sampling| {
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, quality);
        encoder.set_progressive(progressive);
        encoder.set_sampling_factor(sampling);
        encoder
            .add_app_segment(1, [b"Exif\0\0", &exif(6)[..]].concat())
            .unwrap();
        encoder.encode(pixels, width, height, color).unwrap();
        Bytes::from(bytes)
    };
    let with_profile = Jpeg {
        icc: Some(icc.clone()),
        ..Jpeg::default()
    };
    let sixteen = |info: &mut png::Info| info.bit_depth = BitDepth::Sixteen;
    let turned = |info: &mut png::Info| {
        info.icc_profile = Some(icc.clone().into());
        info.exif_metadata = Some(exif(6).into());
    };
    let palette = |info: &mut png::Info| {
        info.palette = Some(
            (0..=255)
                .flat_map(|v| [v, 255 - v, v / 2])
                .collect::<Vec<u8>>()
                .into(),
        );
        info.trns = Some(vec![0; 9].into());
    };
    vec![
        ("jpeg 4:2:0 q85", jpeg(85, false, Color::Rgb, &rgb, F_2_2)),
        ("jpeg 4:2:2 q95", jpeg(95, false, Color::Rgb, &rgb, F_2_1)),
        ("jpeg 4:4:4 q100", jpeg(100, false, Color::Rgb, &rgb, F_1_1)),
        ("jpeg gray", jpeg(85, false, Color::Luma, &gray, F_1_1)),
        ("jpeg cmyk", jpeg(97, false, Color::Cmyk, &rgba, F_1_1)),
        ("jpeg progressive", jpeg(85, true, Color::Rgb, &rgb, F_2_2)),
        (
            "jpeg profile",
            with_profile.encode_pixels(width, height, &rgb),
        ),
        ("png rgb", common::png(w, h, ColorType::Rgb, &rgb)),
        ("png rgba", common::png(w, h, ColorType::Rgba, &rgba)),
        ("png gray", common::png(w, h, ColorType::Grayscale, &gray)),
        (
            "png gray alpha",
            common::png(w, h, ColorType::GrayscaleAlpha, &rgba[..rgba.len() / 2]),
        ),
        (
            "png 16",
            common::png_with(w, h, ColorType::Rgb, &wide, sixteen),
        ),
        (
            "png palette",
            common::png_with(w, h, ColorType::Indexed, &gray, palette),
        ),
        (
            "png profile exif",
            common::png_with(w, h, ColorType::Rgba, &rgba, turned),
        ),
        ("gif", as_format(ImageFormat::Gif, w, h, rgba.clone())),
        ("webp", as_format(ImageFormat::WebP, w, h, rgba.clone())),
        ("bmp", as_format(ImageFormat::Bmp, w, h, rgba.clone())),
    ]
}

/// The bound has room for whatever a source of these headers can hold. Noise comes near that; what its coefficients are
/// at a lower quality, nobody knows before.
const FACTOR: f64 = 4.0;

#[test]
fn what_is_allocated_is_within_the_bound() {
    for (width, height, factor) in [(60, 40, f64::INFINITY), (1000, 700, FACTOR)] {
        for (name, source) in sources(width, height) {
            // How large the tables of a lossless WebP are, only decoding shows.
            let factor = if name == "webp" {
                f64::INFINITY
            } else {
                factor
            };
            for rule in RULES {
                let source = std::slice::from_ref(&source);
                // An average is told in sRGB, to which few of these have to be brought; few tags have long texts.
                let is_loose = rule.ends_with("imageAve") || rule.ends_with("exif");
                let factor = if is_loose { f64::INFINITY } else { factor };
                holds(name, rule, source, factor, 1);
                if rule.ends_with("jpg/interlace/1") {
                    // Threads are not all at their peak at once.
                    holds(name, rule, source, f64::INFINITY, 4);
                }
            }
        }
    }
    let frames: Vec<Bytes> = sources(400, 300)
        .into_iter()
        .filter(|(name, _)| name.starts_with("jpeg") || name.starts_with("png"))
        .map(|(_, source)| source)
        .collect();
    let all = common::animate(50, frames.len() - 1);
    let still = format!(
        "imageMogr2/auto-orient|{}|imageMogr2/format/png",
        common::animate(50, 2)
    );
    for threads in [1, 4] {
        holds("animation", &all, &frames, f64::INFINITY, threads);
        for told in ["imageInfo", "imageAve"] {
            let told = format!("{all}|{told}");
            holds("animation", &told, &frames, f64::INFINITY, threads);
        }
        holds("first frame", &still, &frames[..3], f64::INFINITY, threads);
    }
    for fixture in ["several_scans.jpg", "fine_chroma.jpg", "interlaced_16.png"] {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
        let bytes = Bytes::from(std::fs::read(format!("{folder}/{fixture}")).unwrap());
        for rule in RULES {
            holds(
                fixture,
                rule,
                std::slice::from_ref(&bytes),
                f64::INFINITY,
                1,
            );
        }
    }
}
