//! Lossless transcoders side by side: bytes, CPU time, and whether the coefficients are kept.

mod mozjpeg;

use std::path::{Path, PathBuf};

use codec_jpeg::{Scans, Simd, TranscodeOptions, transcode};
use raster::Unwatched;

type Transcoder = (&'static str, fn(&[u8]) -> Vec<u8>);

/// The first is what the others are measured by.
const TRANSCODERS: [Transcoder; 6] = [
    ("libjpeg-turbo", libjpeg_turbo),
    ("mozjpeg search", mozjpeg::transcode),
    ("standard", |source| ours(source, Scans::Standard, Simd::Auto)),
    ("smallest", |source| ours(source, Scans::Smallest, Simd::Auto)),
    ("standard plain", |source| ours(source, Scans::Standard, Simd::Portable)),
    ("smallest plain", |source| ours(source, Scans::Smallest, Simd::Portable)),
];

fn ours(source: &[u8], scans: Scans, simd: Simd) -> Vec<u8> {
    let options = TranscodeOptions {
        scans,
        simd,
        ..TranscodeOptions::default()
    };
    match transcode(source, &options, &Unwatched) {
        Ok(made) => made.bytes,
        Err(_) => Vec::new(),
    }
}

fn libjpeg_turbo(source: &[u8]) -> Vec<u8> {
    let mut transform = turbojpeg::Transform::default();
    transform.progressive = true;
    transform.optimize = true;
    turbojpeg::transform(&transform, source).map_or(Vec::new(), |made| made.to_vec())
}

/// User CPU seconds of this process so far.
fn cpu() -> f64 {
    let mut usage = unsafe { std::mem::zeroed::<libc::rusage>() };
    // SAFETY: `usage` is a valid place for the answer.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    usage.ru_utime.tv_sec as f64 + usage.ru_utime.tv_usec as f64 / 1e6
}

/// Seconds that one call takes, of at least a twentieth of a second of calls.
fn seconds(source: &[u8], run: fn(&[u8]) -> Vec<u8>) -> f64 {
    let begin = cpu();
    let mut calls = 0;
    loop {
        std::hint::black_box(run(source));
        calls += 1;
        let passed = cpu() - begin;
        if passed > 0.05 {
            return passed / f64::from(calls);
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn files(path: &Path, found: &mut Vec<PathBuf>) {
    if let Ok(entries) = std::fs::read_dir(path) {
        let mut inside: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        inside.sort();
        inside.iter().for_each(|path| files(path, found));
    } else {
        found.push(path.to_owned());
    }
}

fn main() {
    let mut rounds = 3;
    let mut paths = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => rounds = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(rounds),
            "--corpus" => {
                let folder = arguments.next().unwrap_or_default();
                files(Path::new(&folder), &mut paths);
            }
            file => files(Path::new(file), &mut paths),
        }
    }
    if paths.is_empty() {
        eprintln!("usage: peers-jpeg [--rounds N] [--corpus DIR] [FILE...]");
        std::process::exit(2);
    }
    print!("{:<28} {:>9}", "file", "bytes");
    TRANSCODERS.iter().for_each(|(name, _)| print!(" | {name:^20}"));
    println!("\n{:<28} {:>9}{}", "", "", " |  bytes   CPU   same".repeat(TRANSCODERS.len()));
    let mut sums = [(0.0, 0.0, 0); TRANSCODERS.len()];
    let mut count = 0;
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Ok(source) = std::fs::read(&path) else { continue };
        if !source.starts_with(&[0xFF, 0xD8]) || libjpeg_turbo(&source).is_empty() {
            println!("{name:<28} left out");
            continue;
        }
        let wanted = mozjpeg::coefficients(&source);
        let mut ratios = vec![Vec::new(); TRANSCODERS.len()];
        for _ in 0..rounds {
            let times = TRANSCODERS.map(|(_, run)| seconds(&source, run));
            for (ratios, time) in ratios.iter_mut().zip(times) {
                ratios.push(time / times[0]);
            }
        }
        print!("{name:<28} {:>9}", source.len());
        for (index, (_, run)) in TRANSCODERS.iter().enumerate() {
            let made = run(&source);
            let same = !made.is_empty() && mozjpeg::coefficients(&made) == wanted;
            let size = made.len() as f64 / source.len() as f64;
            let ratio = median(&mut ratios[index]);
            print!(" | {size:.4} {ratio:5.2}   {:>4}", if same { "yes" } else { "NO" });
            sums[index].0 += size.ln();
            sums[index].1 += ratio.ln();
            sums[index].2 += u32::from(same);
        }
        println!();
        count += 1;
    }
    print!("{:<28} {count:>9}", "geometric mean");
    for (size, ratio, same) in sums {
        let mean = |sum: f64| (sum / f64::from(count.max(1))).exp();
        print!(" | {:.4} {:5.2} {same:>3}/{count:<2}", mean(size), mean(ratio));
    }
    println!();
}
