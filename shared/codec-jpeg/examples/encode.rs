//! Encodes one picture, for measurements: `encode [-q QUALITY] [--sampling auto|444|422|420] [--scans standard]
//! [--baseline] [--portable] [--threads N] [--reps N] IN.ppm|IN.png OUT.jpg`.

use std::process::ExitCode;

use codec_jpeg::{EncodeOptions, Process, Sampling, Scans, Simd, encode};
use raster::{Frame, Layout, Size, Unwatched};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let mut options = EncodeOptions::default();
    let mut reps = 1;
    let mut paths = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} has no value"));
        match argument.as_str() {
            "-q" => options.quality = number(&value()?)?,
            "--sampling" => {
                options.sampling = match value()?.as_str() {
                    "auto" => Sampling::Auto,
                    "444" => Sampling::S444,
                    "422" => Sampling::S422,
                    "420" => Sampling::S420,
                    other => {
                        return Err(format!("--sampling is auto, 444, 422 or 420, not {other}"));
                    }
                }
            }
            "--scans" => {
                options.scans = match value()?.as_str() {
                    "standard" => Scans::Standard,
                    "smallest" => Scans::Smallest,
                    other => return Err(format!("--scans is standard or smallest, not {other}")),
                }
            }
            "--baseline" => options.process = Process::Baseline,
            "--portable" => options.simd = Simd::Portable,
            "--threads" => options.threads = number(&value()?)?,
            "--reps" => reps = number(&value()?)?,
            _ => paths.push(argument),
        }
    }
    let [input, output] = &paths[..] else {
        return Err("usage: encode [options] IN OUT".to_owned());
    };
    let frame = read(input)?;
    let mut made = Vec::new();
    for _ in 0..reps {
        made = encode(&frame, &options, &Unwatched).map_err(|error| error.to_string())?;
    }
    std::fs::write(output, made).map_err(|error| format!("{output}: {error}"))
}

fn read(path: &str) -> Result<Frame, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    if bytes.starts_with(b"\x89PNG") {
        read_png(&bytes)
    } else {
        read_ppm(&bytes)
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text} is not a number in range"))
}

fn read_png(bytes: &[u8]) -> Result<Frame, String> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let len = reader.output_buffer_size().ok_or("too large")?;
    let mut pixels = vec![0; len];
    let info = reader
        .next_frame(&mut pixels)
        .map_err(|error| error.to_string())?;
    let layout = match info.color_type {
        png::ColorType::Grayscale => Layout::Gray,
        png::ColorType::Rgb => Layout::Rgb,
        png::ColorType::Rgba => Layout::Rgba,
        other => return Err(format!("{other:?} is not read here")),
    };
    pixels.truncate(info.buffer_size());
    Frame::new(Size::new(info.width, info.height), layout, pixels).ok_or("empty".to_owned())
}

/// Binary PPM (P6) or PGM (P5) without comments.
fn read_ppm(bytes: &[u8]) -> Result<Frame, String> {
    let mut fields = bytes.splitn(5, u8::is_ascii_whitespace);
    let mut field = || {
        fields
            .next()
            .and_then(|field| std::str::from_utf8(field).ok())
            .unwrap_or("")
    };
    let layout = match field() {
        "P5" => Layout::Gray,
        "P6" => Layout::Rgb,
        _ => return Err("neither PNG nor binary PPM".to_owned()),
    };
    let size = Size::new(number(field())?, number(field())?);
    field();
    let pixels = fields.next().unwrap_or_default().to_vec();
    Frame::new(size, layout, pixels).ok_or("not as many pixels as its size asks for".to_owned())
}
