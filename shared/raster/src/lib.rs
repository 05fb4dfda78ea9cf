//! Sizes, rectangles and frames of pixels, and what is done to them before a codec sees them.
//!
//! This crate knows no file format, reads no clock and does no I/O.

mod frame;
mod geometry;
mod watch;

pub use frame::{Frame, Layout};
pub use geometry::{Rect, Size};
pub use watch::{Stopped, Unwatched, Watch};
