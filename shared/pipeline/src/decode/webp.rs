//! The first image of a WebP on its canvas, over the crate `image-webp`.

use std::io::Cursor;

use codec_jpeg::Density;
use image_webp::{DecodingError, WebPDecoder};
use raster::{Frame, Layout, Size};

use crate::error::Fault;
use crate::format::Format;
use crate::limits::Limits;
use crate::picture::Decoded;
use crate::probe::info::SourceInfo;
use crate::probe::webp::Container;

/// Decodes a file of nothing but the chunks that the probe found the first image in: the decoder has no other header to
/// take a size from. It looks at no limit of its own, so its sizes are compared before it makes a pixel.
///
/// Cost: [`Container::memory`].
pub(super) fn decode(bytes: &[u8], info: &SourceInfo, limits: &Limits) -> Result<Decoded, Fault> {
    let container = Container::read(bytes)?;
    limits.check_memory(container.memory())?;
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
