//! Sizes, rectangles and frames of pixels, and what is done to them before a codec sees them.
//!
//! This crate knows no file format, reads no clock and does no I/O.

mod alpha;
mod filter;
mod fit;
mod frame;
mod geometry;
mod orient;
pub mod parallel;
mod plane;
mod resample;
mod resize;
mod simd;
mod watch;

pub use alpha::{flatten, without_needless_alpha};
pub use fit::{fit, place};
pub use frame::{Frame, Layout};
pub use geometry::{Rect, Size};
pub use orient::{Orientation, orient};
pub use plane::Plane;
pub use resample::{Window, resample};
pub use resize::resize;
#[cfg(target_arch = "x86_64")]
pub use simd::X86V3;
pub use simd::{Kernel, Simd};
pub use watch::{Stopped, Unwatched, Watch};
