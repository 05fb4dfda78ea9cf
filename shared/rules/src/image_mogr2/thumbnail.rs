//! `thumbnail`, and the `pad` that belongs to it.
//!
//! ```text
//! thumbnail = "thumbnail/" ( scale / area / sides )
//! scale     = "!" n "p" / "!" n "px" / "!x" n "p"     ; percent: both, width, height; not 1 to 1000: not performed
//! area      = [ "!" ] n "@"                           ; pixels, 1 to 250000000
//! sides     = [ "!" ] ( size / [ size ] "x" [ size ] ) [ ">" / "<" / "r" / "!" ]
//! pad       = "pad/" flag                             ; of the nearest thumbnail before it, else the next after it
//! color     = "color/" color                          ; what pad fills with; white where it is not given
//! ```
//!
//! `>` only shrinks, `<` only enlarges, `r` covers, `!` at the end is exact. `!` at the front means nothing but in a
//! scale: it announces characters that have to be escaped.

use std::fmt;

use crate::color::Color;
use crate::error::Error;
use crate::values::{Decimal, Segments, Takes, side, whole};

/// A change of size, and the canvas it is put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thumbnail {
    /// The new size.
    pub size: Resize,
    /// With `pad/1`: a canvas of the width and height of [`Resize::Fit`], filled so, the picture in its middle.
    pub pad: Option<Color>,
}

/// How a new size comes from the old one. Sides are in pixels, 1 to 10000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resize {
    /// `!<S>p`: both sides to this many percent, 1 to 1000.
    Percent(u32),
    /// `!<S>px`: the width alone, in percent.
    PercentOfWidth(u32),
    /// `!x<S>p`: the height alone, in percent.
    PercentOfHeight(u32),
    /// `<W>x<H>`: the largest of the same shape that fits; at least one side is given.
    Fit {
        /// The most that the width may be.
        width: Option<u32>,
        /// The most that the height may be.
        height: Option<u32>,
        /// Which pictures are changed at all.
        when: When,
    },
    /// `!<W>x<H>r`: the smallest of the same shape that covers these sides.
    Cover {
        /// The least that the width may be.
        width: u32,
        /// The least that the height may be.
        height: u32,
    },
    /// `<W>x<H>!`: exactly that; a side that is not given stays.
    Exact {
        /// The width.
        width: Option<u32>,
        /// The height.
        height: Option<u32>,
    },
    /// `<A>@`: at most this many pixels, 1 to 250 000 000. Never enlarges.
    Area(u32),
}

/// Which pictures a fit changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// All.
    Always,
    /// `>`: those that get smaller.
    Shrinks,
    /// `<`: those that get larger.
    Enlarges,
}

const MAX_AREA: u32 = 250_000_000;
const MAX_PERCENT: u32 = 1000;
const THUMBNAIL: Takes = Takes::new(
    "thumbnail",
    "a size: <W>x, x<H>, <W>x<H>, with > or < or ! after it, !<W>x<H>r, !<S>p, <A>@",
);

impl Resize {
    /// Reads the value of `thumbnail`; `None` where it asks for nothing.
    pub(crate) fn read(segments: &mut Segments<'_>) -> Result<Option<Self>, Error> {
        let text = segments.need_lower(THUMBNAIL)?;
        Self::parse(&text).ok_or_else(|| THUMBNAIL.not(&text))
    }

    fn parse(text: &str) -> Option<Option<Self>> {
        let bare = text.strip_prefix('!');
        if let Some(scale) = bare.and_then(percent) {
            return Some(scale);
        }
        let bare = bare.unwrap_or(text);
        if let Some(area) = bare.strip_suffix('@') {
            let area = whole(area).filter(|area| (1..=MAX_AREA).contains(area))?;
            return Some(Some(Self::Area(area)));
        }
        let (sides, mark) = match bare.as_bytes().last()? {
            mark @ (b'>' | b'<' | b'r' | b'!') => (&bare[..bare.len() - 1], *mark),
            _ => (bare, b' '),
        };
        let (width, height) = match sides.split_once('x') {
            Some((width, height)) => (side(width)?, side(height)?),
            None if sides.is_empty() => return None,
            None => (side(sides)?, None),
        };
        let fit = |when| Self::Fit {
            width,
            height,
            when,
        };
        Some(match (width, height, mark) {
            (None, None, _) => None,
            (_, _, b'!') => Some(Self::Exact { width, height }),
            (_, _, b'>') => Some(fit(When::Shrinks)),
            (_, _, b'<') => Some(fit(When::Enlarges)),
            (Some(width), Some(height), b'r') => Some(Self::Cover { width, height }),
            _ => Some(fit(When::Always)),
        })
    }

