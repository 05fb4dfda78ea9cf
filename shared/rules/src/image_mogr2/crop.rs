//! Everything that cuts a rectangle out of a picture.
//!
//! ```text
//! crop      = "crop/" ( [ "!" ] sides              ; both sides: scales to cover, then cuts; one: only cuts
//!           / "!" sides place place                ; cuts; "a" n is an offset, "-" n makes the side shorter by n
//!           / sides "x" n [ "x" n ] )              ; as cut
//! cut       = "cut/" sides [ "x" n [ "x" n ] ]     ; offsets
//! scrop     = "scrop/" [ "!" ] sides [ "r" ]
//! rcrop     = "rcrop/" n "x" n                     ; least and greatest width in percent of the height, 1 to 10000
//! indexcrop = "indexcrop/" ( "width" / "height" ) "/" n [ "/index/" n ]
//! sides     = [ size ] "x" [ size ]
//! place     = ( "a" / "-" ) n
//! gravity   = "gravity/" direction                 ; of each crop and cut: the nearest before it, else the first after
//! dx, dy    = "dx/" n, "dy/" n                     ; offsets of each crop and cut that has none of its own
//! ```

use std::fmt;

use crate::error::Error;
use crate::values::{Segments, Takes, side, whole};

/// One of nine places in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Gravity {
    NorthWest,
    North,
    NorthEast,
    West,
    Center,
    East,
    SouthWest,
    South,
    SouthEast,
}

impl Gravity {
    const NAMES: [(&str, Self); 9] = [
        ("northwest", Self::NorthWest),
        ("north", Self::North),
        ("northeast", Self::NorthEast),
        ("west", Self::West),
        ("center", Self::Center),
        ("east", Self::East),
        ("southwest", Self::SouthWest),
        ("south", Self::South),
        ("southeast", Self::SouthEast),
    ];

    /// The place of this name, in any letter case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut names = Self::NAMES.iter();
        let found = names.find(|(name, _)| text.eq_ignore_ascii_case(name));
        found.map(|(_, gravity)| *gravity)
    }

    /// Reads the value of `gravity`.
    pub(crate) fn read(segments: &mut Segments<'_>) -> Result<Self, Error> {
        let text = segments.need(GRAVITY)?;
        Self::parse(text).ok_or_else(|| GRAVITY.not(text))
    }
}

impl fmt::Display for Gravity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Self::NAMES.iter();
        let found = names.find(|(_, gravity)| gravity == self);
        f.write_str(found.map_or("center", |(name, _)| name))
    }
}

/// `crop/<W>x<H>`: where the picture has both sides, scaled to cover them, then cut; else its smaller sides, cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Crop {
    /// In pixels, 1 to 10000.
    pub width: u32,
    /// In pixels, 1 to 10000.
    pub height: u32,
    /// Where the rectangle is.
    pub place: Place,
}

/// `cut`, and each `crop` that does not scale: the part of a rectangle that lies inside the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cut {
    /// Of the rectangle.
    pub width: Extent,
    /// Of the rectangle.
    pub height: Extent,
    /// Where the rectangle is.
    pub place: Place,
}

/// One side of a rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    /// This many, 1 to 10000.
    Pixels(u32),
    /// The picture's own, less this many; 0 is all of it.
    AllBut(u32),
}

/// Where a rectangle is in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// From which side or corner offsets count.
    pub gravity: Gravity,
    /// Pixels inwards, horizontally; without meaning in the middle column.
    pub dx: u32,
    /// Pixels inwards, vertically; without meaning in the middle row.
    pub dy: u32,
}

/// `scrop/<W>x<H>`: scaled to cover, also by enlarging, then the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scrop {
    /// In pixels, 1 to 10000.
    pub width: u32,
    /// In pixels, 1 to 10000.
    pub height: u32,
}

/// `rcrop/<min>x<max>`: the middle, so that width to height lies in a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rcrop {
    /// The least width in percent of the height, 1 to 10000.
    pub min: u32,
    /// The greatest width in percent of the height, 1 to 10000.
    pub max: u32,
}

/// `indexcrop/<width|height>/<n>/index/<i>`: one of the pieces that an axis is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IndexCrop {
    /// Which side is cut into pieces.
    pub axis: Axis,
    /// Pixels of a piece along that axis, 1 or more.
    pub length: u32,
    /// Which piece, from 0.
    pub index: u32,
}

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Axis {
    /// `width`
    Width,
    /// `height`
    Height,
}

