//! `watermark`: an image or a text that is laid over a picture.
//!
//! ```text
//! stage    = "watermark/" ( "1" / "2" ) *( "/" name "/" value )    ; in any order
//! image    = b64 of an image URL, which may carry one rule         ; 1: required
//! text     = b64 of UTF-8, at most 1024 bytes                      ; 2: required
//! gravity  = direction                                             ; southeast
//! dx, dy   = n                                                     ; 0
//! dissolve = n       ; 0 to 100, 90: percent of the mark's own alpha
//! batch    = flag    ; 0: tiles
//! degree   = n       ; 0 to 360, 0: clockwise
//! spacing  = n       ; 0 to 100, 10: percent of a tile, between tiles
//! scatype  = "1" / "2" / "3", with spcent = n                      ; thousandths of width, height or area
//! blogo    = "1" / "2"                                             ; 1 only
//! font     = b64     fontsize = dec     fill = color     shadow = n   ; 2 only: tahoma.ttf, 13, #3D3D3D, 0
//! ```

use std::fmt;

use crate::color::Color;
use crate::error::Error;
use crate::image_mogr2::crop::Gravity;
use crate::image_url::ImageRef;
use crate::values::{Decimal, Segments, Takes, encode};

/// What one `watermark` stage asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watermark {
    /// What is laid over the picture.
    pub mark: Mark,
    /// Where it is.
    pub gravity: Gravity,
    /// Pixels inwards, horizontally; without meaning in the middle column.
    pub dx: u32,
    /// Pixels inwards, vertically; without meaning in the middle row.
    pub dy: u32,
    /// Percent of its own alpha that it is laid on with, 0 to 100.
    pub dissolve: u8,
    /// Repeated over the whole picture.
    pub batch: bool,
    /// Turned clockwise about its middle, 0 to 359 degrees.
    pub degree: u16,
    /// The gap between tiles in percent of their sides, 0 to 100.
    pub spacing: u8,
    /// Its size by the picture's.
    pub scale: Option<MarkScale>,
}

/// What is laid over a picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// `watermark/1`
    Image {
        /// The image; its URL may carry one rule.
        image: ImageRef,
        /// What becomes of one that is larger than the picture.
        overflow: Overflow,
    },
    /// `watermark/2`
    Text {
        /// 1 to 1024 bytes; new lines break it, and there are no other control characters.
        text: String,
        /// The name of a font.
        font: Option<String>,
        /// In points, 1 to 1000.
        size: Decimal,
        /// Of the letters.
        fill: Color,
        /// Opacity of the shadow in percent, 0 to 100.
        shadow: u8,
    },
}

/// What becomes of an image that is larger than the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// `blogo/1`: fitted inside.
    Fit,
    /// `blogo/2`: what sticks out is cut off.
    #[default]
    Cut,
}

/// The size of a mark by the picture's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MarkScale {
    /// `scatype/1`: this many thousandths of the picture's width, 1 to 1000.
    Width(u16),
    /// `scatype/2`: this many thousandths of the picture's height, 1 to 1000.
    Height(u16),
    /// `scatype/3`: this many thousandths of the picture's area, 1 to 250.
    Area(u16),
}

const KIND: Takes = Takes::new("watermark", "1 (an image) or 2 (a text)");
const IMAGE: Takes = Takes::new("image", "an image URL in URL-safe base64");
const TEXT: Takes = Takes::new(
    "text",
    "base64 of 1 to 1024 bytes of UTF-8 without control characters",
);
const DX: Takes = Takes::new("dx", "a whole number of pixels");
const DY: Takes = Takes::new("dy", "a whole number of pixels");
const DISSOLVE: Takes = Takes::new("dissolve", "0 to 100");
const BATCH: Takes = Takes::new("batch", "0 or 1");
const DEGREE: Takes = Takes::new("degree", "0 to 360");
const SPACING: Takes = Takes::new("spacing", "0 to 100");
const SCATYPE: Takes = Takes::new("scatype", "1, 2 or 3, and spcent beside it");
const SPCENT: Takes = Takes::new(
    "spcent",
    "1 to 1000, 250 for scatype/3, and scatype beside it",
);
const BLOGO: Takes = Takes::new("blogo", "1 or 2");
const FONT: Takes = Takes::new("font", "base64 of the name of a font");
const FONTSIZE: Takes = Takes::new("fontsize", "1 to 1000 points");
const FILL: Takes = Takes::new("fill", "a color in base64");
const SHADOW: Takes = Takes::new("shadow", "0 to 100");

