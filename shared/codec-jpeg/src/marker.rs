//! The marker structure of a file: where each segment and each scan's data lies. No entropy-coded data is decoded
//! here, and nothing is allocated for the picture; what can be refused from the structure is refused.

use raster::Size;

use crate::bits::next_marker;
use crate::huffman::Specification;
use crate::{Damage, Error, Limits};

pub(crate) const SOF0: u8 = 0xC0;
pub(crate) const SOF2: u8 = 0xC2;
const SOF3: u8 = 0xC3;
pub(crate) const APP0: u8 = 0xE0;
pub(crate) const COM: u8 = 0xFE;
pub(crate) const DQT: u8 = 0xDB;
pub(crate) const SOS: u8 = 0xDA;
const DHT: u8 = 0xC4;
const EOI: u8 = 0xD9;
const DRI: u8 = 0xDD;
const DNL: u8 = 0xDC;

/// An APPn or COM segment: its marker's second byte and its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment<'a> {
    pub(crate) marker: u8,
    pub(crate) payload: &'a [u8],
    /// Where its payload ends in the file.
    pub(crate) end: usize,
}

/// A component as `SOFn` declares it (T.81, B.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameComponent {
    pub(crate) id: u8,
    pub(crate) h: u8,
    pub(crate) v: u8,
    pub(crate) quantization: u8,
}

/// SOF0, SOF1 or SOF2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// The second byte of its marker.
    pub(crate) marker: u8,
    pub(crate) size: Size,
    pub(crate) components: Vec<FrameComponent>,
}

impl FrameHeader {
    /// The largest sampling factors.
    pub(crate) fn largest(&self) -> (u8, u8) {
        let of = |factor: fn(&FrameComponent) -> u8| self.components.iter().map(factor).max();
        (of(|c| c.h).unwrap_or(1), of(|c| c.v).unwrap_or(1))
    }

    /// Blocks in a row and rows of blocks of the component at `index` (T.81, A.1.1 and A.2.2).
    pub(crate) fn blocks(&self, index: usize) -> (usize, usize) {
        let (h_max, v_max) = self.largest();
        let component = &self.components[index];
        let along = |side: u32, factor: u8, max: u8| {
            (side * u32::from(factor)).div_ceil(8 * u32::from(max)) as usize
        };
        (
            along(self.size.width, component.h, h_max),
            along(self.size.height, component.v, v_max),
        )
    }

    /// MCUs in a row and rows of MCUs of an interleaved scan.
    pub(crate) fn mcus(&self) -> (usize, usize) {
        let (h, v) = self.largest();
        (
            self.size.width.div_ceil(8 * u32::from(h)) as usize,
            self.size.height.div_ceil(8 * u32::from(v)) as usize,
        )
    }

    /// Blocks of all components.
    pub(crate) fn total_blocks(&self) -> u64 {
        (0..self.components.len())
            .map(|index| {
                let (width, height) = self.blocks(index);
                (width * height) as u64
            })
            .sum()
    }
}

/// A scan's header (T.81, B.2.3); the tables are by component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScanHeader {
    /// Indices into the frame's components, with DC and AC table slots.
    pub(crate) components: Vec<(usize, u8, u8)>,
    pub(crate) ss: u8,
    pub(crate) se: u8,
    pub(crate) ah: u8,
    pub(crate) al: u8,
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

/// A whole file.
#[derive(Debug)]
pub(crate) struct Structure<'a> {
    /// All APPn and COM segments, in their order.
    pub(crate) segments: Vec<Segment<'a>>,
    /// How many of them stand before the first scan. Only these say what the picture is.
    pub(crate) leading: usize,
    pub(crate) frame: FrameHeader,
    pub(crate) steps: Vec<Step<'a>>,
    /// Where the picture ends: behind EOI, or the end of the data where there is none.
    pub(crate) end: usize,
    pub(crate) has_eoi: bool,
    /// False where something had to be passed over, or EOI is missing.
    pub(crate) intact: bool,
}

/// How far [`Structure::parse`] reads, and what it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// To the first scan; where the height is 0, to the DNL segment behind it.
    Header,
    /// All scans, of lossless pictures too; nothing is kept but the frame.
    Limits,
    Whole,
}

/// APPn and COM segments, tables and scans at most. Real files have tens of them, a 16 MB color profile has 256; each
/// is held as up to 136 bytes, and some take as few as 4 in the file.
const MAX_SEGMENTS: usize = 10_000;

pub(crate) fn malformed<T>(what: impl Into<String>) -> Result<T, Error> {
    Err(Error::Malformed(what.into()))
}

fn unsupported<T>(what: impl Into<String>) -> Result<T, Error> {
    Err(Error::Unsupported(what.into()))
}

