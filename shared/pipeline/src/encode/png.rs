//! One picture to a PNG.

use std::borrow::Cow;

use png::{BitDepth, ColorType};
use raster::{Layout, Watch};

use crate::error::Error;
use crate::format::Format;
use crate::picture::Decoded;

pub(super) fn encode(decoded: Decoded, watch: &dyn Watch) -> Result<Vec<u8>, Error> {
    let Decoded {
        frame, icc, exif, ..
    } = decoded;
    let mut info = png::Info::with_size(frame.size().width, frame.size().height);
    info.bit_depth = BitDepth::Eight;
    info.color_type = match frame.layout() {
        Layout::Gray => ColorType::Grayscale,
        Layout::Rgb => ColorType::Rgb,
        Layout::Rgba => ColorType::Rgba,
    };
    info.icc_profile = icc.map(Cow::Owned);
    info.exif_metadata = exif.map(Cow::Owned);
    let mut bytes = Vec::new();
    let write = |bytes: &mut Vec<u8>| {
        let mut writer = png::Encoder::with_info(bytes, info)?.write_header()?;
        writer.write_image_data(frame.pixels())?;
        writer.finish()
    };
    write(&mut bytes).map_err(|error: png::EncodingError| Error::Encoder {
        format: Format::Png,
        reason: error.to_string(),
    })?;
    watch.check()?;
    Ok(bytes)
}