const FILLED: Color = Color::Opaque([0x3D; 3]);
const SIZE: Decimal = Decimal {
    thousandths: 13_000,
};

/// Which of the two marks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Image,
    Text,
}

impl Kind {
    /// Reads what stands after `watermark`.
    pub(crate) fn read(segments: &mut Segments<'_>) -> Result<Self, Error> {
        match segments.need(KIND)? {
            "1" => Ok(Self::Image),
            "2" => Ok(Self::Text),
            "3" => Err(Error::Refused {
                name: "watermark/3",
            }),
            "4" => Err(Error::Refused {
                name: "watermark/4",
            }),
            other => Err(KIND.not(other)),
        }
    }
}

/// A watermark while it is being read.
pub(crate) struct MarkDraft {
    image: Option<ImageRef>,
    text: Option<String>,
    gravity: Gravity,
    dx: u32,
    dy: u32,
    dissolve: u8,
    batch: bool,
    degree: u16,
    spacing: u8,
    scatype: Option<u32>,
    spcent: Option<u32>,
    overflow: Overflow,
    font: Option<String>,
    size: Decimal,
    fill: Color,
    shadow: u8,
}

impl Default for MarkDraft {
    fn default() -> Self {
        Self {
            image: None,
            text: None,
            gravity: Gravity::SouthEast,
            dx: 0,
            dy: 0,
            dissolve: 90,
            batch: false,
            degree: 0,
            spacing: 10,
            scatype: None,
            spcent: None,
            overflow: Overflow::default(),
            font: None,
            size: SIZE,
            fill: FILLED,
            shadow: 0,
        }
    }
}

impl MarkDraft {
    /// Reads the value of `image`.
    pub(crate) fn read_image(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        let image = ImageRef::with_rule_from_base64(segments.need(IMAGE)?);
        self.image = Some(image.map_err(|error| Error::MarkImage { error })?);
        Ok(())
    }

    /// Reads the value of `text`.
    pub(crate) fn read_text(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.text = Some(TEXT.text(segments, 1024)?);
        Ok(())
    }

    /// Reads the value of `gravity`.
    pub(crate) fn read_gravity(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.gravity = Gravity::read(segments)?;
        Ok(())
    }

    /// Reads the value of `dx`.
    pub(crate) fn read_dx(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.dx = DX.number(segments, 0..=u32::MAX)?;
        Ok(())
    }

    /// Reads the value of `dy`.
    pub(crate) fn read_dy(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.dy = DY.number(segments, 0..=u32::MAX)?;
        Ok(())
    }

    /// Reads the value of `dissolve`.
    pub(crate) fn read_dissolve(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.dissolve = DISSOLVE.number(segments, 0..=100)? as u8;
        Ok(())
    }

    /// Reads the value of `batch`.
    pub(crate) fn read_batch(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.batch = BATCH.flag(segments)?;
        Ok(())
    }

    /// Reads the value of `degree`.
    pub(crate) fn read_degree(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.degree = (DEGREE.number(segments, 0..=360)? % 360) as u16;
        Ok(())
    }

    /// Reads the value of `spacing`.
    pub(crate) fn read_spacing(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.spacing = SPACING.number(segments, 0..=100)? as u8;
        Ok(())
    }

    /// Reads the value of `scatype`.
    pub(crate) fn read_scatype(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.scatype = Some(SCATYPE.number(segments, 1..=3)?);
        Ok(())
    }

    /// Reads the value of `spcent`.
    pub(crate) fn read_spcent(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.spcent = Some(SPCENT.number(segments, 1..=1000)?);
        Ok(())
    }

    /// Reads the value of `blogo`.
    pub(crate) fn read_blogo(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.overflow = match BLOGO.number(segments, 1..=2)? {
            1 => Overflow::Fit,
            _ => Overflow::Cut,
        };
        Ok(())
    }

