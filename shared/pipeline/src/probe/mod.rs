//! Header -> [`SourceInfo`]. Nothing sized by an image is allocated here.

mod bmp;
pub(crate) mod gif;
pub(crate) mod info;
pub(crate) mod jpeg;
pub(crate) mod png;
pub(crate) mod webp;

use crate::error::Fault;
use crate::format::Format;
use info::SourceInfo;

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
        Format::Bmp => bmp::read(bytes)?,
    };
    if info.size.is_empty() {
        return Err(Fault::broken(format, "a side of the picture is 0"));
    }
    Ok(info)
}
