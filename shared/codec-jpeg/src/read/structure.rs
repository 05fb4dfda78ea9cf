//! The marker structure of a file: where each segment and each scan's data lies. No entropy-coded data is decoded
//! here, and nothing is allocated for the picture; what can be refused from the structure is refused.

use crate::bits::next_marker;
use crate::codes::{APP0, APP15, COM, DHT, DNL, DQT, DRI, EOI, SOF0, SOF2, SOF3, SOI, SOS};
use crate::error::{Error, malformed, unsupported};
use crate::huffman::Specification;
use crate::options::{Damage, Limits};
use crate::read::frame::{FrameHeader, ScanHeader, read_frame, read_scan};
use crate::read::tables::{read_huffman, read_quantization};

/// An APPn or COM segment: its marker's second byte and its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment<'a> {
    pub(crate) marker: u8,
    pub(crate) payload: &'a [u8],
    /// Where its payload ends in the file.
    pub(crate) end: usize,
}

/// What a decoder does, in the order of the file.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// Class (0 DC, 1 AC), slot and table.
    Huffman(u8, u8, Specification),
    /// Slot and table, in zigzag order.
    Quantization(u8, [u16; 64]),
    RestartInterval(u16),
    Scan(ScanHeader, &'a [u8]),
}

/// What a file is made of, in the order of the file.
#[derive(Debug)]
pub(crate) struct Structure<'a> {
    /// All APPn and COM segments, in their order.
    pub(crate) segments: Vec<Segment<'a>>,
    /// How many of them stand before the first scan. Only these say what the picture is.
    pub(crate) leading: usize,
    pub(crate) frame: FrameHeader,
    pub(crate) steps: Vec<Step<'a>>,
    /// Where the picture ends: after EOI, or the end of the data where there is none.
    pub(crate) end: usize,
    pub(crate) has_eoi: bool,
    /// False where something had to be passed over, or EOI is missing.
    pub(crate) intact: bool,
    /// How many components are in the first scan.
    pub(crate) first_scan: u8,
    reading: Reading,
}

/// How far [`Structure::parse`] reads, and what it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// To the first scan; where the height is 0, to the DNL segment after it. Pictures of every process and precision
    /// are taken, and the frame is not checked.
    Header,
    /// All scans, of lossless pictures too; nothing is kept but the frame.
    Limits,
    Whole,
}

/// APPn and COM segments, tables and scans at most. Real files have tens of them, a 16 MB color profile has 256; each
/// is held as up to 136 bytes, and some take as few as 4 in the file.
const MAX_SEGMENTS: usize = 10_000;

impl<'a> Structure<'a> {
    pub(crate) fn parse(
        source: &'a [u8],
        extent: Extent,
        damage: Damage,
        limits: &Limits,
    ) -> Result<Self, Error> {
        if !source.starts_with(&[0xFF, SOI]) {
            return malformed("it does not begin with SOI");
        }
        let mut parser = Parser {
            source,
            position: 2,
            extent,
            damage,
            limits,
            segments: Vec::new(),
            leading: None,
            frame: None,
            steps: Vec::new(),
            work: Work::default(),
            intact: true,
            first_scan: 0,
            has_huffman: false,
            has_dnl: false,
        };
        let has_eoi = loop {
            match parser.next() {
                Ok(Next::Segment) => {}
                Ok(Next::End { has_eoi }) => break has_eoi,
                // What came before can be shown.
                Err(Error::Malformed(_) | Error::Unsupported(_))
                    if damage == Damage::Keep
                        && extent == Extent::Whole
                        && parser.work.scans > 0 =>
                {
                    break false;
                }
                Err(error) => return Err(error),
            }
        };
        if extent == Extent::Header && parser.leading.is_none() {
            return malformed("it ends before its first scan");
        }
        let Some(frame) = parser.frame else {
            return malformed("there is no frame header");
        };
        if frame.size.height == 0 {
            return malformed("the height is 0, and no DNL segment defines it");
        }
        let intact = parser.intact && has_eoi;
        let in_one_scan = usize::from(parser.first_scan) == frame.components.len();
        let plain = intact
            && parser.has_huffman
            && !parser.has_dnl
            && !frame.shares_identifiers()
            && (in_one_scan || frame.marker == SOF2);
        Ok(Self {
            leading: parser.leading.unwrap_or(parser.segments.len()),
            segments: parser.segments,
            frame,
            steps: parser.steps,
            end: parser.position,
            has_eoi,
            intact,
            first_scan: parser.first_scan,
            reading: if plain { Reading::Plain } else { Reading::Rare },
        })
    }
}

/// What [`Parser::next`] came to.
enum Next {
    Segment,
    End { has_eoi: bool },
}