const GRAVITY: Takes = Takes::new(
    "gravity",
    "northwest, north, northeast, west, center, east, southwest, south or southeast",
);
const CROP: Takes = Takes::new("crop", "<W>x<H>, <W>x, x<H> or !<W>x<H>a<dx>a<dy>");
const CUT: Takes = Takes::new("cut", "<W>x<H> or <W>x<H>x<dx>x<dy>");
const SCROP: Takes = Takes::new("scrop", "<W>x<H>");
const RCROP: Takes = Takes::new("rcrop", "<min>x<max>, both 1 to 10000");
const INDEXCROP: Takes = Takes::new(
    "indexcrop",
    "width or height, and a number of pixels from 1",
);
const INDEX: Takes = Takes::new("index", "a whole number");

/// A rectangle as it is read: its gravity and, where it has none of its own, its offsets are still to be found.
#[derive(Clone, Copy)]
pub(crate) enum Rectangle {
    Crop {
        width: u32,
        height: u32,
    },
    Cut {
        width: Extent,
        height: Extent,
        gravity: Gravity,
    },
}

/// Offsets of its own, if a rectangle has them.
pub(crate) type Offsets = Option<(u32, u32)>;

/// Reads the value of `crop`.
pub(crate) fn crop(segments: &mut Segments<'_>) -> Result<(Rectangle, Offsets), Error> {
    let text = segments.need_lower(CROP)?;
    let bare = text.strip_prefix('!');
    let read = match bare.map(|bare| (bare, bare.find(['a', '-']))) {
        Some((bare, Some(at))) => shifted(&bare[..at], &bare[at..]),
        bare => match sides(bare.map_or(&*text, |(bare, _)| bare)) {
            Some((Some(width), Some(height), None)) => {
                Some((Rectangle::Crop { width, height }, None))
            }
            Some((width, height, None)) => Some((cut_of(width, height, Gravity::Center), None)),
            Some((width, height, own)) if bare.is_none() => {
                Some((cut_of(width, height, Gravity::NorthWest), own))
            }
            _ => None,
        },
    };
    read.ok_or_else(|| CROP.not(&text))
}

/// Reads the value of `cut`.
pub(crate) fn cut(segments: &mut Segments<'_>) -> Result<(Rectangle, Offsets), Error> {
    let text = segments.need_lower(CUT)?;
    let (width, height, own) = sides(&text).ok_or_else(|| CUT.not(&text))?;
    Ok((cut_of(width, height, Gravity::NorthWest), own))
}

/// What `scrop` comes to.
pub(crate) enum ScropOrCut {
    Scrop(Scrop),
    Cut(Cut),
}

/// Reads the value of `scrop`; with one side it is a cut in the middle.
pub(crate) fn scrop(segments: &mut Segments<'_>) -> Result<ScropOrCut, Error> {
    let text = segments.need_lower(SCROP)?;
    let bare = text.strip_prefix('!').unwrap_or(&text);
    let read = sides(bare.strip_suffix('r').unwrap_or(bare));
    match read.ok_or_else(|| SCROP.not(&text))? {
        (Some(width), Some(height), None) => Ok(ScropOrCut::Scrop(Scrop { width, height })),
        (width, height, None) => Ok(ScropOrCut::Cut(Cut {
            width: extent(width),
            height: extent(height),
            place: Place {
                gravity: Gravity::Center,
                dx: 0,
                dy: 0,
            },
        })),
        _ => Err(SCROP.not(&text)),
    }
}

/// Reads the value of `rcrop`.
pub(crate) fn rcrop(segments: &mut Segments<'_>) -> Result<Rcrop, Error> {
    let text = segments.need_lower(RCROP)?;
    let percent = |text| whole(text).filter(|percent| (1..=10_000).contains(percent));
    let read = text.split_once('x');
    let read = read.and_then(|(min, max)| {
        Some(Rcrop {
            min: percent(min)?,
            max: percent(max)?,
        })
    });
    read.ok_or_else(|| RCROP.not(&text))
}

