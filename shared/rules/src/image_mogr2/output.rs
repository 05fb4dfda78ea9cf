//! What says how the result is written. None of it has a place among the operations.
//!
//! ```text
//! format    = "format/" ( "jpg" / "yjpeg" / "png" )
//! interlace = "interlace/" ( "0" / "1" )
//! quality   = "quality/" n [ "!" ]                   ; 0 to 100
//! strip     = "strip"
//! ```

use std::fmt;

use crate::error::Error;
use crate::values::{Segments, Takes, whole};

/// How the result is written. Nothing given is as the source is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Output {
    /// `format/<jpg|png>`
    pub format: Option<Format>,
    /// `interlace/<0|1>`: true asks for a progressive JPG.
    pub interlace: Option<bool>,
    /// `quality/<0..=100>[!]`
    pub quality: Option<Quality>,
    /// `strip`: leave metadata out, but for what says how the picture looks.
    pub strip: bool,
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

const FORMAT: Takes = Takes {
    operation: "format",
    expected: "jpg or png",
};
const INTERLACE: Takes = Takes {
    operation: "interlace",
    expected: "0 or 1",
};
const QUALITY: Takes = Takes {
    operation: "quality",
    expected: "0 to 100, and `!` after it to force it",
};

impl Output {
    /// Reads the value of `format`.
    pub(crate) fn read_format(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        let text = segments.need(FORMAT)?;
        self.format = Some(match text {
            "jpg" | "yjpeg" => Format::Jpg,
            "png" => Format::Png,
            "bmp" | "gif" | "webp" | "heif" | "avif" | "tpg" => {
                return Err(Error::UnsupportedValue {
                    operation: "format",
                    supported: FORMAT.expected,
                    found: text.to_owned(),
                });
            }
            _ => return Err(FORMAT.not(text)),
        });
        Ok(())
    }

    /// Reads the value of `interlace`.
    pub(crate) fn read_interlace(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.interlace = Some(INTERLACE.flag(segments.need(INTERLACE)?)?);
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
