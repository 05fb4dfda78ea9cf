//! JPEG, over the crates `zune-jpeg` and, for what that does not read, `jpeg-decoder`.

use codec_jpeg::{Color, Damage, Metadata, Process, Reading, Scans, Simd, TranscodeOptions};
use jpeg_decoder::{ColorTransform, PixelFormat};
use raster::{Frame, Layout, Size, Watch};
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
/// What [`decode`] takes. Size, scans and memory are known then to be within `limits`.
pub(super) fn decoding(bytes: &[u8], space: Wanted, limits: &Limits) -> Result<Decoding, Fault> {
    let header = Header::read(bytes)?;
    refuse_unsupported(&header)?;
    let reading = match codec_jpeg::check_limits(bytes, &limits.of_jpeg()) {
        Ok(reading) => reading,
        // Scans may follow that were not counted; the transcoder counts them again, and keeps what it can if it may.
        Err(codec_jpeg::Error::Malformed(_) | codec_jpeg::Error::Unsupported(_)) => Reading::Rare,
        Err(error) => return Err(refused(error)),
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
    let written_anew = is_written_anew(&header, reading);
    if written_anew || limits.damage == Damage::Keep {
        memory.most = memory.most.max(rewriting(bytes, &header, limits));
    }
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
        written_anew,
    })
}

