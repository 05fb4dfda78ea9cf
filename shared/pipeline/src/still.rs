//! What is done to one picture: decoding, turning, laying it over white; and the pixels of a still, to be encoded as
//! often as one likes.

use bytes::Bytes;
use codec_gif::GifFrame;
use codec_jpeg::{Density, Process, exif};
use raster::{Frame, Orientation, Watch};

use crate::color::ColorSpace;
use crate::decode::{decode, decoding};
use crate::encode::{Target, encode};
use crate::error::Error;
use crate::format::Format;
use crate::limits::{Limits, Options};
use crate::memory::Decoding;
use crate::picture::{Decoded, Picture, Source};
use crate::result::{Prepared, ResultInfo};

/// Finds out what decoding a source takes.
///
/// # Errors
///
/// What is wrong with the source as far as its headers say it, memory among it.
pub(crate) fn plan_decoding(
    source: &mut Source,
    space: ColorSpace,
    limits: &Limits,
) -> Result<Decoding, Error> {
    let index = source.index;
    let planned = decoding(&source.bytes, &source.info, space, limits).and_then(|decoding| {
        limits.check_memory(decoding.memory.least)?;
        Ok(decoding)
    });
    let planned = planned.map_err(|fault| Error::Source { index, fault })?;
    source.decoding = Some(planned);
    Ok(planned)
}

/// The pixels of a source for which [`plan_decoding`] was asked; of an animation those of the first image.
pub(crate) fn decoded(
    source: &Source,
    space: ColorSpace,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<Decoded, Error> {
    let decoding = source.decoding.as_ref();
    let decoding = decoding.expect("whatever is decoded was planned to be");
    let decoded = decode(&source.bytes, &source.info, space, decoding, limits, watch);
    // A decoder that was stopped has a fault to tell, which is none.
    watch.check()?;
    decoded.map_err(|fault| Error::Source {
        index: source.index,
        fault,
    })
}

/// One picture of what a step is given: a source is decoded, of an animation the first frame is taken.
pub(crate) fn still(
    picture: Picture<'_>,
    space: ColorSpace,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<Decoded, Error> {
    match picture {
        Picture::Source(source) => decoded(source, space, limits, watch),
        Picture::Still(decoded) => Ok(decoded),
        Picture::Animation(frames) => Ok(Decoded {
            frame: first(frames),
            icc: None,
            exif: None,
            xmp: None,
            density: Density::default(),
            gray: false,
        }),
    }
}

/// The first frame of an animation; the others are let go of.
fn first(frames: Vec<GifFrame>) -> Frame {
    let mut frames = frames.into_iter();
    let first = frames.next().expect("an animation has a frame").frame;
    // One that is shown several times is held by each of them: without them it need not be copied.
    drop(frames);
    std::sync::Arc::unwrap_or_clone(first)
}

/// Turns the pixels with their density, and resets the orientation in EXIF.
pub(crate) fn turn(mut picture: Decoded, orientation: Orientation) -> Decoded {
    if let Some(exif) = &mut picture.exif {
        exif::reset_orientation(exif);
    }
    if orientation.swaps_sides() {
        let Density { x, y, unit } = picture.density;
        picture.density = Density { x: y, y: x, unit };
    }
    Decoded {
        frame: raster::orient(picture.frame, orientation),
        ..picture
    }
}

/// Lays the picture over `background`.
pub(crate) fn flatten(picture: Decoded, background: [u8; 3]) -> Decoded {
    Decoded {
        frame: raster::flatten(picture.frame, background),
        ..picture
    }
}

/// The pixels of a still, to be encoded as often as one likes.
pub struct Pixels(Decoded);

impl Pixels {
    /// Decodes `source` as the rule `format/jpg` would: of an animation the first image.
    ///
    /// # Errors
    ///
    /// Those of [`prepare`](crate::prepare::prepare) on the source.
    pub fn read(source: &Bytes, limits: &Limits, watch: &dyn Watch) -> Result<Self, Error> {
        let object = |fault| Error::Source { index: 0, fault };
        let info = limits.accept(source).map_err(object)?;
        let mut source = Source::new(0, source.clone(), info);
        plan_decoding(&mut source, ColorSpace::Source, limits)?;
        decoded(&source, ColorSpace::Source, limits, watch).map(Self)
    }

    /// A JPEG of this quality, with the source's profile and EXIF: the same bytes as the rule's.
    ///
    /// # Errors
    ///
    /// Those of [`prepare`](crate::prepare::prepare) on the result.
    pub fn to_jpeg(
        &self,
        quality: u8,
        process: Process,
        limits: &Limits,
        options: &Options,
        watch: &dyn Watch,
    ) -> Result<Prepared, Error> {
        let target = Target::Jpeg { process, quality };
        let bytes = encode(self.0.clone(), target, false, limits, options, watch)?;
        let info = ResultInfo {
            format: Format::Jpeg,
            size: self.0.frame.size(),
            frames: 1,
            quality,
        };
        Ok(Prepared::done(bytes.into(), info))
    }
}
