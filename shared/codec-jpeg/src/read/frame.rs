//! Frame and scan headers: what the components of a picture are, and which of their coefficients a scan has.

use raster::Size;

use crate::codes::SOF2;
use crate::error::{Error, malformed, unsupported};

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
    /// Bits of a sample.
    pub(crate) precision: u8,
    pub(crate) size: Size,
    pub(crate) components: Vec<FrameComponent>,
}

impl FrameHeader {
    /// Refuses what the standard does not allow in a picture, or what is not decoded here.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.precision {
            8 => {}
            precision @ (12 | 16) => {
                return unsupported(format!("{precision}-bit samples; 8-bit ones are"));
            }
            precision => return malformed(format!("{precision}-bit samples")),
        }
        if self.size.width == 0 {
            return malformed("the width is 0");
        }
        if self.components.len() > 4 {
            return malformed(format!(
                "a frame header for {} components; 1 to 4 are allowed",
                self.components.len()
            ));
        }
        for component in &self.components {
            let FrameComponent {
                h, v, quantization, ..
            } = component;
            if !(1..=4).contains(h) || !(1..=4).contains(v) {
                return malformed(format!("sampling factors {h}x{v}; 1 to 4 are allowed"));
            }
            if *quantization > 3 {
                return malformed(format!(
                    "quantization table {quantization}; there are 0 to 3"
                ));
            }
        }
        Ok(())
    }

    /// True where components share an identifier.
    pub(crate) fn shares_identifiers(&self) -> bool {
        let ids = || self.components.iter().map(|component| component.id);
        ids()
            .enumerate()
            .any(|(at, id)| ids().take(at).any(|other| other == id))
    }

    /// The largest sampling factors. As all that follows, of a frame that was checked.
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

/// Takes a frame header apart (T.81, B.2.2). Whether what it says is legal is for [`FrameHeader::check`].
pub(crate) fn read_frame(marker: u8, payload: &[u8]) -> Result<FrameHeader, Error> {
    let [precision, y1, y0, x1, x0, count, rest @ ..] = payload else {
        return malformed(format!("a frame header of {} bytes", payload.len()));
    };
    if *count == 0 || rest.len() != 3 * usize::from(*count) {
        return malformed(format!(
            "a frame header for {count} components with {} bytes for them; 1 to 4 of 3 bytes each are allowed",
            rest.len()
        ));
    }
    let components = rest.chunks_exact(3).map(|part| FrameComponent {
        id: part[0],
        h: part[1] >> 4,
        v: part[1] & 15,
        quantization: part[2],
    });
    Ok(FrameHeader {
        marker,
        precision: *precision,
        size: Size::new(
            u32::from(u16::from_be_bytes([*x1, *x0])),
            u32::from(u16::from_be_bytes([*y1, *y0])),
        ),
        components: components.collect(),
    })
}

pub(crate) fn read_scan(payload: &[u8], frame: &FrameHeader) -> Result<ScanHeader, Error> {
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
        // Components may share an identifier: those of a scan are then meant in the order of the frame.
        let has_id = |index: &usize| frame.components[*index].id == part[0];
        let named = || (0..frame.components.len()).filter(has_id);
        let free = |index: &usize| components.iter().all(|&(other, _, _)| other != *index);
        let Some(index) = named().find(free) else {
            return malformed(match named().next() {
                Some(_) => format!("a scan with component {} twice", part[0]),
                None => format!("a scan of component {}, which the frame has not", part[0]),
            });
        };
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
