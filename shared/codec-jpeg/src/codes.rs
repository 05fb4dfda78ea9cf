//! The second bytes of the markers that are read and written (T.81, table B.1), and what application segments begin
//! with.

/// Frame header, baseline sequential process.
pub(crate) const SOF0: u8 = 0xC0;
/// Frame header, progressive process.
pub(crate) const SOF2: u8 = 0xC2;
/// Frame header, lossless process.
pub(crate) const SOF3: u8 = 0xC3;
/// Huffman tables.
pub(crate) const DHT: u8 = 0xC4;
/// Start of the file.
pub(crate) const SOI: u8 = 0xD8;
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
/// Application data: JFIF.
pub(crate) const APP0: u8 = 0xE0;
/// Application data: EXIF, XMP.
pub(crate) const APP1: u8 = 0xE1;
/// Application data: pieces of an ICC profile.
pub(crate) const APP2: u8 = 0xE2;
/// Application data: Adobe's color transform.
pub(crate) const APP14: u8 = 0xEE;
/// The last of the sixteen kinds of application data.
pub(crate) const APP15: u8 = 0xEF;
/// A comment.
pub(crate) const COM: u8 = 0xFE;

/// What an APP0 segment of JFIF begins with, before its version (T.871, 10.1).
pub(crate) const JFIF: &[u8; 5] = b"JFIF\0";
/// What an APP1 segment of EXIF begins with, before its TIFF structure (Exif 2.3, 4.5.4).
pub(crate) const EXIF: &[u8; 6] = b"Exif\0\0";
/// What an APP1 segment of XMP begins with, before the packet (ISO 16684-3, 1.1.3).
pub(crate) const XMP: &[u8; 29] = b"http://ns.adobe.com/xap/1.0/\0";
/// What an APP2 segment of an ICC profile begins with, before its number and their count (ICC.1, B.4).
pub(crate) const ICC: &[u8; 12] = b"ICC_PROFILE\0";
/// What an APP2 segment of an index of further pictures begins with (CIPA DC-007, 5.2.1).
pub(crate) const MPF: &[u8; 4] = b"MPF\0";
