//! PNG, over the crate `png`.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};
use raster::{Frame, Layout, Size};

use super::{Color, Decoded};
use crate::probe::broken;
use crate::{Fault, Format, color};

/// Bytes that the decoder may take for itself: a row or two, and a color profile.
const MAX_OWN_BYTES: usize = 64 << 20;

pub(super) fn decode(bytes: &[u8], wanted: Color) -> Result<Decoded, Fault> {
    let limits = Limits {
        bytes: MAX_OWN_BYTES,
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(fault)?;
    let len = reader.output_buffer_size();
    let mut bytes = vec![0; len.ok_or_else(|| broken(Format::Png, "it is too large"))?];
    let output = reader.next_frame(&mut bytes).map_err(fault)?;
    bytes.truncate(output.buffer_size());
    // EXIF may stand behind the pixels; damage there loses nothing that is shown.
    let _ = reader.finish();
    let info = reader.info();
    let mut icc = info.icc_profile.as_deref().map(<[u8]>::to_vec);
    let exif = info.exif_metadata.as_deref().map(<[u8]>::to_vec);
    let size = Size::new(output.width, output.height);
    let frame = if output.bit_depth == BitDepth::Sixteen {
        let wide = bytes.as_chunks().0.iter().map(|b| u16::from_be_bytes(*b));
        let (wide, layout) = spread(wide.collect(), output.color_type);
        if wanted == Color::Srgb && matches!(output.color_type, ColorType::Rgb | ColorType::Rgba) {
            let icc = icc.take();
            Some(color::wide_to_srgb(&wide, size, layout, icc.as_deref()))
        } else {
            Frame::new(size, layout, color::narrow(&wide))
        }
    } else {
        let (bytes, layout) = spread(bytes, output.color_type);
        Frame::new(size, layout, bytes)
    };
    let frame = frame.ok_or_else(|| broken(Format::Png, "it has too few pixels"))?;
    Ok(Decoded { frame, icc, exif })
}

/// Gray with alpha as RGBA; everything else as it is.
fn spread<T: Copy>(values: Vec<T>, color: ColorType) -> (Vec<T>, Layout) {
    match color {
        ColorType::Grayscale => (values, Layout::Gray),
        ColorType::GrayscaleAlpha => {
            let pairs = values.as_chunks::<2>().0;
            let spread = pairs
                .iter()
                .flat_map(|[gray, alpha]| [*gray, *gray, *gray, *alpha]);
            (spread.collect(), Layout::Rgba)
        }
        // `EXPAND` leaves no palette.
        ColorType::Rgb | ColorType::Indexed => (values, Layout::Rgb),
        ColorType::Rgba => (values, Layout::Rgba),
    }
}

fn fault(error: DecodingError) -> Fault {
    let reason = match error {
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "it is cut short".to_owned()
        }
        DecodingError::LimitsExceeded => "a chunk of it unpacks to too much".to_owned(),
        error => plainly(&error.to_string()),
    };
    broken(Format::Png, reason)
}

/// The decoder's words, chunks called by their names alone: `ChunkType { type: IDAT, critical: true, ... }`.
fn plainly(text: &str) -> String {
    let text = text.trim_end_matches('.');
    match text.split_once("ChunkType { type: ") {
        Some((before, after)) => {
            let name = after.split(',').next().unwrap_or_default();
            let after = after.split_once('}').unwrap_or_default().1;
            format!("{before}{name}{after}")
        }
        None => text.to_owned(),
    }
}
