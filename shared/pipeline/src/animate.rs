//! Stills -> the frames of one animation, all of the canvas's size.

use std::sync::Arc;

use bytes::Bytes;
use codec_gif::GifFrame;
use raster::{Frame, Layout, Orientation, Size, Watch, parallel};

use crate::color::ColorSpace;
use crate::decode::decode;
use crate::delay::delays;
use crate::error::Error;
use crate::limits::Limits;
use crate::probe::info::SourceInfo;

/// A source of a frame, and which one it is in the request.
pub(crate) struct Still<'a> {
    pub(crate) index: usize,
    pub(crate) bytes: &'a Bytes,
    pub(crate) info: SourceInfo,
}

/// Decodes every still once, turns it, fits it into the canvas, which is the first still's shown size.
///
/// Cost: the frames and, for each thread, one picture at its own size.
pub(crate) fn frames(
    stills: &[Still],
    duration: u32,
    limits: &Limits,
    threads: usize,
    watch: &dyn Watch,
) -> Result<Vec<GifFrame>, Error> {
    let canvas = stills[0].info.shown_size();
    // Which still each one is equal to: itself, or one before it.
    let same: Vec<usize> = stills
        .iter()
        .map(|still| {
            let equal = |other: &Still| other.bytes == still.bytes;
            stills.iter().position(equal).unwrap_or_default()
        })
        .collect();
    let unique: Vec<usize> = (0..stills.len()).filter(|n| same[*n] == *n).collect();
    let made = parallel::map(threads, &unique, |&n, ()| {
        frame(&stills[n], canvas, limits, watch)
    })?;
    let mut frames: Vec<Option<Arc<Frame>>> = vec![None; stills.len()];
    for (n, made) in unique.into_iter().zip(made) {
        frames[n] = Some(Arc::new(made));
    }
    Ok(delays(duration, stills.len())
        .zip(same)
        .map(|(delay, n)| GifFrame {
            frame: frames[n].clone().expect("every unique still was decoded"),
            delay,
        })
        .collect())
}

/// A JPEG is decoded at its own size, not scaled in its inverse DCT: the decoder has no such thing, and sources are
/// small. The worst case, 1080 x 1080 into 270 x 270, takes 15 ms a frame in all.
fn frame(still: &Still, canvas: Size, limits: &Limits, watch: &dyn Watch) -> Result<Frame, Error> {
    watch.check()?;
    let index = still.index;
    let decoded = decode(still.bytes, &still.info, ColorSpace::Srgb, limits, watch);
    watch.check()?;
    let decoded = decoded.map_err(|fault| Error::Source { index, fault })?;
    let orientation = Orientation::from_exif(still.info.orientation.into());
    let frame = raster::without_needless_alpha(decoded.frame);
    let frame = raster::orient(with_colors(frame), orientation);
    let place = raster::fit(frame.size(), canvas);
    let frame = raster::resize(frame, place.size());
    Ok(raster::place(frame, canvas, place.x, place.y))
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
