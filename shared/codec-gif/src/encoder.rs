//! The whole encoder, stage after stage. For now over the crates `quantette`-less `gif` path: the first version
//! of the service, which the crate's own stages replace.

use std::io::Write;
use std::sync::Arc;

use raster::{Frame, Layout, Size, Watch};

use crate::Error;

/// How long a frame shows, in hundredths of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Centiseconds(pub u16);

/// One picture of the animation. Pictures that are asked for twice may share their pixels.
#[derive(Clone, Debug)]
pub struct GifFrame {
    /// Canvas-sized, `Rgb` or `Rgba`.
    pub frame: Arc<Frame>,
    /// How long it shows.
    pub delay: Centiseconds,
}

/// What matters most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// Looks first, then bytes.
    #[default]
    Quality,
    /// Bytes first, at a quality that still passes.
    Small,
}

/// How to encode.
#[derive(Clone, Debug)]
pub struct Options {
    /// What matters most.
    pub preset: Preset,
    /// Worker threads at most; the bytes are the same for any number. 1 works in the caller's thread alone.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            preset: Preset::Quality,
            threads: 1,
        }
    }
}

/// What was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The canvas.
    pub canvas: Size,
    /// Images in the file.
    pub frames: usize,
    /// Bytes written.
    pub bytes: u64,
}

/// Encodes `frames` as one endlessly looping GIF89a file, written to `out` block by block as frames are done.
///
/// - Input: straight-alpha sRGB, every frame the size of the first; alpha of 128 and above is opaque.
/// - Output: exactly one image for each frame asked for; the same bytes for the same input and options.
///
/// # Errors
///
/// Every error on the input comes before the first byte is written. After that only [`Error::Stopped`]
/// and [`Error::Output`] can come.
pub fn encode(
    frames: Vec<GifFrame>,
    options: &Options,
    watch: &dyn Watch,
    out: &mut dyn Write,
) -> Result<Report, Error> {
    let canvas = frames.first().ok_or(Error::NoFrames)?.frame.size();
    let _ = options;
    if canvas.width > 0xFFFF || canvas.height > 0xFFFF {
        return Err(Error::CanvasTooLarge(canvas));
    }
    for (index, GifFrame { frame, .. }) in frames.iter().enumerate() {
        if frame.size() != canvas {
            let found = frame.size();
            return Err(Error::FrameSize {
                index,
                found,
                canvas,
            });
        }
        if frame.layout() == Layout::Gray {
            let found = frame.layout();
            return Err(Error::FrameLayout { index, found });
        }
    }
    let (width, height) = (canvas.width as u16, canvas.height as u16);
    let mut counted = Counted { out, bytes: 0 };
    let output = |error: gif::EncodingError| match error {
        gif::EncodingError::Io(error) => Error::Output(error),
        other => Error::Output(std::io::Error::other(other.to_string())),
    };
    let mut encoder = gif::Encoder::new(&mut counted, width, height, &[]).map_err(output)?;
    encoder.set_repeat(gif::Repeat::Infinite).map_err(output)?;
    let count = frames.len();
    for GifFrame { frame, delay } in frames {
        watch.check()?;
        let mut image = if frame.layout() == Layout::Rgba {
            let mut pixels = frame.pixels().to_vec();
            for pixel in pixels.chunks_exact_mut(4) {
                pixel[3] = if pixel[3] >= 128 { 255 } else { 0 };
            }
            gif::Frame::from_rgba_speed(width, height, &mut pixels, 10)
        } else {
            gif::Frame::from_rgb_speed(width, height, frame.pixels(), 10)
        };
        image.delay = delay.0;
        image.dispose = gif::DisposalMethod::Background;
        encoder.write_frame(&image).map_err(output)?;
    }
    drop(encoder);
    Ok(Report {
        canvas,
        frames: count,
        bytes: counted.bytes,
    })
}

struct Counted<'a> {
    out: &'a mut dyn Write,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
