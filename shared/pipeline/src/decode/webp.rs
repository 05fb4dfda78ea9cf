//! The first image of a WebP on its canvas, over the crate `image-webp`.

use std::io::Cursor;

use codec_jpeg::Density;
use image_webp::{DecodingError, WebPDecoder};
use raster::{Frame, Layout, Size};

use crate::color::ColorSpace;
use crate::error::Fault;
use crate::format::Format;
use crate::memory::{Decoding, Gray, Memory, conversion};
use crate::picture::Decoded;
use crate::probe::info::SourceInfo;
use crate::probe::webp::Container;

/// Buffers of the decoder.
const DECODER_BYTES: u64 = 1 << 20;

/// What [`decode`] takes.
pub(super) fn decoding(
    bytes: &[u8],
    info: &SourceInfo,
    space: ColorSpace,
) -> Result<Decoding, Fault> {
    let container = Container::read(bytes)?;
    let pixels = info.size.pixels();
    let metadata = [container.icc, container.exif, container.xmp];
    let metadata = metadata.into_iter().flatten().map(|part| part.len() as u64);
    // The file that the decoder is given grows to up to twice what it holds.
    let file = 2 * bytes.len() as u64;
    let mut memory = Memory::exactly(container.memory()).and_perhaps(DECODER_BYTES + file);
    if container.icc.is_some() && space == ColorSpace::Srgb {
        memory = memory.then(conversion(4 * pixels, pixels));
    }
    Ok(Decoding {
        memory,
        frame_bytes: 4 * pixels,
        metadata_bytes: metadata.sum(),
        gray: Gray::No,
        written_anew: false,
    })
}

/// Decodes a file of nothing but the chunks that the probe found the first image in: the decoder has no other header to
/// take a size from. It looks at no limit of its own, so its sizes are compared before it makes a pixel.
pub(super) fn decode(bytes: &[u8], info: &SourceInfo) -> Result<Decoded, Fault> {
    let container = Container::read(bytes)?;
    let mut decoder = WebPDecoder::new(Cursor::new(container.first_image())).map_err(fault)?;
    let (width, height) = decoder.dimensions();
    let size = Size::new(width, height);
    if size != info.size {
        return Err(Fault::other_size(info, size));
    }
    let (layout, len) = match (decoder.has_alpha(), decoder.output_buffer_size()) {
        (true, Some(len)) => (Layout::Rgba, len),
        (false, Some(len)) => (Layout::Rgb, len),
        (_, None) => return Err(Fault::broken(Format::WebP, "it has too many pixels")),
    };
    let mut pixels = vec![0; len];
    decoder.read_image(&mut pixels).map_err(fault)?;
    let frame = Frame::new(size, layout, pixels);
    let frame = frame.ok_or_else(|| Fault::broken(Format::WebP, "it has too few pixels"))?;
    Ok(Decoded {
        frame: raster::without_needless_alpha(frame),
        icc: container.icc.map(<[u8]>::to_vec),
        exif: container.exif.map(<[u8]>::to_vec),
        xmp: container.xmp.map(<[u8]>::to_vec),
        density: Density::default(),
        gray: false,
    })
}

fn fault(error: DecodingError) -> Fault {
    match error {
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Fault::broken(Format::WebP, "it is cut short")
        }
        DecodingError::UnsupportedFeature(reason) => Fault::Unsupported {
            format: Format::WebP,
            reason,
        },
        error => Fault::broken(Format::WebP, error.to_string()),
    }
}