/// What is known of a file up to `position`.
struct Parser<'a, 'l> {
    source: &'a [u8],
    position: usize,
    extent: Extent,
    damage: Damage,
    limits: &'l Limits,
    segments: Vec<Segment<'a>>,
    leading: Option<usize>,
    frame: Option<FrameHeader>,
    steps: Vec<Step<'a>>,
    work: Work,
    intact: bool,
    first_scan: u8,
    has_huffman: bool,
    has_dnl: bool,
}

impl Parser<'_, '_> {
    /// Takes in the next marker and what belongs to it.
    fn next(&mut self) -> Result<Next, Error> {
        let Some((marker, alone)) = read_marker(self.source, &mut self.position) else {
            return Ok(Next::End { has_eoi: false });
        };
        self.intact &= alone;
        if marker == EOI {
            return Ok(Next::End { has_eoi: true });
        }
        // RSTn and TEM have no length; outside of scans they mean nothing. A second SOI is two files run together.
        let header = self.extent == Extent::Header;
        if matches!(marker, 0xD0..=0xD7 | 0x01) || header && marker == SOI {
            self.intact = false;
            return Ok(Next::Segment);
        }
        if matches!(marker, SOI | 0x02..=0xBF) && !header {
            return malformed(format!("marker FF{marker:02X} between segments"));
        }
        // A comment or APPn segment of length 0 or 1 is passed over with its length, as libjpeg does.
        let length = self.source.get(self.position..self.position + 2);
        if matches!(marker, APP0..=APP15 | COM) && matches!(length, Some([0, 0 | 1])) {
            self.position += 2;
            self.intact = false;
            return Ok(Next::Segment);
        }
        let Some(payload) = read_payload(self.source, &mut self.position) else {
            let may_end = self.damage == Damage::Keep && self.extent != Extent::Limits;
            if may_end && self.frame.is_some() {
                return Ok(Next::End { has_eoi: false });
            }
            return malformed(format!(
                "segment FF{marker:02X} is cut off or has no length"
            ));
        };
        let tables = self.extent != Extent::Limits;
        self.has_huffman |= marker == DHT;
        match marker {
            SOF0..=SOF2 => self.begin_frame(marker, payload)?,
            SOF3 if self.extent != Extent::Whole => self.begin_frame(marker, payload)?,
            // DHT, JPG and DAC stand among the frame headers.
            0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF if header => {
                self.begin_frame(marker, payload)?;
            }
            SOF3 | 0xC5..=0xC7 | 0xC9..=0xCF | 0xDE | 0xDF if !header => {
                return unsupported(process(marker));
            }
            DHT if self.extent == Extent::Whole => {
                let found = read_huffman(payload)?.into_iter();
                let steps = found.map(|(class, slot, table)| Step::Huffman(class, slot, table));
                self.steps.extend(steps);
            }
            DQT if tables => {
                let found = read_quantization(payload)?.into_iter();
                let steps = found.map(|(slot, table)| Step::Quantization(slot, table));
                self.steps.extend(steps);
            }
            DRI if tables => match payload {
                &[high, low] => {
                    let mcus = u16::from_be_bytes([high, low]);
                    self.steps.push(Step::RestartInterval(mcus));
                }
                _ if header => {}
                _ => return malformed(format!("a DRI segment of {} bytes", payload.len())),
            },
            APP0..=APP15 | COM if tables => self.segments.push(Segment {
                marker,
                payload,
                end: self.position,
            }),
            SOS => {
                self.begin_scan(payload)?;
                if self.extent == Extent::Header {
                    return Ok(Next::End { has_eoi: true });
                }
            }
            // DNL was looked for at the first scan; JPGn, DHP and EXP are reserved or handled above.
            _ => {}
        }
        let found = self.segments.len() + self.steps.len();
        if found > MAX_SEGMENTS {
            return malformed(format!(
                "more than {MAX_SEGMENTS} segments, tables and scans"
            ));
        }
        Ok(Next::Segment)
    }

    fn begin_frame(&mut self, marker: u8, payload: &[u8]) -> Result<(), Error> {
        if self.frame.is_some() {
            return malformed("more than one frame header");
        }
        let frame = read_frame(marker, payload)?;
        if self.extent != Extent::Header {
            frame.check()?;
        }
        self.frame = Some(frame);
        Ok(())
    }

    /// Takes in a scan and its data. At the first one, what the frame asks for is held to the limits.
    fn begin_scan(&mut self, payload: &[u8]) -> Result<(), Error> {
        let Some(frame) = &mut self.frame else {
            return malformed("a scan before the frame header");
        };
        if self.leading.is_none() {
            self.leading = Some(self.segments.len());
            self.first_scan = payload.first().copied().unwrap_or(0);
            if frame.size.height == 0 {
                self.has_dnl = true;
                frame.size.height = height_after(self.source, self.position);
            }
            if frame.size.height == 0 {
                return malformed("the height is 0, and no DNL segment defines it");
            }
            check_frame(frame, self.limits)?;
        }
        if self.extent == Extent::Header {
            return Ok(());
        }
        let scan = read_scan(payload, frame)?;
        let end = next_non_restart(self.source, self.position).unwrap_or(self.source.len());
        self.work.add(&scan, frame, self.limits)?;
        if self.extent == Extent::Whole {
            let data = &self.source[self.position..end];
            self.steps.push(Step::Scan(scan, data));
        }
        self.position = end;
        Ok(())
    }
}

