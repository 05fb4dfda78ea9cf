//! An animated GIF encoder: frames in, one GIF89a file out, written as soon as each frame is done.
//!
//! This crate decodes nothing, reads no clock and does no I/O beyond the writer it is given.

mod encoder;
mod error;

pub use encoder::{Centiseconds, GifFrame, Options, Preset, Report, encode};
pub use error::Error;
