//! The second bytes of the markers that are read and written (T.81, table B.1).

/// Frame header, baseline sequential process.
pub(crate) const SOF0: u8 = 0xC0;
/// Frame header, progressive process.
pub(crate) const SOF2: u8 = 0xC2;
/// Frame header, lossless process.
pub(crate) const SOF3: u8 = 0xC3;
/// Huffman tables.
pub(crate) const DHT: u8 = 0xC4;
/// End of the picture.
pub(crate) const EOI: u8 = 0xD9;
/// Scan header; entropy-coded data follows.
pub(crate) const SOS: u8 = 0xDA;
/// Quantization tables.
pub(crate) const DQT: u8 = 0xDB;
/// The number of lines, where the frame header has none.
pub(crate) const DNL: u8 = 0xDC;
/// The restart interval.
pub(crate) const DRI: u8 = 0xDD;
/// Application data: JFIF. The other fifteen, to 0xEF, follow.
pub(crate) const APP0: u8 = 0xE0;
/// A comment.
pub(crate) const COM: u8 = 0xFE;
