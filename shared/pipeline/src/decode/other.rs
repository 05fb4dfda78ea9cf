//! BMP, and the first frame of GIF and WebP, over the crate `image`.

use std::io::Cursor;

use codec_jpeg::Density;
use image::codecs::bmp::BmpDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageError, Limits};
use raster::{Frame, Layout, Size};

use crate::error::Fault;
use crate::format::Format;
use crate::picture::Decoded;
use crate::probe::info::SourceInfo;

pub(super) fn decode(bytes: &[u8], info: &SourceInfo) -> Result<Decoded, Fault> {
    let format = info.format;
    let fault = |error| fault(format, &error);
    let bytes = Cursor::new(bytes);
    match format {
        Format::Gif => read(GifDecoder::new(bytes).map_err(fault)?, info),
        Format::WebP => read(WebPDecoder::new(bytes).map_err(fault)?, info),
        _ => read(BmpDecoder::new(bytes).map_err(fault)?, info),
    }
}

fn read(mut decoder: impl ImageDecoder, info: &SourceInfo) -> Result<Decoded, Fault> {
    let fault = |error| fault(info.format, &error);
    // The caller has checked the size in the header; the decoder holds the picture and as much again at most.
    let mut limits = Limits::default();
    limits.max_alloc = Some(info.size.pixels() * 8 + (64 << 20));
    decoder.set_limits(limits).map_err(fault)?;
    let icc = decoder.icc_profile().map_err(fault)?;
    let exif = decoder.exif_metadata().map_err(fault)?;
    let exif = exif.map(|exif| {
        exif.strip_prefix(b"Exif\0\0")
            .map(<[u8]>::to_vec)
            .unwrap_or(exif)
    });
    let image = DynamicImage::from_decoder(decoder).map_err(fault)?;
    let size = Size::new(image.width(), image.height());
    let frame = match image {
        DynamicImage::ImageLuma8(image) => Frame::new(size, Layout::Gray, image.into_raw()),
        DynamicImage::ImageRgb8(image) => Frame::new(size, Layout::Rgb, image.into_raw()),
        DynamicImage::ImageRgba8(image) => Frame::new(size, Layout::Rgba, image.into_raw()),
        image => Frame::new(size, Layout::Rgba, image.into_rgba8().into_raw()),
    };
    let frame = frame.ok_or_else(|| Fault::broken(info.format, "it has too few pixels"))?;
    Ok(Decoded {
        frame: raster::without_needless_alpha(frame),
        icc,
        exif,
        xmp: None,
        density: Density::default(),
        gray: false,
    })
}

fn fault(format: Format, error: &ImageError) -> Fault {
    let reason = error.to_string();
    match error {
        ImageError::Unsupported(_) => Fault::Unsupported { format, reason },
        _ => Fault::broken(format, reason),
    }
}
