//! JPEG, over the crate `zune-jpeg`.

use codec_jpeg::{Process, TranscodeOptions};
use raster::{Frame, Layout, Unwatched};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::Decoded;
use crate::probe::broken;
use crate::probe::jpeg::{Header, reason};
use crate::{Fault, Format, color};

/// Scans that are read; the transcoder has a limit of its own, and files in order have about ten.
const MAX_SCANS: usize = 1000;

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Fault> {
    let header = Header::read(bytes)?;
    refuse_unsupported(&header)?;
    if header.late_height {
        return decode(&with_height(bytes)?);
    }
    // Strict: what is missing or contradicts itself is an error, and not gray.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_max_scans(MAX_SCANS);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(fault)?;
    let found = decoder.input_colorspace();
    let wanted = match found {
        Some(ColorSpace::Luma) => ColorSpace::Luma,
        // As stored: what the four mean depends on who wrote them.
        Some(four @ (ColorSpace::CMYK | ColorSpace::YCCK)) => four,
        _ => ColorSpace::RGB,
    };
    decoder.set_options(options.jpeg_set_out_colorspace(wanted));
    let pixels = decoder.decode().map_err(fault)?;
    let layout = match wanted {
        ColorSpace::Luma => Layout::Gray,
        ColorSpace::RGB => Layout::Rgb,
        _ => {
            let inks = inks(pixels, wanted == ColorSpace::YCCK, header.adobe);
            if inks.len() as u64 != header.size.pixels() * 4 {
                return Err(broken(Format::Jpeg, "it has too few pixels"));
            }
            return Ok(Decoded {
                frame: color::cmyk_to_srgb(&inks, header.size, header.icc().as_deref()),
                icc: None,
                exif: header.exif.map(<[u8]>::to_vec),
            });
        }
    };
    let frame = Frame::new(header.size, layout, pixels)
        .ok_or_else(|| broken(Format::Jpeg, "it has too few pixels"))?;
    Ok(Decoded {
        frame,
        icc: header.icc(),
        exif: header.exif.map(<[u8]>::to_vec),
    })
}

/// The same picture in a file that says its height where every decoder looks for it.
fn with_height(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let options = TranscodeOptions {
        process: Some(Process::Baseline),
        ..TranscodeOptions::default()
    };
    let made = codec_jpeg::transcode(bytes, &options, &Unwatched);
    made.map(|made| made.bytes)
        .map_err(|error| broken(Format::Jpeg, reason(error)))
}

/// Four stored values of each pixel -> amounts of ink, 255 a full cover.
///
/// Adobe's files hold them inverted, and YCCK is always Adobe's: the first three are then YCbCr of inverted inks.
/// Source: T.872, 6.5.3; Adobe Technical Note 5116.
fn inks(mut pixels: Vec<u8>, ycck: bool, adobe: bool) -> Vec<u8> {
    for pixel in pixels.chunks_exact_mut(4) {
        if ycck {
            let [y, cb, cr] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
            let (cb, cr) = (cb - 128.0, cr - 128.0);
            let rgb = [
                y + 1.402 * cr,
                y - 0.344_136 * cb - 0.714_136 * cr,
                y + 1.772 * cb,
            ];
            for (channel, value) in pixel.iter_mut().zip(rgb) {
                *channel = 255 - (value + 0.5) as u8;
            }
        }
        if adobe {
            for channel in pixel {
                *channel = 255 - *channel;
            }
        }
    }
    pixels
}

/// Refuses by name what no decoder here reads.
fn refuse_unsupported(header: &Header) -> Result<(), Fault> {
    let reason = match header.process {
        0..=2 if header.precision == 8 => match header.sampling {
            (3, _) | (_, 3) => "a sampling factor of 3".to_owned(),
            _ => return Ok(()),
        },
        0..=2 => format!("samples of {} bits; 8 are read", header.precision),
        3 => "lossless coding (SOF3)".to_owned(),
        5..=7 => format!("hierarchical coding (SOF{})", header.process),
        process => format!("arithmetic coding (SOF{process})"),
    };
    Err(Fault::Unsupported {
        format: Format::Jpeg,
        reason,
    })
}

fn fault(error: DecodeErrors) -> Fault {
    let format = Format::Jpeg;
    match error {
        DecodeErrors::Unsupported(scheme) => Fault::Unsupported {
            format,
            reason: format!("{scheme:?}"),
        },
        error => {
            let text = format!("{error:?}");
            let text = text.trim().trim_matches('"').replace("[strict-mode]: ", "");
            broken(format, text)
        }
    }
}
