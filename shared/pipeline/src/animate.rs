//! Stills -> the frames of one animation, all of the canvas's size.

use std::sync::Arc;

use codec_gif::GifFrame;
use raster::{Frame, Layout, Orientation, Size, Watch, parallel};

use crate::color::ColorSpace;
use crate::delay::delays;
use crate::error::Error;
use crate::limits::{Limits, Options};
use crate::memory::{Memory, Outline};
use crate::picture::{Picture, Source};
use crate::still::{decoded, still};

/// The frames of an animation: what the stages before have made, then the images, each decoded once, turned, and fitted
/// into the canvas, which is the first one's shown size.
///
/// Cost: the frames and, for each thread, one picture at its own size.
pub(crate) fn frames(
    first: Picture<'_>,
    images: &[Source],
    canvas: Size,
    duration: u32,
    limits: &Limits,
    threads: usize,
    watch: &dyn Watch,
) -> Result<Vec<GifFrame>, Error> {
    let count = 1 + images.len();
    let (object, made) = match first {
        Picture::Source(source) => (Some(source), None),
        made => (
            None,
            Some(still(made, ColorSpace::Srgb, limits, watch)?.frame),
        ),
    };
    let sources: Vec<&Source> = object.into_iter().chain(images).collect();
    // Which source each one is equal to: itself, or one before it.
    let same: Vec<usize> = sources
        .iter()
        .map(|source| {
            let equal = |other: &&Source| other.bytes == source.bytes;
            sources.iter().position(equal).unwrap_or_default()
        })
        .collect();
    let unique: Vec<usize> = (0..sources.len()).filter(|n| same[*n] == *n).collect();
    let laid = parallel::map(threads, &unique, |&n, ()| {
        frame(sources[n], canvas, limits, watch)
    })?;
    let mut frames: Vec<Option<Arc<Frame>>> = vec![None; sources.len()];
    for (n, laid) in unique.into_iter().zip(laid) {
        frames[n] = Some(Arc::new(laid));
    }
    let made = made.map(|frame| {
        let frame = raster::without_needless_alpha(frame);
        Arc::new(lay(frame, canvas))
    });
    let shown = same
        .into_iter()
        .map(|n| frames[n].clone().expect("every unique source was decoded"));
    Ok(made
        .into_iter()
        .chain(shown)
        .zip(delays(duration, count))
        .map(|(frame, delay)| GifFrame { frame, delay })
        .collect())
}

/// Bytes of tables and buffers that the GIF encoder takes for each thread.
const ENCODER_BYTES: u64 = 5 << 20;
/// The same where a frame has hundreds of thousands of colors, beyond the ones above.
const COLORS_BYTES: u64 = 8 << 20;

/// What it takes to make the frames and, where they are `encoded`, to encode them; `first` is what the stages before have
/// made of the object.
pub(crate) fn memory(
    object: &Source,
    first: &Outline,
    images: &[Source],
    canvas: Size,
    encoded: bool,
    options: &Options,
) -> Memory {
    let pixels = canvas.pixels();
    let frame_bytes = 4 * pixels;
    let count = 1 + images.len() as u64;
    let threads = (options.threads as u64).clamp(1, count);
    // A frame that is laid out is there as it came, in rows of floating-point numbers, and as it becomes.
    let laying = |frame_bytes: u64, size: Size| {
        let rows = 6 * size.height.div_ceil(canvas.height.max(1)) + 8;
        let rows = u64::from(rows.min(size.height) + 1);
        let window = rows * u64::from(size.width) * 16;
        let weights = 64 * (u64::from(size.width) + u64::from(size.height))
            + 64 * (u64::from(canvas.width) + u64::from(canvas.height));
        // Gray becomes RGB, RGB becomes RGBA where it does not fill the canvas.
        3 * frame_bytes + window + weights + 2 * 4 * pixels
    };
    let making = |source: &Source| {
        let decoding = source.decoding.as_ref();
        decoding.map_or(0, |decoding| {
            let laid = laying(decoding.frame_bytes, source.info.size);
            decoding.memory.most.max(laid) + decoding.metadata_bytes
        })
    };
    let mut makings: Vec<u64> = images.iter().map(making).collect();
    makings.push(making(object).max(laying(first.frame_bytes, first.size)));
    makings.sort_unstable_by(|a, b| b.cmp(a));
    let at_once: u64 = makings.iter().take(threads as usize).sum();
    // Two encoded images for each thread, of up to 12 bits a pixel in buffers that grow, beside what it works on.
    let of_thread = 5 * pixels + 2 * 3 * pixels + ENCODER_BYTES + COLORS_BYTES.min(64 * pixels);
    let encoding = if encoded {
        2 * frame_bytes + threads * of_thread
    } else {
        0
    };
    Memory::default().and_perhaps(count * frame_bytes + at_once.max(encoding))
}

/// A JPEG is decoded at its own size, not scaled in its inverse DCT: the decoder has no such thing, and sources are
/// small. The worst case, 1080 x 1080 into 270 x 270, takes 15 ms a frame in all.
fn frame(
    source: &Source,
    canvas: Size,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<Frame, Error> {
    watch.check()?;
    let decoded = decoded(source, ColorSpace::Srgb, limits, watch)?;
    let orientation = Orientation::from_exif(source.info.orientation.into());
    // As few channels as it has are turned.
    let frame = raster::without_needless_alpha(decoded.frame);
    Ok(lay(raster::orient(frame, orientation), canvas))
}

/// Scales a frame and puts it in the middle of the canvas.
fn lay(frame: Frame, canvas: Size) -> Frame {
    let frame = with_colors(frame);
    let place = raster::fit(frame.size(), canvas);
    let frame = raster::resize(frame, place.size());
    raster::place(frame, canvas, place.x, place.y)
}

/// Gray as RGB: the encoder takes no gray.
fn with_colors(frame: Frame) -> Frame {
    if frame.layout() != Layout::Gray {
        return frame;
    }
    let size = frame.size();
    let pixels = frame.pixels().iter().flat_map(|gray| [*gray; 3]).collect();
    Frame::new(size, Layout::Rgb, pixels).expect("three bytes were made of each")
}
