//! What goes from stage to stage.

use codec_jpeg::Density;
use raster::Frame;

/// A picture as stored, before any orientation.
#[derive(Clone)]
pub(crate) struct Decoded {
    pub(crate) frame: Frame,
    /// The profile that the pixels are in; `None` for sRGB.
    pub(crate) icc: Option<Vec<u8>>,
    /// EXIF, without the `Exif\0\0` before it.
    pub(crate) exif: Option<Vec<u8>>,
    /// An XMP packet.
    pub(crate) xmp: Option<Vec<u8>>,
    /// How densely its pixels lie; the default where nothing is said.
    pub(crate) density: Density,
    /// True where the source says that all its colors are gray, whatever layout the frame has.
    pub(crate) gray: bool,
}
