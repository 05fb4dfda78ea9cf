//! What a JPEG says about itself before any of it is decoded.

use std::ops::Range;

use raster::Size;

use crate::codes::{APP0, APP1, APP2, APP14, EXIF, ICC, JFIF, SOF0, SOF2, XMP};
use crate::error::Error;
use crate::exif;
use crate::options::{Damage, Density, DensityUnit, Limits, Process};
use crate::picture::Color;
use crate::quality::estimate_quality;
use crate::read::frame::FrameHeader;
use crate::read::structure::{Extent, Segment, Step, Structure};

/// A component of a JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComponentInfo {
    /// Its identifier in frame and scan headers.
    pub id: u8,
    /// Horizontal sampling factor; the standard has 1 to 4.
    pub horizontal: u8,
    /// Vertical sampling factor; the standard has 1 to 4.
    pub vertical: u8,
}

/// What a JPEG says of itself before its first scan, as [`read_header`] finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The picture's size; the width is 0 where the file says so.
    pub size: Size,
    /// Which frame header it has: n of `SOFn` (T.81, table B.1).
    pub sof: u8,
    /// Progressive (SOF2, SOF6, SOF10, SOF14), or anything else.
    pub process: Process,
    /// Bits of a sample.
    pub precision: u8,
    /// One or more; the transcoder takes up to four.
    pub components: Vec<ComponentInfo>,
    /// How many of them are in the first scan.
    pub first_scan: u8,
    /// True where a JFIF segment says that three components are Y, Cb and Cr.
    pub jfif: bool,
    /// True where there is an Adobe segment: four components are then stored inverted.
    pub adobe: bool,
    /// The color transform of an Adobe segment: 0 none, 1 Y/Cb/Cr, 2 Y/Cb/Cr/K.
    pub adobe_transform: Option<u8>,
    /// What the components are, by the rule that libjpeg and all that stands on it have: JFIF, then Adobe, then their
    /// identifiers.
    pub color: Color,
    /// The EXIF orientation, 1 to 8.
    pub orientation: Option<u8>,
    /// [`estimate_quality`] of the first component's quantization table, where it comes before the first scan.
    pub quality: Option<u8>,
    /// Where in the file the first EXIF segment's TIFF structure is, after its `Exif\0\0`.
    pub exif: Option<Range<usize>>,
    /// Where in the file the first XMP packet is, after what its segment begins with. What goes beyond one segment
    /// (extended XMP) is left out.
    pub xmp: Option<Range<usize>>,
    /// How densely the pixels lie, by the JFIF segment; square pixels of no known size where it says nothing legal.
    pub density: Density,
    /// The numbers of the ICC profile's pieces and where in the file they are, in the order of the file.
    icc: Vec<(u8, Range<usize>)>,
}

impl Header {
    /// The ICC profile, put together from its pieces in `source`, which this is the header of. Pieces that are missing
    /// or doubled make none.
    ///
    /// Source: ICC.1, B.4.
    pub fn icc(&self, source: &[u8]) -> Option<Vec<u8>> {
        let mut pieces: Vec<(u8, &[u8])> = self
            .icc
            .iter()
            .filter_map(|(number, piece)| Some((*number, source.get(piece.clone())?)))
            .collect();
        pieces.sort_by_key(|piece| piece.0);
        let complete = (1..)
            .zip(&pieces)
            .all(|(number, piece)| number == usize::from(piece.0));
        (complete && !pieces.is_empty())
            .then(|| pieces.iter().flat_map(|piece| piece.1).copied().collect())
    }
}

