//! One picture to the bytes of a file.

pub(crate) mod jpeg;
mod png;

use codec_jpeg::{Process, exif};
use raster::Watch;

use crate::error::Error;
use crate::limits::{Limits, Options};
use crate::picture::Decoded;

/// What pixels are encoded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Jpeg { process: Process, quality: u8 },
    Png,
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
