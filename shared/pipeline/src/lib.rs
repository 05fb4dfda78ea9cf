//! Source bytes and a rule to encoded bytes; pure and synchronous.
//!
//! [`check`] refuses what a rule alone shows to be too much; [`prepare`] does everything that can fail on input;
//! [`Prepared::write`] hands out the result, an animation frame by frame as it is encoded.
//!
//! This crate does no I/O beyond the writer it is given, reads no clock and knows no names: sources come as bytes,
//! errors tell them apart by their place.

mod animate;
mod color;
mod decode;
mod delay;
mod density;
mod describe;
mod encode;
mod error;
mod format;
mod limits;
mod memory;
mod picture;
mod plan;
mod prepare;
mod probe;
mod resolve;
mod result;
mod still;
mod version;

pub use codec_gif::Preset;
pub use codec_jpeg::{Damage, Process, Sampling, Scans, Simd};
pub use describe::average::average_color;
pub use describe::info::{header_bytes, image_info};
pub use error::{Error, Fault};
pub use format::Format;
pub use limits::{Limits, Options};
pub use plan::{Plan, check, geometry};
pub use prepare::prepare;
pub use probe::info::SourceInfo;
pub use probe::probe;
pub use result::{Prepared, Report, ResultInfo};
pub use still::Pixels;
pub use version::ENCODER_VERSION;
