//! Any rule on any bytes: nothing panics or hangs, limits hold, and what is promised of a result is what comes.
//!
//! The input is a byte of options, a rule, and after a new line the object; further images come after a line `--`,
//! and the last serves for those that are missing.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use pipeline::{Limits, Options, Preset, Scans, Simd, average_color, prepare, probe};
use raster::Unwatched;
use rules::Rule;

const NEXT: &[u8] = b"\n--\n";

fuzz_target!(|data: &[u8]| {
    let Some((&flags, data)) = data.split_first() else {
        return;
    };
    let Some(end) = data.iter().position(|&byte| byte == b'\n') else {
        return;
    };
    let Ok(rule) = std::str::from_utf8(&data[..end]) else {
        return;
    };
    let Ok(rule) = Rule::parse(rule) else {
        return;
    };
    let count = 1 + rule.images().count();
    let mut parts = Vec::new();
    let mut rest = &data[end + 1..];
    while let Some(at) = rest.windows(NEXT.len()).position(|part| part == NEXT)
        && parts.len() + 1 < count
    {
        parts.push(Bytes::copy_from_slice(&rest[..at]));
        rest = &rest[at + NEXT.len()..];
    }
    parts.resize(count, Bytes::copy_from_slice(rest));

    let limits = Limits {
        max_pixels: 1 << 14,
        max_animation_pixels: 1 << 16,
        max_frame_side: 100,
        max_frames: 5,
        ..Limits::default()
    };
    let _ = average_color(&parts[0], &limits, &Unwatched);
    let run = |options: &Options| {
        let prepared = prepare(&parts, &rule, &limits, options, &Unwatched)?;
        let info = prepared.info();
        let mut bytes = Vec::new();
        let report = prepared.write(&Unwatched, &mut bytes)?;
        assert_eq!(report.bytes, bytes.len() as u64);
        Ok::<_, pipeline::Error>((info, bytes))
    };
    let options = Options {
        preset: [Preset::Quality, Preset::Small][usize::from(flags & 1)],
        scans: [Scans::Smallest, Scans::Standard][usize::from(flags >> 1 & 1)],
        ..Options::default()
    };
    let made = run(&options);
    if let Ok((info, bytes)) = &made {
        let found = probe(bytes).expect("a result is an image");
        assert_eq!(
            (found.format, found.size, found.frames),
            (info.format, info.size, info.frames)
        );
        assert!(found.size.pixels() <= limits.max_pixels);
    }
    if flags & 4 != 0 {
        let other = Options {
            threads: 2,
            simd: Simd::Portable,
            ..options
        };
        match (made, run(&other)) {
            (Ok(made), Ok(other)) => assert!(made == other, "threads or SIMD show"),
            (made, other) => assert_eq!(made.is_ok(), other.is_ok()),
        }
    }
});