impl<'a> Structure<'a> {
    pub(crate) fn parse(
        source: &'a [u8],
        extent: Extent,
        damage: Damage,
        limits: &Limits,
    ) -> Result<Self, Error> {
        if !source.starts_with(&[0xFF, 0xD8]) {
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
        let Some(frame) = parser.frame else {
            return malformed("there is no frame header");
        };
        if frame.size.height == 0 {
            return malformed("the height is 0, and no DNL segment defines it");
        }
        Ok(Self {
            leading: parser.leading.unwrap_or(parser.segments.len()),
            segments: parser.segments,
            frame,
            steps: parser.steps,
            end: parser.position,
            has_eoi,
            intact: parser.intact && has_eoi,
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
}

impl Parser<'_, '_> {
    /// Takes in the next marker and what belongs to it.
    fn next(&mut self) -> Result<Next, Error> {
        let marker = read_marker(self.source, &mut self.position, self.damage)?;
        let Some((marker, alone)) = marker else {
            return Ok(Next::End { has_eoi: false });
        };
        self.intact &= alone;
        if marker == EOI {
            return Ok(Next::End { has_eoi: true });
        }
        // RSTn and TEM have no length; outside of scans they mean nothing.
        if matches!(marker, 0xD0..=0xD7 | 0x01) && self.damage == Damage::Keep {
            self.intact = false;
            return Ok(Next::Segment);
        }
        if matches!(marker, 0xD0..=0xD8 | 0x01..=0xBF) {
            return malformed(format!("marker FF{marker:02X} between segments"));
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
        match marker {
            0xC0..=0xC2 => self.begin_frame(marker, payload)?,
            SOF3 if self.extent == Extent::Limits => self.begin_frame(marker, payload)?,
            SOF3 => return unsupported("lossless process (SOF3)"),
            0xC5..=0xC7 | 0xDE | 0xDF => return unsupported("hierarchical process"),
            0xC9..=0xCC | 0xCE | 0xCF => return unsupported("arithmetic coding"),
            0xCD => return unsupported("hierarchical process with arithmetic coding"),
            DHT if tables => read_huffman(payload, &mut self.steps)?,
            DQT if tables => read_quantization(payload, &mut self.steps)?,
            DRI if tables => match payload {
                &[high, low] => {
                    let mcus = u16::from_be_bytes([high, low]);
                    self.steps.push(Step::RestartInterval(mcus));
                }
                _ => return malformed(format!("a DRI segment of {} bytes", payload.len())),
            },
            APP0..=0xEF | COM if tables => self.segments.push(Segment {
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
        self.frame = Some(read_frame(marker, payload)?);
        Ok(())
    }

    /// Takes in a scan and its data. At the first one, what the frame asks for is held to the limits.
    fn begin_scan(&mut self, payload: &[u8]) -> Result<(), Error> {
        let Some(frame) = &mut self.frame else {
            return malformed("a scan before the frame header");
        };
        if self.leading.is_none() {
            self.leading = Some(self.segments.len());
            if frame.size.height == 0 {
                frame.size.height = height_behind(self.source, self.position);
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

/// The height that a DNL segment behind the scan whose data begins at `from` defines, or 0. It may stand nowhere else
/// (T.81, B.2.5).
fn height_behind(source: &[u8], from: usize) -> u32 {
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
pub fn check_limits(source: &[u8], limits: &Limits) -> Result<(), Error> {
    Structure::parse(source, Extent::Limits, Damage::Keep, limits).map(|_| ())
}

/// The second byte of the next marker, fill bytes passed over, and whether there was nothing else before it; `None` at
/// the end of the data.
fn read_marker(
    source: &[u8],
    position: &mut usize,
    damage: Damage,
) -> Result<Option<(u8, bool)>, Error> {
    let from = *position;
    let Some(at) = next_marker(source, from) else {
        *position = source.len();
        return Ok(None);
    };
    let stray = source[from..at].iter().find(|&&byte| byte != 0xFF);
    if let (Some(byte), Damage::Refuse) = (stray, damage) {
        return malformed(format!(
            "byte {byte:02X} behind {from}, where a marker should be"
        ));
    }
    *position = at + 2;
    Ok(Some((source[at + 1], stray.is_none())))
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

fn read_frame(marker: u8, payload: &[u8]) -> Result<FrameHeader, Error> {
    let [precision, y1, y0, x1, x0, count, rest @ ..] = payload else {
        return malformed(format!("a frame header of {} bytes", payload.len()));
    };
    if *precision != 8 {
        if *precision == 12 || *precision == 16 {
            return unsupported(format!("{precision}-bit samples; 8-bit ones are"));
        }
        return malformed(format!("{precision}-bit samples"));
    }
    let size = Size::new(
        u32::from(u16::from_be_bytes([*x1, *x0])),
        u32::from(u16::from_be_bytes([*y1, *y0])),
    );
    if size.width == 0 {
        return malformed("the width is 0");
    }
    if !(1..=4).contains(count) || rest.len() != 3 * usize::from(*count) {
        return malformed(format!(
            "a frame header for {count} components with {} bytes for them; 1 to 4 of 3 bytes each are allowed",
            rest.len()
        ));
    }
    let mut components: Vec<FrameComponent> = Vec::new();
    for part in rest.chunks_exact(3) {
        let component = FrameComponent {
            id: part[0],
            h: part[1] >> 4,
            v: part[1] & 15,
            quantization: part[2],
        };
        if !(1..=4).contains(&component.h) || !(1..=4).contains(&component.v) {
            return malformed(format!(
                "sampling factors {}x{}; 1 to 4 are allowed",
                component.h, component.v
            ));
        }
        if component.quantization > 3 {
            return malformed(format!(
                "quantization table {}; there are 0 to 3",
                component.quantization
            ));
        }
        if components.iter().any(|other| other.id == component.id) {
            return malformed(format!(
                "two components with the identifier {}",
                component.id
            ));
        }
        components.push(component);
    }
    Ok(FrameHeader {
        marker,
        size,
        components,
    })
}

fn read_scan(payload: &[u8], frame: &FrameHeader) -> Result<ScanHeader, Error> {
    let Some((&count, rest)) = payload.split_first() else {
        return malformed("an empty scan header");
    };
    let count = usize::from(count);
    if !(1..=4).contains(&count) || rest.len() != 2 * count + 3 {
        return malformed(format!(
            "a scan header of {} bytes for {count} components",
            payload.len()
        ));
    }
    let mut components = Vec::new();
    for part in rest[..2 * count].chunks_exact(2) {
        let Some(index) = frame.components.iter().position(|c| c.id == part[0]) else {
            return malformed(format!(
                "a scan of component {}, which the frame has not",
                part[0]
            ));
        };
        if components.iter().any(|&(other, _, _)| other == index) {
            return malformed(format!("a scan with component {} twice", part[0]));
        }
        let (dc, ac) = (part[1] >> 4, part[1] & 15);
        if dc > 3 || ac > 3 {
            return malformed(format!("Huffman tables {dc} and {ac}; there are 0 to 3"));
        }
        components.push((index, dc, ac));
    }
    let blocks: u32 = components
        .iter()
        .map(|&(index, _, _)| {
            u32::from(frame.components[index].h) * u32::from(frame.components[index].v)
        })
        .sum();
    if count > 1 && blocks > 10 {
        return malformed(format!("{blocks} blocks in an MCU; 10 are allowed"));
    }
    let mut scan = ScanHeader {
        components,
        ss: rest[2 * count],
        se: rest[2 * count + 1],
        ah: rest[2 * count + 2] >> 4,
        al: rest[2 * count + 2] & 15,
    };
    if frame.marker == SOF2 {
        let band = if scan.ss == 0 {
            scan.se == 0
        } else {
            count == 1 && scan.ss <= scan.se && scan.se <= 63
        };
        if !band || scan.al > 13 || (scan.ah != 0 && scan.ah != scan.al + 1) {
            return malformed(format!(
                "a scan of {count} components with Ss {} Se {} Ah {} Al {}",
                scan.ss, scan.se, scan.ah, scan.al
            ));
        }
    } else {
        // The standard fixes these for sequential scans; decoders ignore what is written.
        (scan.ss, scan.se, scan.ah, scan.al) = (0, 63, 0, 0);
    }
    Ok(scan)
}

fn read_huffman(mut payload: &[u8], steps: &mut Vec<Step>) -> Result<(), Error> {
    while let Some((&[head, ref counts @ ..], rest)) = payload.split_first_chunk::<17>() {
        let (class, slot) = (head >> 4, head & 15);
        if class > 1 || slot > 3 {
            return malformed(format!("Huffman table of class {class} in slot {slot}"));
        }
        let counts: [u8; 16] = *counts;
        let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
        let Some((symbols, after)) = rest.split_at_checked(total).filter(|_| total <= 256) else {
            return malformed(format!(
                "a Huffman table of {total} codes, with {} symbols",
                rest.len()
            ));
        };
        // Kraft's sum, in codes of 16 bits.
        let taken: u32 = (1..)
            .zip(&counts)
            .map(|(len, &count)| u32::from(count) << (16 - len))
            .sum();
        if taken > 1 << 16 {
            return malformed("a Huffman table with more codes than there can be");
        }
        if class == 0 && symbols.iter().any(|&symbol| symbol > 15) {
            return malformed("a DC Huffman table with a size above 15 bits");
        }
        let symbols = symbols.to_vec();
        steps.push(Step::Huffman(
            class,
            slot,
            Specification { counts, symbols },
        ));
        payload = after;
    }
    if payload.is_empty() {
        Ok(())
    } else {
        malformed(format!(
            "{} bytes left over in a DHT segment",
            payload.len()
        ))
    }
}

fn read_quantization(mut payload: &[u8], steps: &mut Vec<Step>) -> Result<(), Error> {
    while let Some((&head, rest)) = payload.split_first() {
        let (precision, slot) = (head >> 4, head & 15);
        let len = 64 << precision.min(1);
        if precision > 1 || slot > 3 || rest.len() < len {
            return malformed(format!(
                "a quantization table of precision {precision} in slot {slot}, with {} bytes of {len}",
                rest.len()
            ));
        }
        let (values, after) = rest.split_at(len);
        let mut table = [0; 64];
        for (k, entry) in table.iter_mut().enumerate() {
            *entry = match precision {
                0 => u16::from(values[k]),
                _ => u16::from_be_bytes([values[2 * k], values[2 * k + 1]]),
            };
        }
        steps.push(Step::Quantization(slot, table));
        payload = after;
    }
    Ok(())
}
