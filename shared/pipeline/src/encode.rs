//! One picture to the bytes of a file.

use std::borrow::Cow;

use codec_jpeg::EncodeOptions;
use png::{BitDepth, ColorType};
use raster::{Layout, Orientation, Watch};

use crate::decode::Decoded;
use crate::plan::Target;
use crate::probe::exif;
use crate::{Error, Fault, Format, Options};

/// What lies behind transparent pixels of a JPG.
const WHITE: [u8; 3] = [255; 3];

/// Encodes a picture, turned, with its profile and its EXIF.
pub(crate) fn encode(
    decoded: Decoded,
    target: Target,
    orientation: Orientation,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Vec<u8>, Error> {
    let Decoded {
        frame,
        icc,
        mut exif,
    } = decoded;
    let frame = raster::orient(frame, orientation);
    if let Some(exif) = &mut exif
        && orientation != Orientation::Normal
    {
        exif::reset_orientation(exif);
    }
    watch.check()?;
    match target {
        Target::Jpeg { process, quality } => {
            let frame = raster::flatten(frame, WHITE);
            let options = EncodeOptions {
                quality,
                process,
                scans: options.scans,
                background: WHITE,
                icc,
                exif,
                simd: options.simd,
                threads: options.threads,
                ..EncodeOptions::default()
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

/// What the JPEG codec's refusals mean for the object.
pub(crate) fn jpeg_error(error: codec_jpeg::Error) -> Error {
    let format = Format::Jpeg;
    let fault = match error {
        codec_jpeg::Error::Stopped(stopped) => return Error::Stopped(stopped),
        codec_jpeg::Error::Malformed(reason) => Fault::Broken { format, reason },
        codec_jpeg::Error::Unsupported(reason) => Fault::Unsupported { format, reason },
        codec_jpeg::Error::TooManyPixels { found, max_pixels } => Fault::TooManyPixels {
            found,
            max: max_pixels,
        },
        codec_jpeg::Error::TooManyScans { max_scans } => Fault::TooManyScans { max: max_scans },
        codec_jpeg::Error::TooLarge(found) => Fault::SideTooLong { found, max: 65535 },
        // An ICC profile or EXIF that came from a PNG, say, and does not fit a JPEG's segments.
        error @ codec_jpeg::Error::SegmentTooLarge { .. } => {
            let reason = error.to_string();
            Fault::Unsupported { format, reason }
        }
        error @ codec_jpeg::Error::Quality(_) => {
            let reason = error.to_string();
            return Error::Encoder { format, reason };
        }
    };
    Error::Source { index: 0, fault }
}
