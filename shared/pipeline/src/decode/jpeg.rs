//! JPEG, over the crates `zune-jpeg` and, for what that does not read, `jpeg-decoder`.

use codec_jpeg::{Process, Scans, TranscodeOptions};
use jpeg_decoder::PixelFormat;
use raster::{Frame, Layout, Watch};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::watched::Watched;
use crate::color::{self, ColorSpace as Wanted};
use crate::error::{Fault, jpeg_fault};
use crate::format::Format;
use crate::limits::Limits;
use crate::memory::{Decoding, Gray, Memory, conversion};
use crate::picture::Decoded;
use crate::probe::jpeg::Header;

/// Bytes that the decoders take for each pixel of a picture's width: two rows of MCUs as coefficients and samples, and
/// what these become on their way to pixels.
const ROW_BYTES: u64 = 1 << 10;
/// Tables of the decoders.
const TABLE_BYTES: u64 = 1 << 20;
/// A picture that the fast decoder turns out not to read is written anew only where that takes no more than this, or no
/// more than decoding does.
const REWRITE_BYTES: u64 = 4 << 20;

/// What [`decode`] takes. Size, scans and memory are known then to be within `limits`.
pub(super) fn decoding(bytes: &[u8], space: Wanted, limits: &Limits) -> Result<Decoding, Fault> {
    let header = Header::read(bytes)?;
    refuse_unsupported(&header)?;
    let scans_are_counted = match codec_jpeg::check_limits(bytes, &limits.of_jpeg()) {
        Ok(()) => true,
        // Scans may follow that were not counted. The fast decoder has a limit of its own for them.
        Err(codec_jpeg::Error::Malformed(_) | codec_jpeg::Error::Unsupported(_)) => false,
        Err(error) => {
            return Err(jpeg_fault(error)
                .unwrap_or_else(|error| Fault::broken(Format::Jpeg, error.to_string())));
        }
    };
    let (size, samples) = (header.size, header.samples());
    let gray = header.components == 1;
    let frame_bytes = size.pixels() * if gray { 1 } else { 3 };
    let inks = match header.components {
        4 => 4 * size.pixels(),
        _ => 0,
    };
    // A coefficient of two bytes for each sample, unless each row of MCUs is complete when it was read; and in the
    // slower decoder the samples.
    let (whole, slow) = if is_in_one_go(&header) {
        (0, samples)
    } else {
        (3 * samples, 0)
    };
    // The decoders copy what they find in segments.
    let mut memory = Memory::exactly(frame_bytes + inks + whole)
        .and_perhaps(slow + row_bytes(&header) + bytes.len() as u64);
    let rewriting = rewriting(bytes, &header, limits);
    memory.most = memory.most.max(if needs_rewriting(bytes, &header) {
        rewriting
    } else {
        rewriting.min(REWRITE_BYTES)
    });
    let icc = header.icc();
    let converts = icc.is_some() && space == Wanted::Srgb;
    if converts {
        memory = memory.then(conversion(frame_bytes, size.pixels()));
    }
    let metadata = [header.exif, header.xmp, icc.as_deref()];
    Ok(Decoding {
        memory,
        frame_bytes: if converts {
            3 * size.pixels()
        } else {
            frame_bytes
        },
        metadata_bytes: metadata
            .into_iter()
            .flatten()
            .map(|part| part.len() as u64)
            .sum(),
        gray: if gray { Gray::Yes } else { Gray::No },
        scans_are_counted,
    })
}

