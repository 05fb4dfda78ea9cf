//! Decodes scans of progressive frames into plain blocks of coefficients, since each scan adds to what others left
//! (T.81, annex G).

use raster::Watch;

use crate::bits::{BitReader, Restart};
use crate::error::{Error, malformed};
use crate::huffman::{SymbolTable, extend};
use crate::options::Damage;
use crate::read::frame::{FrameHeader, ScanHeader};

/// A component's coefficients, in zigzag order within each block.
pub(crate) struct Plane {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) blocks: Vec<[i16; 64]>,
    sent: Sent,
}

/// The point transform that each coefficient of a component was last sent with; `None` before its first scan.
pub(crate) struct Sent([Option<u8>; 64]);

impl Default for Sent {
    fn default() -> Self {
        Self([None; 64])
    }
}

impl Sent {
    /// True where every bit of every coefficient was sent.
    fn is_complete(&self) -> bool {
        self.0.iter().all(|sent| *sent == Some(0))
    }

    /// True where each coefficient of `scan` was sent up to bit position `Ah`, or never (T.81, G.1.1.1.1).
    fn expects(&self, scan: &ScanHeader) -> bool {
        let before = (scan.ah > 0).then_some(scan.ah);
        self.0[band(scan)].iter().all(|sent| *sent == before)
    }

    /// True where `scan` is next in the standard's order: it is expected, and DC came first.
    pub(crate) fn is_next(&self, scan: &ScanHeader) -> bool {
        let dc_first = scan.ss == 0 || self.0[0].is_some();
        dc_first && self.expects(scan)
    }

    /// Takes in that `scan` was sent.
    pub(crate) fn add(&mut self, scan: &ScanHeader) {
        self.0[band(scan)].fill(Some(scan.al));
    }
}

impl Plane {
    pub(crate) fn new((width, height): (usize, usize)) -> Self {
        Self {
            width,
            height,
            blocks: vec![[0; 64]; width * height],
            sent: Sent::default(),
        }
    }

    /// True where every bit of every coefficient was sent.
    pub(crate) fn is_complete(&self) -> bool {
        self.sent.is_complete()
    }
}

/// The coefficients of a scan.
pub(crate) fn band(scan: &ScanHeader) -> std::ops::Range<usize> {
    usize::from(scan.ss)..usize::from(scan.se) + 1
}

/// Decodes `data`, the entropy-coded data of `scan`. `tables` holds a table for each component of a first DC scan,
/// or one for an AC scan. True if all of it could be decoded.
///
/// # Errors
///
/// [`Error::Malformed`] where `damage` is not to be kept, [`Error::Stopped`].
pub(crate) fn decode(
    data: &[u8],
    frame: &FrameHeader,
    scan: &ScanHeader,
    tables: &[&SymbolTable],
    restart_interval: u16,
    planes: &mut [Plane],
    damage: Damage,
    watch: &dyn Watch,
) -> Result<bool, Error> {
    let mut whole = true;
    for &(index, _, _) in &scan.components {
        let plane = &planes[index];
        if plane.sent.is_next(scan) {
            continue;
        }
        if damage == Damage::Refuse {
            return malformed(format!(
                "scan Ss {} Se {} Ah {} Al {} does not follow from those before it",
                scan.ss, scan.se, scan.ah, scan.al
            ));
        }
        whole = false;
        // Bits that were sent already, or whose upper ones never were, would add up to what no picture has.
        if !plane.sent.expects(scan) {
            return Ok(false);
        }
    }
    for &(index, _, _) in &scan.components {
        planes[index].sent.add(scan);
    }
    let single = scan.components.len() == 1;
    let mut shapes = [(1, 1); 4];
    let (columns, rows) = if single {
        frame.blocks(scan.components[0].0)
    } else {
        for (shape, &(index, _, _)) in shapes.iter_mut().zip(&scan.components) {
            let component = &frame.components[index];
            *shape = (usize::from(component.h), usize::from(component.v));
        }
        frame.mcus()
    };
    let interval = match restart_interval {
        0 => columns * rows,
        mcus => usize::from(mcus),
    };
    let mut state = State {
        reader: BitReader::new(data),
        predictions: [0; 4],
        end_run: 0,
    };
    let mut left = interval;
    let mut number = 0;
    let mut lost = false;
    for row in 0..rows {
        watch.check()?;
        for column in 0..columns {
            if left == 0 {
                let found = state.reader.restart(number);
                let in_place = matches!(found, Restart::Whole | Restart::Padded);
                if !in_place && damage == Damage::Refuse {
                    return malformed(format!(
                        "RST{number} is missing or late in row {row} of a scan"
                    ));
                }
                lost = found == Restart::Missing;
                whole &= found == Restart::Whole;
                number = (number + 1) & 7;
                state.predictions = [0; 4];
                state.end_run = 0;
                left = interval;
            }
            left -= 1;
            if lost {
                continue;
            }
            let good = if scan.ss == 0 {
                decode_dc(&mut state, scan, tables, &shapes, planes, row, column)
            } else {
                let plane = &mut planes[scan.components[0].0];
                let block = &mut plane.blocks[row * plane.width + column];
                let band = band(scan);
                if scan.ah == 0 {
                    first_ac(&mut state, tables[0], band, scan.al, block)
                } else {
                    refine_ac(&mut state, tables[0], band, scan.al, block)
                }
            };
            if good.is_none() || state.reader.overrun() {
                if damage == Damage::Refuse {
                    return malformed(format!(
                        "the entropy-coded data is cut off or not of its table in row {row} of scan Ss {} Se {} Ah {} Al {}",
                        scan.ss, scan.se, scan.ah, scan.al
                    ));
                }
                lost = true;
                whole = false;
            }
        }
    }
    Ok(whole)
}

