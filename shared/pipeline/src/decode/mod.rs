//! Source bytes to one picture in memory: the last step that can fail on input.

mod described;
mod jpeg;
mod other;
mod png;
mod watched;

use raster::{Layout, Watch};

use crate::color::{self, ColorSpace};
use crate::error::Fault;
use crate::format::Format;
use crate::limits::Limits;
use crate::picture::Decoded;
use crate::probe::info::SourceInfo;

/// Decodes a still, or the first frame of an animation. `info` is what its probe said. Once `watch` says stop, what
/// comes back, if anything, means nothing.
pub(crate) fn decode(
    bytes: &[u8],
    info: &SourceInfo,
    space: ColorSpace,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<Decoded, Fault> {
    let decoded = match info.format {
        Format::Jpeg => jpeg::decode(bytes, limits, watch)?,
        Format::Png => png::decode(bytes, space, limits, watch)?,
        Format::Gif | Format::WebP | Format::Bmp => {
            // The decoder holds the picture and as much again at most.
            limits.check_memory(info.size.pixels() * 8)?;
            other::decode(bytes, info)?
        }
    };
    if decoded.frame.size() != info.size {
        let found = decoded.frame.size();
        let reason = format!(
            "it decodes to {found} px where its header says {} px",
            info.size
        );
        return Err(Fault::broken(info.format, reason));
    }
    Ok(match &decoded.icc {
        Some(icc) if space == ColorSpace::Srgb || !fits(icc, &decoded) => {
            limits.check_memory(2 * decoded.frame.pixels().len() as u64)?;
            Decoded {
                frame: color::to_srgb(decoded.frame, icc),
                icc: None,
                ..decoded
            }
        }
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
