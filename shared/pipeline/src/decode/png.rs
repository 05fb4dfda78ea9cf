//! PNG, over the crate `png`.

use codec_jpeg::exif;
use moxcms::Layout as Channels;
use png::{BitDepth, ColorType, Decoder, DecodingError, Transformations};
use raster::{Frame, Layout, Size, Watch};

use super::described;
use super::parts::Parts;
use crate::color::{self, ColorSpace, Wide};
use crate::density;
use crate::error::Fault;
use crate::format::Format;
use crate::memory::{CONVERSION_BYTES, Decoding, Gray, Memory, conversion};
use crate::picture::Decoded;
use crate::probe::info::SourceInfo;
use crate::probe::png::{INDEXED, used};

/// Bytes that the decoder may take for itself: a row or two, and a color profile.
const MAX_OWN_BYTES: usize = 64 << 20;
/// Bytes that a byte of a profile unpacks to at most (RFC 1951: 258 bytes of two bits).
const MAX_INFLATION: u64 = 1032;
/// Bytes that XMP unpacks to at most; a limit of the decoder.
const MAX_XMP_BYTES: u64 = 2 << 20;
/// What the decoder takes whatever the picture: its window, its buffers, its tables.
const DECODER_BYTES: u64 = 1 << 20;

/// What [`decode`] takes.
pub(super) fn decoding(bytes: &[u8], info: &SourceInfo, space: ColorSpace) -> Decoding {
    let pixels = info.size.pixels();
    let parts = used(bytes);
    let (color, interlaced) = (parts.color, parts.interlaced);
    // Transparency of one color becomes alpha, gray with alpha RGBA.
    let channels = match color {
        _ if info.has_alpha => 4,
        0 => 1,
        _ => 3,
    };
    let stored_channels = match color {
        0 | 4 => 1 + u64::from(info.has_alpha),
        _ => channels,
    };
    let stored = stored_channels * if info.bit_depth == 16 { 2 } else { 1 };
    let frame_bytes = pixels * channels;
    let stored_bytes = if interlaced { pixels * stored } else { 0 };
    let profile = (parts.profile_bytes * MAX_INFLATION).min(MAX_OWN_BYTES as u64);
    let xmp = match parts.xmp_bytes {
        0 => 0,
        bytes => bytes + MAX_XMP_BYTES,
    };
    let metadata_bytes = profile + parts.exif_bytes + xmp;
    // A few rows as they are stored and unpacked, and as they are brought to sRGB.
    let rows = u64::from(info.size.width) * stored * 32;
    let mut memory = Memory::exactly(frame_bytes + stored_bytes)
        // Each part as it is read, as it grows, and as it is handed on.
        .and_perhaps(DECODER_BYTES + rows + 4 * metadata_bytes);
    let converts = parts.profile_bytes > 0 && space == ColorSpace::Srgb;
    if converts {
        memory = memory.then(conversion(frame_bytes, pixels));
    }
    Decoding {
        memory: memory.and_perhaps(if parts.describes_colors {
            CONVERSION_BYTES
        } else {
            0
        }),
        frame_bytes: if converts {
            frame_bytes.max(3 * pixels)
        } else {
            frame_bytes
        },
        metadata_bytes,
        gray: match color {
            0 | 4 => Gray::Yes,
            INDEXED => Gray::Perhaps,
            _ => Gray::No,
        },
        written_anew: false,
    }
}

