//! One picture to the bytes of a file.

mod jpeg;
mod png;

use codec_jpeg::Density;
use raster::{Orientation, Watch};

use crate::error::Error;
use crate::limits::{Limits, Options};
use crate::picture::Decoded;
use crate::plan::Target;
use crate::probe::exif;

/// Turns the pixels and, where they were turned, resets the orientation in EXIF. `strip` leaves of EXIF only what turns
/// the picture still, and of XMP nothing.
pub(crate) fn turn(decoded: Decoded, orientation: Orientation, strip: bool) -> Decoded {
    let turned = orientation != Orientation::Normal;
    let exif = decoded.exif.and_then(|mut exif| {
        if turned {
            exif::reset_orientation(&mut exif);
        }
        if strip {
            exif::orientation_alone(&exif)
        } else {
            Some(exif)
        }
    });
    let mut density = decoded.density;
    if orientation.swaps_sides() {
        density = Density {
            x: density.y,
            y: density.x,
            ..density
        };
    }
    Decoded {
        frame: raster::orient(decoded.frame, orientation),
        exif,
        xmp: decoded.xmp.filter(|_| !strip),
        density,
        ..decoded
    }
}

/// Encodes a picture with its profile, its EXIF, its XMP and its density.
pub(crate) fn encode(
    decoded: Decoded,
    target: Target,
    limits: &Limits,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Vec<u8>, Error> {
    match target {
        Target::Jpeg { process, quality } => {
            jpeg::encode(decoded, process, quality, limits, options, watch)
        }
        Target::Png => png::encode(decoded, watch),
    }
}
