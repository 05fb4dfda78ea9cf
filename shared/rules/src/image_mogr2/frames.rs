//! Which frames of an animation are kept. Of a still nothing is asked.
//!
//! ```text
//! frame = "frame/" n     ; from 1; beyond the last it is the last
//! egif  = "egif/" n      ; 1 to 300: each n-th frame; means nothing beside frame
//! cgif  = "cgif/" n      ; 0 to 100: at most n frames of a GIF; 1: the first 30; 0: no operation
//! ```

use crate::error::Error;
use crate::values::{Segments, Takes};

/// Which frames are kept, asked in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Frames {
    /// `frame/<n>`: this one alone, from 1.
    pub only: Option<u32>,
    /// `egif/<k>`: frames 1, 1 + k, 1 + 2k, ...; 2 to 300.
    pub every: Option<u32>,
    /// `cgif/<n>`: at most this many, 2 to 100, or with 1 the first 30.
    pub at_most: Option<u32>,
}

const FRAME: Takes = Takes::new("frame", "a whole number from 1");
const EGIF: Takes = Takes::new("egif", "1 to 300");
const CGIF: Takes = Takes::new("cgif", "0 to 100");

impl Frames {
    /// Reads the value of `frame`.
    pub(crate) fn read_frame(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.only = Some(FRAME.number(segments, 1..=u32::MAX)?);
        Ok(())
    }

    /// Reads the value of `egif`.
    pub(crate) fn read_egif(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.every = Some(EGIF.number(segments, 1..=300)?).filter(|every| *every > 1);
        Ok(())
    }

    /// Reads the value of `cgif`.
    pub(crate) fn read_cgif(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.at_most = Some(CGIF.number(segments, 0..=100)?).filter(|most| *most > 0);
        Ok(())
    }
}
