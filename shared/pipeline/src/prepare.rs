//! The one way through: probe, plan, decode; then write.

use std::io::Write;

use bytes::Bytes;
use codec_gif::GifFrame;
use codec_jpeg::{Metadata, Process, TranscodeOptions};
use raster::{Orientation, Size, Watch};
use rules::Rule;

use crate::animate::{self, Still};
use crate::decode::{Color, Decoded, decode};
use crate::error::{Error, gif_error, jpeg_error};
use crate::plan::{self, Plan, Step, Target};
use crate::{Format, Limits, Options, SourceInfo, encode, probe};

/// Refuses what the rule alone shows to be too much, before any source is read.
///
/// # Errors
///
/// [`Error::TooManyFrames`].
pub fn check(rule: &Rule, limits: &Limits) -> Result<(), Error> {
    for rules::Stage::ImageMogr2(stage) in rule.stages() {
        let found = 1 + stage.animate.as_ref().map_or(0, |a| a.images.len());
        let max = limits.max_frames;
        if found > max {
            return Err(Error::TooManyFrames { found, max });
        }
    }
    Ok(())
}

/// Does everything that can fail on input.
///
/// - `sources`: the object, then the bytes of every one of [`Rule::images`], in that order. Sources that are
///   equal are decoded once; they may share their memory.
/// - A still result is complete here, and its length known; an animation is decoded, laid out and ready to be encoded.
/// - A rule that changes nothing gives back the object's own bytes.
/// - Cost: peak memory is the sources, and the decoded picture with its result, or every frame of the animation.
///
/// # Errors
///
/// Every error on the input, each naming the source at fault, limits before anything is decoded;
/// [`Error::Stopped`] if `watch` says so.
pub fn prepare(
    sources: &[Bytes],
    rule: &Rule,
    limits: &Limits,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Prepared, Error> {
    check(rule, limits)?;
    let expected = 1 + rule.images().count();
    if sources.len() != expected {
        let found = sources.len();
        return Err(Error::SourceCount { found, expected });
    }
    let steps = plan::steps(rule);
    let mut infos = Vec::with_capacity(expected);
    for (index, bytes) in sources.iter().enumerate() {
        let info = limits.accept(bytes).and_then(|info| {
            // The object may become a frame on the way; images must be frames as they are.
            if index > 0 || matches!(steps.first(), Some(Step::Animate { .. })) {
                limits.check_frame(&info)?;
            }
            Ok(info)
        });
        infos.push(info.map_err(|fault| Error::Source { index, fault })?);
    }
    let object = |fault| Error::Source { index: 0, fault };
    let mut bytes = sources[0].clone();
    let mut info = infos[0];
    let mut steps = steps.into_iter().peekable();
    while let Some(step) = steps.next() {
        watch.check()?;
        let made = match step {
            Step::Still(ask) => {
                let plan = Plan::new(ask, &info).map_err(object)?;
                // A frame shows the same pixels however its JPEG is written.
                let last = !matches!(steps.peek(), Some(Step::Animate { .. }));
                if plan == Plan::Unchanged || (plan.keeps_pixels() && !last) {
                    continue;
                }
                execute(plan, &bytes, &info, limits, options, watch)?
            }
            Step::Animate { duration, images } => {
                limits.check_frame(&info).map_err(object)?;
                let rest = images.map(|index| (index, &sources[index], infos[index]));
                let stills: Vec<Still> = std::iter::once((0, &bytes, info))
                    .chain(rest)
                    .map(|(index, bytes, info)| Still { index, bytes, info })
                    .collect();
                let frames = animate::frames(&stills, duration, limits, options.threads, watch)?;
                let prepared = Prepared::animation(frames, options);
                if steps.peek().is_none() {
                    return Ok(prepared);
                }
                let mut made = Vec::new();
                prepared.write(watch, &mut made)?;
                Bytes::from(made)
            }
        };
        bytes = made;
        info = probe(&bytes).map_err(|fault| Error::Encoder {
            format: info.format,
            reason: fault.to_string(),
        })?;
    }
    Ok(Prepared::done(bytes, &info))
}

/// Carries out a plan on a still; `info` is what the probe of `bytes` said.
fn execute(
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
    let decoded = decode(bytes, info, Color::Kept, limits, watch);
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
        let decoded = decode(source, &info, Color::Kept, limits, watch);
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

/// What the result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultInfo {
    /// What it is: the source's format where the rule changes nothing.
    pub format: Format,
    /// Width and height as stored.
    pub size: Size,
    /// Images in it.
    pub frames: u32,
    /// JPEG: the quality that its tables come nearest to. Others: 100, as the API has it.
    pub quality: u8,
}

/// A result that can no longer fail on input.
pub struct Prepared {
    info: ResultInfo,
    work: Work,
}

enum Work {
    Done(Bytes),
    Animation {
        frames: Vec<GifFrame>,
        options: codec_gif::Options,
    },
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the result is.
    pub info: ResultInfo,
    /// Bytes written.
    pub bytes: u64,
}

impl Prepared {
    fn done(bytes: Bytes, info: &SourceInfo) -> Self {
        let quality = match info.format {
            Format::Jpeg => info.quality.unwrap_or(100),
            _ => 100,
        };
        Self {
            info: ResultInfo {
                format: info.format,
                size: info.size,
                frames: info.frames,
                quality,
            },
            work: Work::Done(bytes),
        }
    }

    fn animation(frames: Vec<GifFrame>, options: &Options) -> Self {
        let options = codec_gif::Options {
            preset: options.preset,
            threads: options.threads,
            simd: options.simd,
        };
        Self {
            info: ResultInfo {
                format: Format::Gif,
                size: frames[0].frame.size(),
                frames: frames.len() as u32,
                quality: 100,
            },
            work: Work::Animation { frames, options },
        }
    }

    /// What the result is.
    pub fn info(&self) -> ResultInfo {
        self.info
    }

    /// The whole result where it is already made: every still. `None` for an animation.
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.work {
            Work::Done(bytes) => Some(bytes),
            Work::Animation { .. } => None,
        }
    }

    /// Writes the result to `out`, an animation block by block as its frames are encoded.
    ///
    /// # Errors
    ///
    /// [`Error::Output`] if `out` fails, [`Error::Stopped`] if `watch` says so.
    pub fn write(self, watch: &dyn Watch, out: &mut dyn Write) -> Result<Report, Error> {
        let info = self.info;
        let bytes = match self.work {
            Work::Done(bytes) => {
                out.write_all(&bytes).map_err(Error::Output)?;
                bytes.len() as u64
            }
            Work::Animation { frames, options } => {
                codec_gif::encode(frames, &options, watch, out)
                    .map_err(gif_error)?
                    .bytes
            }
        };
        Ok(Report { info, bytes })
    }
}
