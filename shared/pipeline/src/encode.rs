//! One picture to the bytes of a file.

use std::borrow::Cow;

use codec_jpeg::EncodeOptions;
use png::{BitDepth, ColorType};
use raster::{Frame, Layout, Orientation, Watch};

use crate::decode::Decoded;
use crate::error::{Error, jpeg_error};
use crate::plan::Target;
use crate::probe::exif;
use crate::{Format, Limits, Options, color};

/// What lies behind transparent pixels of a JPG.
const WHITE: [u8; 3] = [255; 3];

/// Turns the pixels and, where they were turned, resets the orientation in EXIF. `strip` leaves of EXIF only what turns
/// the picture still.
pub(crate) fn turn(decoded: Decoded, orientation: Orientation, strip: bool) -> Decoded {
    let turned = orientation != Orientation::Normal;
    let exif = decoded.exif.and_then(|mut exif| {
        if turned {
            exif::reset_orientation(&mut exif);
        }
        if strip {
            exif::orientation_alone(&exif)
        } else {
            Some(exif)
        }
    });
    Decoded {
        frame: raster::orient(decoded.frame, orientation),
        exif,
        ..decoded
    }
}

/// Encodes a picture with its profile and its EXIF.
///
/// What does not fit a JPEG's segments does not keep the picture from being one: EXIF is left out but for the
/// orientation, and pixels with such a profile become sRGB.
pub(crate) fn encode(
    decoded: Decoded,
    target: Target,
    limits: &Limits,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Vec<u8>, Error> {
    let Decoded {
        mut frame,
        mut icc,
        mut exif,
        gray,
    } = decoded;
    match target {
        Target::Jpeg { process, quality } => {
            if let Some(profile) = icc.take_if(|icc| icc.len() > codec_jpeg::MAX_ICC_BYTES) {
                frame = color::to_srgb(frame, &profile);
            }
            if let Some(whole) = exif.take_if(|exif| exif.len() > codec_jpeg::MAX_EXIF_BYTES) {
                exif = exif::orientation_alone(&whole);
            }
            // A profile is for the layout that the pixels have.
            if gray && icc.is_none() {
                frame = gray_over_white(frame);
            }
            let held = frame.pixels().len() as u64;
            let options = EncodeOptions {
                quality,
                process,
                scans: options.scans,
                sampling: options.sampling,
                background: WHITE,
                icc,
                exif,
                simd: options.simd,
                threads: options.threads,
                max_bytes: limits.max_memory_bytes.saturating_sub(held),
            };
            codec_jpeg::encode(&frame, &options, watch).map_err(jpeg_error)
        }
        Target::Png => {
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
    }
}

/// One channel of a picture whose colors are all gray, over white where it is transparent.
fn gray_over_white(frame: Frame) -> Frame {
    let size = frame.size();
    let channels = frame.layout().channels();
    let with_alpha = frame.layout() == Layout::Rgba;
    let mut pixels = frame.into_pixels();
    let count = pixels.len() / channels;
    for at in 0..count {
        let gray = pixels[at * channels];
        pixels[at] = if with_alpha {
            let alpha = u32::from(pixels[at * channels + 3]);
            ((u32::from(gray) * alpha + 255 * (255 - alpha) + 127) / 255) as u8
        } else {
            gray
        };
    }
    pixels.truncate(count);
    Frame::new(size, Layout::Gray, pixels).expect("a byte for each pixel")
}
