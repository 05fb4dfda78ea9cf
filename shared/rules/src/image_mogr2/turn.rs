//! Turns, mirrorings and rounded corners.
//!
//! ```text
//! rotate  = "rotate/" [ "-" ] n                      ; whole degrees, clockwise, -360 to 360; 0 is no operation
//! flip    = "flip/" ( "horizontal" / "vertical" )
//! iradius = "iradius/" n                             ; pixels, 1 or more
//! rradius = "rradius/" n                             ; pixels, 1 or more
//! ```

use std::fmt;

use crate::error::Error;
use crate::values::{Segments, Takes};

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

const ROTATE: Takes = Takes::new("rotate", "whole degrees, clockwise, -360 to 360");
const FLIP: Takes = Takes::new("flip", "horizontal or vertical");
const IRADIUS: Takes = Takes::new("iradius", "a whole number of pixels from 1");
const RRADIUS: Takes = Takes::new("rradius", "a whole number of pixels from 1");

/// Reads the value of `rotate`: degrees clockwise, 0 to 359.
pub(crate) fn rotate(segments: &mut Segments<'_>) -> Result<u16, Error> {
    let degrees = ROTATE.signed(segments, 360)?;
    Ok(degrees.rem_euclid(360) as u16)
}

/// Reads the value of `flip`.
pub(crate) fn flip(segments: &mut Segments<'_>) -> Result<Flip, Error> {
    let text = segments.need_lower(FLIP)?;
    match &*text {
        "horizontal" => Ok(Flip::Horizontal),
        "vertical" => Ok(Flip::Vertical),
        _ => Err(FLIP.not(&text)),
    }
}

/// Reads the value of `iradius`.
pub(crate) fn iradius(segments: &mut Segments<'_>) -> Result<u32, Error> {
    IRADIUS.number(segments, 1..=u32::MAX)
}

/// Reads the value of `rradius`.
pub(crate) fn rradius(segments: &mut Segments<'_>) -> Result<u32, Error> {
    RRADIUS.number(segments, 1..=u32::MAX)
}
