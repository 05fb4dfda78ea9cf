//! Whole encodes of a generated picture, beside the crate `jpeg-encoder` with the same sampling; throughput in pixels.
//!
//! Speed is one of three: a corpus run prints bytes and quality with it.

use codec_jpeg::{EncodeOptions, Process, Sampling, Scans, Simd, encode};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use raster::{Frame, Layout, Size, Unwatched};

const SIDE: u32 = 512;

/// Waves of many lengths, edges and some grain.
fn picture() -> Frame {
    let mut pixels = Vec::new();
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (fx, fy) = (f64::from(x), f64::from(y));
            let wave = (fx * fy * 0.0004).sin() * 40.0 + (fx * 0.05).cos() * 30.0 + 120.0;
            let edge = f64::from((x / 61 + y / 43) % 3) * 20.0;
            let grain = f64::from((x * 7919 + y * 104_729 + x * y) % 13);
            pixels.extend([wave + grain, wave * 0.7 + edge, 220.0 - wave * 0.5].map(|v| v as u8));
        }
    }
    Frame::new(Size::new(SIDE, SIDE), Layout::Rgb, pixels).expect("as many bytes as it asks for")
}

fn encodes(criterion: &mut Criterion) {
    let frame = picture();
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(frame.size().pixels()));
    let options = EncodeOptions {
        sampling: Sampling::S420,
        ..EncodeOptions::default()
    };
    let ours = [
        ("smallest", options.clone()),
        (
            "standard",
            EncodeOptions {
                scans: Scans::Standard,
                ..options.clone()
            },
        ),
        (
            "baseline",
            EncodeOptions {
                process: Process::Baseline,
                ..options.clone()
            },
        ),
        (
            "portable",
            EncodeOptions {
                simd: Simd::Portable,
                ..options
            },
        ),
    ];
    for (name, options) in ours {
        group.bench_function(name, |bencher| {
            bencher
                .iter(|| encode(&frame, &options, &Unwatched).expect("nothing is wrong with it"));
        });
    }
    group.bench_function("jpeg-encoder", |bencher| {
        bencher.iter(|| {
            let mut bytes = Vec::new();
            let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 85);
            encoder.set_progressive(true);
            encoder.set_optimized_huffman_tables(true);
            encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
            encoder
                .encode(
                    frame.pixels(),
                    SIDE as u16,
                    SIDE as u16,
                    jpeg_encoder::ColorType::Rgb,
                )
                .expect("nothing is wrong with it");
            bytes
        });
    });
}

criterion_group!(benches, encodes);
criterion_main!(benches);
