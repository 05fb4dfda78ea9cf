//! What can go wrong.

use raster::{Size, Stopped};

/// Why no JPEG was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a JPEG, or its markers or entropy-coded data break the standard.
    #[error("not a readable JPEG: {0}")]
    Malformed(String),
    /// A JPEG of a kind that is not transcoded: arithmetic coding, 12-bit, lossless, hierarchical.
    #[error("this JPEG is not supported: {0}")]
    Unsupported(String),
    /// Too many pixels.
    #[error("the picture is {found}; at most {max_pixels} pixels are taken")]
    TooManyPixels {
        /// Its size.
        found: Size,
        /// What is allowed.
        max_pixels: u64,
    },
    /// Too many scans.
    #[error("the source has more than {max_scans} scans")]
    TooManyScans {
        /// What is allowed.
        max_scans: u32,
    },
    /// Scans that ask for too much work.
    #[error(
        "the source's scans go over its blocks more than {max_passes} times; at most that often is allowed"
    )]
    TooManyPasses {
        /// What is allowed.
        max_passes: u32,
    },
    /// A picture that takes too much memory.
    #[error(
        "the picture takes {found_bytes} bytes of memory or more; at most {max_bytes} are allowed"
    )]
    TooMuchMemory {
        /// What it takes, as far as that is known.
        found_bytes: u64,
        /// What is allowed.
        max_bytes: u64,
    },
    /// A picture that the format cannot hold.
    #[error("the picture is {0}; a JPEG side is 1 to 65535 px")]
    TooLarge(Size),
    /// A quality that is not on the scale.
    #[error("the quality is {0}; it is 0 to 100")]
    Quality(u8),
    /// Metadata that the format cannot hold.
    #[error("the {what} is {found_bytes} bytes; a JPEG holds at most {max_bytes}")]
    SegmentTooLarge {
        /// What it is.
        what: &'static str,
        /// Its size.
        found_bytes: usize,
        /// What fits.
        max_bytes: usize,
    },
    /// The deadline passed, or nobody waits any more.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A refusal of what breaks the standard.
pub(crate) fn malformed<T>(what: impl Into<String>) -> Result<T, Error> {
    Err(Error::Malformed(what.into()))
}

/// A refusal of what is in order, but not read here.
pub(crate) fn unsupported<T>(what: impl Into<String>) -> Result<T, Error> {
    Err(Error::Unsupported(what.into()))
}
