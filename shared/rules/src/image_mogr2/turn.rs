//! Turns and mirrorings.
//!
//! ```text
//! rotate = "rotate/" [ "-" ] n                      ; whole degrees, clockwise, -360 to 360
//! flip   = "flip/" ( "horizontal" / "vertical" )    ; letter case means nothing
//! ```

use std::fmt;

use crate::error::Error;
use crate::values::{Segments, Takes, whole};

/// Which sides a mirroring exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flip {
    /// `horizontal`: left and right.
    Horizontal,
    /// `vertical`: top and bottom.
    Vertical,
}

impl fmt::Display for Flip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Horizontal => "horizontal",
            Self::Vertical => "vertical",
        })
    }
}

const ROTATE: Takes = Takes {
    operation: "rotate",
    expected: "whole degrees, clockwise, -360 to 360",
};
const FLIP: Takes = Takes {
    operation: "flip",
    expected: "horizontal or vertical",
};

/// Reads the value of `rotate`: degrees clockwise, 0 to 359.
pub(crate) fn rotate(segments: &mut Segments<'_>) -> Result<u16, Error> {
    let text = segments.need(ROTATE)?;
    let (digits, back) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let degrees = whole(digits).filter(|degrees| *degrees <= 360);
    let degrees = degrees.ok_or_else(|| ROTATE.not(text))? as u16;
    Ok(if back { 360 - degrees } else { degrees } % 360)
}

/// Reads the value of `flip`.
pub(crate) fn flip(segments: &mut Segments<'_>) -> Result<Flip, Error> {
    let text = segments.need(FLIP)?;
    match text.to_ascii_lowercase().as_str() {
        "horizontal" => Ok(Flip::Horizontal),
        "vertical" => Ok(Flip::Vertical),
        _ => Err(FLIP.not(text)),
    }
}
