//! The header of a BMP: BITMAPCOREHEADER or BITMAPINFOHEADER and its successors.

use raster::Size;

use super::info::{SourceInfo, plain};
use crate::error::Fault;
use crate::format::Format;

pub(super) fn read(bytes: &[u8]) -> Result<SourceInfo, Fault> {
    let short = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let long = |at: usize| Some(i32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let header = || {
        let (width, height, bits, compression) = if long(14)? == 12 {
            let (width, height) = (short(18)?, short(20)?);
            (u32::from(width), u32::from(height), short(24)?, 0)
        } else {
            // Rows are stored downwards where the height is negative.
            let (width, height) = (long(18)?, long(22)?.unsigned_abs());
            (u32::try_from(width).ok()?, height, short(28)?, long(30)?)
        };
        // Truncation cannot lose anything: no depth over 64 exists.
        let channel = if bits <= 8 { bits.min(8) } else { 8 } as u8;
        let has_alpha = bits == 32 && (compression == 3 || compression == 6);
        Some(SourceInfo {
            has_alpha,
            ..plain(Format::Bmp, Size::new(width, height), channel)
        })
    };
    header().ok_or_else(|| Fault::broken(Format::Bmp, "its header is cut short or out of range"))
}