/// Decodes with the first of these that can: the fast decoder; the same after our own codec has written the file anew;
/// a slower decoder. `decoding` is what was told of this.
///
/// The fast one shows nonsense, and says nothing, where a sequential picture comes in several scans
/// (`several_scans.jpg`) or where the first component is not the finest (`fine_chroma.jpg`). It
/// refuses sampling factors of 3, lossless coding, a height after the picture, files without Huffman tables.
pub(super) fn decode(
    bytes: &[u8],
    decoding: &Decoding,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<Decoded, Fault> {
    let header = Header::read(bytes)?;
    let mut fault = None;
    if !header.first_is_coarse && header.process != 3 {
        if !comes_in_parts(&header) {
            match fast(bytes, &header, limits, watch) {
                Ok(decoded) => return Ok(decoded),
                Err(error) => fault = Some(error),
            }
        }
        let anew = anew(bytes, &header, decoding, limits, watch);
        if let Some(decoded) = anew.and_then(|bytes| fast(&bytes, &header, limits, watch).ok()) {
            return Ok(decoded);
        }
    }
    let decoded = decoding
        .scans_are_counted
        .then(|| slow(bytes, &header, watch));
    decoded.flatten().ok_or_else(|| {
        fault.unwrap_or_else(|| {
            Fault::broken(Format::Jpeg, "its scans are damaged or of a rare kind")
        })
    })
}

/// True where a sequential picture has its components in several scans.
fn comes_in_parts(header: &Header) -> bool {
    header.process <= 1 && header.first_scan < header.components
}

/// True where each row of MCUs is complete when it was read.
fn is_in_one_go(header: &Header) -> bool {
    header.process <= 1 && !comes_in_parts(header) && !header.first_is_coarse
}

/// True where it is known before that the fast decoder reads this only as our own codec writes it.
fn needs_rewriting(bytes: &[u8], header: &Header) -> bool {
    if header.first_is_coarse || header.process == 3 {
        return false;
    }
    comes_in_parts(header) || {
        let options = DecoderOptions::default()
            .set_max_width(usize::MAX)
            .set_max_height(usize::MAX);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().is_err()
    }
}

/// Bytes that the fast decoder takes beside pixels and whole planes of coefficients.
fn row_bytes(header: &Header) -> u64 {
    let (width, height) = (u64::from(header.size.width), u64::from(header.size.height));
    // MCUs reach beyond the picture by 31 samples at most, each with its coefficient.
    let edges = (width + height + 32) * 32 * 3 * u64::from(header.components);
    width * ROW_BYTES + edges + TABLE_BYTES
}

/// Bytes that [`anew`] takes at most, and the fast decoder with what comes of it.
fn rewriting(bytes: &[u8], header: &Header, limits: &Limits) -> u64 {
    match codec_jpeg::transcode_memory(bytes, &rewrite_options(limits)) {
        Ok(bound) => {
            let frame = 3 * header.size.pixels();
            bound.most_bytes + frame + 3 * header.samples() + row_bytes(header)
        }
        // It is refused from its header.
        Err(_) => 0,
    }
}

fn fast(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<Decoded, Fault> {
    // Strict: what is missing or contradicts itself is an error, and not gray.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_max_scans(limits.max_scans as usize);
    let mut decoder = JpegDecoder::new_with_options(Watched::new(bytes, watch), options);
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
                return Err(Fault::broken(Format::Jpeg, "it has too few pixels"));
            }
            return Ok(Decoded {
                frame: color::cmyk_to_srgb(&inks, header.size, header.icc().as_deref()),
                icc: None,
                exif: header.exif.map(<[u8]>::to_vec),
                xmp: header.xmp.map(<[u8]>::to_vec),
                density: header.density,
                gray: false,
            });
        }
    };
    let frame = Frame::new(header.size, layout, pixels)
        .ok_or_else(|| Fault::broken(Format::Jpeg, "it has too few pixels"))?;
    Ok(Decoded {
        frame,
        icc: header.icc(),
        exif: header.exif.map(<[u8]>::to_vec),
        xmp: header.xmp.map(<[u8]>::to_vec),
        density: header.density,
        gray: layout == Layout::Gray,
    })
}

/// The same coefficients in an ordinary progressive file. What is damaged stays refused, and so is what would take more
/// memory than was told.
fn anew(
    bytes: &[u8],
    header: &Header,
    decoding: &Decoding,
    limits: &Limits,
    watch: &dyn Watch,
) -> Option<Vec<u8>> {
    if rewriting(bytes, header, limits) > decoding.memory.most {
        return None;
    }
    let made = codec_jpeg::transcode(bytes, &rewrite_options(limits), watch).ok()?;
    Some(made.bytes)
}

fn rewrite_options(limits: &Limits) -> TranscodeOptions {
    TranscodeOptions {
        process: Some(Process::Progressive),
        scans: Scans::Standard,
        limits: limits.of_jpeg(),
        ..TranscodeOptions::default()
    }
}

fn slow(bytes: &[u8], header: &Header, watch: &dyn Watch) -> Option<Decoded> {
    let mut decoder = jpeg_decoder::Decoder::new(Watched::new(bytes, watch));
    let pixels = decoder.decode().ok()?;
    let layout = match decoder.info()?.pixel_format {
        PixelFormat::L8 => Layout::Gray,
        PixelFormat::RGB24 => Layout::Rgb,
        PixelFormat::L16 | PixelFormat::CMYK32 => return None,
    };
    Some(Decoded {
        frame: Frame::new(header.size, layout, pixels)?,
        icc: header.icc(),
        exif: header.exif.map(<[u8]>::to_vec),
        xmp: header.xmp.map(<[u8]>::to_vec),
        density: header.density,
        gray: layout == Layout::Gray,
    })
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
        0..=3 if header.precision == 8 => return Ok(()),
        0..=3 => format!("samples of {} bits; 8 are read", header.precision),
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
            Fault::broken(format, text)
        }
    }
}
