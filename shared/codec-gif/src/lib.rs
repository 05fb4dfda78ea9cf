//! An animated GIF encoder: frames in, one GIF89a file out, written as soon as each frame is done.
//!
//! This crate decodes nothing, reads no clock and does no I/O beyond the writer it is given.

mod alpha;
mod block;
mod choice;
mod color;
mod difference;
mod dither;
mod encoder;
mod error;
mod histogram;
mod image_colors;
mod lzw;
mod nearest;
mod options;
mod palette;
mod schedule;
#[cfg(feature = "stages")]
#[doc(hidden)]
pub mod stages;
mod texture;
mod tuning;

/// The version of the bytes that this crate writes. It is raised with every change after which some input and options
/// give other bytes than before.
///
/// It is for the tags of results (`ETag`): whoever keeps a result is told that it is still right while its tag stays
/// the same, so the tag has to change with the bytes. `tests/version.rs` holds it to a digest of what is written.
pub const VERSION: u32 = 1;

#[cfg(any(test, fuzzing))]
pub use encoder::{Canvas, encode_and_mean};
pub use encoder::{Report, encode};
pub use error::Error;
pub use options::{Centiseconds, GifFrame, Options, Preset};
