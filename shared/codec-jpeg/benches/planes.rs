//! Reading at each scale, and the way from there to a small JPEG: throughput in pixels of the source.

use std::hint::black_box;

use codec_jpeg::{
    EncodeOptions, Limits, Sampling, Scale, Simd, encode_planes, read_header, read_planes,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use raster::{Size, Unwatched, Window};

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

fn benches(criterion: &mut Criterion) {
    for (name, source) in SOURCES {
        let size = read_header(source).expect("a legal file").size;
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(size.pixels()));
        for (kernel, simd) in [("auto", Simd::Auto), ("portable", Simd::Portable)] {
            let limits = Limits::default();
            for scale in [Scale::Eighth, Scale::Quarter, Scale::Half, Scale::Full] {
                let read = || read_planes(black_box(source), scale, simd, &limits, &Unwatched);
                group.bench_function(format!("{scale:?} {kernel}"), |bencher| bencher.iter(read));
            }
            let planes = read_planes(source, Scale::Half, simd, &limits, &Unwatched);
            let planes = planes.expect("a legal file");
            let window = Window {
                x: 0.0,
                y: 0.0,
                width: f64::from(size.width),
                height: f64::from(size.height),
            };
            let small = Size::new(size.width.div_ceil(4), size.height.div_ceil(4));
            let resample = || planes.resampled(window, small, Sampling::S420, simd, &Unwatched);
            group.bench_function(format!("resample Half by 2 {kernel}"), |bencher| {
                bencher.iter(resample);
            });
            let small = resample().expect("nobody stops it");
            let options = EncodeOptions {
                simd,
                ..EncodeOptions::default()
            };
            group.bench_function(format!("encode the result {kernel}"), |bencher| {
                bencher.iter(|| encode_planes(black_box(&small), &options, &Unwatched));
            });
        }
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);
