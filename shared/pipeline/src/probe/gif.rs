//! The canvas of a GIF, and how many images it has.
//!
//! Source: GIF89a, sections 18 (logical screen), 20 (image descriptor), 23 (graphic control), appendix A.

use raster::Size;

use super::info::{SourceInfo, plain};
use crate::error::Fault;
use crate::format::Format;

pub(super) fn read(bytes: &[u8]) -> Result<SourceInfo, Fault> {
    let Some(&[w0, w1, h0, h1, flags, _, _]) = bytes.get(6..).and_then(|b| b.first_chunk()) else {
        return Err(Fault::broken(Format::Gif, "its header is cut short"));
    };
    let size = Size::new(
        u32::from(u16::from_le_bytes([w0, w1])),
        u32::from(u16::from_le_bytes([h0, h1])),
    );
    let (mut frames, mut has_alpha) = (0, false);
    let mut rest = bytes.get(13 + table_bytes(flags)..).unwrap_or_default();
    loop {
        rest = match rest {
            [0x2C, descriptor @ ..] => {
                let Some((descriptor, rest)) = descriptor.split_first_chunk::<9>() else {
                    break;
                };
                frames += 1;
                // The color table and the minimum code size come before the data.
                let skipped = table_bytes(descriptor[8]) + 1;
                after_sub_blocks(rest.get(skipped..).unwrap_or_default())
            }
            [0x21, label, extension @ ..] => {
                if let (0xF9, [_, flags, ..]) = (label, extension) {
                    has_alpha |= flags & 1 != 0;
                }
                after_sub_blocks(extension)
            }
            // The trailer, the end, or something that is none of these.
            _ => break,
        };
    }
    if frames == 0 {
        return Err(Fault::broken(Format::Gif, "it holds no image"));
    }
    Ok(SourceInfo {
        frames,
        has_alpha,
        ..plain(Format::Gif, size, 8)
    })
}

/// Bytes of the color table that these flags announce.
fn table_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 {
        return 0;
    }
    3 << ((flags & 7) + 1)
}

/// What follows a sequence of sub-blocks and its terminator.
fn after_sub_blocks(mut rest: &[u8]) -> &[u8] {
    while let [len, data @ ..] = rest {
        rest = data.get(usize::from(*len)..).unwrap_or_default();
        if *len == 0 {
            break;
        }
    }
    rest
}
