//! The canvas of a GIF, and how many images it has.
//!
//! Source: GIF89a, sections 18 (logical screen), 20 (image descriptor), 23 (graphic control), appendix A.

use raster::Size;

use super::info::{SourceInfo, plain};
use crate::error::Fault;
use crate::format::Format;

/// Labels of the extensions that GIF89a knows: plain text, graphic control, comment, application.
const LABELS: [u8; 4] = [0x01, 0xF9, 0xFE, 0xFF];

/// The canvas of a screen and its first image's left, top, width and height: browsers enlarge the screen to it.
pub(crate) fn canvas(screen: Size, [left, top, width, height]: [u32; 4]) -> Size {
    Size::new(
        screen.width.max(left + width),
        screen.height.max(top + height),
    )
}

/// The parts of a file that its first image takes: all up to its end but extensions of unknown labels, which a decoder
/// is to pass over (GIF89a, section 12) and the one here does not; and a trailer.
pub(crate) fn first_image(bytes: &[u8]) -> Vec<&[u8]> {
    let head = head_bytes(bytes).min(bytes.len());
    let (mut parts, mut rest) = (vec![&bytes[..head]], &bytes[head..]);
    loop {
        let after = match rest {
            [0x21, label, extension @ ..] => {
                let after = after_sub_blocks(extension);
                if !LABELS.contains(label) {
                    rest = after;
                    continue;
                }
                after
            }
            [0x2C, ..] => after_image(rest).unwrap_or_default(),
            _ => &[],
        };
        parts.push(&rest[..rest.len() - after.len()]);
        if rest.first() != Some(&0x21) {
            parts.push(&[0x3B]);
            return parts;
        }
        rest = after;
    }
}

/// Bytes of header, screen descriptor and global color table.
fn head_bytes(bytes: &[u8]) -> usize {
    13 + table_bytes(bytes.get(10).copied().unwrap_or(0))
}

/// What follows an image, its color table and its data; `None` where the descriptor is cut short.
fn after_image(image: &[u8]) -> Option<&[u8]> {
    // The color table and the minimum code size come before the data.
    let flags = *image.get(9)?;
    Some(after_sub_blocks(
        image.get(10 + table_bytes(flags) + 1..).unwrap_or_default(),
    ))
}

pub(super) fn read(bytes: &[u8]) -> Result<SourceInfo, Fault> {
    let Some(&[w0, w1, h0, h1, ..]) = bytes.get(6..13) else {
        return Err(Fault::broken(Format::Gif, "its header is cut short"));
    };
    let mut size = Size::new(
        u32::from(u16::from_le_bytes([w0, w1])),
        u32::from(u16::from_le_bytes([h0, h1])),
    );
    let (mut frames, mut has_alpha) = (0, false);
    let mut rest = bytes.get(head_bytes(bytes)..).unwrap_or_default();
    loop {
        rest = match rest {
            [0x2C, l0, l1, t0, t1, w0, w1, h0, h1, _, ..] => {
                if frames == 0 {
                    let place = [[l0, l1], [t0, t1], [w0, w1], [h0, h1]];
                    size = canvas(
                        size,
                        place.map(|[a, b]| u16::from_le_bytes([*a, *b]).into()),
                    );
                }
                frames += 1;
                after_image(rest).unwrap_or_default()
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
