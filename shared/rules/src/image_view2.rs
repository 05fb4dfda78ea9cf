//! `imageView2`: one of six ways to shrink.
//!
//! ```text
//! stage = "imageView2" [ "/" mode ] *( "/" ( "w" [ "/" size ] / "h" [ "/" size ] / option ) )
//! mode  = "0" / "1" / "2" / "3" / "4" / "5"
//! ```
//!
//! Without a mode, or with neither side, nothing is scaled: such a stage is an `imageMogr2` of its options.

use std::fmt;

use crate::error::Error;
use crate::image_mogr2::output::Output;
use crate::values::{Segments, Takes, side, whole};

/// What one `imageView2` stage asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageView2 {
    /// How it is scaled.
    pub view: View,
    /// `auto-orient`: turn the pixels as EXIF says, before they are scaled.
    pub auto_orient: bool,
    /// How the result is written.
    pub output: Output,
}

/// How a picture is shrunk; never enlarged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// Which of the six ways.
    pub mode: Mode,
    /// Pixels, 1 to 10000; at least one of the two is given, and both in the modes that need both.
    pub width: Option<u32>,
    /// Pixels, 1 to 10000.
    pub height: Option<u32>,
}

/// The ways to shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// 0: inside, the width for the long side and the height for the short one.
    FitLongShort,
    /// 1: covers, then the middle.
    CoverCrop,
    /// 2: inside.
    Fit,
    /// 3: covers.
    Cover,
    /// 4: covers, the width for the long side and the height for the short one.
    CoverLongShort,
    /// 5: as 4, then the middle.
    CoverLongShortCrop,
}

const MODES: [Mode; 6] = [
    Mode::FitLongShort,
    Mode::CoverCrop,
    Mode::Fit,
    Mode::Cover,
    Mode::CoverLongShort,
    Mode::CoverLongShortCrop,
];

const MODE: Takes = Takes::new("imageView2", "a mode of 0 to 5");
const WIDTH: Takes = Takes::new("w", "a number of pixels");
const HEIGHT: Takes = Takes::new("h", "a number of pixels");

/// An `imageView2` while it is being read.
#[derive(Default)]
pub(crate) struct ViewDraft {
    mode: Option<Mode>,
    width: Option<u32>,
    height: Option<u32>,
}

impl ViewDraft {
    /// Reads the mode, which is the first segment where that is no name.
    pub(crate) fn read_mode(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        // What begins with a letter is a name that is not known, but for what templates leave unfilled.
        let unfilled =
            |text: &str| ["undefined", "null", "nan"].contains(&text.to_ascii_lowercase().as_str());
        let is_mode = |text: &str| unfilled(text) || !text.starts_with(|c: char| c.is_alphabetic());
        let Some(text) = segments.value_if(is_mode) else {
            return Ok(());
        };
        let mode = whole(text).and_then(|mode| MODES.get(mode as usize).copied());
        self.mode = Some(mode.ok_or_else(|| MODE.not(text))?);
        Ok(())
    }

    /// Reads the value of `w`, which may be missing.
    pub(crate) fn read_width(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.width = read_side(WIDTH, segments)?;
        Ok(())
    }

    /// Reads the value of `h`, which may be missing.
    pub(crate) fn read_height(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.height = read_side(HEIGHT, segments)?;
        Ok(())
    }

    /// How it is scaled, if it is.
    pub(crate) fn finish(self) -> Option<View> {
        let mode = self.mode?;
        let (mut width, mut height) = (self.width, self.height);
        if !matches!(mode, Mode::FitLongShort | Mode::Fit) {
            width = width.or(height);
            height = height.or(width);
        }
        (width.is_some() || height.is_some()).then_some(View {
            mode,
            width,
            height,
        })
    }
}

fn read_side(takes: Takes, segments: &mut Segments<'_>) -> Result<Option<u32>, Error> {
    let text = segments.value().unwrap_or_default();
    side(text).ok_or_else(|| takes.not(text))
}

/// As it begins a stage.
impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = MODES.iter().position(|mode| *mode == self.mode);
        write!(f, "imageView2/{}", mode.unwrap_or_default())?;
        if let Some(width) = self.width {
            write!(f, "/w/{width}")?;
        }
        if let Some(height) = self.height {
            write!(f, "/h/{height}")?;
        }
        Ok(())
    }
}
