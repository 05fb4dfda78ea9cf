//! Transcodes one file, for measurements: `transcode [--scans standard] [--baseline] [--portable] [--strip] [--keep]
//! [--threads N] [--reps N] IN OUT`.

use std::process::ExitCode;

use codec_jpeg::{Damage, Metadata, Process, Scans, Simd, TranscodeOptions, transcode};
use raster::Unwatched;

fn main() -> ExitCode {
    let mut options = TranscodeOptions::default();
    let mut reps = 1u32;
    let mut paths = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            arguments
                .next()
                .and_then(|text| text.parse().ok())
                .unwrap_or(1)
        };
        match argument.as_str() {
            "--scans" => {
                if arguments.next().as_deref() == Some("standard") {
                    options.scans = Scans::Standard;
                }
            }
            "--baseline" => options.process = Some(Process::Baseline),
            "--portable" => options.simd = Simd::Portable,
            "--strip" => options.metadata = Metadata::Essential,
            "--keep" => options.damage = Damage::Keep,
            "--threads" => options.threads = number() as usize,
            "--reps" => reps = number(),
            _ => paths.push(argument),
        }
    }
    let [input, output] = &paths[..] else {
        eprintln!("usage: transcode [options] IN OUT");
        return ExitCode::from(2);
    };
    let result = std::fs::read(input)
        .map_err(|error| error.to_string())
        .and_then(|source| {
            let mut made = None;
            for _ in 0..reps {
                made = Some(transcode(&source, &options, &Unwatched).map_err(|e| e.to_string())?);
            }
            let bytes = made.map(|made| made.bytes).unwrap_or_default();
            std::fs::write(output, bytes).map_err(|error| error.to_string())
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{input}: {error}");
            ExitCode::FAILURE
        }
    }
}