/// Reads the header of any JPEG: of every process and precision, whether [`transcode`](crate::transcode()) takes it or
/// not.
///
/// Only the markers are read, up to the first scan (and the DNL segment after it, where that has the height). Bytes
/// between segments are passed over; what the frame header says is told, not judged.
///
/// # Errors
///
/// [`Error::Malformed`] where the segments end before the first scan, where frame header or quantization tables do not
/// fit their segments, or where there is no height. There is no limit on the size here.
pub fn read_header(source: &[u8]) -> Result<Header, Error> {
    let limits = Limits {
        max_pixels: u64::MAX,
        ..Limits::default()
    };
    let structure = Structure::parse(source, Extent::Header, Damage::Keep, &limits)?;
    let (frame, segments) = (&structure.frame, &structure.segments);
    let slot = frame.components[0].quantization;
    let quality = structure.steps.iter().rev().find_map(|step| match step {
        Step::Quantization(other, table) if *other == slot => Some(estimate_quality(table)),
        _ => None,
    });
    Ok(Header {
        size: frame.size,
        sof: frame.marker - SOF0,
        process: process(frame),
        precision: frame.precision,
        components: frame
            .components
            .iter()
            .map(|component| ComponentInfo {
                id: component.id,
                horizontal: component.h,
                vertical: component.v,
            })
            .collect(),
        first_scan: structure.first_scan,
        jfif: is_jfif(segments),
        adobe: segments.iter().any(Segment::names_adobe),
        adobe_transform: adobe_transform(segments),
        color: color(frame, segments),
        orientation: segments
            .iter()
            .find_map(|segment| exif::find_orientation(segment.exif()?)),
        quality,
        exif: segments
            .iter()
            .find_map(|segment| Some(segment.tail(segment.exif()?))),
        xmp: segments
            .iter()
            .find_map(|segment| Some(segment.tail(segment.xmp()?))),
        density: segments
            .iter()
            .filter_map(Segment::density)
            .next_back()
            .unwrap_or_default(),
        icc: segments
            .iter()
            .filter_map(|segment| {
                let (number, piece) = segment.icc_piece()?;
                Some((number, segment.tail(piece)))
            })
            .collect(),
    })
}

