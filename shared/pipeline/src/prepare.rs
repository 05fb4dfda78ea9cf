//! The one way through: probe, plan, decode; then write.

use std::io::Write;

use bytes::Bytes;
use codec_gif::GifFrame;
use raster::{Size, Watch};
use rules::Rule;

use crate::{Error, Format, Limits, Options};

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
    watch.check()?;
    let _ = options;
    Err(Error::SourceCount {
        found: sources.len(),
        expected: 0,
    })
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
    /// JPEG: the quality it was encoded at, or that of its tables. Others: 100, as the API has it.
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

fn gif_error(error: codec_gif::Error) -> Error {
    match error {
        codec_gif::Error::Stopped(stopped) => Error::Stopped(stopped),
        codec_gif::Error::Output(error) => Error::Output(error),
        other => Error::Encoder {
            format: Format::Gif,
            reason: other.to_string(),
        },
    }
}
