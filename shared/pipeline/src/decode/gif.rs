//! The first image of a GIF on its canvas, over the crate `gif`.

use std::num::NonZeroU64;

use codec_jpeg::Density;
use gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};
use raster::{Frame, Layout, Size};

use super::parts::Parts;
use crate::color::ColorSpace;
use crate::error::Fault;
use crate::format::Format;
use crate::memory::{Decoding, Gray, Memory, conversion};
use crate::picture::Decoded;
use crate::probe::gif::{canvas, first_image};
use crate::probe::info::SourceInfo;

/// Code tables and buffers of the decoder.
const DECODER_BYTES: u64 = 1 << 20;

/// What [`decode`] takes: the canvas and, where the image is only a part of it, the image, 4 bytes a pixel.
pub(super) fn decoding(bytes: &[u8], info: &SourceInfo, space: ColorSpace) -> Decoding {
    let (pixels, len) = (info.size.pixels(), bytes.len() as u64);
    let mut memory = Memory::exactly(8 * pixels).and_perhaps(DECODER_BYTES);
    if space == ColorSpace::Srgb {
        memory = memory.then(conversion(4 * pixels, pixels));
    }
    Decoding {
        memory,
        frame_bytes: 4 * pixels,
        // A profile or XMP is a part of the file.
        metadata_bytes: len,
        gray: Gray::No,
        written_anew: false,
    }
}

/// Decodes the first image. What is not drawn of the canvas is transparent.
pub(super) fn decode(bytes: &[u8], info: &SourceInfo) -> Result<Decoded, Fault> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    // The image lies within the canvas. XMP and a profile count too: they are no larger than the file.
    let most = info.size.pixels() * 4 + bytes.len() as u64;
    options
        .set_memory_limit(NonZeroU64::new(most).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    let mut decoder = options
        .read_info(Parts::new(first_image(bytes)))
        .map_err(fault)?;
    let screen = Size::new(decoder.width().into(), decoder.height().into());
    let image = decoder.next_frame_info().map_err(fault)?;
    let image = image.ok_or_else(|| Fault::broken(Format::Gif, "it holds no image"))?;
    let place = [image.left, image.top, image.width, image.height].map(u32::from);
    let found = canvas(screen, place);
    if found != info.size {
        return Err(Fault::other_size(info, found));
    }
    let [left, top, width, height] = place;
    let size = Size::new(width, height);
    let mut pixels = vec![0; size.pixels() as usize * 4];
    decoder.read_into_buffer(&mut pixels).map_err(fault)?;
    let frame = if size == info.size {
        Frame::new(size, Layout::Rgba, pixels)
    } else {
        let mut all = vec![0; info.size.pixels() as usize * 4];
        let row_bytes = info.size.width as usize * 4;
        let rows = all.chunks_exact_mut(row_bytes).skip(top as usize);
        for (row, drawn) in rows.zip(pixels.chunks_exact(width as usize * 4)) {
            row[left as usize * 4..][..drawn.len()].copy_from_slice(drawn);
        }
        Frame::new(info.size, Layout::Rgba, all)
    };
    let frame = frame.ok_or_else(|| Fault::broken(Format::Gif, "it has too few pixels"))?;
    Ok(Decoded {
        frame: raster::without_needless_alpha(frame),
        icc: decoder.icc_profile().map(<[u8]>::to_vec),
        exif: None,
        xmp: decoder.xmp_metadata().map(<[u8]>::to_vec),
        density: Density::default(),
        gray: false,
    })
}

fn fault(error: DecodingError) -> Fault {
    match error {
        DecodingError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Fault::broken(Format::Gif, "it is cut short")
        }
        error => Fault::broken(Format::Gif, error.to_string()),
    }
}
