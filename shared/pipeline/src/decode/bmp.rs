//! BMP, over the crate `image`.

use std::io::Cursor;

use codec_jpeg::Density;
use image::codecs::bmp::BmpDecoder;
use image::{DynamicImage, ImageDecoder, ImageError};
use raster::{Frame, Layout, Size};

use crate::color::ColorSpace;
use crate::error::Fault;
use crate::format::Format;
use crate::memory::{Decoding, Gray, Memory, conversion};
use crate::picture::Decoded;
use crate::probe::info::SourceInfo;

/// Palette and buffers of the decoder.
const DECODER_BYTES: u64 = 1 << 20;

/// What [`decode`] takes: the picture, and as much again at most.
pub(super) fn decoding(bytes: &[u8], info: &SourceInfo, space: ColorSpace) -> Decoding {
    let pixels = info.size.pixels();
    let mut memory = Memory::exactly(8 * pixels).and_perhaps(DECODER_BYTES);
    if space == ColorSpace::Srgb {
        memory = memory.then(conversion(4 * pixels, pixels));
    }
    Decoding {
        memory,
        frame_bytes: 4 * pixels,
        metadata_bytes: profile_bytes(bytes),
        gray: Gray::No,
        written_anew: false,
    }
}

/// Bytes of the profile that a BITMAPV5HEADER announces, which is a part of the file.
fn profile_bytes(bytes: &[u8]) -> u64 {
    const HEADER_BYTES: u32 = 124;
    let long = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    match (long(14), long(14 + 116)) {
        (Some(HEADER_BYTES), Some(profile)) => u64::from(profile).min(bytes.len() as u64),
        _ => 0,
    }
}

pub(super) fn decode(bytes: &[u8], info: &SourceInfo) -> Result<Decoded, Fault> {
    let memory = info.size.pixels() * 8;
    let mut decoder = BmpDecoder::new(Cursor::new(bytes)).map_err(|error| fault(&error))?;
    let (width, height) = decoder.dimensions();
    let size = Size::new(width, height);
    if size != info.size {
        return Err(Fault::other_size(info, size));
    }
    let mut own_limits = image::Limits::no_limits();
    own_limits.max_image_width = Some(width);
    own_limits.max_image_height = Some(height);
    own_limits.max_alloc = Some(memory);
    decoder
        .set_limits(own_limits)
        .map_err(|error| fault(&error))?;
    let icc = decoder.icc_profile().map_err(|error| fault(&error))?;
    let frame = match DynamicImage::from_decoder(decoder).map_err(|error| fault(&error))? {
        DynamicImage::ImageLuma8(image) => Frame::new(size, Layout::Gray, image.into_raw()),
        DynamicImage::ImageRgb8(image) => Frame::new(size, Layout::Rgb, image.into_raw()),
        image => Frame::new(size, Layout::Rgba, image.into_rgba8().into_raw()),
    };
    let frame = frame.ok_or_else(|| Fault::broken(Format::Bmp, "it has too few pixels"))?;
    Ok(Decoded {
        frame: raster::without_needless_alpha(frame),
        icc,
        exif: None,
        xmp: None,
        density: Density::default(),
        gray: false,
    })
}

fn fault(error: &ImageError) -> Fault {
    let (format, reason) = (Format::Bmp, error.to_string());
    match error {
        ImageError::Unsupported(_) => Fault::Unsupported { format, reason },
        _ => Fault::broken(format, reason),
    }
}
