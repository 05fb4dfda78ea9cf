//! One `imageMogr2` stage: operations and their values.

use std::fmt;

use crate::error::short;
use crate::{Error, ImageRef};

/// The longest `duration`, in milliseconds: GIF has 16 bits of hundredths of a second for it.
pub const MAX_DURATION: u32 = 655_350;

/// What one `imageMogr2` stage asks for. Nothing asked for is a stage that changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ImageMogr2 {
    /// `animate/duration/<ms>/images/<base64>/...`; nothing but `ignore_error` stands beside it.
    pub animate: Option<Animate>,
    /// `format/<jpg|png>`
    pub format: Option<Format>,
    /// `interlace/<0|1>`: true asks for a progressive JPG.
    pub interlace: Option<bool>,
    /// `quality/<0..=100>[!]`
    pub quality: Option<Quality>,
    /// `strip`
    pub strip: bool,
    /// `auto-orient`
    pub auto_orient: bool,
    /// `ignore-error/1`
    pub ignore_error: bool,
}

/// `animate`: the object and these images as one GIF.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Animate {
    /// How long each frame shows, in milliseconds: 1 to [`MAX_DURATION`].
    pub duration: u32,
    /// The frames after the object, in order; at least one. How many are too many is for the pipeline's limits.
    pub images: Vec<ImageRef>,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `jpg`, and `yjpeg` as another word for it.
    Jpg,
    /// `png`
    Png,
}

/// The quality of a JPG that is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quality {
    /// 0 to 100.
    pub value: u8,
    /// With `!`: this quality whatever the source's. Otherwise the lower of this and the source's.
    pub forced: bool,
}

/// Operations that are documented and not built yet.
const UNSUPPORTED: [&str; 26] = [
    "thumbnail",
    "pad",
    "color",
    "cut",
    "crop",
    "iradius",
    "rradius",
    "scrop",
    "rcrop",
    "gravity",
    "dx",
    "dy",
    "rotate",
    "flip",
    "rquality",
    "lquality",
    "blur",
    "bright",
    "contrast",
    "sharpen",
    "grayscale",
    "size-limit",
    "cgif",
    "egif",
    "frame",
    "AIGCMetadata",
];

const SUPPORTED: [&str; 9] = [
    "animate",
    "duration",
    "images",
    "interlace",
    "format",
    "quality",
    "strip",
    "auto-orient",
    "ignore-error",
];

const DURATION: &str = "a whole number of milliseconds, 1 to 655350";
const IMAGES: &str = "1 to 19 image URLs in URL-safe base64";
const INTERLACE: &str = "0 or 1";
const FORMAT: &str = "jpg or png";
const QUALITY: &str = "0 to 100, and `!` after it to force it";
const IGNORE_ERROR: &str = "1";

/// Reads the segments after `imageMogr2`; none of them is empty.
pub(crate) fn parse<'a>(segments: impl Iterator<Item = &'a str>) -> Result<ImageMogr2, Error> {
    let mut stage = ImageMogr2::default();
    let mut animate = Draft::default();
    let mut suppressible = None;
    let mut segments = segments.peekable();
    while let Some(segment) = segments.next() {
        // A faulty value is remembered, and reading goes on: names that are unknown must be told of first.
        let mut keep = |error: Error| {
            suppressible.get_or_insert(error);
        };
        let mut value = |operation, expected| {
            // An operation's name is no value: `format/interlace/1` lacks one.
            let value = segments.next_if(|segment| !is_name(segment));
            value.ok_or(Error::MissingValue {
                operation,
                expected,
            })
        };
        match segment {
            "animate" => once("animate", &mut animate.asked, Ok(()), &mut keep)?,
            "duration" => {
                let duration = value("duration", DURATION).and_then(duration);
                animate.parameter("duration")?;
                once("duration", &mut animate.duration, duration, &mut keep)?;
            }
            "images" => {
                animate.parameter("images")?;
                let mut images = Vec::new();
                while let Some(text) = segments.next_if(|s| !is_name(s)) {
                    match ImageRef::from_base64(text) {
                        Ok(image) => images.push(image),
                        Err(error) => {
                            let number = images.len() + 1;
                            keep(Error::Image { number, error });
                        }
                    }
                }
                once("images", &mut animate.images, Ok(images), &mut keep)?;
            }
            "interlace" => {
                let interlace = value("interlace", INTERLACE).and_then(interlace);
                once("interlace", &mut stage.interlace, interlace, &mut keep)?;
            }
            "format" => {
                let format = value("format", FORMAT).and_then(format);
                once("format", &mut stage.format, format, &mut keep)?;
            }
            "quality" => {
                let quality = value("quality", QUALITY).and_then(quality);
                once("quality", &mut stage.quality, quality, &mut keep)?;
            }
            "strip" => stage.strip = true,
            "auto-orient" => stage.auto_orient = true,
            "ignore-error" => match value("ignore-error", IGNORE_ERROR) {
                Ok("1") => stage.ignore_error = true,
                Ok(found) => return Err(not("ignore-error", IGNORE_ERROR, found)),
                Err(error) => return Err(error),
            },
            other => {
                return Err(match UNSUPPORTED.iter().find(|name| **name == other) {
                    Some(name) => Error::UnsupportedOperation { name },
                    None => Error::UnknownOperation { name: short(other) },
                });
            }
        }
    }
    stage.refuse_beside_animate(animate.asked.is_some())?;
    if let Some(error) = suppressible {
        return Err(error);
    }
    stage.animate = animate.finish()?;
    Ok(stage)
}

