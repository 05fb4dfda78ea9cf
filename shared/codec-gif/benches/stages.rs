//! The encoder's stages alone, in pixels a second; LZW in symbols.
//! `cargo bench -p codec-gif --features stages --bench stages`

use codec_gif::{Preset, stages::Stages};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use raster::{Frame, Layout, Simd, Size};

const SIZE: Size = Size::new(480, 320);

/// Slopes and grain; each `index` another picture.
fn picture(index: u32) -> Frame {
    let mut state = index + 1;
    let mut pixels = Vec::new();
    for y in 0..SIZE.height {
        for x in 0..SIZE.width {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = state >> 28;
            let color = [x / 2 + grain, y / 2 + grain, (x + y) / 4 + 9 * index];
            pixels.extend(color.map(|value| value.min(255) as u8));
        }
    }
    Frame::new(SIZE, Layout::Rgb, pixels).expect("as many bytes as the size asks for")
}

fn benches(criterion: &mut Criterion) {
    for preset in [Preset::Quality, Preset::Small] {
        for (kernel, simd) in [("auto", Simd::Auto), ("portable", Simd::Portable)] {
            let stages =
                Stages::new(picture(0), picture(1), preset, simd).expect("nobody stops it");
            let mut group = criterion.benchmark_group(format!("stages, {preset:?}, {kernel}"));
            group.throughput(Throughput::Elements(SIZE.pixels()));
            group.bench_function("difference", |b| b.iter(|| stages.difference()));
            group.bench_function("count", |b| b.iter(|| stages.count()));
            group.bench_function("choose", |b| b.iter(|| stages.choose()));
            group.bench_function("texture", |b| b.iter(|| stages.texture()));
            group.bench_function("map", |b| b.iter(|| stages.map()));
            group.throughput(Throughput::Elements(3 * SIZE.pixels()));
            group.bench_function("pack", |b| b.iter(|| stages.pack()));
            group.finish();
        }
    }
}

criterion_group!(all, benches);
criterion_main!(all);
