//! Source bytes to one picture in memory: the last step that can fail on input.

mod jpeg;
mod other;
mod png;

use raster::{Frame, Layout};

use crate::{Fault, Format, SourceInfo, color};

/// A picture as stored, before any orientation.
pub(crate) struct Decoded {
    pub(crate) frame: Frame,
    /// The profile that the pixels are in; `None` for sRGB.
    pub(crate) icc: Option<Vec<u8>>,
    /// EXIF, without the `Exif\0\0` before it.
    pub(crate) exif: Option<Vec<u8>>,
}

/// Which colors the pixels are wanted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Color {
    /// sRGB, whatever the source has.
    Srgb,
    /// The source's own, with its profile, where 8-bit gray or RGB can hold them.
    Kept,
}

/// Decodes a still, or the first frame of an animation. `info` is what its probe said.
pub(crate) fn decode(bytes: &[u8], info: &SourceInfo, color: Color) -> Result<Decoded, Fault> {
    let decoded = match info.format {
        Format::Jpeg => jpeg::decode(bytes)?,
        Format::Png => png::decode(bytes, color)?,
        Format::Gif | Format::WebP | Format::Bmp => other::decode(bytes, info)?,
    };
    if decoded.frame.size() != info.size {
        let found = decoded.frame.size();
        let reason = format!(
            "it decodes to {found} px where its header says {} px",
            info.size
        );
        return Err(crate::probe::broken(info.format, reason));
    }
    Ok(match &decoded.icc {
        Some(icc) if color == Color::Srgb || !fits(icc, decoded.frame.layout()) => Decoded {
            frame: color::to_srgb(decoded.frame, icc),
            icc: None,
            exif: decoded.exif,
        },
        _ => decoded,
    })
}

/// True where the profile is for pixels of this layout.
fn fits(icc: &[u8], layout: Layout) -> bool {
    let space = match layout {
        Layout::Gray => b"GRAY",
        Layout::Rgb | Layout::Rgba => b"RGB ",
    };
    color::space(icc) == Some(space)
}
