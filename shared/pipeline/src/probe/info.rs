//! What is told of a source.

use raster::{Orientation, Size};

use crate::format::Format;

/// What a file's headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceInfo {
    /// What it is, by content.
    pub format: Format,
    /// Width and height as stored, before any orientation.
    pub size: Size,
    /// Images in it: 1 for a still.
    pub frames: u32,
    /// EXIF orientation, 1 to 8; 1 where there is none.
    pub orientation: u8,
    /// Bits of a channel, or of a palette's index.
    pub bit_depth: u8,
    /// True where it can hold transparency.
    pub has_alpha: bool,
    /// JPEG only: the quality that its quantization tables come nearest to, 1 to 100.
    pub quality: Option<u8>,
    /// JPEG only: true for SOF2 and its like.
    pub progressive: bool,
}

impl SourceInfo {
    /// Width and height as shown, after orientation.
    pub fn shown_size(&self) -> Size {
        Orientation::from_exif(self.orientation.into()).shown(self.size)
    }
}

/// A still without orientation, alpha or anything else out of the ordinary.
pub(super) fn plain(format: Format, size: Size, bit_depth: u8) -> SourceInfo {
    SourceInfo {
        format,
        size,
        frames: 1,
        orientation: 1,
        bit_depth,
        has_alpha: false,
        quality: None,
        progressive: false,
    }
}
