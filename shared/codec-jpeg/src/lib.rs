//! Progressive JPEG: a lossless transcoder (coefficients in, coefficients out) and an encoder (pixels in).
//!
//! This crate shows no pixels: decoding to pixels is left to well-kept decoders. It reads no clock and does no I/O.

// The bodies of loops are compiled once for each kernel, which needs all that they call to be inlined.
#![allow(clippy::inline_always)]

mod bits;
mod coefficients;
mod color;
mod default_tables;
mod downsample;
mod encoder;
mod entropy;
mod error;
mod fdct;
mod header;
mod huffman;
mod marker;
mod memory;
mod metadata;
mod options;
mod planes;
mod progressive;
mod quantization;
mod rate_distortion;
mod scan;
mod search;
mod sequential;
#[doc(hidden)]
pub mod stages;
mod transcode;
mod write;

pub use encoder::{MAX_EXIF_BYTES, MAX_ICC_BYTES, MAX_XMP_BYTES, encode};
pub use error::Error;
pub use header::{ComponentInfo, Header, read_header};
pub use marker::check_limits;
pub use options::{
    Damage, Density, DensityUnit, EncodeOptions, Limits, Metadata, Process, Sampling, Scans,
    TranscodeOptions,
};
pub use quantization::estimate_quality;
pub use raster::Simd;
pub use transcode::{Transcoded, transcode};
