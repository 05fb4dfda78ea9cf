//! What may be asked of the transcoder and of the encoder.

use raster::Simd;

/// The frame type that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// SOF0: sequential, one interleaved scan, optimized Huffman tables.
    Baseline,
    /// SOF2: several scans, each refining the picture.
    Progressive,
}

/// How the scans of a progressive file are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scans {
    /// The script that jpegtran writes.
    Standard,
    /// Chosen for the picture; never larger than [`Scans::Standard`].
    #[default]
    Smallest,
}

/// Which segments of the source are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metadata {
    /// All APPn and COM segments, byte for byte and in their order.
    #[default]
    All,
    /// Only what a viewer needs to show the same picture: ICC, Adobe and the EXIF orientation.
    Essential,
}

/// What becomes of truncated or corrupt entropy-coded data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Damage {
    /// It is an error, and there is no result.
    #[default]
    Refuse,
    /// What was readable is kept, the rest is gray, as most decoders show it:
    ///
    /// - where a scan's data is cut off or wrong, its blocks up to the next restart marker that is in its place;
    /// - scans of a progressive picture that repeat others, or refine what never came, are left out;
    /// - after the first scan, a segment that cannot be read is taken for the end of the file.
    ///
    /// Without a whole header and a scan of the first component there is nothing to keep, and it is an error.
    Keep,
}

/// 1.5 GiB: a picture of 250 Mpx at 4:2:0, or as much as fits a small server.
const MAX_BYTES: u64 = 3 << 29;

/// Bounds on the work that a source may ask for. They are checked from its header and its scans, before the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of the picture at most.
    pub max_pixels: u64,
    /// Scans of the source at most.
    pub max_scans: u32,
    /// How often each 8x8 block is visited, on average over all scans, at most. Small pictures (up to 4 194 304
    /// visits in all) are free of this.
    pub max_passes: u32,
    /// Bytes of memory at most that the work takes beside the source: `blocks x (82, or 210 for a progressive source) +
    /// coefficients x (12, or 15 on several threads)`, where coefficients are the AC ones other than zero. Checked from
    /// the frame header, and again for each row of blocks.
    pub max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_pixels: 250_000_000,
            max_scans: 100,
            max_passes: 40,
            max_bytes: MAX_BYTES,
        }
    }
}

/// What [`transcode`](crate::transcode) writes and keeps, and what it may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscodeOptions {
    /// What is written; `None` keeps the source's.
    pub process: Option<Process>,
    /// How scans are chosen, where `process` is progressive.
    pub scans: Scans,
    /// Which segments are kept.
    pub metadata: Metadata,
    /// What becomes of damaged sources.
    pub damage: Damage,
    /// Which code runs; the bytes are the same.
    pub simd: Simd,
    /// Worker threads at most; the bytes are the same for any number.
    pub threads: usize,
    /// Bounds on the work.
    pub limits: Limits,
}

impl Default for TranscodeOptions {
    fn default() -> Self {
        Self {
            process: Some(Process::Progressive),
            scans: Scans::Smallest,
            metadata: Metadata::All,
            damage: Damage::Refuse,
            simd: Simd::Auto,
            threads: 1,
            limits: Limits::default(),
        }
    }
}

/// How chroma is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampling {
    /// 4:2:0 below quality 90, 4:4:4 from there on.
    #[default]
    Auto,
    /// A chroma sample for each pixel.
    S444,
    /// A chroma sample for two pixels beside each other.
    S422,
    /// A chroma sample for 2x2 pixels.
    S420,
}

impl Sampling {
    /// What it is at this quality: never [`Self::Auto`].
    #[must_use]
    pub const fn at(self, quality: u8) -> Self {
        match self {
            Self::Auto if quality >= 90 => Self::S444,
            Self::Auto => Self::S420,
            other => other,
        }
    }

    /// Luma's horizontal and vertical sampling factor, where chroma's are 1.
    pub(crate) const fn factors(self) -> (u8, u8) {
        match self {
            Self::S444 => (1, 1),
            Self::S422 => (2, 1),
            Self::S420 | Self::Auto => (2, 2),
        }
    }
}

/// How densely the pixels lie, as a JFIF segment says it (T.871, 10.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Density {
    /// What `x` and `y` count.
    pub unit: DensityUnit,
    /// Pixels from left to right; at least 1.
    pub x: u16,
    /// Pixels from top to bottom; at least 1.
    pub y: u16,
}

/// What a density is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DensityUnit {
    /// Nothing: `x` and `y` say only what shape a pixel has.
    AspectRatio = 0,
    /// Pixels per inch.
    Inch = 1,
    /// Pixels per centimeter.
    Centimeter = 2,
}

impl Default for Density {
    /// Square pixels of no known size.
    fn default() -> Self {
        Self {
            unit: DensityUnit::AspectRatio,
            x: 1,
            y: 1,
        }
    }
}

/// What [`encode`](crate::encode) writes, and what it may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeOptions {
    /// 0 to 100, on the scale of the Independent JPEG Group: larger is finer.
    pub quality: u8,
    /// How chroma is stored.
    pub sampling: Sampling,
    /// The frame type that is written.
    pub process: Process,
    /// How scans are chosen, where `process` is progressive.
    pub scans: Scans,
    /// The color that transparent pixels are laid over.
    pub background: [u8; 3],
    /// An ICC profile to embed, in APP2 segments.
    pub icc: Option<Vec<u8>>,
    /// EXIF to embed in APP1: the TIFF data, without the `Exif\0\0` before it.
    pub exif: Option<Vec<u8>>,
    /// An XMP packet to embed in APP1.
    pub xmp: Option<Vec<u8>>,
    /// How densely the pixels lie, for the JFIF segment.
    pub density: Density,
    /// Which code runs; the bytes are the same.
    pub simd: Simd,
    /// Worker threads at most; the bytes are the same for any number.
    pub threads: usize,
    /// Bytes of memory at most that the work takes beside the frame, as [`Limits::max_bytes`] says.
    pub max_bytes: u64,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            quality: 85,
            sampling: Sampling::Auto,
            process: Process::Progressive,
            scans: Scans::Smallest,
            background: [255; 3],
            icc: None,
            exif: None,
            xmp: None,
            density: Density::default(),
            simd: Simd::Auto,
            threads: 1,
            max_bytes: MAX_BYTES,
        }
    }
}
