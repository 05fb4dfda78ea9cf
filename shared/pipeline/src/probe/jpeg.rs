//! The segments of a JPEG before its first scan.
//!
//! Source: T.81, B.1.1 (markers), B.2.2 (frame header), B.2.4.1 (quantization tables).

use codec_jpeg::{Density, DensityUnit};
use raster::Size;

use super::exif;
use super::info::{SourceInfo, plain};
use crate::error::Fault;
use crate::format::Format;

/// What stands before the first scan.
pub(crate) struct Header<'a> {
    /// Which SOF marker it has: 0 for SOF0.
    pub(crate) process: u8,
    /// Bits of a sample.
    pub(crate) precision: u8,
    pub(crate) size: Size,
    pub(crate) components: u8,
    /// Components in the first scan.
    pub(crate) first_scan: u8,
    /// Samples of all components for `finest` pixels.
    samples: u64,
    finest: u64,
    /// True where a later component has more samples than the first.
    pub(crate) first_is_coarse: bool,
    /// The quantization tables, in zigzag order, as the components name them.
    tables: [Option<[u16; 64]>; 4],
    /// The table that the first component names.
    first_table: u8,
    /// EXIF without its `Exif\0\0`.
    pub(crate) exif: Option<&'a [u8]>,
    /// An XMP packet. What goes beyond one segment (extended XMP) is left out.
    pub(crate) xmp: Option<&'a [u8]>,
    /// What the JFIF segment says of it.
    pub(crate) density: Density,
    /// The pieces of the ICC profile, each with its number.
    icc: Vec<(u8, &'a [u8])>,
    /// True where an Adobe segment says how four components are meant: inverted.
    pub(crate) adobe: bool,
}