/// What goes from block to block.
struct State<'s> {
    reader: BitReader<'s>,
    predictions: [i32; 4],
    /// Blocks whose band has ended already (T.81, G.1.2.2).
    end_run: u32,
}

/// The coefficient that `value` is after a point transform by `al`; `None` if no 8-bit picture has it.
pub(crate) fn scaled(value: i32, al: u8) -> Option<i16> {
    let value = value << al;
    (value.abs() < 1 << 14).then_some(value as i16)
}

/// A first or a refining DC scan's MCU.
fn decode_dc(
    state: &mut State,
    scan: &ScanHeader,
    tables: &[&SymbolTable],
    shapes: &[(usize, usize); 4],
    planes: &mut [Plane],
    row: usize,
    column: usize,
) -> Option<()> {
    for (slot, &(index, _, _)) in scan.components.iter().enumerate() {
        let plane = &mut planes[index];
        let (h, v) = shapes[slot];
        for y in row * v..row * v + v {
            for x in column * h..column * h + h {
                state.reader.need_32();
                let inside = x < plane.width && y < plane.height;
                if scan.ah > 0 {
                    let bit = state.reader.take(1);
                    if inside {
                        plane.blocks[y * plane.width + x][0] |= (bit << scan.al) as i16;
                    }
                    continue;
                }
                let size = tables[slot].read(&mut state.reader)?;
                let bits = state.reader.take(size);
                let dc = state.predictions[slot] + extend(bits, size);
                let coefficient = scaled(dc, scan.al)?;
                state.predictions[slot] = dc;
                if inside {
                    plane.blocks[y * plane.width + x][0] = coefficient;
                }
            }
        }
    }
    Some(())
}

/// Blocks in the run of ends that symbol `zeros << 4` begins (T.81, G.1.2.2).
pub(crate) fn end_run(reader: &mut BitReader, zeros: u32) -> u32 {
    (1 << zeros) + reader.take(zeros)
}

fn first_ac(
    state: &mut State,
    table: &SymbolTable,
    band: std::ops::Range<usize>,
    al: u8,
    block: &mut [i16; 64],
) -> Option<()> {
    if state.end_run > 0 {
        state.end_run -= 1;
        return Some(());
    }
    let mut k = band.start;
    while k < band.end {
        state.reader.need_32();
        let symbol = table.read(&mut state.reader)?;
        let (zeros, size) = (symbol >> 4, symbol & 15);
        if size > 0 {
            k += zeros as usize;
            let bits = state.reader.take(size);
            if k >= band.end {
                return None;
            }
            block[k] = scaled(extend(bits, size), al)?;
            k += 1;
        } else if zeros == 15 {
            k += 16;
        } else {
            state.end_run = end_run(&mut state.reader, zeros) - 1;
            break;
        }
    }
    Some(())
}

fn refine_ac(
    state: &mut State,
    table: &SymbolTable,
    band: std::ops::Range<usize>,
    al: u8,
    block: &mut [i16; 64],
) -> Option<()> {
    let one = 1i16 << al;
    let mut k = band.start;
    if state.end_run == 0 {
        while k < band.end {
            state.reader.need_32();
            let symbol = table.read(&mut state.reader)?;
            let (mut zeros, size) = (symbol >> 4, symbol & 15);
            let mut value = 0;
            match size {
                0 if zeros < 15 => {
                    state.end_run = end_run(&mut state.reader, zeros);
                    break;
                }
                0 => {}
                // Sizes above 1 are wrong; as other decoders do, the value is taken as 1.
                _ => value = if state.reader.take(1) == 1 { one } else { -one },
            }
            // Pass over `zeros` zeros, and correct what stands between them.
            while k < band.end {
                if block[k] != 0 {
                    correct(&mut state.reader, &mut block[k], one);
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                k += 1;
            }
            if value != 0 {
                if k >= band.end {
                    return None;
                }
                block[k] = value;
            }
            k += 1;
        }
    }
    if state.end_run > 0 {
        for coefficient in &mut block[k.min(band.end)..band.end] {
            if *coefficient != 0 {
                correct(&mut state.reader, coefficient, one);
            }
        }
        state.end_run -= 1;
    }
    Some(())
}

/// Reads a correction bit (T.81, G.1.2.3).
#[inline(always)]
fn correct(reader: &mut BitReader, coefficient: &mut i16, one: i16) {
    reader.need_32();
    // A bit that is there already was sent twice.
    if reader.take(1) == 1 && *coefficient & one == 0 {
        *coefficient += if *coefficient < 0 { -one } else { one };
    }
}
