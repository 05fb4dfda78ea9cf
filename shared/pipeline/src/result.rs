//! What comes out, a picture or a text: told before it is written.

use std::io::Write;

use bytes::Bytes;
use codec_gif::GifFrame;
use raster::{Size, Watch};

use crate::error::{Error, gif_error};
use crate::format::Format;
use crate::limits::Options;
use crate::probe::info::SourceInfo;

/// What the result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultInfo {
    /// What it is: the source's format where the rule changes nothing.
    pub format: Format,
    /// Width and height as stored.
    pub size: Size,
    /// Images in it.
    pub frames: u32,
    /// JPEG: the quality that it was encoded with or, where its pixels were not touched, that its tables come nearest
    /// to. Others: 100, as the API has it.
    pub quality: u8,
}

/// A result that can no longer fail on input: a picture, or a text that tells of one.
pub struct Prepared {
    info: ResultInfo,
    is_text: bool,
    work: Work,
}

enum Work {
    Done(Bytes),
    Animation {
        frames: Vec<GifFrame>,
        options: codec_gif::Options,
    },
}

/// A result that was written whole, and how many bytes it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the result is.
    pub info: ResultInfo,
    /// Bytes written.
    pub bytes: u64,
}

impl ResultInfo {
    /// What a source is that is answered as it is.
    pub(crate) fn of_source(source: &SourceInfo) -> Self {
        Self {
            format: source.format,
            size: source.size,
            frames: source.frames,
            quality: match source.format {
                Format::Jpeg => source.quality.unwrap_or(100),
                _ => 100,
            },
        }
    }
}

impl Prepared {
    /// A result that is complete.
    pub(crate) fn done(bytes: Bytes, info: ResultInfo) -> Self {
        let work = Work::Done(bytes);
        let is_text = false;
        Self {
            info,
            is_text,
            work,
        }
    }

    /// A JSON document about a picture.
    pub(crate) fn text(document: String, about: ResultInfo) -> Self {
        Self {
            is_text: true,
            ..Self::done(document.into(), about)
        }
    }

    /// An animation that is encoded as it is written.
    pub(crate) fn animation(frames: Vec<GifFrame>, info: ResultInfo, options: &Options) -> Self {
        let options = codec_gif::Options {
            preset: options.preset,
            threads: options.threads,
            simd: options.simd,
        };
        let work = Work::Animation { frames, options };
        let is_text = false;
        Self {
            info,
            is_text,
            work,
        }
    }

    /// The media type of the bytes: the picture's, or `application/json` where they are a text that tells of it.
    pub fn media_type(&self) -> &'static str {
        if self.is_text {
            "application/json"
        } else {
            self.info.format.media_type()
        }
    }

    /// What the result is or, where it is a text, what the picture is that the text tells of.
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
