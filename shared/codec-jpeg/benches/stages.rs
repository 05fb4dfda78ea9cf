//! The transcoder's and the encoder's stages alone: throughput in pixels, 64 to a block.
//! `cargo bench -p codec-jpeg --features stages --bench stages`

use codec_jpeg::{Simd, stages::Stages};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Much entropy, and a photo.
const SOURCES: [(&str, &[u8]); 2] = [
    (
        "noise q100",
        include_bytes!("../tests/fixtures/q100_420_noise.jpg"),
    ),
    (
        "photo q88",
        include_bytes!("../tests/fixtures/samp_mixed_322.jpg"),
    ),
];

fn benches(criterion: &mut Criterion) {
    for (name, source) in SOURCES {
        let mut group = criterion.benchmark_group(format!("stages, {name}"));
        for (kernel, simd) in [("auto", Simd::Auto), ("portable", Simd::Portable)] {
            let stages = Stages::new(source, simd).expect("a legal file");
            let (all, first) = stages.blocks();
            group.throughput(Throughput::Elements(64 * all));
            group.bench_function(format!("decode {kernel}"), |b| b.iter(|| stages.decode()));
            group.bench_function(format!("count {kernel}"), |b| b.iter(|| stages.count()));
            group.throughput(Throughput::Elements(64 * first));
            group.bench_function(format!("pack {kernel}"), |b| b.iter(|| stages.pack()));
            group.bench_function(format!("emit {kernel}"), |b| b.iter(|| stages.emit()));
            group.bench_function(format!("fdct {kernel}"), |b| b.iter(|| stages.transform()));
            group.bench_function(format!("quantize {kernel}"), |b| {
                b.iter(|| stages.quantize());
            });
        }
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);
