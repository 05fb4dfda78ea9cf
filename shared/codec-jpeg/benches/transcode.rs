//! The transcoder's parts, as far as they can be told apart from outside: throughput in pixels of the source.

use std::hint::black_box;

use codec_jpeg::{Process, Scans, Simd, TranscodeOptions, read_header, transcode};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use raster::Unwatched;

/// Much entropy, little of it, and a progressive source.
const SOURCES: [(&str, &[u8]); 3] = [
    (
        "noise q100",
        include_bytes!("../tests/fixtures/q100_420_noise.jpg"),
    ),
    (
        "photo q88",
        include_bytes!("../tests/fixtures/samp_mixed_322.jpg"),
    ),
    (
        "progressive",
        include_bytes!("../tests/fixtures/progressive_444_odd.jpg"),
    ),
];

fn run(source: &[u8], options: &TranscodeOptions) -> usize {
    transcode(source, options, &Unwatched).map_or(0, |made| made.bytes.len())
}

fn benches(criterion: &mut Criterion) {
    for (name, source) in SOURCES {
        let pixels = read_header(source).expect("a legal file").size.pixels();
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(pixels));
        for (kernel, simd) in [("auto", Simd::Auto), ("portable", Simd::Portable)] {
            let options = |process, scans| TranscodeOptions {
                process: Some(process),
                scans,
                simd,
                ..TranscodeOptions::default()
            };
            let ways = [
                // Decoding, and one scan of everything.
                ("baseline", options(Process::Baseline, Scans::Standard)),
                ("standard", options(Process::Progressive, Scans::Standard)),
                ("smallest", options(Process::Progressive, Scans::Smallest)),
            ];
            for (way, options) in ways {
                group.bench_function(format!("{way} {kernel}"), |bencher| {
                    bencher.iter(|| run(black_box(source), &options));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);
