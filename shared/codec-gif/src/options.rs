//! What may be asked of the encoder.

use std::sync::Arc;

use raster::{Frame, Simd};

/// How long a frame shows, in hundredths of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Centiseconds(pub u16);

/// One picture of the animation. Pictures that are asked for twice may share their pixels.
#[derive(Clone, Debug)]
pub struct GifFrame {
    /// Canvas-sized, `Rgb` or `Rgba`.
    pub frame: Arc<Frame>,
    /// How long it shows.
    pub delay: Centiseconds,
}

/// What to favor where looks and bytes are at odds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// Looks first, then bytes.
    #[default]
    Quality,
    /// Bytes first, at a quality that still passes.
    Small,
}

/// What to favor, and what to work with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to favor where looks and bytes are at odds.
    pub preset: Preset,
    /// Worker threads at most; the bytes are the same for any number. 1 works in the caller's thread alone.
    pub threads: usize,
    /// Which code runs; the bytes are the same.
    pub simd: Simd,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            preset: Preset::Quality,
            threads: 1,
            simd: Simd::Auto,
        }
    }
}
