//! Holds [`codec_gif::VERSION`] to the bytes that are written: they cannot change alone.

use std::sync::Arc;

use codec_gif::{Centiseconds, GifFrame, Options, Preset, VERSION, encode};
use raster::{Frame, Layout, Size, Unwatched};
use sha1::{Digest, Sha1};

/// The version, and the digest of what it writes.
const PINNED: (u32, &str) = (1, "a4f3a5ef4ce48b2eb4a76b36035aebc1881979dc");

/// A pixel at a place of a frame of this index; `grain` is 0 to 15.
type Paint = fn(x: u32, y: u32, index: u32, grain: u32) -> [u32; 4];

/// Each is another way through the encoder.
const PAINTS: [(&str, Paint); 8] = [
    // One color table for all frames, every color in it.
    ("few colors", |x, y, index, _| {
        [40 * (x / 9 % 6), 40 * (y / 7 % 6), 60 * (index % 3), 255]
    }),
    // More colors than a table holds, all of them in motion.
    ("photo", |x, y, index, grain| {
        [
            x + 3 * index + grain,
            2 * y + grain,
            u32::midpoint(x, y) + 20,
            255,
        ]
    }),
    // Like the frame before but for what rounding does to it.
    ("still with noise", |x, y, index, grain| {
        [2 * x, y + (grain + index) % 2, 90 + (x ^ y) % 64, 255]
    }),
    // Still but for a part.
    ("moving square", |x, y, index, grain| {
        let inside = x.abs_diff(20 + 9 * index) < 8 && y.abs_diff(25) < 8;
        if inside {
            [250, 20 + 10 * index, grain, 255]
        } else {
            [x, 3 * y, x + y, 255]
        }
    }),
    // What was shown vanishes.
    ("moving disc on nothing", |x, y, index, grain| {
        let inside = x.abs_diff(20 + 7 * index).pow(2) + y.abs_diff(25).pow(2) < 300;
        [3 * x, 4 * y + grain, 99, 255 * u32::from(inside)]
    }),
    // Whole pictures without a hole that are cleared.
    ("whole and with a hole in turn", |x, y, index, _| {
        let hole = index % 2 == 1 && x.abs_diff(40) < 9 && y.abs_diff(25) < 9;
        [30 * (x / 12), 30 * (y / 8), 99, 255 * u32::from(!hole)]
    }),
    // Alpha between nothing and all.
    ("soft edges", |x, y, index, _| {
        [9, 200, 30 * index, (5 * x + 3 * y + 11 * index) % 256]
    }),
    // More than 256 colors, less than are counted in bins.
    ("grays with a tint", |x, y, index, _| {
        let gray = (2 * x + y + index) % 256;
        [gray, gray, gray.max(1 + y % 2), 255]
    }),
];

fn animation(paint: Paint, layout: Layout, count: u32) -> Vec<GifFrame> {
    let size = Size::new(96, 61);
    let mut state = 1u32;
    (0..count)
        .map(|index| {
            let mut pixels = Vec::new();
            for y in 0..size.height {
                for x in 0..size.width {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let color = paint(x, y, index, state >> 28);
                    let color = color.map(|value| value.min(255) as u8);
                    pixels.extend(&color[..layout.channels()]);
                }
            }
            let frame = Frame::new(size, layout, pixels);
            GifFrame {
                frame: Arc::new(frame.expect("as many bytes as the size asks for")),
                delay: Centiseconds(3 + index as u16),
            }
        })
        .collect()
}

#[test]
fn the_version_changes_with_the_bytes() {
    let mut digest = Sha1::new();
    for (name, paint) in PAINTS {
        for layout in [Layout::Rgb, Layout::Rgba] {
            for count in [1, 5] {
                for preset in [Preset::Quality, Preset::Small] {
                    let options = Options {
                        preset,
                        ..Options::default()
                    };
                    let mut made = Vec::new();
                    let frames = animation(paint, layout, count);
                    encode(frames, &options, &Unwatched, &mut made).expect(name);
                    digest.update((made.len() as u64).to_be_bytes());
                    digest.update(&made);
                }
            }
        }
    }
    let digest = digest
        .finalize()
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    assert!(
        PINNED == (VERSION, &*digest),
        "version {VERSION} writes {digest}; pinned is {PINNED:?}. If the bytes changed, raise `VERSION` in \
         shared/codec-gif/src/lib.rs, or browsers keep what the old version made; then pin version and digest here. \
         `cargo test -p codec-gif --test version` prints the digest of what is written now."
    );
}
