//! One picture to the bytes of a file.

pub(crate) mod jpeg;
mod png;

use codec_jpeg::{Process, exif};
use raster::Watch;

use crate::error::Error;
use crate::limits::{Limits, Options};
use crate::memory::{Memory, Outline};
use crate::picture::Decoded;

/// What pixels are encoded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Jpeg { process: Process, quality: u8 },
    Png,
}

/// What [`encode`] takes, picture and result in it.
pub(crate) fn memory(
    outline: &Outline,
    target: Target,
    limits: &Limits,
    options: &Options,
) -> Memory {
    let held = outline.frame_bytes;
    // What is embedded is there as it came, as it is written, and in a file that grows.
    let embedded = 4 * outline.metadata_bytes;
    let work = match target {
        Target::Jpeg { process, quality } => {
            jpeg::memory(outline, process, quality, limits, options)
        }
        Target::Png => png::memory(outline),
    };
    work.beside(held).and_perhaps(embedded)
}

/// Encodes a picture with its profile, its EXIF, its XMP and its density; `strip` leaves of EXIF only what turns the
/// picture still, and of XMP nothing.
pub(crate) fn encode(
    mut picture: Decoded,
    target: Target,
    strip: bool,
    limits: &Limits,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Vec<u8>, Error> {
    if strip {
        picture.exif = picture.exif.as_deref().and_then(exif::orientation_alone);
        picture.xmp = None;
    }
    match target {
        Target::Jpeg { process, quality } => {
            jpeg::encode(picture, process, quality, limits, options, watch)
        }
        Target::Png => png::encode(picture, watch),
    }
}
