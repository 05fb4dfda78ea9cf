//! One `imageMogr2` stage: what it asks for, a file for each family of its operations.
//!
//! ```text
//! stage = "imageMogr2" *( "/" operation )
//! ```
//!
//! Operations that change pixels keep their order; what says how to write has none. The operations themselves are
//! rows of the table in `table.rs`, from which `stage.rs` reads and writes a stage.

pub(crate) mod animate;
pub(crate) mod output;
pub(crate) mod turn;

use std::fmt;

use crate::image_mogr2::animate::{Animate, AnimateDraft};
use crate::image_mogr2::output::Output;
use crate::image_mogr2::turn::Flip;

/// What one `imageMogr2` stage asks for. Nothing asked for is a stage that changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ImageMogr2 {
    /// `animate/duration/<ms>/images/<base64>/...`; nothing but `ignore_error` stands beside it.
    pub animate: Option<Animate>,
    /// `auto-orient`: turn the pixels as EXIF says, before all transforms, wherever it is written.
    pub auto_orient: bool,
    /// What changes pixels, in the order in which it is done.
    pub transforms: Vec<Transform>,
    /// How the result is written.
    pub output: Output,
    /// `ignore-error/1`
    pub ignore_error: bool,
}

/// An operation that changes pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transform {
    /// `rotate/<degrees>`: clockwise, 1 to 359 degrees.
    Rotate(u16),
    /// `flip/<horizontal|vertical>`
    Flip(Flip),
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
}

/// As it stands in a rule, with the `/` before it.
impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rotate(degrees) => write!(f, "/rotate/{degrees}"),
            Self::Flip(flip) => write!(f, "/flip/{flip}"),
        }
    }
}

/// A stage while it is being read.
#[derive(Default)]
pub(crate) struct Draft {
    /// All of it but `animate`.
    pub(crate) stage: ImageMogr2,
    /// `animate`, whose parameters come in any order.
    pub(crate) animate: AnimateDraft,
}
