//! Stills -> the frames of one animation, all of the canvas's size.

use std::sync::Arc;

use codec_gif::GifFrame;
use raster::{Frame, Layout, Orientation, Size, Watch, parallel};

use crate::color::ColorSpace;
use crate::delay::delays;
use crate::error::Error;
use crate::limits::Limits;
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
