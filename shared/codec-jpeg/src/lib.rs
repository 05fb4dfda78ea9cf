//! Progressive JPEG: a lossless transcoder (coefficients in, coefficients out) and an encoder (pixels in).
//!
//! This crate shows no pixels: decoding to pixels is left to well-kept decoders. It reads no clock and does no I/O.

mod encoder;
mod error;
mod options;
mod transcode;

pub use encoder::encode;
pub use error::Error;
pub use options::{
    Damage, EncodeOptions, Limits, Metadata, Process, Sampling, Scans, Simd, TranscodeOptions,
};
pub use transcode::{Transcoded, transcode};
