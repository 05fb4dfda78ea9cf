//! BMP, over the crate `image`.

use std::io::Cursor;

use codec_jpeg::Density;
use image::codecs::bmp::BmpDecoder;
use image::{DynamicImage, ImageDecoder, ImageError};
use raster::{Frame, Layout, Size};

use crate::error::Fault;
use crate::format::Format;
use crate::limits::Limits;
use crate::picture::Decoded;
use crate::probe::info::SourceInfo;

/// Cost: the picture, and as much again at most.
pub(super) fn decode(bytes: &[u8], info: &SourceInfo, limits: &Limits) -> Result<Decoded, Fault> {
    let memory = info.size.pixels() * 8;
    limits.check_memory(memory)?;
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