/// What a frame of another process, or a marker of one, is called.
pub(crate) fn process(marker: u8) -> &'static str {
    match marker {
        SOF3 => "lossless process (SOF3)",
        0xC5..=0xC7 | 0xDE | 0xDF => "hierarchical process",
        0xCD => "hierarchical process with arithmetic coding",
        _ => "arithmetic coding",
    }
}

/// Refuses a picture of too many pixels.
fn check_frame(frame: &FrameHeader, limits: &Limits) -> Result<(), Error> {
    if frame.size.pixels() > limits.max_pixels {
        return Err(Error::TooManyPixels {
            found: frame.size,
            max_pixels: limits.max_pixels,
        });
    }
    Ok(())
}

/// The height that a DNL segment after the scan whose data begins at `from` defines, or 0. It may stand nowhere else
/// (T.81, B.2.5).
fn height_after(source: &[u8], from: usize) -> u32 {
    let Some(at) = next_non_restart(source, from) else {
        return 0;
    };
    match source[at + 1..] {
        [DNL, 0, 4, high, low, ..] => u32::from(u16::from_be_bytes([high, low])),
        _ => 0,
    }
}

/// How many scans there are, and the decoding they ask for.
#[derive(Default)]
struct Work {
    scans: u32,
    /// Blocks of all scans.
    visits: u64,
}

impl Work {
    /// Each block is visited `max_passes` times on average at most; small pictures may have all `max_scans`.
    fn add(
        &mut self,
        scan: &ScanHeader,
        frame: &FrameHeader,
        limits: &Limits,
    ) -> Result<(), Error> {
        /// Visits of a block that any picture may have beyond its share.
        const FREE: u64 = 1 << 22;
        self.scans += 1;
        if self.scans > limits.max_scans {
            return Err(Error::TooManyScans {
                max_scans: limits.max_scans,
            });
        }
        for &(index, _, _) in &scan.components {
            let (width, height) = frame.blocks(index);
            self.visits += (width * height) as u64;
        }
        let allowed = frame.total_blocks() * u64::from(limits.max_passes) + FREE;
        if self.visits > allowed {
            return Err(Error::TooManyPasses {
                max_passes: limits.max_passes,
            });
        }
        Ok(())
    }
}

/// Holds a JPEG's size and scans to `limits`, for whoever decodes it by other means: nothing is decoded, little is
/// held, and the time is linear in the bytes. Sequential, progressive and lossless Huffman-coded pictures are counted;
/// damage that leaves segments in order is passed over.
///
/// # Errors
///
/// [`Error::TooManyPixels`], [`Error::TooManyScans`], [`Error::TooManyPasses`]. [`Error::Malformed`] and
/// [`Error::Unsupported`] where not all scans could be counted.
pub fn check_limits(source: &[u8], limits: &Limits) -> Result<Reading, Error> {
    Structure::parse(source, Extent::Limits, Damage::Keep, limits).map(|found| found.reading)
}

/// How a file is to be read by other decoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// All of it is where the standard has it: no decoder can find another picture in it.
    Plain,
    /// Something between its segments belongs to nothing, or is of a kind that few files are: decoders pass over it in
    /// different ways, so that it is better written anew before one of them reads it.
    Rare,
}

/// The second byte of the next marker, and whether nothing but fill bytes was passed over before it; `None` at the end of
/// the data.
///
/// Cameras and scanners write segments whose length is too small, or pad between them: bytes there belong to nothing, and
/// every decoder goes on with the next marker.
fn read_marker(source: &[u8], position: &mut usize) -> Option<(u8, bool)> {
    let from = *position;
    let Some(at) = next_marker(source, from) else {
        *position = source.len();
        return None;
    };
    *position = at + 2;
    let alone = source[from..at].iter().all(|&byte| byte == 0xFF);
    Some((source[at + 1], alone))
}

/// The payload of the segment whose length is at `position`.
fn read_payload<'a>(source: &'a [u8], position: &mut usize) -> Option<&'a [u8]> {
    let rest = source.get(*position..)?;
    let len = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
    let payload = rest.get(2..len)?;
    *position += len;
    Some(payload)
}

/// Where the next marker that is not `RSTn` begins.
fn next_non_restart(source: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at = next_marker(source, at)?;
        if !matches!(source[at + 1], 0xD0..=0xD7) {
            return Some(at);
        }
        at += 2;
    }
}
