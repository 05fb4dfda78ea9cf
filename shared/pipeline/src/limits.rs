//! What is allowed, and how the work is done.

use crate::{Preset, Scans, Simd};

/// Bounds on what a request may ask for. Every one is checked from headers, before anything is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a source at most.
    pub max_source_bytes: u64,
    /// Pixels of a still at most.
    pub max_pixels: u64,
    /// A side of a still at most, in pixels.
    pub max_side: u32,
    /// A side of a WebP at most, in pixels.
    pub max_webp_side: u32,
    /// Frames of an animated source at most.
    pub max_source_frames: u32,
    /// Width x height x frames of an animated source at most.
    pub max_animation_pixels: u64,
    /// Frames of `animate` at most, the object included.
    pub max_frames: usize,
    /// A side of a frame of `animate` at most, in pixels.
    pub max_frame_side: u32,
    /// Scans of a JPEG source at most.
    pub max_scans: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_source_bytes: 32 << 20,
            max_pixels: 250_000_000,
            max_side: 50_000,
            max_webp_side: 16_383,
            max_source_frames: 300,
            max_animation_pixels: 250_000_000,
            max_frames: 20,
            max_frame_side: 1080,
            max_scans: 100,
        }
    }
}

/// How the work is done. Results are the same for any number of threads and any `simd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Worker threads at most; 1 works in the caller's thread alone.
    pub threads: usize,
    /// What matters most in a GIF.
    pub preset: Preset,
    /// How the scans of a progressive JPEG are chosen.
    pub scans: Scans,
    /// Which code runs.
    pub simd: Simd,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 1,
            preset: Preset::default(),
            scans: Scans::default(),
            simd: Simd::default(),
        }
    }
}
