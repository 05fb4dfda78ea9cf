//! Pixels to JPEG. The first version stands on the crate `jpeg-encoder`; the crate's own encoder replaces it.

use raster::{Frame, Layout, Watch};

use crate::{EncodeOptions, Error, Process, Sampling};

/// Encodes one picture as a JPEG.
///
/// # Errors
///
/// [`Error::TooLarge`] if a side is over 65 535 px, [`Error::Stopped`] if `watch` says so.
pub fn encode(frame: &Frame, options: &EncodeOptions, watch: &dyn Watch) -> Result<Vec<u8>, Error> {
    watch.check()?;
    let size = frame.size();
    let (Ok(width), Ok(height)) = (u16::try_from(size.width), u16::try_from(size.height)) else {
        return Err(Error::TooLarge(size));
    };
    let flat: Vec<u8>;
    let (pixels, color) = match frame.layout() {
        Layout::Gray => (frame.pixels(), jpeg_encoder::ColorType::Luma),
        Layout::Rgb => (frame.pixels(), jpeg_encoder::ColorType::Rgb),
        Layout::Rgba => {
            flat = frame
                .pixels()
                .chunks_exact(4)
                .flat_map(|p| {
                    let over = |c: usize| {
                        let (a, b) = (u32::from(p[3]), u32::from(options.background[c]));
                        ((u32::from(p[c]) * a + b * (255 - a) + 127) / 255) as u8
                    };
                    [over(0), over(1), over(2)]
                })
                .collect();
            (&flat[..], jpeg_encoder::ColorType::Rgb)
        }
    };
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, options.quality.max(1));
    encoder.set_progressive(options.process == Process::Progressive);
    encoder.set_sampling_factor(match options.sampling {
        Sampling::Auto if options.quality >= 90 => jpeg_encoder::SamplingFactor::F_1_1,
        Sampling::Auto | Sampling::S420 => jpeg_encoder::SamplingFactor::F_2_2,
        Sampling::S444 => jpeg_encoder::SamplingFactor::F_1_1,
        Sampling::S422 => jpeg_encoder::SamplingFactor::F_2_1,
    });
    let failed = |error: jpeg_encoder::EncodingError| Error::Malformed(error.to_string());
    if let Some(icc) = &options.icc {
        encoder.add_icc_profile(icc).map_err(failed)?;
    }
    if let Some(exif) = &options.exif {
        let segment = [b"Exif\0\0", exif.as_slice()].concat();
        encoder.add_app_segment(1, segment).map_err(failed)?;
    }
    encoder
        .encode(pixels, width, height, color)
        .map_err(failed)?;
    Ok(bytes)
}
