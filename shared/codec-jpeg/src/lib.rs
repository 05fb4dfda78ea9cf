//! Progressive JPEG: a lossless transcoder (coefficients in, coefficients out) and an encoder (pixels in).
//!
//! This crate shows no pixels: decoding to pixels is left to well-kept decoders. It reads no clock and does no I/O.

// The bodies of loops are compiled once for each kernel, which needs all that they call to be inlined.
#![allow(clippy::inline_always)]

mod bits;
mod coefficients;
mod default_tables;
mod encoder;
mod entropy;
mod error;
mod header;
mod huffman;
mod kernel;
mod marker;
mod metadata;
mod options;
mod parallel;
mod progressive;
mod scan;
mod search;
mod sequential;
mod transcode;
mod write;

pub use encoder::encode;
pub use error::Error;
pub use header::{ComponentInfo, Header, estimate_quality, read_header};
pub use options::{
    Damage, EncodeOptions, Limits, Metadata, Process, Sampling, Scans, Simd, TranscodeOptions,
};
pub use transcode::{Transcoded, transcode};
