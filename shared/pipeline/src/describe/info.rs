//! What `imageInfo` tells of a picture, from its headers alone.
//!
//! Source: Tencent's `imageInfo` (format, order and spacing of the document); T.871, 10.1 (JFIF); PNG (Third Edition),
//! 11.3.4.3 (pHYs); TIFF 6.0, section 8 (`XResolution`, `YResolution`, `ResolutionUnit`).

use std::fmt::Write as _;
use std::io;

use codec_jpeg::{DensityUnit, exif};
use md5::{Digest, Md5};
use raster::Size;

use super::tiff::{Entry, Tiff};
use crate::error::Fault;
use crate::format::Format;
use crate::limits::Limits;
use crate::probe::{jpeg, png, probe, webp};
use crate::result::ResultInfo;

/// Pixels per inch where nothing is said.
const DEFAULT_DPI: u32 = 72;

/// The document of `imageInfo` for a file of which only the beginning is at hand.
///
/// - `beginning`: the file's first bytes, as many as [`header_bytes`] asks for.
/// - `size_bytes` and `md5`: of the whole file, the latter in hexadecimal digits.
///
/// # Errors
///
/// What is wrong with the headers, and what they announce beyond `limits`.
pub fn image_info(
    beginning: &[u8],
    size_bytes: u64,
    md5: &str,
    limits: &Limits,
) -> Result<String, Fault> {
    let info = limits.accept(beginning)?;
    let file = File {
        format: info.format,
        size: info.size,
        frames: info.frames,
        bit_depth: info.bit_depth,
        dpi: dpi(beginning, info.format),
    };
    Ok(file.document(size_bytes, md5))
}

/// How many of a file's first bytes [`image_info`] takes, of which `beginning` are at hand: `Some` where these are
/// enough. A JPEG's headers end where its first scan begins, a PNG's where its pixels do; those of other kinds lie
/// anywhere, but of what is no picture 16 bytes tell.
pub fn header_bytes(beginning: &[u8]) -> Option<usize> {
    if beginning.len() < 16 {
        return None;
    }
    match Format::of(beginning) {
        None => Some(beginning.len()),
        Some(Format::Jpeg) => jpeg::first_scan(beginning),
        Some(Format::Png) => png::first_pixels(beginning),
        Some(Format::Bmp) => (beginning.len() >= 64).then_some(beginning.len()),
        Some(Format::Gif | Format::WebP) => None,
    }
}

/// The document for a whole file.
pub(crate) fn of_file(bytes: &[u8]) -> Result<String, Fault> {
    let mut sum = Sum::default();
    sum.add(bytes);
    let info = probe(bytes)?;
    let file = File {
        format: info.format,
        size: info.size,
        frames: info.frames,
        bit_depth: info.bit_depth,
        dpi: dpi(bytes, info.format),
    };
    Ok(sum.of(&file))
}

/// What a document tells beside the sums of the bytes.
struct File {
    format: Format,
    size: Size,
    frames: u32,
    bit_depth: u8,
    /// Pixels per inch, across and down.
    dpi: [u32; 2],
}

impl File {
    fn document(&self, size_bytes: u64, md5: &str) -> String {
        let Self {
            format,
            size: Size { width, height },
            frames,
            bit_depth,
            dpi: [horizontal, vertical],
        } = self;
        let format = format.name();
        // `unknow` is how the API writes it.
        format!(
            "{{\"format\": \"{format}\", \"width\": \"{width}\", \"height\": \"{height}\", \
             \"size\": \"{size_bytes}\", \"md5\": \"{md5}\", \"dynamic_range\": \"unknow\", \
             \"frame_count\": \"{frames}\", \"bit_depth\": \"{bit_depth}\", \
             \"vertical_dpi\": \"{vertical}\", \"horizontal_dpi\": \"{horizontal}\"}}"
        )
    }
}

/// Sums up the bytes of a picture as they are written, and keeps none.
#[derive(Default)]
pub(crate) struct Sum {
    md5: Md5,
    bytes: u64,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    fn of(self, file: &File) -> String {
        let digits = |mut text: String, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        };
        let md5 = self.md5.finalize().iter().fold(String::new(), digits);
        file.document(self.bytes, &md5)
    }

    /// The document for an animation that was written, which is a GIF: it has 8 bits and says nothing of density.
    pub(crate) fn of_animation(self, written: ResultInfo) -> String {
        self.of(&File {
            format: written.format,
            size: written.size,
            frames: written.frames,
            bit_depth: 8,
            dpi: [DEFAULT_DPI; 2],
        })
    }
}

impl io::Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Pixels per inch across and down: of JFIF or pHYs, else of EXIF, else 72.
fn dpi(bytes: &[u8], format: Format) -> [u32; 2] {
    let found = match format {
        Format::Jpeg => jpeg::Header::read(bytes)
            .ok()
            .map(|header| (of_jfif(header.density), header.exif)),
        Format::Png => Some((
            png::chunk(bytes, *b"pHYs").and_then(of_phys),
            png::chunk(bytes, *b"eXIf").map(exif::tiff),
        )),
        Format::WebP => webp::Container::read(bytes)
            .ok()
            .map(|container| (None, container.exif)),
        Format::Gif | Format::Bmp => None,
    };
    let (own, exif) = found.unwrap_or_default();
    own.or_else(|| exif.and_then(of_exif))
        .unwrap_or([DEFAULT_DPI; 2])
}

fn of_jfif(density: codec_jpeg::Density) -> Option<[u32; 2]> {
    let [x, y] = [density.x, density.y].map(u32::from);
    known(match density.unit {
        DensityUnit::AspectRatio => return None,
        DensityUnit::Inch => [x, y],
        DensityUnit::Centimeter => [x, y].map(|n| (n * 254 + 50) / 100),
    })
}

fn of_phys(data: &[u8]) -> Option<[u32; 2]> {
    let &[x3, x2, x1, x0, y3, y2, y1, y0, unit] = data else {
        return None;
    };
    // 1 is the meter, of 10 000 / 254 inches.
    let per_inch = |n: [u8; 4]| ((u64::from(u32::from_be_bytes(n)) * 254 + 5000) / 10_000) as u32;
    let found = [[x3, x2, x1, x0], [y3, y2, y1, y0]].map(per_inch);
    known((unit == 1).then_some(found)?)
}

fn of_exif(data: &[u8]) -> Option<[u32; 2]> {
    const X_RESOLUTION: u16 = 0x011A;
    const Y_RESOLUTION: u16 = 0x011B;
    const RESOLUTION_UNIT: u16 = 0x0128;
    let tiff = Tiff::read(data)?;
    let find = |tag| tiff.first().find(|entry: &Entry| entry.tag == tag);
    let unit = find(RESOLUTION_UNIT).and_then(|entry| entry.integers().next());
    let cm_per_inch = match unit {
        None | Some(2) => 1.0,
        Some(3) => 2.54,
        Some(_) => return None,
    };
    let side = |tag| {
        let mut numbers = find(tag)?.numbers();
        let per_unit = numbers.next().filter(|n| n.is_finite())?;
        Some((per_unit * cm_per_inch).round() as u32)
    };
    known([side(X_RESOLUTION)?, side(Y_RESOLUTION)?])
}

/// A density of 0 says nothing.
fn known(dpi: [u32; 2]) -> Option<[u32; 2]> {
    dpi.iter().all(|n| *n > 0).then_some(dpi)
}
