//! What is in the files: their blocks, as text; and how near they come to the source, in how many bytes.

use std::fmt::Write;
use std::sync::Arc;

use codec_gif::{Centiseconds, GifFrame, Options, Preset, encode};
use raster::{Frame, Layout, Size, Unwatched};

fn animation(
    size: Size,
    layout: Layout,
    frames: u32,
    color: impl Fn(u32, u32, u32) -> [u32; 4],
) -> Vec<GifFrame> {
    (0..frames)
        .map(|index| {
            let mut pixels = Vec::new();
            for y in 0..size.height {
                for x in 0..size.width {
                    let color = color(x, y, index).map(|value| value.min(255) as u8);
                    pixels.extend(&color[..layout.channels()]);
                }
            }
            let frame =
                Frame::new(size, layout, pixels).expect("as many bytes as the size asks for");
            GifFrame {
                frame: Arc::new(frame),
                delay: Centiseconds(4 + index as u16),
            }
        })
        .collect()
}

fn file(frames: &[GifFrame], preset: Preset) -> Vec<u8> {
    let mut out = Vec::new();
    let report = encode(
        frames.to_vec(),
        &Options {
            preset,
            ..Options::default()
        },
        &Unwatched,
        &mut out,
    )
    .expect("frames that fit");
    assert_eq!(report.bytes, out.len() as u64);
    assert_eq!(report.frames, frames.len());
    out
}

/// Every block of the file, a line each; sizes of image data are left out, as they change with every improvement.
fn blocks(bytes: &[u8]) -> String {
    let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let table = |flags: u8| {
        if flags & 0x80 == 0 {
            0
        } else {
            2usize << (flags & 7)
        }
    };
    let mut text = String::new();
    let global = table(bytes[10]);
    let _ = writeln!(
        text,
        "{} {}x{} global table {global}",
        String::from_utf8_lossy(&bytes[..6]),
        word(6),
        word(8)
    );
    let mut at = 13 + 3 * global;
    loop {
        match bytes[at] {
            0x21 if bytes[at + 1] == 0xF9 => {
                let flags = bytes[at + 3];
                let transparent = if flags & 1 == 1 {
                    format!("transparent {}", bytes[at + 6])
                } else {
                    "opaque".into()
                };
                let _ = writeln!(
                    text,
                    "control: disposal {} delay {} {transparent}",
                    flags >> 2,
                    word(at + 4)
                );
                assert_eq!((bytes[at + 2], bytes[at + 7]), (4, 0));
                at += 8;
            }
            0x21 => {
                let name = String::from_utf8_lossy(&bytes[at + 3..at + 14]);
                let _ = writeln!(text, "application {name}: loop {}", word(at + 16));
                at += 19;
            }
            0x2C => {
                let local = table(bytes[at + 9]);
                let minimum = bytes[at + 10 + 3 * local];
                let [x, y, w, h] = [1, 3, 5, 7].map(|field| word(at + field));
                let _ = writeln!(
                    text,
                    "image {w}x{h} at {x},{y} local table {local} minimum code size {minimum}"
                );
                at += 11 + 3 * local;
                while bytes[at] != 0 {
                    at += 1 + bytes[at] as usize;
                }
                at += 1;
            }
            0x3B => {
                assert_eq!(at + 1, bytes.len(), "nothing after the trailer");
                text.push_str("trailer\n");
                return text;
            }
            other => panic!("{other:#x} begins no block"),
        }
    }
}

