//! Stills into a GIF, with nothing around the encoder: `animate --duration MS [--preset quality|small]
//! [--threads N] -o OUT FRAMES...`. Frames are JPEG or PNG, all of one size. For benchmarks of the encoder alone.

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::sync::Arc;
use std::thread;

use codec_gif::{Centiseconds, GifFrame, Options, Preset};
use raster::{Frame, Layout, Size, Unwatched, parallel};
use zune_core::bytestream::ZCursor;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let (mut duration, mut out, mut files) = (100u32, None, Vec::new());
    let mut options = Options {
        threads: thread::available_parallelism().map_or(1, usize::from),
        ..Options::default()
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--duration" => duration = value()?.parse()?,
            "--threads" => options.threads = value()?.parse()?,
            "-o" => out = Some(value()?),
            "--preset" => {
                options.preset = match value()?.as_str() {
                    "quality" => Preset::Quality,
                    "small" => Preset::Small,
                    other => {
                        return Err(format!("preset `{other}`: quality and small are known").into());
                    }
                }
            }
            _ => files.push(word),
        }
    }
    let out = out.ok_or("no output: -o OUT")?;
    let frames = parallel::map(options.threads, &files, |file, ()| decode(file))?;
    let delay = Centiseconds((duration / 10) as u16);
    let frames = frames
        .into_iter()
        .map(|frame| GifFrame {
            frame: Arc::new(frame),
            delay,
        })
        .collect();
    let mut out = File::create(out)?;
    codec_gif::encode(frames, &options, &Unwatched, &mut out)?;
    out.flush()?;
    Ok(())
}

fn decode(file: &str) -> Result<Frame, Failure> {
    let bytes = fs::read(file)?;
    let (size, layout, pixels) = if bytes.starts_with(b"\x89PNG") {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(&bytes));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info()?;
        let mut pixels = vec![0; reader.output_buffer_size().ok_or("too large")?];
        let info = reader.next_frame(&mut pixels)?;
        pixels.truncate(info.buffer_size());
        let (layout, pixels) = match info.color_type {
            png::ColorType::Rgba => (Layout::Rgba, pixels),
            png::ColorType::Rgb => (Layout::Rgb, pixels),
            png::ColorType::Grayscale => {
                (Layout::Rgb, pixels.iter().flat_map(|&v| [v; 3]).collect())
            }
            png::ColorType::GrayscaleAlpha => {
                let pairs = pixels.as_chunks::<2>().0.iter();
                (
                    Layout::Rgba,
                    pairs.flat_map(|&[v, a]| [v, v, v, a]).collect(),
                )
            }
            png::ColorType::Indexed => {
                return Err("indexed colors were asked to be expanded".into());
            }
        };
        (Size::new(info.width, info.height), layout, pixels)
    } else {
        let mut decoder = zune_jpeg::JpegDecoder::new(ZCursor::new(&bytes));
        let pixels = decoder.decode()?;
        let (width, height) = decoder.dimensions().ok_or("no size")?;
        (Size::new(width as u32, height as u32), Layout::Rgb, pixels)
    };
    Frame::new(size, layout, pixels).ok_or_else(|| format!("{file}: unexpected layout").into())
}
