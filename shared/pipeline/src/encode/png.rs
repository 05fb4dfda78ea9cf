//! One picture to a PNG.

use std::borrow::Cow;

use png::text_metadata::ITXtChunk;
use png::{BitDepth, ColorType};
use raster::{Frame, Layout, Watch};

use crate::color;
use crate::density;
use crate::error::Error;
use crate::format::Format;

/// The keyword of an XMP packet (PNG, 11.3.3.4).
const XMP_KEYWORD: &str = "XML:com.adobe.xmp";
use crate::memory::{Memory, Outline};
use crate::picture::Decoded;

/// What the compressor takes whatever the picture.
const COMPRESSOR_BYTES: u64 = 1 << 20;

/// What [`encode`] takes beside the picture, its result in it: rows that cannot be compressed are stored with a byte
/// each, in a buffer that grows to up to twice what is in it, and so does the file that it is copied into.
pub(super) fn memory(outline: &Outline) -> Memory {
    let rows = outline.frame_bytes + u64::from(outline.size.height);
    Memory::default().and_perhaps(4 * (rows + rows / 1000) + COMPRESSOR_BYTES)
}

pub(super) fn encode(decoded: Decoded, watch: &dyn Watch) -> Result<Vec<u8>, Error> {
    let Decoded {
        frame,
        icc,
        exif,
        xmp,
        density,
        ..
    } = decoded;
    // A profile for gray is for one channel and alpha, not for three.
    let gray = frame.layout() == Layout::Rgba && icc.as_deref().is_some_and(color::is_for_gray);
    let mut info = png::Info::with_size(frame.size().width, frame.size().height);
    info.bit_depth = BitDepth::Eight;
    info.color_type = match frame.layout() {
        Layout::Gray => ColorType::Grayscale,
        Layout::Rgb => ColorType::Rgb,
        Layout::Rgba if gray => ColorType::GrayscaleAlpha,
        Layout::Rgba => ColorType::Rgba,
    };
    let pixels = if gray {
        gray_with_alpha(frame)
    } else {
        frame.into_pixels()
    };
    info.icc_profile = icc.map(Cow::Owned);
    info.exif_metadata = exif.map(Cow::Owned);
    info.pixel_dims = density::to_png(density);
    let xmp = xmp.and_then(|xmp| String::from_utf8(xmp).ok());
    info.utf8_text
        .extend(xmp.map(|xmp| ITXtChunk::new(XMP_KEYWORD, xmp)));
    let mut bytes = Vec::new();
    let write = |bytes: &mut Vec<u8>| {
        let mut writer = png::Encoder::with_info(bytes, info)?.write_header()?;
        writer.write_image_data(&pixels)?;
        writer.finish()
    };
    write(&mut bytes).map_err(|error: png::EncodingError| Error::Encoder {
        format: Format::Png,
        reason: error.to_string(),
    })?;
    watch.check()?;
    Ok(bytes)
}

/// One of the three equal channels, and alpha.
fn gray_with_alpha(frame: Frame) -> Vec<u8> {
    let mut pixels = frame.into_pixels();
    let count = pixels.len() / 4;
    for at in 0..count {
        pixels[2 * at] = pixels[4 * at];
        pixels[2 * at + 1] = pixels[4 * at + 3];
    }
    pixels.truncate(2 * count);
    pixels
}