    /// Reads the value of `font`.
    pub(crate) fn read_font(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.font = Some(FONT.text(segments, 255)?);
        Ok(())
    }

    /// Reads the value of `fontsize`.
    pub(crate) fn read_fontsize(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        let text = segments.need(FONTSIZE)?;
        let range = 1_000..=1_000_000;
        let size = Decimal::parse(text).filter(|size| range.contains(&size.thousandths));
        self.size = size.ok_or_else(|| FONTSIZE.not(text))?;
        Ok(())
    }

    /// Reads the value of `fill`.
    pub(crate) fn read_fill(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.fill = Color::read(FILL, segments)?;
        Ok(())
    }

    /// Reads the value of `shadow`.
    pub(crate) fn read_shadow(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.shadow = SHADOW.number(segments, 0..=100)? as u8;
        Ok(())
    }

    /// The stage, once everything is read.
    pub(crate) fn finish(self, kind: Kind) -> Result<Watermark, Error> {
        let missing = |takes: Takes| Error::MissingValue {
            operation: takes.operation,
            expected: takes.expected,
        };
        let mark = match kind {
            Kind::Image => Mark::Image {
                image: self.image.ok_or_else(|| missing(IMAGE))?,
                overflow: self.overflow,
            },
            Kind::Text => Mark::Text {
                text: self.text.ok_or_else(|| missing(TEXT))?,
                font: self.font,
                size: self.size,
                fill: self.fill,
                shadow: self.shadow,
            },
        };
        let scale = match (self.scatype, self.spcent) {
            (None, None) => None,
            (None, Some(_)) => return Err(missing(SCATYPE)),
            (Some(_), None) => return Err(missing(SPCENT)),
            (Some(1), Some(part)) => Some(MarkScale::Width(part as u16)),
            (Some(2), Some(part)) => Some(MarkScale::Height(part as u16)),
            (Some(_), Some(part)) if part <= 250 => Some(MarkScale::Area(part as u16)),
            (Some(_), Some(part)) => return Err(SPCENT.not(&part.to_string())),
        };
        Ok(Watermark {
            mark,
            gravity: self.gravity,
            dx: self.dx,
            dy: self.dy,
            dissolve: self.dissolve,
            batch: self.batch,
            degree: self.degree,
            spacing: self.spacing,
            scale,
        })
    }
}

/// As it stands in a canonical rule: what is not as by default, in the order of the documentation.
impl fmt::Display for Watermark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.mark {
            Mark::Image { image, .. } => write!(f, "watermark/1/image/{}", image.to_base64())?,
            Mark::Text { text, .. } => write!(f, "watermark/2/text/{}", encode(text))?,
        }
        if self.gravity != Gravity::SouthEast {
            write!(f, "/gravity/{}", self.gravity)?;
        }
        let numbers = [
            ("dx", self.dx, 0),
            ("dy", self.dy, 0),
            ("dissolve", self.dissolve.into(), 90),
            ("batch", self.batch.into(), 0),
            ("degree", self.degree.into(), 0),
            ("spacing", self.spacing.into(), 10),
        ];
        for (name, number, default) in numbers {
            if number != default {
                write!(f, "/{name}/{number}")?;
            }
        }
        match self.scale {
            None => {}
            Some(MarkScale::Width(part)) => write!(f, "/scatype/1/spcent/{part}")?,
            Some(MarkScale::Height(part)) => write!(f, "/scatype/2/spcent/{part}")?,
            Some(MarkScale::Area(part)) => write!(f, "/scatype/3/spcent/{part}")?,
        }
        match &self.mark {
            Mark::Image { overflow, .. } => {
                if *overflow == Overflow::Fit {
                    f.write_str("/blogo/1")?;
                }
            }
            Mark::Text {
                font,
                size,
                fill,
                shadow,
                ..
            } => {
                if let Some(font) = font {
                    write!(f, "/font/{}", encode(font))?;
                }
                if *size != SIZE {
                    write!(f, "/fontsize/{size}")?;
                }
                if *fill != FILLED {
                    write!(f, "/fill/{fill}")?;
                }
                if *shadow > 0 {
                    write!(f, "/shadow/{shadow}")?;
                }
            }
        }
        Ok(())
    }
}
