//! The blocks of a GIF89a file, as bytes. It decides nothing: what is in them is settled before.

use std::io::{self, Write};

use raster::{Rect, Size};

use crate::options::Centiseconds;

/// What becomes of an image before the next one is drawn. Source: GIF89a, section 23.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposal {
    /// It stays, and the next is drawn over it.
    Keep = 1,
    /// Its rectangle becomes transparent.
    Background = 2,
}

/// One image and what belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) rect: Rect,
    pub(crate) delay: Centiseconds,
    pub(crate) disposal: Disposal,
    pub(crate) transparent: Option<u8>,
    /// The colors, unless the image uses the global color table.
    pub(crate) local: Option<Vec<[u8; 3]>>,
    pub(crate) minimum_code_size: u32,
    /// LZW codes, not yet in sub-blocks.
    pub(crate) codes: Vec<u8>,
}

/// Bits that number `colors` entries of a color table: from 1 to 8.
pub(crate) fn table_bits(colors: usize) -> u32 {
    colors.max(2).next_power_of_two().trailing_zeros()
}

fn color_table(colors: &[[u8; 3]], out: &mut Vec<u8>) {
    out.extend_from_slice(colors.as_flattened());
    out.resize(
        out.len() + 3 * ((1 << table_bits(colors.len())) - colors.len()),
        0,
    );
}

/// Signature, screen descriptor, global color table, and the extension that makes it loop forever.
pub(crate) fn write_header(
    canvas: Size,
    global: &[[u8; 3]],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut bytes = b"GIF89a".to_vec();
    bytes.extend_from_slice(&(canvas.width as u16).to_le_bytes());
    bytes.extend_from_slice(&(canvas.height as u16).to_le_bytes());
    // Global color table, eight bits a channel in the original, its size; background color and aspect ratio: none.
    bytes.extend_from_slice(&[0xF0 | (table_bits(global.len()) - 1) as u8, 0, 0]);
    color_table(global, &mut bytes);
    bytes.extend_from_slice(b"\x21\xFF\x0BNETSCAPE2.0\x03\x01\0\0\0");
    out.write_all(&bytes)
}

/// Graphic control extension, image descriptor, local color table and image data.
pub(crate) fn write_image(image: &Image, out: &mut dyn Write) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(image.codes.len() + image.codes.len() / 255 + 1024);
    let flags = (image.disposal as u8) << 2 | u8::from(image.transparent.is_some());
    bytes.extend_from_slice(&[0x21, 0xF9, 4, flags]);
    bytes.extend_from_slice(&image.delay.0.to_le_bytes());
    bytes.extend_from_slice(&[image.transparent.unwrap_or(0), 0, 0x2C]);
    let Rect {
        x,
        y,
        width,
        height,
    } = image.rect;
    for value in [x, y, width, height] {
        bytes.extend_from_slice(&(value as u16).to_le_bytes());
    }
    match &image.local {
        Some(colors) => {
            bytes.push(0x80 | (table_bits(colors.len()) - 1) as u8);
            color_table(colors, &mut bytes);
        }
        None => bytes.push(0),
    }
    bytes.push(image.minimum_code_size as u8);
    for codes in image.codes.chunks(255) {
        bytes.push(codes.len() as u8);
        bytes.extend_from_slice(codes);
    }
    bytes.push(0);
    out.write_all(&bytes)
}

/// The end of the file.
pub(crate) fn write_trailer(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&[0x3B])
}