/// `animate` while its parameters are being read; they come in either order.
#[derive(Default)]
struct Draft {
    asked: Option<()>,
    duration: Option<u32>,
    images: Option<Vec<ImageRef>>,
}

impl Draft {
    fn parameter(&self, parameter: &'static str) -> Result<(), Error> {
        self.asked.ok_or(Error::OutsideAnimate { parameter })
    }

    fn finish(self) -> Result<Option<Animate>, Error> {
        if self.asked.is_none() {
            return Ok(None);
        }
        let duration = self.duration.ok_or(Error::MissingParameter {
            parameter: "duration",
            expected: DURATION,
        })?;
        let images = self.images.filter(|images| !images.is_empty());
        let images = images.ok_or(Error::MissingParameter {
            parameter: "images",
            expected: IMAGES,
        })?;
        Ok(Some(Animate { duration, images }))
    }
}

/// True for a segment that ends a list of images.
fn is_name(segment: &str) -> bool {
    SUPPORTED.contains(&segment) || UNSUPPORTED.contains(&segment)
}

/// Fills `slot`, which must still be empty. A faulty value fills nothing and is handed to `keep`.
fn once<T>(
    operation: &'static str,
    slot: &mut Option<T>,
    value: Result<T, Error>,
    keep: &mut impl FnMut(Error),
) -> Result<(), Error> {
    if slot.is_some() {
        return Err(Error::Twice { operation });
    }
    match value {
        Ok(value) => *slot = Some(value),
        Err(error) => keep(error),
    }
    Ok(())
}

fn not(operation: &'static str, expected: &'static str, found: &str) -> Error {
    Error::Value {
        operation,
        expected,
        found: short(found),
    }
}

/// A whole number of decimal digits only (no sign, no space).
fn whole(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn duration(text: &str) -> Result<u32, Error> {
    let range = 1..=MAX_DURATION;
    let duration = whole(text).filter(|d| range.contains(d));
    duration.ok_or_else(|| not("duration", DURATION, text))
}

fn interlace(text: &str) -> Result<bool, Error> {
    match text {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(not("interlace", INTERLACE, text)),
    }
}

fn format(text: &str) -> Result<Format, Error> {
    match text {
        "jpg" | "yjpeg" => Ok(Format::Jpg),
        "png" => Ok(Format::Png),
        "bmp" | "gif" | "webp" | "heif" | "avif" | "tpg" => Err(Error::UnsupportedValue {
            operation: "format",
            supported: FORMAT,
            found: text.to_owned(),
        }),
        _ => Err(not("format", FORMAT, text)),
    }
}

fn quality(text: &str) -> Result<Quality, Error> {
    let (digits, forced) = match text.strip_suffix('!') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let value = whole(digits).filter(|q| *q <= 100);
    let value = value.ok_or_else(|| not("quality", QUALITY, text))? as u8;
    Ok(Quality { value, forced })
}

impl ImageMogr2 {
    /// True where the stage asks for nothing at all.
    pub fn is_empty(&self) -> bool {
        let nothing = Self {
            ignore_error: self.ignore_error,
            ..Self::default()
        };
        *self == nothing
    }

    fn refuse_beside_animate(&self, animate: bool) -> Result<(), Error> {
        let named = [
            ("`format`", self.format.is_some()),
            ("`interlace`", self.interlace.is_some()),
            ("`quality`", self.quality.is_some()),
            ("`strip`", self.strip),
            ("`auto-orient`", self.auto_orient),
        ];
        let others: Vec<&str> = named.iter().filter(|n| n.1).map(|n| n.0).collect();
        if animate && !others.is_empty() {
            return Err(Error::BesideAnimate {
                operations: others.join(", "),
            });
        }
        Ok(())
    }
}

impl fmt::Display for ImageMogr2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("imageMogr2")?;
        if let Some(animate) = &self.animate {
            write!(f, "/animate/duration/{}/images", animate.duration)?;
            for image in &animate.images {
                write!(f, "/{}", image.to_base64())?;
            }
        }
        if let Some(format) = self.format {
            write!(f, "/format/{format}")?;
        }
        if let Some(interlace) = self.interlace {
            write!(f, "/interlace/{}", u8::from(interlace))?;
        }
        if let Some(quality) = self.quality {
            write!(f, "/quality/{quality}")?;
        }
        if self.strip {
            f.write_str("/strip")?;
        }
        if self.auto_orient {
            f.write_str("/auto-orient")?;
        }
        if self.ignore_error {
            f.write_str("/ignore-error/1")?;
        }
        Ok(())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpg => "jpg",
            Self::Png => "png",
        })
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.forced { "!" } else { "" };
        write!(f, "{}{mark}", self.value)
    }
}
