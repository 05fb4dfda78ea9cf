//! What a JPEG says about itself before any of it is decoded.

use raster::Size;

use crate::codes::SOF2;
use crate::error::Error;
use crate::options::{Damage, Limits, Process};
use crate::picture::Color;
use crate::quality::estimate_quality;
use crate::read::frame::FrameHeader;
use crate::read::structure::{Extent, Segment, Step, Structure};

/// A component of a JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComponentInfo {
    /// Its identifier.
    pub id: u8,
    /// Horizontal sampling factor, 1 to 4.
    pub horizontal: u8,
    /// Vertical sampling factor, 1 to 4.
    pub vertical: u8,
}

/// What [`read_header`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The picture's size.
    pub size: Size,
    /// Sequential (SOF0 and SOF1) or progressive (SOF2).
    pub process: Process,
    /// One to four components.
    pub components: Vec<ComponentInfo>,
    /// True where a JFIF segment says that three components are Y, Cb and Cr.
    pub jfif: bool,
    /// The color transform of an Adobe segment: 0 none, 1 Y/Cb/Cr, 2 Y/Cb/Cr/K.
    pub adobe_transform: Option<u8>,
    /// The EXIF orientation, 1 to 8.
    pub orientation: Option<u8>,
    /// [`estimate_quality`] of the first component's quantization table, where it comes before the first scan.
    pub quality: Option<u8>,
}

/// Reads the header of a JPEG that [`transcode`](crate::transcode()) would take.
///
/// Only the markers are read, up to the first scan (and the DNL segment behind it, where that has the height).
///
/// # Errors
///
/// [`Error::Malformed`], [`Error::Unsupported`]. There is no limit on the size here.
pub fn read_header(source: &[u8]) -> Result<Header, Error> {
    let limits = Limits {
        max_pixels: u64::MAX,
        ..Limits::default()
    };
    let structure = Structure::parse(source, Extent::Header, Damage::Keep, &limits)?;
    let frame = &structure.frame;
    let slot = frame.components[0].quantization;
    let quality = structure.steps.iter().rev().find_map(|step| match step {
        Step::Quantization(other, table) if *other == slot => Some(estimate_quality(table)),
        _ => None,
    });
    Ok(Header {
        size: frame.size,
        process: process(frame),
        components: frame
            .components
            .iter()
            .map(|component| ComponentInfo {
                id: component.id,
                horizontal: component.h,
                vertical: component.v,
            })
            .collect(),
        jfif: is_jfif(&structure.segments),
        adobe_transform: adobe_transform(&structure.segments),
        orientation: structure.segments.iter().find_map(orientation),
        quality,
    })
}

/// The process of a frame.
pub(crate) fn process(frame: &FrameHeader) -> Process {
    if frame.marker == SOF2 {
        Process::Progressive
    } else {
        Process::Baseline
    }
}

fn is_jfif(segments: &[Segment]) -> bool {
    segments.iter().any(Segment::is_jfif)
}

fn adobe_transform(segments: &[Segment]) -> Option<u8> {
    segments
        .iter()
        .find(|segment| segment.is_adobe())
        .map(|segment| segment.payload[11])
}

impl Segment<'_> {
    /// A JFIF header; thumbnails in an extension (`JFXX`) are none.
    pub(crate) fn is_jfif(&self) -> bool {
        self.marker == 0xE0 && self.payload.starts_with(b"JFIF\0") && self.payload.len() >= 14
    }

    pub(crate) fn is_adobe(&self) -> bool {
        self.marker == 0xEE && self.payload.starts_with(b"Adobe") && self.payload.len() >= 12
    }

    pub(crate) fn is_icc(&self) -> bool {
        self.marker == 0xE2 && self.payload.starts_with(b"ICC_PROFILE\0")
    }
}

/// What the components are, by the rules that decoders share (libjpeg, `default_decompress_parms`).
pub(crate) fn color(frame: &FrameHeader, segments: &[Segment]) -> Color {
    let transform = adobe_transform(segments);
    match frame.components.len() {
        3 if is_jfif(segments) => Color::YCbCr,
        3 => match transform {
            Some(0) => Color::Other,
            Some(_) => Color::YCbCr,
            None => {
                let ids: Vec<u8> = frame.components.iter().map(|c| c.id).collect();
                if ids == *b"RGB" {
                    Color::Other
                } else {
                    Color::YCbCr
                }
            }
        },
        4 if transform.is_some_and(|transform| transform != 0) => Color::Ycck,
        _ => Color::Other,
    }
}

/// The orientation in an EXIF segment's first directory, if it is one and has it (EXIF 2.32, 4.6.4 A, tag 0x0112).
pub(crate) fn orientation(segment: &Segment) -> Option<u8> {
    let tiff = segment.payload.strip_prefix(b"Exif\0\0")?;
    if segment.marker != 0xE1 {
        return None;
    }
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    };
    let directory: [u8; 4] = tiff.get(4..8)?.try_into().ok()?;
    let directory = if little {
        u32::from_le_bytes(directory)
    } else {
        u32::from_be_bytes(directory)
    } as usize;
    let entries = usize::from(u16_at(directory)?);
    // A directory may claim more entries than there is data for: 65 535 in a segment of 20 bytes.
    let (entry, _) = (0..entries)
        .map(|entry| directory + 2 + 12 * entry)
        .map_while(|at| Some((at, u16_at(at)?)))
        .find(|&(_, tag)| tag == 0x0112)?;
    // Type 3 is a 16-bit number.
    match (u16_at(entry + 2)?, u16_at(entry + 8)?) {
        (3, value @ 1..=8) => Some(value as u8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_directory_ends_with_its_data() {
        let segment = Segment {
            marker: 0xE1,
            payload: b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x10",
            end: 0,
        };
        let begin = Instant::now();
        for _ in 0..100_000 {
            assert_eq!(orientation(std::hint::black_box(&segment)), None);
        }
        // All the entries that it claims to have would take some seconds.
        assert!(begin.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn a_header_holds_no_scans() {
        // The height is 0, and many scans of one component follow, the last with a DNL behind it.
        let frame = b"\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\x08\x01\x01\x11\0";
        let scan = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0";
        let height = b"\xff\xdc\0\x04\0\x09\xff\xd9";
        let source = [&frame[..], &scan.repeat(200), height].concat();
        let error = read_header(&source).expect_err("it is not behind the first scan");
        assert_eq!(
            error.to_string(),
            "not a readable JPEG: the height is 0, and no DNL segment defines it"
        );
        let source = [&frame[..], scan, height, &scan.repeat(200)].concat();
        let limits = Limits::default();
        let structure = Structure::parse(&source, Extent::Header, Damage::Keep, &limits);
        let structure = structure.expect("a header");
        assert_eq!((structure.frame.size.height, structure.steps.len()), (9, 0));
    }
}