#[test]
fn few_colors_share_one_table() {
    // The second frame is the first again; the third moves a square.
    let frames = animation(Size::new(40, 30), Layout::Rgb, 3, |x, y, i| {
        let inside = (10 + 3 * (i / 2)..18 + 3 * (i / 2)).contains(&x) && (5..12).contains(&y);
        if inside {
            [200, 30, 30, 255]
        } else {
            [x / 10 * 20, 90, 120, 255]
        }
    });
    insta::assert_snapshot!(blocks(&file(&frames, Preset::Quality)), @r"
    GIF89a 40x30 global table 8
    application NETSCAPE2.0: loop 0
    control: disposal 1 delay 4 opaque
    image 40x30 at 0,0 local table 0 minimum code size 3
    control: disposal 1 delay 5 transparent 5
    image 1x1 at 0,0 local table 0 minimum code size 3
    control: disposal 1 delay 6 transparent 5
    image 11x7 at 10,5 local table 0 minimum code size 3
    trailer
    ");
}

#[test]
fn many_colors_have_a_table_for_each_frame() {
    let frames = animation(Size::new(64, 48), Layout::Rgb, 2, |x, y, i| {
        [x * 4, y * 5, (x + y + 40 * i) * 2, 255]
    });
    insta::assert_snapshot!(blocks(&file(&frames, Preset::Quality)), @r"
    GIF89a 64x48 global table 256
    application NETSCAPE2.0: loop 0
    control: disposal 1 delay 4 opaque
    image 64x48 at 0,0 local table 0 minimum code size 8
    control: disposal 1 delay 5 transparent 255
    image 64x48 at 0,0 local table 256 minimum code size 8
    trailer
    ");
}

#[test]
fn what_vanishes_is_cleared() {
    // A disc wanders over nothing, over a frame that is opaque in its upper half.
    let frames = animation(Size::new(40, 30), Layout::Rgba, 4, |x, y, i| {
        let inside = x.abs_diff(8 + 6 * i).pow(2) + y.abs_diff(20).pow(2) < 25;
        [250, 120, 0, if inside { 255 } else { 10 }]
    });
    insta::assert_snapshot!(blocks(&file(&frames, Preset::Quality)), @r"
    GIF89a 40x30 global table 2
    application NETSCAPE2.0: loop 0
    control: disposal 2 delay 4 transparent 1
    image 40x30 at 0,0 local table 0 minimum code size 2
    control: disposal 2 delay 5 transparent 1
    image 9x9 at 10,16 local table 0 minimum code size 2
    control: disposal 2 delay 6 transparent 1
    image 9x9 at 16,16 local table 0 minimum code size 2
    control: disposal 2 delay 7 transparent 1
    image 9x9 at 22,16 local table 0 minimum code size 2
    trailer
    ");
}

/// The mean squared error of the first frame, in levels, and the size of the file.
fn cost(frames: &[GifFrame], preset: Preset) -> (f64, usize) {
    let bytes = file(frames, preset);
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut reader = options.read_info(&bytes[..]).expect("a header");
    let image = reader
        .read_next_frame()
        .expect("a whole file")
        .expect("an image");
    let pairs = image
        .buffer
        .chunks_exact(4)
        .zip(frames[0].frame.pixels().chunks_exact(3));
    let squares: f64 = pairs
        .flat_map(|(read, source)| {
            (0..3).map(move |c| f64::from(read[c].abs_diff(source[c])).powi(2))
        })
        .sum();
    (squares / frames[0].frame.pixels().len() as f64, bytes.len())
}

#[test]
fn a_gradient_stays_near_in_few_bytes() {
    let frames = animation(Size::new(256, 128), Layout::Rgb, 1, |x, y, _| {
        [x, 2 * y, 255 - u32::midpoint(x, y), 255]
    });
    let (error, bytes) = cost(&frames, Preset::Quality);
    assert!(error < 90.0, "mean squared error {error}");
    assert!(bytes < 27_000, "{bytes} bytes");
    let (error, small) = cost(&frames, Preset::Small);
    assert!(error < 160.0, "mean squared error {error}");
    assert!(
        small < bytes * 3 / 4,
        "{small} bytes, {bytes} in the other preset"
    );
}

#[test]
fn the_mean_color_is_kept() {
    // A color that is not in the palette is mixed: seen from afar the area has the color it should have.
    let frames = animation(Size::new(256, 128), Layout::Rgb, 1, |x, y, _| {
        [x / 2 + 60, y + 60, (x + y) / 3 + 50, 255]
    });
    let bytes = file(&frames, Preset::Quality);
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut reader = options.read_info(&bytes[..]).expect("a header");
    let image = reader
        .read_next_frame()
        .expect("a whole file")
        .expect("an image");
    for top in (0..128).step_by(16) {
        for left in (0..256).step_by(16) {
            for channel in 0..3 {
                let (mut read, mut source) = (0, 0);
                for y in top..top + 16 {
                    for x in left..left + 16 {
                        read += i32::from(image.buffer[(y * 256 + x) * 4 + channel]);
                        source += i32::from(frames[0].frame.pixels()[(y * 256 + x) * 3 + channel]);
                    }
                }
                assert!(
                    (read - source).abs() < 6 * 256,
                    "{left},{top}: {read} {source}"
                );
            }
        }
    }
}