pub(super) fn decode(
    bytes: &[u8],
    probed: &SourceInfo,
    wanted: ColorSpace,
    watch: &dyn Watch,
) -> Result<Decoded, Fault> {
    let own_limits = png::Limits {
        bytes: MAX_OWN_BYTES,
    };
    let mut decoder = Decoder::new_with_limits(Parts::new(used(bytes).parts), own_limits);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(fault)?;
    let (color, depth) = reader.output_color_type();
    let info = reader.info();
    let size = Size::new(info.width, info.height);
    if size != probed.size {
        return Err(Fault::other_size(probed, size));
    }
    let interlaced = info.interlaced;
    let gray = match info.color_type {
        ColorType::Grayscale | ColorType::GrayscaleAlpha => true,
        ColorType::Indexed => info.palette.as_deref().is_some_and(is_gray),
        ColorType::Rgb | ColorType::Rgba => false,
    };
    let is_of_gray = matches!(
        info.color_type,
        ColorType::Grayscale | ColorType::GrayscaleAlpha
    );
    // A profile for other pixels than these means nothing (PNG, 11.3.2.3).
    let icc = info.icc_profile.as_deref();
    let icc = icc.filter(|icc| color::is_for_gray(icc) == is_of_gray);
    let mut icc = icc.map(<[u8]>::to_vec);
    let density = info.pixel_dims.map(density::from_png).unwrap_or_default();
    let described = match icc {
        Some(_) => None,
        None => described::to_srgb(info, channels(color)),
    };
    let mut rows = Rows {
        color,
        wide: depth == BitDepth::Sixteen,
        convert: described,
        pixels: Vec::new(),
    };
    if rows.wide && wanted == ColorSpace::Srgb && matches!(color, ColorType::Rgb | ColorType::Rgba)
    {
        // Before rounding to 8 bits.
        if let Some(icc) = icc.take() {
            rows.convert = Wide::from_icc(&icc, channels(color));
        }
    }
    let len = size.pixels() * rows.layout().channels() as u64;
    let stored = reader.output_buffer_size().filter(|_| interlaced);
    rows.pixels.reserve_exact(len as usize);
    if interlaced {
        let mut stored =
            vec![0; stored.ok_or_else(|| Fault::broken(Format::Png, "it is too large"))?];
        let output = reader.next_frame(&mut stored).map_err(fault)?;
        watch_rows(watch)?;
        for row in stored.chunks_exact(output.line_size) {
            rows.add(row);
        }
    } else {
        while let Some(row) = reader.next_row().map_err(fault)? {
            watch_rows(watch)?;
            rows.add(row.data());
        }
    }
    // EXIF may come after the pixels; damage there loses nothing that is shown.
    let _ = reader.finish();
    let exif = reader.info().exif_metadata.as_deref();
    let exif = exif.map(|exif| exif::tiff(exif).to_vec());
    let xmp = reader.info().utf8_text.first();
    let xmp = xmp.and_then(|text| Some(text.get_text().ok()?.into_bytes()));
    let layout = rows.layout();
    let frame = Frame::new(size, layout, rows.pixels);
    let frame = frame.ok_or_else(|| Fault::broken(Format::Png, "it has too few pixels"))?;
    Ok(Decoded {
        frame,
        icc,
        exif,
        xmp,
        density,
        gray,
    })
}

/// The caller asks the watch again, and says why it stopped.
fn watch_rows(watch: &dyn Watch) -> Result<(), Fault> {
    watch
        .check()
        .map_err(|stopped| Fault::broken(Format::Png, stopped.to_string()))
}

/// True where every entry of the palette is gray.
fn is_gray(palette: &[u8]) -> bool {
    let mut entries = palette.as_chunks::<3>().0.iter();
    entries.all(|[red, green, blue]| red == green && green == blue)
}

/// What the channels of a decoded row are.
fn channels(color: ColorType) -> Channels {
    match color {
        ColorType::Grayscale => Channels::Gray,
        ColorType::GrayscaleAlpha => Channels::GrayAlpha,
        // `EXPAND` leaves no palette.
        ColorType::Rgb | ColorType::Indexed => Channels::Rgb,
        ColorType::Rgba => Channels::Rgba,
    }
}

/// Pixels of 8 bits a channel, made of stored rows.
struct Rows {
    /// What the decoder gives.
    color: ColorType,
    /// True where it gives 16 bits a channel.
    wide: bool,
    convert: Option<color::Wide>,
    pixels: Vec<u8>,
}

impl Rows {
    /// Gray with alpha becomes RGBA; everything else stays as it is.
    fn layout(&self) -> Layout {
        match self.color {
            ColorType::Grayscale => Layout::Gray,
            // `EXPAND` leaves no palette.
            ColorType::Rgb | ColorType::Indexed => Layout::Rgb,
            ColorType::GrayscaleAlpha | ColorType::Rgba => Layout::Rgba,
        }
    }

    fn add(&mut self, row: &[u8]) {
        if !self.wide && self.convert.is_none() {
            return self.add_narrow(row.iter().copied());
        }
        let mut wide: Vec<u16> = if self.wide {
            let values = row.as_chunks().0.iter();
            values.map(|b| u16::from_be_bytes(*b)).collect()
        } else {
            row.iter().map(|value| u16::from(*value) * 257).collect()
        };
        if let Some(convert) = &self.convert {
            wide = convert.row(wide);
        }
        self.add_narrow(wide.iter().map(|value| color::narrow(*value)));
    }

    fn add_narrow(&mut self, mut row: impl Iterator<Item = u8>) {
        if self.color == ColorType::GrayscaleAlpha {
            while let (Some(gray), Some(alpha)) = (row.next(), row.next()) {
                self.pixels.extend([gray, gray, gray, alpha]);
            }
        } else {
            self.pixels.extend(row);
        }
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
    Fault::broken(Format::Png, reason)
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