impl<'a> Header<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut header = Self {
            process: 0,
            precision: 0,
            size: Size::new(0, 0),
            components: 0,
            first_scan: 0,
            samples: 0,
            finest: 1,
            first_is_coarse: false,
            tables: [None; 4],
            first_table: 0,
            exif: None,
            xmp: None,
            density: Density::default(),
            icc: Vec::new(),
            adobe: false,
        };
        let mut rest = bytes.get(2..).unwrap_or_default();
        let mut frame_seen = false;
        loop {
            let cut_short = || Fault::broken(Format::Jpeg, "it ends before its first scan");
            // Bytes that belong to no segment are passed over, as every decoder does.
            let at = rest.iter().position(|b| *b == 0xFF).ok_or_else(cut_short)?;
            rest = &rest[at..];
            let fill = rest.iter().take_while(|b| **b == 0xFF).count();
            let marker = *rest.get(fill).ok_or_else(cut_short)?;
            rest = &rest[fill + 1..];
            match marker {
                // Not a marker, or one without a segment: TEM, RST0 to RST7, SOI.
                0x00 | 0x01 | 0xD0..=0xD8 => continue,
                0xD9 => return Err(Fault::broken(Format::Jpeg, "it ends without a scan")),
                _ => {}
            }
            let len = rest.first_chunk().ok_or_else(cut_short)?;
            let len = usize::from(u16::from_be_bytes(*len));
            if len < 2 {
                let reason = format!("a segment (marker {marker:02X}) has a length of {len}");
                return Err(Fault::broken(Format::Jpeg, reason));
            }
            let segment = rest.get(2..len).ok_or_else(cut_short)?;
            rest = &rest[len..];
            match marker {
                0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                    if frame_seen {
                        return Err(Fault::broken(Format::Jpeg, "it has two frame headers"));
                    }
                    frame_seen = true;
                    header.read_frame(marker - 0xC0, segment)?;
                }
                0xDB => header.read_tables(segment)?,
                0xE0 => header.read_jfif(segment),
                0xE1 => {
                    let exif = || segment.strip_prefix(b"Exif\0\0");
                    let xmp = || segment.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0");
                    header.exif = header.exif.or_else(exif);
                    header.xmp = header.xmp.or_else(xmp);
                }
                0xE2 => {
                    if let Some([number, _, piece @ ..]) = segment.strip_prefix(b"ICC_PROFILE\0") {
                        header.icc.push((*number, piece));
                    }
                }
                0xEE => header.adobe |= segment.starts_with(b"Adobe"),
                0xDA if frame_seen => {
                    header.first_scan = segment.first().copied().unwrap_or(0);
                    if header.size.height == 0 {
                        header.find_height(bytes)?;
                    }
                    return Ok(header);
                }
                0xDA => {
                    return Err(Fault::broken(
                        Format::Jpeg,
                        "a scan comes before the frame header",
                    ));
                }
                _ => {}
            }
        }
    }

    fn read_jfif(&mut self, segment: &[u8]) {
        let unit = match segment {
            [b'J', b'F', b'I', b'F', 0, _, _, unit, ..] => match unit {
                0 => DensityUnit::AspectRatio,
                1 => DensityUnit::Inch,
                2 => DensityUnit::Centimeter,
                _ => return,
            },
            _ => return,
        };
        if let Some(&[x1, x0, y1, y0]) = segment.get(8..12).and_then(|b| b.first_chunk()) {
            let (x, y) = (u16::from_be_bytes([x1, x0]), u16::from_be_bytes([y1, y0]));
            if x > 0 && y > 0 {
                self.density = Density { unit, x, y };
            }
        }
    }

    fn read_frame(&mut self, process: u8, segment: &[u8]) -> Result<(), Fault> {
        let [precision, h1, h0, w1, w0, components, rest @ ..] = segment else {
            return Err(Fault::broken(Format::Jpeg, "its frame header is cut short"));
        };
        if *components == 0 || rest.len() != usize::from(*components) * 3 {
            return Err(Fault::broken(
                Format::Jpeg,
                "its frame header does not fit its components",
            ));
        }
        self.process = process;
        self.precision = *precision;
        self.size = Size::new(
            u32::from(u16::from_be_bytes([*w1, *w0])),
            u32::from(u16::from_be_bytes([*h1, *h0])),
        );
        self.components = *components;
        self.first_table = rest[2];
        let factors = |at: usize| (rest[at] >> 4, rest[at] & 15);
        let all = (1..rest.len()).step_by(3).map(factors);
        let (h_max, v_max) = all.clone().fold((1, 1), |(h, v), (other_h, other_v)| {
            (other_h.max(h), other_v.max(v))
        });
        self.samples = all.map(|(h, v)| u64::from(h) * u64::from(v)).sum();
        self.finest = u64::from(h_max) * u64::from(v_max);
        let first = factors(1);
        let coarse = |other: (u8, u8)| other.0 > first.0 || other.1 > first.1;
        self.first_is_coarse = (4..rest.len()).step_by(3).any(|at| coarse(factors(at)));
        Ok(())
    }

    /// Samples of all components, about.
    pub(crate) fn samples(&self) -> u64 {
        self.size.pixels() * self.samples / self.finest
    }

    /// Takes the height from where it stands after the first scan (T.81, B.2.5).
    fn find_height(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let found = codec_jpeg::read_header(bytes)
            .map_err(|error| Fault::broken(Format::Jpeg, reason(error)))?;
        self.size = found.size;
        Ok(())
    }

    fn read_tables(&mut self, mut segment: &[u8]) -> Result<(), Fault> {
        while let Some((head, rest)) = segment.split_first() {
            let (wide, number) = (head >> 4 != 0, usize::from(head & 15));
            let len = if wide { 128 } else { 64 };
            let (Some(values), Some(table)) = (rest.get(..len), self.tables.get_mut(number)) else {
                return Err(Fault::broken(
                    Format::Jpeg,
                    "a quantization table is out of range",
                ));
            };
            let step = len / 64;
            *table = Some(std::array::from_fn(|index| {
                let value = &values[index * step..][..step];
                value
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | u16::from(*byte))
            }));
            segment = &rest[len..];
        }
        Ok(())
    }

    pub(crate) fn info(&self) -> SourceInfo {
        let table = self.tables.get(usize::from(self.first_table));
        SourceInfo {
            orientation: self.exif.map_or(1, exif::orientation),
            quality: table
                .copied()
                .flatten()
                .map(|table| codec_jpeg::estimate_quality(&table)),
            progressive: matches!(self.process, 2 | 6 | 10 | 14),
            ..plain(Format::Jpeg, self.size, self.precision)
        }
    }

    /// The ICC profile, put together from its pieces. Pieces that are missing or doubled make none.
    ///
    /// Source: ICC.1, B.4.
    pub(crate) fn icc(&self) -> Option<Vec<u8>> {
        let mut pieces = self.icc.clone();
        pieces.sort_by_key(|piece| piece.0);
        let complete = (1..)
            .zip(&pieces)
            .all(|(number, piece)| number == usize::from(piece.0));
        (complete && !pieces.is_empty())
            .then(|| pieces.iter().flat_map(|piece| piece.1).copied().collect())
    }
}

/// The codec's words, without its own mention of the format.
fn reason(error: codec_jpeg::Error) -> String {
    match error {
        codec_jpeg::Error::Malformed(reason) | codec_jpeg::Error::Unsupported(reason) => reason,
        error => error.to_string(),
    }
}