/// Decodes the entropy-coded data once to see whether it is damaged, which decoders draw as noise; then to pixels, with
/// the fast decoder, and with a slower one what that does not read. `decoding` is what was told of this.
///
/// - What decoders read in different ways they get as our own codec writes it: no other picture can be found in it than
///   the one whose size was checked.
/// - The fast decoder shows nonsense, and says nothing, where a sequential picture comes in several scans
///   (`several_scans.jpg`) or where the first component is not the finest (`fine_chroma.jpg`). It refuses sampling
///   factors of 3.
/// - What three components mean is told to the decoders: each has a rule of its own.
pub(super) fn decode(
    bytes: &[u8],
    decoding: &Decoding,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<Decoded, Fault> {
    let header = Header::read(bytes)?;
    let damaged = match codec_jpeg::check(bytes, &limits.of_jpeg(), Simd::Auto, watch) {
        Ok(()) => false,
        Err(codec_jpeg::Error::Malformed(_)) if limits.damage == Damage::Keep => true,
        Err(error) => return Err(refused(error)),
    };
    let anew = (damaged || decoding.written_anew)
        .then(|| anew(bytes, limits, watch))
        .transpose()?;
    let bytes = anew.as_deref().unwrap_or(bytes);
    let pixels = if header.first_is_coarse {
        slow(bytes, &header, watch)?
    } else {
        fast(bytes, &header, limits, watch).or_else(|_| slow(bytes, &header, watch))?
    };
    if pixels.len() as u64 != header.size.pixels() * u64::from(header.components) {
        return Err(Fault::broken(Format::Jpeg, "it has too few pixels"));
    }
    let (layout, pixels, icc) = match header.components {
        1 => (Layout::Gray, pixels, header.icc()),
        3 => (Layout::Rgb, pixels, header.icc()),
        _ => {
            let inks = inks(pixels, header.color == Color::Ycck, header.adobe);
            let frame = color::cmyk_to_srgb(&inks, header.size, header.icc().as_deref());
            (Layout::Rgb, frame.into_pixels(), None)
        }
    };
    let frame = Frame::new(header.size, layout, pixels);
    let frame = frame.ok_or_else(|| Fault::broken(Format::Jpeg, "it has too few pixels"))?;
    Ok(Decoded {
        frame,
        icc,
        exif: header.exif.map(<[u8]>::to_vec),
        xmp: header.xmp.map(<[u8]>::to_vec),
        density: header.density,
        gray: layout == Layout::Gray,
    })
}

/// True where decoders get what our own codec writes.
fn is_written_anew(header: &Header, reading: Reading) -> bool {
    // What Adobe's segment says is one of few to the fast decoder.
    let known = matches!(
        (header.components, header.adobe_transform),
        (_, None) | (3, Some(1)) | (4, Some(0 | 2))
    );
    reading == Reading::Rare || header.first_is_coarse || !known
}

/// True where each row of MCUs is complete when it was read.
fn is_in_one_go(header: &Header) -> bool {
    header.process <= 1 && header.first_scan == header.components && !header.first_is_coarse
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
    match codec_jpeg::transcode_memory(bytes, &rewrite_options(Process::Progressive, limits)) {
        Ok(bound) => {
            let frame = 3 * header.size.pixels();
            bound.most_bytes + frame + 3 * header.samples() + row_bytes(header)
        }
        // It is refused from its header.
        Err(_) => 0,
    }
}

/// The pixels of a picture: gray, RGB, or four inks as they are stored.
fn fast(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<Vec<u8>, Fault> {
    // Strict: what is missing or contradicts itself is an error, and not gray.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_max_scans(limits.max_scans as usize);
    let mut decoder = JpegDecoder::new_with_options(Watched::new(bytes, watch), options);
    decoder.decode_headers().map_err(fault)?;
    same_size(header, decoder.dimensions())?;
    let is_ycbcr = header.color == Color::YCbCr;
    let found = decoder.input_colorspace();
    let wanted = match found {
        _ if header.components == 1 => ColorSpace::Luma,
        Some(ColorSpace::YCbCr) if is_ycbcr => ColorSpace::RGB,
        // As stored, whatever the decoder takes it for.
        Some(stored) => stored,
        None => return Err(Fault::broken(Format::Jpeg, "it has no components")),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(wanted));
    let mut pixels = decoder.decode().map_err(fault)?;
    if is_ycbcr && found != Some(ColorSpace::YCbCr) {
        for pixel in pixels.as_chunks_mut::<3>().0 {
            *pixel = rgb(*pixel);
        }
    }
    Ok(pixels)
}

/// The same by the slower decoder, which does not read four components.
fn slow(bytes: &[u8], header: &Header, watch: &dyn Watch) -> Result<Vec<u8>, Fault> {
    let mut decoder = jpeg_decoder::Decoder::new(Watched::new(bytes, watch));
    let fault = |error: jpeg_decoder::Error| Fault::broken(Format::Jpeg, error.to_string());
    decoder.read_info().map_err(fault)?;
    let info = decoder.info();
    let size = info.map(|info| (usize::from(info.width), usize::from(info.height)));
    same_size(header, size)?;
    let layout = match header.components {
        1 => PixelFormat::L8,
        _ => PixelFormat::RGB24,
    };
    if info.is_none_or(|info| info.pixel_format != layout) {
        return Err(Fault::broken(
            Format::Jpeg,
            "its scans are damaged or of a rare kind",
        ));
    }
    if header.components == 3 {
        decoder.set_color_transform(match header.color {
            Color::YCbCr => ColorTransform::YCbCr,
            Color::Ycck | Color::Other => ColorTransform::RGB,
        });
    }
    decoder.decode().map_err(fault)
}

/// Refuses a picture in which a decoder has found another size than the probe, before a pixel is made.
fn same_size(header: &Header, found: Option<(usize, usize)>) -> Result<(), Fault> {
    let (width, height) = found.unwrap_or_default();
    let found = Size::new(width as u32, height as u32);
    if found != header.size {
        return Err(Fault::other_size(&header.info(), found));
    }
    Ok(())
}

/// The same coefficients in an ordinary file, which says nothing of what its components mean. Where not all components
/// fit one scan of a baseline file, it is a progressive one.
fn anew(bytes: &[u8], limits: &Limits, watch: &dyn Watch) -> Result<Vec<u8>, Fault> {
    let write = |bytes: &[u8], process: Process| {
        let options = rewrite_options(process, limits);
        let made = codec_jpeg::transcode(bytes, &options, watch).map_err(refused)?;
        Ok(without_segments(&made.bytes))
    };
    let baseline = write(bytes, Process::Baseline)?;
    match codec_jpeg::check_limits(&baseline, &limits.of_jpeg()) {
        Ok(Reading::Plain) => Ok(baseline),
        _ => write(&baseline, Process::Progressive),
    }
}

fn rewrite_options(process: Process, limits: &Limits) -> TranscodeOptions {
    TranscodeOptions {
        process: Some(process),
        scans: Scans::Standard,
        metadata: Metadata::Essential,
        damage: limits.damage,
        limits: limits.of_jpeg(),
        ..TranscodeOptions::default()
    }
}

/// A file of our own without its APPn segments.
fn without_segments(file: &[u8]) -> Vec<u8> {
    let mut rest = &file[2..];
    while let [0xFF, 0xE0..=0xEF, high, low, ..] = *rest {
        rest = &rest[2 + usize::from(u16::from_be_bytes([high, low]))..];
    }
    [&file[..2], rest].concat()
}

/// What the codec's refusal means.
fn refused(error: codec_jpeg::Error) -> Fault {
    jpeg_fault(error).unwrap_or_else(|error| Fault::broken(Format::Jpeg, error.to_string()))
}

/// Y, Cb and Cr as red, green and blue (T.871, 7).
fn rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [
        y + 1.402 * cr,
        y - 0.344_136 * cb - 0.714_136 * cr,
        y + 1.772 * cb,
    ]
    .map(|value| (value + 0.5) as u8)
}

/// Four stored values of each pixel -> amounts of ink, 255 a full cover.
///
/// Adobe's files hold them inverted, and YCCK is always Adobe's: the first three are then YCbCr of inverted inks.
/// Source: T.872, 6.5.3; Adobe Technical Note 5116.
fn inks(mut pixels: Vec<u8>, ycck: bool, adobe: bool) -> Vec<u8> {
    for pixel in pixels.chunks_exact_mut(4) {
        if ycck {
            let inverted = rgb([pixel[0], pixel[1], pixel[2]]);
            for (channel, value) in pixel.iter_mut().zip(inverted) {
                *channel = 255 - value;
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
        0..=2 if header.precision == 8 && matches!(header.components, 1 | 3 | 4) => return Ok(()),
        0..=2 if header.precision == 8 => {
            format!("{} components; 1, 3 and 4 are read", header.components)
        }
        3 => "lossless coding (SOF3)".to_owned(),
        0..=2 => format!("samples of {} bits; 8 are read", header.precision),
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
