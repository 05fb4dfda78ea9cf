//! What can go wrong.

use raster::{Size, Stopped};

use crate::format::Format;
use crate::probe::info::SourceInfo;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One of the sources is at fault: the object or an image that the rule names.
    #[error("{}{fault}", place(*index))]
    Source {
        /// Which: 0 is the object, n the rule's n-th image.
        index: usize,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The rule asks for more frames than are allowed.
    #[error("the animation has {found} frames, the object and {} images; at most {max} frames are allowed", found - 1)]
    TooManyFrames {
        /// Frames asked for, the object included.
        found: usize,
        /// What is allowed.
        max: usize,
    },
    /// The work was told to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The writer failed.
    #[error("the output could not be written")]
    Output(#[source] std::io::Error),
    /// The caller gave more or fewer sources than the rule names. A mistake of ours.
    #[error("{found} sources were given; the rule needs {expected}")]
    SourceCount {
        /// How many were given.
        found: usize,
        /// The object and every image of the rule.
        expected: usize,
    },
    /// An encoder refused what it was given. A mistake of ours.
    #[error("the {format} could not be encoded: {reason}")]
    Encoder {
        /// What was to be written.
        format: Format,
        /// The encoder's words.
        reason: String,
    },
}

/// What is wrong with one source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is nothing in it.
    #[error("empty; an image is expected")]
    Empty,
    /// Not an image of a kind that is known.
    #[error("not an image that can be processed: JPEG, PNG, GIF, WEBP and BMP can")]
    UnknownFormat,
    /// A kind of image that cannot be a frame.
    #[error("a {0}; animate takes JPG and PNG")]
    NotAFrame(Format),
    /// The result would be of a kind that is not written.
    #[error("a {0}, and {0} results are not supported yet; add format/jpg or format/png")]
    NotWritten(Format),
    /// Damaged, truncated, or against its format's rules.
    #[error("not a readable {format}: {reason}")]
    Broken {
        /// What it claims to be.
        format: Format,
        /// What is wrong.
        reason: String,
    },
    /// In order, but of a kind that no decoder here reads.
    #[error("this kind of {format} is not supported: {reason}")]
    Unsupported {
        /// What it is.
        format: Format,
        /// What is not supported.
        reason: String,
    },
    /// Too many bytes.
    #[error("{found} bytes; at most {max} are allowed")]
    TooManyBytes {
        /// How many it has.
        found: u64,
        /// How many it may have.
        max: u64,
    },
    /// A side is too long.
    #[error("{found} px; a side is at most {max} px")]
    SideTooLong {
        /// Its size.
        found: Size,
        /// What a side may have.
        max: u32,
    },
    /// A side is too long for a frame of `animate`.
    #[error("{found} px; a frame of animate is at most {max}x{max} px")]
    FrameTooLarge {
        /// Its size.
        found: Size,
        /// What a side may have.
        max: u32,
    },
    /// Too many pixels.
    #[error("{found} px, {} pixels in all; at most {max} are allowed", found.pixels())]
    TooManyPixels {
        /// Its size.
        found: Size,
        /// What is allowed.
        max: u64,
    },
    /// An animated source with too many frames.
    #[error("{found} frames; a source has at most {max}")]
    TooManySourceFrames {
        /// How many it has.
        found: u32,
        /// What is allowed.
        max: u32,
    },
    /// An animated source with too many pixels in all its frames.
    #[error("{size} px in {frames} frames; width x height x frames is at most {max}")]
    TooManyAnimationPixels {
        /// Its canvas.
        size: Size,
        /// Its frames.
        frames: u32,
        /// What is allowed.
        max: u64,
    },
    /// A picture that takes too much memory to work on.
    #[error("it takes {found} bytes of memory or more; at most {max} are allowed")]
    TooMuchMemory {
        /// What it takes, as far as that is known.
        found: u64,
        /// What is allowed.
        max: u64,
    },
    /// A JPEG whose scans ask for too much work.
    #[error("its scans go over the picture more than {max} times; at most that often is allowed")]
    TooManyPasses {
        /// What is allowed.
        max: u32,
    },
    /// A JPEG with too many scans.
    #[error("more than {max} scans; a JPEG has at most that many")]
    TooManyScans {
        /// What is allowed.
        max: u32,
    },
}

impl Fault {
    /// The fault of a file that breaks its format's rules.
    pub(crate) fn broken(format: Format, reason: impl Into<String>) -> Self {
        Self::Broken {
            format,
            reason: reason.into(),
        }
    }

    /// The fault of a file whose decoder finds another size than the probe, by which the limits were checked.
    pub(crate) fn other_size(info: &SourceInfo, found: Size) -> Self {
        let size = info.size;
        Self::broken(
            info.format,
            format!("it decodes to {found} px where its header says {size} px"),
        )
    }
}

/// How a message names a source.
fn place(index: usize) -> String {
    match index {
        0 => "the object: ".to_owned(),
        n => format!("image {n}: "),
    }
}

impl Error {
    /// True where `ignore-error/1` answers with the original instead.
    pub fn is_suppressible(&self) -> bool {
        match self {
            Self::Source { .. } | Self::TooManyFrames { .. } | Self::Stopped(Stopped::Deadline) => {
                true
            }
            Self::Stopped(Stopped::Cancelled)
            | Self::Output(_)
            | Self::SourceCount { .. }
            | Self::Encoder { .. } => false,
        }
    }
}

/// What the JPEG codec's refusals mean for the object.
pub(crate) fn jpeg_error(error: codec_jpeg::Error) -> Error {
    match jpeg_fault(error) {
        Ok(fault) => Error::Source { index: 0, fault },
        Err(error) => error,
    }
}

/// What is wrong with the source, if that is what the JPEG codec says.
pub(crate) fn jpeg_fault(error: codec_jpeg::Error) -> Result<Fault, Error> {
    let format = Format::Jpeg;
    Ok(match error {
        codec_jpeg::Error::Stopped(stopped) => return Err(Error::Stopped(stopped)),
        codec_jpeg::Error::TooManyPasses { max_passes } => Fault::TooManyPasses { max: max_passes },
        codec_jpeg::Error::TooMuchMemory {
            found_bytes,
            max_bytes,
        } => Fault::TooMuchMemory {
            found: found_bytes,
            max: max_bytes,
        },
        codec_jpeg::Error::Malformed(reason) => Fault::Broken { format, reason },
        codec_jpeg::Error::Unsupported(reason) => Fault::Unsupported { format, reason },
        codec_jpeg::Error::TooManyPixels { found, max_pixels } => Fault::TooManyPixels {
            found,
            max: max_pixels,
        },
        codec_jpeg::Error::TooManyScans { max_scans } => Fault::TooManyScans { max: max_scans },
        codec_jpeg::Error::TooLarge(found) => Fault::SideTooLong { found, max: 65535 },
        // What would not fit was left out before; a quality is checked with the rule.
        error @ (codec_jpeg::Error::SegmentTooLarge { .. } | codec_jpeg::Error::Quality(_)) => {
            let reason = error.to_string();
            return Err(Error::Encoder { format, reason });
        }
    })
}

/// What the GIF codec's refusals mean.
pub(crate) fn gif_error(error: codec_gif::Error) -> Error {
    match error {
        codec_gif::Error::Stopped(stopped) => Error::Stopped(stopped),
        codec_gif::Error::Output(error) => Error::Output(error),
        other => Error::Encoder {
            format: Format::Gif,
            reason: other.to_string(),
        },
    }
}
