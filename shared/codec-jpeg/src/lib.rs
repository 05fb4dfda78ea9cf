//! Progressive JPEG: a lossless transcoder (coefficients in, coefficients out), an encoder (pixels in), and a reader of
//! planes at the scale at which they are needed.
//!
//! This crate shows no pixels: decoding to pixels is left to well-kept decoders. It reads no clock and does no I/O.

// The bodies of loops are compiled once for each kernel, which needs all that they call to be inlined.
#![allow(clippy::inline_always)]

mod bits;
mod codes;
mod coefficients;
mod default_tables;
mod error;
pub mod exif;
mod huffman;
mod memory;
mod options;
mod picture;
mod pixels;
mod planes;
mod quality;
mod read;
#[cfg(feature = "stages")]
#[doc(hidden)]
pub mod stages;
pub mod tiff;
mod transcode;
mod write;
mod zigzag;

/// The version of the bytes that this crate writes. It is raised with every change after which some input and options
/// give other bytes than before.
///
/// It is for the tags of results (`ETag`): whoever keeps a result is told that it is still right while its tag stays
/// the same, so the tag has to change with the bytes. `tests/version.rs` holds it to a digest of what is written.
pub const VERSION: u32 = 2;

pub use error::Error;
pub use memory::MemoryBound;
pub use options::{
    Damage, Density, DensityUnit, EncodeOptions, Limits, Metadata, Process, Sampling, Scans,
    TranscodeOptions,
};
pub use picture::Color;
pub use pixels::{
    MAX_EXIF_BYTES, MAX_ICC_BYTES, MAX_XMP_BYTES, encode, encode_memory, encode_planes,
};
pub use planes::{Planes, Scale};
pub use quality::estimate_quality;
pub use raster::Simd;
pub use read::check;
pub use read::header::{ComponentInfo, Header, read_header};
pub use read::scaled::{read_planes, read_planes_memory};
pub use read::structure::{Reading, check_limits};
pub use transcode::{Transcoded, transcode, transcode_memory};
