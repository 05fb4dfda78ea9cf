//! Reads JPEG files as planes, for measurements.
//!
//! `planes [--rounds N] [--portable] FILES`: milliseconds at each scale, and the ratio to a decoding to gray, or to Y, Cb and
//! Cr, by zune-jpeg beside it, medians of interleaved rounds.
//!
//! `planes --scale 1|2|4|8 [--width W --out OUT] [--reps N] [--portable] FILE`: that scale alone, made `W` pixels wide and
//! written as a progressive JPEG of quality 80 where there is an `OUT`; for counters of instructions, beside
//! `djpeg -scale N/8`.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use codec_jpeg::{
    EncodeOptions, Limits, Planes, Sampling, Scale, Scans, Simd, encode_planes, read_header,
    read_planes,
};
use raster::{Size, Unwatched, Window};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

const SCALES: [Scale; 4] = [Scale::Eighth, Scale::Quarter, Scale::Half, Scale::Full];

fn read(source: &[u8], scale: Scale, simd: Simd) -> Result<Planes, String> {
    let read = read_planes(source, scale, simd, &Limits::default(), &Unwatched);
    read.map_err(|error| error.to_string())
}

fn read_by_zune(source: &[u8]) -> Result<Vec<u8>, String> {
    let header = read_header(source).map_err(|error| error.to_string())?;
    let space = if header.components.len() == 1 {
        ColorSpace::Luma
    } else {
        ColorSpace::YCbCr
    };
    let options = DecoderOptions::default().jpeg_set_out_colorspace(space);
    let decoded = JpegDecoder::new_with_options(ZCursor::new(source), options).decode();
    decoded.map_err(|error| error.to_string())
}

fn small(planes: &Planes, width: u32, simd: Simd) -> Result<Vec<u8>, String> {
    let whole = planes.size;
    let window = Window {
        x: 0.0,
        y: 0.0,
        width: f64::from(whole.width),
        height: f64::from(whole.height),
    };
    let height = (whole.height * width + whole.width / 2) / whole.width;
    let size = Size::new(width, height.max(1));
    let made = planes.resampled(window, size, Sampling::S420, simd, &Unwatched);
    let options = EncodeOptions {
        quality: 80,
        scans: Scans::Standard,
        simd,
        ..EncodeOptions::default()
    };
    let made = made.map_err(|error| error.to_string())?;
    encode_planes(&made, &options, &Unwatched).map_err(|error| error.to_string())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn milliseconds<T>(work: impl FnOnce() -> Result<T, String>) -> Result<f64, String> {
    let start = Instant::now();
    black_box(work()?);
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn compare(path: &str, rounds: u32, simd: Simd) -> Result<(), String> {
    let source = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut rivals = Vec::new();
    let mut own: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds {
        rivals.push(milliseconds(|| read_by_zune(&source))?);
        for (own, scale) in own.iter_mut().zip(SCALES) {
            own.push(milliseconds(|| read(&source, scale, simd))?);
        }
    }
    print!("{path}: zune-jpeg {:.2} ms", median(rivals.clone()));
    for (own, scale) in own.into_iter().zip(SCALES) {
        let ratios = own.iter().zip(&rivals).map(|(own, rival)| own / rival);
        let ratio = median(ratios.collect());
        print!("; {}/8 {:.2} ms, {ratio:.3}", scale.samples(), median(own));
    }
    println!();
    Ok(())
}

fn main() -> ExitCode {
    let (mut rounds, mut reps, mut width) = (9, 1, 0);
    let (mut scale, mut out, mut simd) = (None, None, Simd::Auto);
    let mut paths = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|it| it.parse().ok()).unwrap_or(1);
        match argument.as_str() {
            "--rounds" => rounds = number(),
            "--reps" => reps = number(),
            "--width" => width = number(),
            "--scale" => {
                let samples = number();
                scale = SCALES.into_iter().find(|it| it.samples() == samples);
            }
            "--out" => out = arguments.next(),
            "--portable" => simd = Simd::Portable,
            _ => paths.push(argument),
        }
    }
    let run = || -> Result<(), String> {
        for path in &paths {
            let Some(scale) = scale else {
                compare(path, rounds, simd)?;
                continue;
            };
            let source = std::fs::read(path).map_err(|error| error.to_string())?;
            for _ in 0..reps {
                let planes = black_box(read(&source, scale, simd)?);
                if let Some(out) = &out {
                    let made = small(&planes, width, simd)?;
                    std::fs::write(out, made).map_err(|error| error.to_string())?;
                }
            }
        }
        Ok(())
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
