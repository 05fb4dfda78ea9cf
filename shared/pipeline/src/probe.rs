//! Header -> [`SourceInfo`]. Nothing sized by an image is allocated here.

use raster::Size;

use crate::{Fault, Format};

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
    /// Bits of a channel.
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
        match self.orientation {
            5..=8 => Size::new(self.size.height, self.size.width),
            _ => self.size,
        }
    }
}

/// Reads the headers of a file.
///
/// # Errors
///
/// [`Fault::Empty`], [`Fault::UnknownFormat`], [`Fault::Broken`] and [`Fault::Unsupported`]; no limit is checked.
pub fn probe(bytes: &[u8]) -> Result<SourceInfo, Fault> {
    if bytes.is_empty() {
        return Err(Fault::Empty);
    }
    match Format::of(bytes).ok_or(Fault::UnknownFormat)? {
        _ => Err(Fault::UnknownFormat),
    }
}
