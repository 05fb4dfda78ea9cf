//! What says how the result is written. None of it has a place among the operations.
//!
//! ```text
//! format       = "format/" name
//! interlace    = "interlace/" flag
//! quality      = ( "quality" / "q" ) "/" n [ "!" ]              ; 0 to 100
//! rquality     = ( "rquality" / "rq" ) "/" n                    ; 0 to 100
//! lquality     = ( "lquality" / "lq" ) "/" n                    ; 0 to 100
//! lossless     = "lossless" [ "/" flag ]
//! strip        = "strip" [ "/" flag ]
//! size-limit   = "size-limit/" ( n [ "k" / "m" ] / "$(fsize)" ) [ "!" ]
//! minsize      = ( "minsize" / "minisize" ) [ "/" flag ]
//! x-size-limit = "x-size-limit/" n [ "k" / "m" ]
//! x-preset     = "x-preset/" ( "quality" / "small" )
//! ```

use std::fmt;

use crate::error::{Error, short};
use crate::values::{Segments, Takes, whole};

/// How the result is written. Nothing given is as the source is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Output {
    /// `format/<f>`
    pub format: Option<Format>,
    /// `interlace/<0|1>`: true asks for a progressive JPG.
    pub interlace: Option<bool>,
    /// `quality/<0..=100>[!]`
    pub quality: Option<Quality>,
    /// `rquality/<0..=100>`: percent of the quality that would be written without it.
    pub relative_quality: Option<u8>,
    /// `lquality/<0..=100>`: the least quality.
    pub least_quality: Option<u8>,
    /// `lossless/<0|1>`: WebP without loss.
    pub lossless: Option<bool>,
    /// `strip`: leave metadata out, but for what says how the picture looks.
    pub strip: bool,
    /// `size-limit/<n>[!]`
    pub size_limit: Option<SizeLimit>,
    /// `minsize/1`: the object's own bytes where the result is larger.
    pub min_size: bool,
    /// `x-size-limit/<n>`: bytes of a GIF or animated WebP.
    pub x_size_limit: Option<u64>,
    /// `x-preset/<quality|small>`: what a GIF is written with.
    pub preset: Option<Preset>,
}

/// The format that the result is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `jpg`; `jpeg` and `yjpeg` are other words for it.
    Jpg,
    /// `png`
    Png,
    /// `webp`
    WebP,
    /// `gif`
    Gif,
    /// `bmp`
    Bmp,
    /// `avif`
    Avif,
    /// `src`, `copy`: what the source is.
    Source,
}

/// The quality of what is encoded with loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quality {
    /// 0 to 100.
    pub value: u8,
    /// With `!`: this quality whatever the source's. Otherwise the lower of this and the source's.
    pub forced: bool,
}

/// How many bytes a result may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SizeLimit {
    /// At most this many, 1 or more; `None` for as many as the source (`$(fsize)`).
    pub bytes: Option<u64>,
    /// With `!`: the source where the result is not smaller than it.
    pub only_smaller: bool,
}

/// What a GIF is encoded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Preset {
    /// Looks.
    Quality,
    /// Few bytes.
    Small,
}

/// A word for a format.
struct Word {
    name: &'static str,
    /// `None`: known, and never written.
    format: Option<Format>,
    built: bool,
}

const fn word(name: &'static str, format: Option<Format>, built: bool) -> Word {
    Word {
        name,
        format,
        built,
    }
}

static FORMATS: [Word; 18] = [
    word("jpg", Some(Format::Jpg), true),
    word("png", Some(Format::Png), true),
    word("webp", Some(Format::WebP), false),
    word("gif", Some(Format::Gif), false),
    word("bmp", Some(Format::Bmp), false),
    word("avif", Some(Format::Avif), false),
    word("src", Some(Format::Source), false),
    word("jpeg", Some(Format::Jpg), true),
    word("yjpeg", Some(Format::Jpg), true),
    word("copy", Some(Format::Source), false),
    word("heif", None, false),
    word("heic", None, false),
    word("tpg", None, false),
    word("astc", None, false),
    word("apng", None, false),
    word("tiff", None, false),
    word("psd", None, false),
    word("svgc", None, false),
];

/// The words for formats that are written, as `format` takes them.
fn formats() -> String {
    let built = FORMATS.iter().filter(|known| known.built);
    built.map(|known| known.name).collect::<Vec<_>>().join(", ")
}

