//! A plan for a still, carried out; and the pixels of a still, encoded as often as one likes.

use bytes::Bytes;
use codec_jpeg::{Metadata, Process, TranscodeOptions};
use raster::{Orientation, Watch};

use crate::color::ColorSpace;
use crate::decode::decode;
use crate::encode;
use crate::error::{Error, jpeg_error};
use crate::format::Format;
use crate::limits::{Limits, Options};
use crate::picture::Decoded;
use crate::plan::{self, Plan, Target};
use crate::probe::info::SourceInfo;
use crate::probe::probe;
use crate::result::Prepared;

/// Carries out a plan on a still; `info` is what the probe of `bytes` said.
pub(crate) fn execute(
    plan: Plan,
    bytes: &Bytes,
    info: &SourceInfo,
    limits: &Limits,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Bytes, Error> {
    let (target, orientation, strip) = match plan {
        Plan::Unchanged => return Ok(bytes.clone()),
        Plan::Transcode { process, metadata } => {
            let transcode_options = TranscodeOptions {
                process: Some(process),
                scans: options.scans,
                metadata,
                damage: options.damage,
                simd: options.simd,
                threads: options.threads,
                limits: limits.of_jpeg(),
            };
            match codec_jpeg::transcode(bytes, &transcode_options, watch) {
                // The source's own memory serves where nothing changed.
                Ok(made) if made.bytes == *bytes => return Ok(bytes.clone()),
                Ok(made) => return Ok(Bytes::from(made.bytes)),
                // What the transcoder does not take may still be decoded, and is then encoded anew.
                Err(codec_jpeg::Error::Unsupported(_)) => {
                    let target = Target::Jpeg {
                        process,
                        quality: plan::target_quality(None, info),
                    };
                    let strip = metadata == Metadata::Essential;
                    (target, Orientation::Normal, strip)
                }
                Err(error) => return Err(jpeg_error(error)),
            }
        }
        Plan::Render {
            target,
            orientation,
            strip,
        } => (target, orientation, strip),
    };
    let object = |fault| Error::Source { index: 0, fault };
    let decoded = decode(bytes, info, ColorSpace::Source, limits, watch);
    // A decoder that was stopped has a fault to tell, which is none.
    watch.check()?;
    let decoded = decoded.map_err(object)?;
    if orientation != Orientation::Normal {
        let bytes = decoded.frame.pixels().len() as u64;
        limits.check_memory(2 * bytes).map_err(object)?;
    }
    let decoded = encode::turn(decoded, orientation, strip);
    watch.check()?;
    encode::encode(decoded, target, limits, options, watch).map(Bytes::from)
}

/// The pixels of a still, to be encoded as often as one likes.
pub struct Pixels(Decoded);

impl Pixels {
    /// Decodes `source` as the rule `format/jpg` would: of an animation the first image.
    ///
    /// # Errors
    ///
    /// Those of [`prepare`] on the source.
    pub fn read(source: &Bytes, limits: &Limits, watch: &dyn Watch) -> Result<Self, Error> {
        let object = |fault| Error::Source { index: 0, fault };
        let info = limits.accept(source).map_err(object)?;
        let decoded = decode(source, &info, ColorSpace::Source, limits, watch);
        watch.check()?;
        Ok(Self(decoded.map_err(object)?))
    }

    /// A JPEG of this quality, with the source's profile and EXIF: the same bytes as the rule's.
    ///
    /// # Errors
    ///
    /// Those of [`prepare`] on the result.
    pub fn to_jpeg(
        &self,
        quality: u8,
        process: Process,
        limits: &Limits,
        options: &Options,
        watch: &dyn Watch,
    ) -> Result<Prepared, Error> {
        let target = Target::Jpeg { process, quality };
        let bytes = encode::encode(self.0.clone(), target, limits, options, watch)?;
        let info = probe(&bytes).map_err(|fault| Error::Encoder {
            format: Format::Jpeg,
            reason: fault.to_string(),
        })?;
        Ok(Prepared::done(Bytes::from(bytes), &info))
    }
}
