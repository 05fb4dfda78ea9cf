//! What work takes of memory, told from headers.

use raster::Size;

/// Bytes of memory beside the sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Taken whatever the source holds beyond its headers. Where this is over the limit, the work is refused.
    pub(crate) least: u64,
    /// Taken at most.
    pub(crate) most: u64,
}

impl Memory {
    /// Of two pieces of work, one after the other.
    pub(crate) fn then(self, next: Self) -> Self {
        Self {
            least: self.least.max(next.least),
            most: self.most.max(next.most),
        }
    }

    /// The same work while `bytes` are held beside it.
    pub(crate) fn beside(self, bytes: u64) -> Self {
        Self {
            least: self.least + bytes,
            most: self.most + bytes,
        }
    }

    /// The same work, of which `bytes` more may turn out to be needed.
    pub(crate) fn and_perhaps(self, bytes: u64) -> Self {
        Self {
            most: self.most + bytes,
            ..self
        }
    }

    /// Work that takes exactly this many bytes, whatever the source holds.
    pub(crate) fn exactly(bytes: u64) -> Self {
        Self {
            least: bytes,
            most: bytes,
        }
    }
}

/// What the tables of a color conversion take at most.
pub(crate) const CONVERSION_BYTES: u64 = 8 << 20;

/// What bringing a frame of `frame_bytes` to sRGB takes: it, and its result, of three channels at least.
pub(crate) fn conversion(frame_bytes: u64, pixels: u64) -> Memory {
    Memory {
        least: 2 * frame_bytes,
        most: frame_bytes + frame_bytes.max(3 * pixels) + CONVERSION_BYTES,
    }
}

/// What decoding a source takes, and what comes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoding {
    pub(crate) memory: Memory,
    /// Bytes of the decoded frame at most.
    pub(crate) frame_bytes: u64,
    /// Bytes of the profile, EXIF and XMP that come with it at most.
    pub(crate) metadata_bytes: u64,
    /// What is known of whether all its colors are gray.
    pub(crate) gray: Gray,
    /// JPEG: true where decoders get what our own codec writes, as they would read the source in different ways.
    pub(crate) written_anew: bool,
}

/// Whether all colors of a picture are gray, as far as headers say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gray {
    Yes,
    No,
    /// The palette has to be looked at.
    Perhaps,
}

/// A picture as far as it is known before it is decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outline {
    pub(crate) size: Size,
    /// Bytes of the frame at most.
    pub(crate) frame_bytes: u64,
    /// Bytes of profile, EXIF and XMP at most.
    pub(crate) metadata_bytes: u64,
    pub(crate) gray: Gray,
}

impl Outline {
    /// One frame of an animation.
    pub(crate) fn of_frame(size: Size) -> Self {
        Self {
            size,
            frame_bytes: 4 * size.pixels(),
            metadata_bytes: 0,
            gray: Gray::No,
        }
    }
}
