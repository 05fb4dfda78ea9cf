//! Whole encodes of made pictures, in pixels a second: one kind for each path through the encoder.

use std::hint::black_box;
use std::sync::Arc;

use codec_gif::{Centiseconds, GifFrame, Options, Preset, encode};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use raster::{Frame, Layout, Size, Unwatched};

const SIZE: Size = Size::new(480, 320);
const FRAMES: u32 = 4;

/// `color` of a column, a row and a frame.
fn animation(color: impl Fn(u32, u32, u32) -> [u32; 3]) -> Vec<GifFrame> {
    (0..FRAMES)
        .map(|index| {
            let mut pixels = Vec::new();
            for y in 0..SIZE.height {
                for x in 0..SIZE.width {
                    pixels.extend(color(x, y, index).map(|value| value.min(255) as u8));
                }
            }
            let frame =
                Frame::new(SIZE, Layout::Rgb, pixels).expect("as many bytes as the size asks for");
            GifFrame {
                frame: Arc::new(frame),
                delay: Centiseconds(10),
            }
        })
        .collect()
}

/// A repeatable noise from 0 to 15.
fn noise(x: u32, y: u32, index: u32) -> u32 {
    let mut state = x ^ y << 10 ^ index << 20;
    for _ in 0..3 {
        state = state.wrapping_mul(0x9E37_79B1) ^ state >> 15;
    }
    state >> 28
}

fn whole(criterion: &mut Criterion) {
    let kinds = [
        (
            "footage",
            animation(|x, y, i| {
                [
                    x / 2 + 9 * i + noise(x, y, i),
                    y / 2 + noise(y, x, i),
                    (x + y) / 4,
                ]
            }),
        ),
        (
            "still with a moving part",
            animation(|x, y, i| {
                let inside = x.abs_diff(60 + 40 * i) < 30 && y.abs_diff(100) < 30;
                [x / 2, y / 2, if inside { 40 * i } else { 128 }]
            }),
        ),
        (
            "flat",
            animation(|x, y, i| [(x + i * 7) / 40 * 20, y / 40 * 30, 80]),
        ),
    ];
    let mut group = criterion.benchmark_group("encode");
    group.sample_size(10);
    group.throughput(Throughput::Elements(SIZE.pixels() * u64::from(FRAMES)));
    for (name, frames) in &kinds {
        for preset in [Preset::Quality, Preset::Small] {
            let options = Options {
                preset,
                ..Options::default()
            };
            group.bench_function(format!("{name}, {preset:?}"), |bencher| {
                bencher.iter(|| {
                    let mut out = Vec::new();
                    encode(black_box(frames.clone()), &options, &Unwatched, &mut out)
                        .expect("frames that fit");
                    out
                });
            });
        }
    }
}

criterion_group!(benches, whole);
criterion_main!(benches);