    /// Whether `pad` works with it.
    pub(crate) fn takes_pad(self) -> bool {
        matches!(
            self,
            Self::Fit {
                width: Some(_),
                height: Some(_),
                ..
            }
        )
    }
}

/// Reads what stands after the `!` of a scale in percent; `Some(None)` where it is not performed.
fn percent(text: &str) -> Option<Option<Resize>> {
    type Make = fn(u32) -> Resize;
    let (number, make): (_, Make) = match text.strip_suffix("px") {
        Some(number) => (number, Resize::PercentOfWidth),
        None => match text.strip_suffix('p')?.strip_prefix('x') {
            Some(number) => (number, Resize::PercentOfHeight),
            None => (&text[..text.len() - 1], Resize::Percent),
        },
    };
    Decimal::parse(number)?;
    let number = whole(number).filter(|number| (1..=MAX_PERCENT).contains(number));
    Some(number.map(make))
}

impl fmt::Display for Resize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sides = |width: Option<u32>, height: Option<u32>| {
            let text = |side: Option<u32>| side.map_or_else(String::new, |side| side.to_string());
            format!("{}x{}", text(width), text(height))
        };
        match *self {
            Self::Percent(percent) => write!(f, "!{percent}p"),
            Self::PercentOfWidth(percent) => write!(f, "!{percent}px"),
            Self::PercentOfHeight(percent) => write!(f, "!x{percent}p"),
            Self::Fit {
                width,
                height,
                when,
            } => {
                let mark = match when {
                    When::Always => "",
                    When::Shrinks => ">",
                    When::Enlarges => "<",
                };
                write!(f, "{}{mark}", sides(width, height))
            }
            Self::Cover { width, height } => write!(f, "!{width}x{height}r"),
            Self::Exact { width, height } => write!(f, "{}!", sides(width, height)),
            Self::Area(area) => write!(f, "{area}@"),
        }
    }
}

/// As it stands in a rule, with the `/` before it.
impl fmt::Display for Thumbnail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/thumbnail/{}", self.size)?;
        match self.pad {
            None => Ok(()),
            Some(Color::WHITE) => f.write_str("/pad/1"),
            Some(color) => write!(f, "/pad/1/color/{color}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, canonical: Option<&str>) {
        let size = Resize::parse(text).unwrap_or_else(|| panic!("{text}: not read"));
        let written = size.map(|size| size.to_string());
        assert_eq!(written.as_deref(), canonical, "{text}");
        if let Some(written) = &written {
            assert_eq!(Resize::parse(written), Some(size), "{written}");
        }
    }

    #[test]
    fn reads_all_forms() {
        for same in [
            "!33p",
            "!40px",
            "!x40p",
            "400x",
            "x300",
            "400x300",
            "400x300>",
            "400x>",
            "x300>",
            "400x300<",
            "!400x300r",
            "400x300!",
            "300x!",
            "350000@",
            "!1000p",
        ] {
            reads(same, Some(same));
        }
        for (text, canonical) in [
            ("500x500r", "!500x500r"),
            ("!320x320", "320x320"),
            ("!320x", "320x"),
            ("!320", "320x"),
            ("450", "450x"),
            ("1500>", "1500x>"),
            ("333.5x250!", "334x250!"),
            ("300x0", "300x"),
            ("20000x", "10000x"),
            ("!300x0r", "300x"),
            ("0450x", "450x"),
        ] {
            reads(text, Some(canonical));
        }
        for nothing in [
            "x",
            "0x0",
            "!x",
            "!0x0r",
            "0",
            "!1001p",
            "!0p",
            "!12.5p",
            "!99999999999p",
            "0x0!",
        ] {
            reads(nothing, None);
        }
        for wrong in [
            "",
            "!",
            "abc",
            "0@",
            "250000001@",
            "@",
            "-5x",
            "5x-",
            "1x2x3",
            "50p",
            "!p",
            "!xp",
            ">",
            "5x5>>",
            "{w}x",
            "$x",
            "undefinedx",
            "1e2x",
        ] {
            assert_eq!(Resize::parse(wrong), None, "{wrong}");
        }
    }
}
