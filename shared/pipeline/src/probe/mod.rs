//! Header -> [`SourceInfo`]. Nothing sized by an image is allocated here.

pub(crate) mod exif;
mod gif;
pub(crate) mod jpeg;
mod png;
mod webp;

use raster::{Orientation, Size};

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

/// Reads the headers of a file.
///
/// # Errors
///
/// [`Fault::Empty`], [`Fault::UnknownFormat`], [`Fault::Broken`] and [`Fault::Unsupported`]; no limit is checked.
pub fn probe(bytes: &[u8]) -> Result<SourceInfo, Fault> {
    if bytes.is_empty() {
        return Err(Fault::Empty);
    }
    let format = Format::of(bytes).ok_or(Fault::UnknownFormat)?;
    let info = match format {
        Format::Jpeg => jpeg::Header::read(bytes)?.info(),
        Format::Png => png::read(bytes)?,
        Format::Gif => gif::read(bytes)?,
        Format::WebP => webp::read(bytes)?,
        Format::Bmp => bmp(bytes)?,
    };
    if info.size.is_empty() {
        return Err(broken(format, "a side of the picture is 0"));
    }
    Ok(info)
}

/// A still without orientation, alpha or anything else out of the ordinary.
fn plain(format: Format, size: Size, bit_depth: u8) -> SourceInfo {
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

/// BITMAPCOREHEADER or BITMAPINFOHEADER and its successors.
fn bmp(bytes: &[u8]) -> Result<SourceInfo, Fault> {
    let short = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let long = |at: usize| Some(i32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let header = || {
        let (width, height, bits, compression) = if long(14)? == 12 {
            let (width, height) = (short(18)?, short(20)?);
            (u32::from(width), u32::from(height), short(24)?, 0)
        } else {
            // Rows are stored downwards where the height is negative.
            let (width, height) = (long(18)?, long(22)?.unsigned_abs());
            (u32::try_from(width).ok()?, height, short(28)?, long(30)?)
        };
        // Truncation cannot lose anything: no depth over 64 exists.
        let channel = if bits <= 8 { bits.min(8) } else { 8 } as u8;
        let has_alpha = bits == 32 && (compression == 3 || compression == 6);
        Some(SourceInfo {
            has_alpha,
            ..plain(Format::Bmp, Size::new(width, height), channel)
        })
    };
    header().ok_or_else(|| broken(Format::Bmp, "its header is cut short or out of range"))
}

/// The fault of a file that breaks its format's rules.
pub(crate) fn broken(format: Format, reason: impl Into<String>) -> Fault {
    Fault::Broken {
        format,
        reason: reason.into(),
    }
}
