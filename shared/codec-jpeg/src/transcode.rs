//! JPEG to JPEG. The first version decodes and encodes again at the quality of the source's tables; the crate's
//! own coefficient transcoder replaces it.

use raster::{Size, Watch};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::{Error, Process, TranscodeOptions};

/// What [`transcode`] made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcoded {
    /// The complete file.
    pub bytes: Vec<u8>,
    /// The picture's size.
    pub size: Size,
    /// What was written.
    pub process: Process,
    /// True where the file is larger than its source.
    pub grew: bool,
}

/// Writes the JPEG `source` in another form.
///
/// # Errors
///
/// See [`Error`].
pub fn transcode(
    source: &[u8],
    options: &TranscodeOptions,
    watch: &dyn Watch,
) -> Result<Transcoded, Error> {
    watch.check()?;
    let malformed = |error| Error::Malformed(format!("{error:?}"));
    let decoder_options = DecoderOptions::new_safe()
        .set_max_width(65535)
        .set_max_height(65535)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(source), decoder_options);
    decoder.decode_headers().map_err(malformed)?;
    let (width, height) = decoder.dimensions().expect("headers were read");
    let size = Size::new(width as u32, height as u32);
    if size.pixels() > options.limits.max_pixels {
        return Err(Error::TooManyPixels {
            found: size,
            max_pixels: options.limits.max_pixels,
        });
    }
    let pixels = decoder.decode().map_err(malformed)?;
    watch.check()?;
    let process = options.process.unwrap_or(Process::Baseline);
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    encoder.set_progressive(process == Process::Progressive);
    encoder
        .encode(
            &pixels,
            width as u16,
            height as u16,
            jpeg_encoder::ColorType::Rgb,
        )
        .map_err(|error| Error::Malformed(error.to_string()))?;
    let grew = bytes.len() > source.len();
    Ok(Transcoded {
        bytes,
        size,
        process,
        grew,
    })
}