const FORMAT: Takes = Takes::new("format", "the name of a format");
const INTERLACE: Takes = Takes::new("interlace", "0 or 1");
const QUALITY: Takes = Takes::new("quality", "0 to 100, and `!` after it to force it");
const RQUALITY: Takes = Takes::new("rquality", "0 to 100");
const LQUALITY: Takes = Takes::new("lquality", "0 to 100");
const SIZE_LIMIT: Takes = Takes::new(
    "size-limit",
    "bytes from 1, with k or m after them, and `!` at the end",
);
const X_SIZE_LIMIT: Takes = Takes::new("x-size-limit", "bytes from 1, with k or m after them");
const X_PRESET: Takes = Takes::new("x-preset", "quality or small");

impl Output {
    /// Reads the value of `format`.
    pub(crate) fn read_format(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        let text = segments.need_lower(FORMAT)?;
        let known = FORMATS.iter().find(|known| known.name == text);
        let written = |known: &&Word| known.built || segments.unbuilt;
        let format = known.filter(written).and_then(|known| known.format);
        self.format = Some(format.ok_or_else(|| Error::Format {
            found: short(&text),
            state: match known {
                None => "not a format that is known",
                Some(Word { format: None, .. }) => "not supported",
                Some(_) => "not supported yet",
            },
            written: formats(),
        })?);
        Ok(())
    }

    /// Reads the value of `interlace`.
    pub(crate) fn read_interlace(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.interlace = Some(INTERLACE.flag(segments)?);
        Ok(())
    }

    /// Reads the value of `quality`.
    pub(crate) fn read_quality(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        let text = segments.need(QUALITY)?;
        let (digits, forced) = match text.strip_suffix('!') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        let value = whole(digits).filter(|q| *q <= 100);
        let value = value.ok_or_else(|| QUALITY.not(text))? as u8;
        self.quality = Some(Quality { value, forced });
        Ok(())
    }

    /// Reads the value of `rquality`.
    pub(crate) fn read_rquality(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.relative_quality = Some(RQUALITY.number(segments, 0..=100)? as u8);
        Ok(())
    }

    /// Reads the value of `lquality`.
    pub(crate) fn read_lquality(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.least_quality = Some(LQUALITY.number(segments, 0..=100)? as u8);
        Ok(())
    }

    /// Reads the value of `size-limit`.
    pub(crate) fn read_size_limit(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        let text = segments.need_lower(SIZE_LIMIT)?;
        let (size, only_smaller) = match text.strip_suffix('!') {
            Some(size) => (size, true),
            None => (&*text, false),
        };
        let bytes = if size == "$(fsize)" {
            None
        } else {
            Some(bytes(size).ok_or_else(|| SIZE_LIMIT.not(&text))?)
        };
        self.size_limit = Some(SizeLimit {
            bytes,
            only_smaller,
        });
        Ok(())
    }

    /// Reads the value of `x-size-limit`.
    pub(crate) fn read_x_size_limit(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        let text = segments.need_lower(X_SIZE_LIMIT)?;
        self.x_size_limit = Some(bytes(&text).ok_or_else(|| X_SIZE_LIMIT.not(&text))?);
        Ok(())
    }
}

impl Preset {
    /// Reads the value of `x-preset`.
    pub(crate) fn read(segments: &mut Segments<'_>) -> Result<Self, Error> {
        // `quality` is also the name of an operation, and here a value all the same.
        for (word, preset) in [("quality", Self::Quality), ("small", Self::Small)] {
            let next = segments.peek();
            if next.is_some_and(|text| text.eq_ignore_ascii_case(word)) {
                segments.next();
                return Ok(preset);
            }
        }
        Err(X_PRESET.not(segments.need(X_PRESET)?))
    }
}

/// Reads a number of bytes, 1 or more: `<n>`, `<n>k` of 1024, `<n>m` of 1048576.
fn bytes(text: &str) -> Option<u64> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'k' => (&text[..text.len() - 1], 1 << 10),
        b'm' => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    let number = whole(digits).filter(|number| *number > 0)?;
    Some(u64::from(number) * unit)
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = FORMATS.iter().find(|known| known.format == Some(*self));
        f.write_str(known.map_or("", |known| known.name))
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.forced { "!" } else { "" };
        write!(f, "{}{mark}", self.value)
    }
}

impl fmt::Display for SizeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes {
            Some(bytes) => write!(f, "{}", Bytes(bytes))?,
            None => f.write_str("$(fsize)")?,
        }
        f.write_str(if self.only_smaller { "!" } else { "" })
    }
}

/// A number of bytes in the largest unit that has it whole, so that what was read can be written.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes % (1 << 20) == 0 => write!(f, "{}m", bytes >> 20),
            bytes if bytes % (1 << 10) == 0 => write!(f, "{}k", bytes >> 10),
            bytes => write!(f, "{bytes}"),
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quality => "quality",
            Self::Small => "small",
        })
    }
}
