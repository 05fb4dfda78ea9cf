//! The canvas of a WebP, and how many images it has.
//!
//! Source: RFC 9649, sections 2.5 (VP8), 2.6 (VP8L) and 2.7 (VP8X); RFC 6386, 9.1.

use codec_jpeg::exif;
use raster::Size;

use super::info::{SourceInfo, plain};
use crate::error::Fault;
use crate::format::Format;

pub(super) fn read(bytes: &[u8]) -> Result<SourceInfo, Fault> {
    let (mut size, mut frames, mut has_alpha) = (None, 0, false);
    let mut orientation = 1;
    for (name, data) in Chunks(bytes.get(12..).unwrap_or_default()) {
        match (name, data) {
            (b"VP8X", [flags, _, _, _, w0, w1, w2, h0, h1, h2, ..]) => {
                has_alpha = flags & 0x10 != 0;
                let side = |a: &u8, b: &u8, c: &u8| u32::from_le_bytes([*a, *b, *c, 0]) + 1;
                size = Some(Size::new(side(w0, w1, w2), side(h0, h1, h2)));
            }
            (b"VP8 ", [_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1, ..]) => {
                let side = |a: &u8, b: &u8| u32::from(u16::from_le_bytes([*a, *b]) & 0x3FFF);
                size = size.or(Some(Size::new(side(w0, w1), side(h0, h1))));
                frames = 1;
            }
            (b"VP8L", [0x2F, b0, b1, b2, b3, ..]) => {
                let bits = u32::from_le_bytes([*b0, *b1, *b2, *b3]);
                let stored = Size::new((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1);
                has_alpha |= bits >> 28 & 1 != 0;
                size = size.or(Some(stored));
                frames = 1;
            }
            (b"ANMF", _) => frames += 1,
            (b"EXIF", data) => {
                orientation = exif::orientation(exif::tiff(data));
            }
            _ => {}
        }
    }
    let size = size.filter(|_| frames > 0);
    let size = size.ok_or_else(|| Fault::broken(Format::WebP, "it holds no image"))?;
    Ok(SourceInfo {
        frames,
        orientation,
        has_alpha,
        ..plain(Format::WebP, size, 8)
    })
}

/// Names and data of RIFF chunks. The last may be cut short: its first bytes are what is looked at.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.split_first_chunk()?;
        let (len, rest) = rest.split_first_chunk()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        let data = rest.get(..len).unwrap_or(rest);
        self.0 = rest.get(len.saturating_add(len & 1)..).unwrap_or_default();
        Some((name, data))
    }
}