/// The process of a frame.
pub(crate) fn process(frame: &FrameHeader) -> Process {
    // The low two bits of `SOFn`'s n are 2 in the progressive processes, whatever the coding.
    if frame.marker & 3 == SOF2 & 3 {
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

impl<'a> Segment<'a> {
    /// A JFIF header; thumbnails in an extension (`JFXX`) are none.
    pub(crate) fn is_jfif(&self) -> bool {
        self.marker == APP0 && self.payload.starts_with(JFIF) && self.payload.len() >= 14
    }

    /// An Adobe segment that has a color transform.
    pub(crate) fn is_adobe(&self) -> bool {
        self.names_adobe() && self.payload.len() >= 12
    }

    /// An Adobe segment of any length.
    fn names_adobe(&self) -> bool {
        self.marker == APP14 && self.payload.starts_with(b"Adobe")
    }

    pub(crate) fn is_icc(&self) -> bool {
        self.marker == APP2 && self.payload.starts_with(ICC)
    }

    /// A piece of an ICC profile and its number.
    fn icc_piece(&self) -> Option<(u8, &'a [u8])> {
        match self.payload.strip_prefix(ICC)? {
            [number, _, piece @ ..] if self.marker == APP2 => Some((*number, piece)),
            _ => None,
        }
    }

    /// The packet of an XMP segment.
    fn xmp(&self) -> Option<&'a [u8]> {
        let packet = self.payload.strip_prefix(XMP)?;
        (self.marker == APP1).then_some(packet)
    }

    /// The density in a JFIF segment, if it is one and says something legal (T.871, 10.1).
    fn density(&self) -> Option<Density> {
        let &[unit, x1, x0, y1, y0, ..] = self.payload.strip_prefix(JFIF)?.get(2..)? else {
            return None;
        };
        let unit = match unit {
            0 => DensityUnit::AspectRatio,
            1 => DensityUnit::Inch,
            2 => DensityUnit::Centimeter,
            _ => return None,
        };
        let (x, y) = (u16::from_be_bytes([x1, x0]), u16::from_be_bytes([y1, y0]));
        (self.marker == APP0 && x > 0 && y > 0).then_some(Density { unit, x, y })
    }

    /// Where in the file the end of its payload is, `tail`.
    fn tail(&self, tail: &[u8]) -> Range<usize> {
        self.end - tail.len()..self.end
    }

    /// The TIFF structure of an EXIF segment.
    pub(crate) fn exif(&self) -> Option<&'a [u8]> {
        let tiff = self.payload.strip_prefix(EXIF)?;
        (self.marker == APP1).then_some(tiff)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::SOI;

    #[test]
    fn a_header_holds_no_scans() {
        // The height is 0, and many scans of one component follow, the last with a DNL after it.
        let frame = b"\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\x08\x01\x01\x11\0";
        let scan = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0";
        let height = b"\xff\xdc\0\x04\0\x09\xff\xd9";
        let source = [&frame[..], &scan.repeat(200), height].concat();
        let error = read_header(&source).expect_err("it is not after the first scan");
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

    /// A file of these segments between SOI and a scan of `count` components.
    fn with_scan(segments: &[&[u8]], count: u8) -> Vec<u8> {
        let mut source = vec![0xFF, SOI];
        for segment in segments {
            source.extend(*segment);
        }
        source.extend([0xFF, 0xDA, 0, 3, count]);
        source
    }

    #[test]
    fn headers_are_read_whatever_the_picture_is() {
        // An arithmetic-coded progressive picture of 12 bits and five components, with factors that are none.
        let frame = b"\xff\xca\0\x17\x0c\0\x10\0\x20\x05\
            \x07\x21\x09\x07\0\0\x01\x11\0\x02\x11\0\x03\x11\0";
        let tables = b"\xff\xcc\0\x03\0\xff\xc4\0\x03\0\xff\xdd\0\x03\0";
        let strange = b"\xff\xd8\xff\x02\0\x03\xff stray \xff\xff\x01";
        let source = with_scan(&[strange, tables, frame], 3);
        let header = read_header(&source).expect("a header");
        assert_eq!((header.sof, header.precision), (10, 12));
        assert_eq!(header.process, Process::Progressive);
        assert_eq!((header.size, header.first_scan), (Size::new(32, 16), 3));
        assert_eq!(header.components.len(), 5);
        let first = &header.components[0];
        assert_eq!((first.id, first.horizontal, first.vertical), (7, 2, 1));
        assert_eq!((header.quality, header.exif), (None, None));
        // What the transcoder is for, it says itself.
        let limits = Limits::default();
        let error = Structure::parse(&source, Extent::Whole, Damage::Keep, &limits);
        assert!(matches!(error, Err(Error::Malformed(_))));
    }

    #[test]
    fn metadata_is_found_where_it_is() {
        let frame = b"\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0";
        let exif = b"\xff\xe1\0\x0cExif\0\0MM\0*";
        let second = b"\xff\xe2\0\x12ICC_PROFILE\0\x02\x02de";
        let first = b"\xff\xe2\0\x13ICC_PROFILE\0\x01\x02abc";
        let adobe = b"\xff\xee\0\x07Adobe";
        let xmp = b"\xff\xe1\0\x22http://ns.adobe.com/xap/1.0/\0<x>";
        let jfif = b"\xff\xe0\0\x10JFIF\0\x01\x02\x02\0\x4b\0\x64\0\0";
        let illegal = b"\xff\xe0\0\x10JFIF\0\x01\x02\x03\0\x01\0\x01\0\0";
        let all: [&[u8]; 8] = [jfif, illegal, frame, second, exif, first, adobe, xmp];
        let source = with_scan(&all, 1);
        let header = read_header(&source).expect("a header");
        let place = header.exif.clone().expect("EXIF");
        assert_eq!(&source[place], b"MM\0*");
        let place = header.xmp.clone().expect("XMP");
        assert_eq!(&source[place], b"<x>");
        let unit = DensityUnit::Centimeter;
        assert_eq!(
            header.density,
            Density {
                unit,
                x: 75,
                y: 100
            }
        );
        assert_eq!(header.icc(&source), Some(b"abcde".to_vec()));
        assert_eq!((header.adobe, header.adobe_transform), (true, None));
        // Half a profile is none.
        let source = with_scan(&[frame, second], 1);
        let header = read_header(&source).expect("a header");
        assert_eq!(header.icc(&source), None);
    }

    #[test]
    fn a_header_ends_with_a_scan() {
        let frame = b"\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0";
        let whole = with_scan(&[frame], 1);
        for len in 2..whole.len() {
            assert!(read_header(&whole[..len]).is_err(), "{len} bytes");
        }
        read_header(&whole).expect("a header");
        let ended = [&whole[..2 + frame.len()], b"\xff\xd9"].concat();
        let error = read_header(&ended).expect_err("there is no scan");
        assert_eq!(
            error.to_string(),
            "not a readable JPEG: it ends before its first scan"
        );
    }
}
