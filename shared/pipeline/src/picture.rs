//! What goes from stage to stage.

use bytes::Bytes;
use codec_gif::GifFrame;
use codec_jpeg::Density;
use raster::Frame;

use crate::memory::Decoding;
use crate::probe::info::SourceInfo;

/// The object, or an image that the rule names.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Which one: 0 is the object, n the rule's n-th image.
    pub(crate) index: usize,
    pub(crate) bytes: Bytes,
    /// What its headers say.
    pub(crate) info: SourceInfo,
    /// What decoding it takes; `None` where nothing decodes it.
    pub(crate) decoding: Option<Decoding>,
}

impl Source {
    /// A source that nothing decodes yet.
    pub(crate) fn new(index: usize, bytes: Bytes, info: SourceInfo) -> Self {
        Self {
            index,
            bytes,
            info,
            decoding: None,
        }
    }
}

/// A picture between two steps of a plan. It is encoded once, after the last.
pub(crate) enum Picture<'a> {
    /// As its source has it: no step has touched a pixel yet.
    Source(&'a Source),
    /// One picture.
    Still(Decoded),
    /// At least one frame, all of one size, in sRGB.
    Animation(Vec<GifFrame>),
}

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