/// Reads the values of `indexcrop`.
pub(crate) fn indexcrop(segments: &mut Segments<'_>) -> Result<IndexCrop, Error> {
    let text = segments.need_lower(INDEXCROP)?;
    let axis = match &*text {
        "width" => Ok(Axis::Width),
        "height" => Ok(Axis::Height),
        _ => Err(INDEXCROP.not(&text)),
    };
    // What follows is read even where the axis is wrong, so that it is not taken for names.
    let length = INDEXCROP.number(segments, 1..=u32::MAX);
    let index = match segments.value_if(|text| text.eq_ignore_ascii_case("index")) {
        Some(_) => INDEX.number(segments, 0..=u32::MAX),
        None => Ok(0),
    };
    Ok(IndexCrop {
        axis: axis?,
        length: length?,
        index: index?,
    })
}

/// Reads `[W]x[H][x<dx>[x<dy>]]`.
fn sides(text: &str) -> Option<(Option<u32>, Option<u32>, Offsets)> {
    let mut parts = text.split('x');
    let (width, height) = (side(parts.next()?)?, side(parts.next()?)?);
    let own = match parts.next() {
        None => None,
        Some(dx) => {
            let dy = parts.next().map_or(Some(0), whole)?;
            Some((whole(dx)?, dy))
        }
    };
    parts.next().is_none().then_some((width, height, own))
}

/// Reads what `!` announces: sides, then each offset or how much shorter a side is.
fn shifted(size: &str, places: &str) -> Option<(Rectangle, Offsets)> {
    let (width, height, None) = sides(size)? else {
        return None;
    };
    let second = places.get(1..)?.find(['a', '-'])? + 1;
    let side_of = |side: Option<u32>, place: &str| -> Option<(Extent, u32)> {
        let number = whole(&place[1..])?;
        match (place.as_bytes()[0], side) {
            (b'a', side) => Some((extent(side), number)),
            (_, None) => Some((Extent::AllBut(number), 0)),
            (_, Some(side)) if side > number => Some((Extent::Pixels(side - number), 0)),
            _ => None,
        }
    };
    let (width, dx) = side_of(width, &places[..second])?;
    let (height, dy) = side_of(height, &places[second..])?;
    let gravity = Gravity::NorthWest;
    Some((
        Rectangle::Cut {
            width,
            height,
            gravity,
        },
        Some((dx, dy)),
    ))
}

fn extent(side: Option<u32>) -> Extent {
    side.map_or(Extent::AllBut(0), Extent::Pixels)
}

fn cut_of(width: Option<u32>, height: Option<u32>, gravity: Gravity) -> Rectangle {
    Rectangle::Cut {
        width: extent(width),
        height: extent(height),
        gravity,
    }
}

impl Cut {
    /// True where the rectangle is the whole picture.
    pub(crate) fn is_whole(&self) -> bool {
        let all = Extent::AllBut(0);
        (self.width, self.height) == (all, all) && (self.place.dx, self.place.dy) == (0, 0)
    }

    /// True where its gravity has to be written.
    pub(crate) fn is_placed(&self) -> bool {
        self.place.gravity != Gravity::NorthWest
    }
}

impl Crop {
    /// True where its gravity has to be written.
    pub(crate) fn is_placed(&self) -> bool {
        self.place.gravity != Gravity::Center
    }
}

/// As it stands in a rule, with the `/` before it and without its place.
impl fmt::Display for Crop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/crop/{}x{}", self.width, self.height)
    }
}

/// As it stands in a rule, with the `/` before it and without its gravity.
impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { dx, dy, .. } = self.place;
        let pixels = |extent| match extent {
            Extent::Pixels(pixels) => pixels.to_string(),
            Extent::AllBut(_) => String::new(),
        };
        let (width, height) = (pixels(self.width), pixels(self.height));
        let shorter = |extent| matches!(extent, Extent::AllBut(1..));
        if !shorter(self.width) && !shorter(self.height) {
            return write!(f, "/cut/{width}x{height}x{dx}x{dy}");
        }
        let place = |extent, offset: u32| match extent {
            Extent::AllBut(less @ 1..) => format!("-{less}"),
            _ => format!("a{offset}"),
        };
        let (x, y) = (place(self.width, dx), place(self.height, dy));
        write!(f, "/crop/!{width}x{height}{x}{y}")
    }
}

impl fmt::Display for Scrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/scrop/{}x{}", self.width, self.height)
    }
}

impl fmt::Display for Rcrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/rcrop/{}x{}", self.min, self.max)
    }
}

impl fmt::Display for IndexCrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axis = match self.axis {
            Axis::Width => "width",
            Axis::Height => "height",
        };
        write!(f, "/indexcrop/{axis}/{}/index/{}", self.length, self.index)
    }
}
