//! The header of a PNG, and the chunks that say something about the whole picture.
//!
//! Source: PNG (Third Edition), 5.3 (chunks), 11.2.1 (IHDR), 11.2.2 (PLTE), 11.3.1.1 (tRNS), 11.3.4.5 (eXIf).

use codec_jpeg::exif;
use raster::Size;

use super::info::{SourceInfo, plain};
use crate::error::Fault;
use crate::format::Format;

pub(super) fn read(bytes: &[u8]) -> Result<SourceInfo, Fault> {
    let wrong = |reason: &str| Fault::broken(Format::Png, reason);
    let mut chunks = Chunks(bytes.get(8..).unwrap_or_default());
    let Some((b"IHDR", header)) = chunks.next() else {
        return Err(wrong("it does not begin with a whole IHDR"));
    };
    let Ok(&[w3, w2, w1, w0, h3, h2, h1, h0, depth, color, ..]) = <&[u8; 13]>::try_from(header)
    else {
        return Err(wrong("its IHDR is not 13 bytes long"));
    };
    let size = Size::new(
        u32::from_be_bytes([w3, w2, w1, w0]),
        u32::from_be_bytes([h3, h2, h1, h0]),
    );
    let valid = match color {
        0 => matches!(depth, 1 | 2 | 4 | 8 | 16),
        INDEXED => matches!(depth, 1 | 2 | 4 | 8),
        2 | 4 | 6 => matches!(depth, 8 | 16),
        _ => false,
    };
    if !valid {
        let reason = format!("its IHDR has bit depth {depth} and color type {color}");
        return Err(Fault::broken(Format::Png, reason));
    }
    let mut orientation = 1;
    let mut has_alpha = matches!(color, 4 | 6);
    for (name, data) in chunks {
        match name {
            b"tRNS" => has_alpha = true,
            // The decoder takes this for granted: `palette_length.png`. Where pixels are no indices, it does not see it.
            b"PLTE" if color == INDEXED && !is_palette(data) => {
                let reason = format!("its palette has {} bytes", data.len());
                return Err(Fault::broken(Format::Png, reason));
            }
            b"eXIf" => orientation = exif::orientation(exif::tiff(data)),
            _ => {}
        }
    }
    Ok(SourceInfo {
        orientation,
        has_alpha,
        ..plain(Format::Png, size, depth)
    })
}

/// True for 1 to 256 colors of three bytes.
fn is_palette(data: &[u8]) -> bool {
    !data.is_empty() && data.len() <= 768 && data.len().is_multiple_of(3)
}

/// The color type of pixels that are indices into PLTE.
pub(crate) const INDEXED: u8 = 3;

/// Bytes up to where the pixels begin, if these are all at hand.
pub(crate) fn first_pixels(beginning: &[u8]) -> Option<usize> {
    let mut at = 8_usize;
    loop {
        let (len, rest) = beginning.get(at..)?.split_first_chunk()?;
        if rest.starts_with(b"IDAT") {
            return Some(at);
        }
        at = at.checked_add(12 + u32::from_be_bytes(*len) as usize)?;
    }
}

/// The data of a file's first chunk of this name, as far as its chunks are whole.
pub(crate) fn chunk(bytes: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    let mut chunks = Chunks(bytes.get(8..).unwrap_or_default());
    chunks.find_map(|(found, data)| (*found == name).then_some(data))
}

/// Names and data of chunks, up to the first that is not whole. Checksums are left to the decoder.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (len, rest) = self.0.split_first_chunk()?;
        let (name, rest) = rest.split_first_chunk()?;
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        let data = rest.get(..len)?;
        self.0 = rest.get(len.checked_add(4)?..)?;
        Some((name, data))
    }
}

/// What of a file decoding takes.
pub(crate) struct Used<'a> {
    /// The file, but for the chunks that say nothing of the still picture.
    pub(crate) parts: Vec<&'a [u8]>,
    /// The color type of IHDR.
    pub(crate) color: u8,
    pub(crate) interlaced: bool,
    /// Bytes of the chunks with a color profile, packed; with EXIF; with XMP.
    pub(crate) profile_bytes: u64,
    pub(crate) exif_bytes: u64,
    pub(crate) xmp_bytes: u64,
    /// True where colors are described without a profile.
    pub(crate) describes_colors: bool,
}

/// The parts of a file that decoding takes: all of it but the chunks that say nothing of the still picture.
///
/// The decoder refuses a file for a fault in a chunk of the animation or in a palette that is only suggested, which
/// all viewers pass over (PNG, 13.1: "faults in ancillary chunks are not fatal"). What it does not see cannot stop it.
/// What comes after the last whole chunk is left to it.
pub(crate) fn used(bytes: &[u8]) -> Used<'_> {
    let at = |index: usize| bytes.get(index).copied().unwrap_or_default();
    let mut used = Used {
        parts: Vec::new(),
        color: at(25),
        interlaced: at(28) != 0,
        profile_bytes: 0,
        exif_bytes: 0,
        xmp_bytes: 0,
        describes_colors: false,
    };
    let (mut from, mut to) = (0, 8.min(bytes.len()));
    let mut chunks = Chunks(&bytes[to..]);
    while let Some((name, data)) = chunks.next() {
        let end = bytes.len() - chunks.0.len();
        let len = data.len() as u64;
        let is_used = match name {
            b"PLTE" => used.color == INDEXED,
            b"iTXt" => data.starts_with(XMP),
            b"cHRM" | b"cICP" | b"eXIf" | b"gAMA" | b"iCCP" | b"pHYs" | b"sRGB" | b"tRNS" => true,
            // An upper-case letter: what is not known must be, and the decoder says so.
            _ => name[0].is_ascii_uppercase(),
        };
        match name {
            b"iCCP" => used.profile_bytes += len,
            b"eXIf" => used.exif_bytes += len,
            b"iTXt" if is_used => used.xmp_bytes += len,
            b"cHRM" | b"cICP" | b"gAMA" => used.describes_colors = true,
            _ => {}
        }
        if !is_used {
            used.parts.push(&bytes[from..to]);
            from = end;
        }
        to = end;
    }
    used.parts.push(&bytes[from..]);
    used
}

/// What the text chunk of an XMP packet begins with (PNG, 11.3.3.4; XMP part 3, 1.1.5).
const XMP: &[u8] = b"XML:com.adobe.xmp\0";
