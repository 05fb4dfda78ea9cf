//! Source bytes to one picture in memory: the last step that can fail on input.

mod bmp;
mod described;
mod gif;
mod jpeg;
mod parts;
mod png;
mod watched;
mod webp;

use raster::{Layout, Watch};

use crate::color::{self, ColorSpace};
use crate::error::Fault;
use crate::format::Format;
use crate::limits::Limits;
use crate::memory::Decoding;
use crate::picture::Decoded;
use crate::probe::info::SourceInfo;

/// What [`decode`] will take, told from the headers.
///
/// # Errors
///
/// What the headers show that no decoder here reads, and a JPEG whose scans ask for too much work.
pub(crate) fn decoding(
    bytes: &[u8],
    info: &SourceInfo,
    space: ColorSpace,
    limits: &Limits,
) -> Result<Decoding, Fault> {
    match info.format {
        Format::Jpeg => jpeg::decoding(bytes, space, limits),
        Format::Png => Ok(png::decoding(bytes, info, space)),
        Format::Gif => Ok(gif::decoding(bytes, info, space)),
        Format::WebP => webp::decoding(bytes, info, space),
        Format::Bmp => Ok(bmp::decoding(bytes, info, space)),
    }
}

/// Decodes a still, or the first frame of an animation. `info` is what its probe said, `decoding` what was told of
/// this. Once `watch` says stop, what comes back, if anything, means nothing.
pub(crate) fn decode(
    bytes: &[u8],
    info: &SourceInfo,
    space: ColorSpace,
    decoding: &Decoding,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<Decoded, Fault> {
    let decoded = match info.format {
        Format::Jpeg => jpeg::decode(bytes, decoding, limits, watch)?,
        Format::Png => png::decode(bytes, info, space, watch)?,
        Format::Gif => gif::decode(bytes, info)?,
        Format::WebP => webp::decode(bytes, info)?,
        Format::Bmp => bmp::decode(bytes, info)?,
    };
    // Each decoder has compared its size before it made a pixel.
    if decoded.frame.size() != info.size {
        return Err(Fault::other_size(info, decoded.frame.size()));
    }
    Ok(match &decoded.icc {
        Some(icc) if space == ColorSpace::Srgb || !fits(icc, &decoded) => Decoded {
            frame: color::to_srgb(decoded.frame, icc),
            icc: None,
            ..decoded
        },
        _ => decoded,
    })
}

/// True where the profile is for these pixels.
fn fits(icc: &[u8], decoded: &Decoded) -> bool {
    let space = match decoded.frame.layout() {
        Layout::Gray => b"GRAY",
        // Gray with alpha, in three equal channels.
        Layout::Rgba if decoded.gray && color::is_for_gray(icc) => return true,
        Layout::Rgb | Layout::Rgba => b"RGB ",
    };
    color::space(icc) == Some(space)
}
