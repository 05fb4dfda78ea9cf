//! Decodes those scans of progressive frames that a scale needs (T.81, annex G).

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use raster::X86V3;
use raster::{Kernel, Watch};

use crate::bits::{BitReader, Restart};
use crate::error::{Error, malformed};
use crate::huffman::{SymbolTable, extend};
use crate::read::frame::{FrameHeader, ScanHeader};
use crate::read::progressive::{Sent, band, end_run, scaled};
use crate::read::scaled::inverse::{LANES, group_len, last_kept, places};
use crate::read::scaled::target::Target;

/// Bytes that a block takes at N points until all scans are decoded.
pub(crate) const fn block_bytes(n: usize) -> usize {
    2 * (last_kept(n) + 1) + if n > 1 { 8 } else { 0 }
}

/// What is kept of a component's coefficients.
pub(crate) struct Plane {
    width: usize,
    height: usize,
    /// Of each block the first ones in zigzag order, up to the last that N points need.
    coefficients: Vec<i16>,
    /// A bit for each AC coefficient other than zero, kept or not: refining scans send a bit for it. None at one point,
    /// where no AC coefficient is decoded.
    masks: Vec<u64>,
    sent: Sent,
}

impl Plane {
    pub(crate) fn new<const N: usize>((width, height): (usize, usize)) -> Self {
        let blocks = width * height;
        Self {
            width,
            height,
            coefficients: vec![0; blocks * (last_kept(N) + 1)],
            masks: vec![0; if N > 1 { blocks } else { 0 }],
            sent: Sent::default(),
        }
    }

    /// Makes the samples of `target`.
    pub(crate) fn write<const N: usize>(
        &self,
        target: &mut Target,
        kernel: Kernel,
        watch: &dyn Watch,
    ) -> Result<(), Error> {
        let kept = const { last_kept(N) + 1 };
        let places = const { &places(N) };
        let mut groups = vec![0; target.groups * group_len(N)];
        let rows = self.coefficients.chunks_exact(self.width * kept);
        for (block_row, row) in rows.enumerate() {
            watch.check()?;
            for (x, block) in row.chunks_exact(kept).enumerate() {
                let group = &mut groups[x / LANES * group_len(N)..][..group_len(N)];
                for (place, &value) in places.iter().zip(block) {
                    group[usize::from(*place) + x % LANES] = value;
                }
            }
            target.write_row::<N>(kernel, block_row, &groups);
        }
        Ok(())
    }
}

/// Which of `scans` have to be decoded for N points: those of the coefficients that are kept, and those that say where in
/// a block the corrections are that such a scan sends.
pub(crate) fn needed<const N: usize>(scans: &[&ScanHeader]) -> Vec<bool> {
    let mut needed = vec![false; scans.len()];
    let mut last = [last_kept(N) as u8; 4];
    for (needed, scan) in needed.iter_mut().zip(scans).rev() {
        for &(index, _, _) in &scan.components {
            if scan.ss <= last[index] {
                *needed = true;
                if scan.ah > 0 {
                    last[index] = last[index].max(scan.se);
                }
            }
        }
    }
    needed
}

/// Takes in that `scan` comes next, whether it is decoded or not.
///
/// # Errors
///
/// [`Error::Malformed`] where it does not follow from those before it.
pub(crate) fn begin(scan: &ScanHeader, planes: &mut [Plane]) -> Result<(), Error> {
    for &(index, _, _) in &scan.components {
        if !planes[index].sent.is_next(scan) {
            return malformed(format!(
                "scan Ss {} Se {} Ah {} Al {} does not follow from those before it",
                scan.ss, scan.se, scan.ah, scan.al
            ));
        }
    }
    for &(index, _, _) in &scan.components {
        planes[index].sent.add(scan);
    }
    Ok(())
}

/// Decodes `data`, the entropy-coded data of `scan`. `tables` holds a table for each component of a first DC scan,
/// or one for an AC scan.
///
/// # Errors
///
/// [`Error::Malformed`] for what the transcoder finds malformed, [`Error::Stopped`].
pub(crate) fn decode<const N: usize>(
    data: &[u8],
    frame: &FrameHeader,
    scan: &ScanHeader,
    tables: &[SymbolTable],
    restart_interval: u16,
    planes: &mut [Plane],
    kernel: Kernel,
    watch: &dyn Watch,
) -> Result<(), Error> {
    let mut shapes = [(1, 1); 4];
    let (columns, rows) = if scan.components.len() == 1 {
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
        scan,
        tables,
        shapes,
    };
    let mut left = interval;
    let mut number = 0;
    for row in 0..rows {
        watch.check()?;
        let mut column = 0;
        while column < columns {
            if left == 0 {
                let found = state.reader.restart(number);
                if !matches!(found, Restart::Whole | Restart::Padded) {
                    return malformed(format!(
                        "RST{number} is missing or late in row {row} of a scan"
                    ));
                }
                number = (number + 1) & 7;
                state.predictions = [0; 4];
                state.end_run = 0;
                left = interval;
            }
            let end = columns.min(column + left);
            left -= end - column;
            if decode_mcus::<N>(kernel, &mut state, planes, row, column..end).is_none() {
                return malformed(format!(
                    "the entropy-coded data is cut off or not of its table in row {row} of scan Ss {} Se {} Ah {} Al {}",
                    scan.ss, scan.se, scan.ah, scan.al
                ));
            }
            column = end;
        }
    }
    Ok(())
}

/// A scan, and what goes from block to block.
struct State<'s> {
    reader: BitReader<'s>,
    predictions: [i32; 4],
    /// Blocks whose band has ended already (T.81, G.1.2.2).
    end_run: u32,
    scan: &'s ScanHeader,
    tables: &'s [SymbolTable],
    /// Blocks across and down in an MCU, of each component.
    shapes: [(usize, usize); 4],
}

/// Decodes a piece of a row of MCUs; `None` if its data is not what it should be.
fn decode_mcus<const N: usize>(
    kernel: Kernel,
    state: &mut State,
    planes: &mut [Plane],
    row: usize,
    columns: Range<usize>,
) -> Option<()> {
    match kernel {
        Kernel::Portable => decode_mcus_body::<N>(state, planes, row, columns),
        #[cfg(target_arch = "x86_64")]
        Kernel::X86V3(proof) => {
            // SAFETY: this kernel is only made where its instructions were detected.
            #[allow(unsafe_code)]
            unsafe {
                decode_mcus_x86_v3::<N>(proof, state, planes, row, columns)
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn decode_mcus_x86_v3<const N: usize>(
    _proof: X86V3,
    state: &mut State,
    planes: &mut [Plane],
    row: usize,
    columns: Range<usize>,
) -> Option<()> {
    decode_mcus_body::<N>(state, planes, row, columns)
}

#[inline(always)]
fn decode_mcus_body<const N: usize>(
    state: &mut State,
    planes: &mut [Plane],
    row: usize,
    columns: Range<usize>,
) -> Option<()> {
    let kept = const { last_kept(N) + 1 };
    let scan = state.scan;
    if scan.ss == 0 {
        for column in columns {
            decode_dc::<N>(state, planes, row, column)?;
            if state.reader.overrun() {
                return None;
            }
        }
        return Some(());
    }
    let plane = &mut planes[scan.components[0].0];
    let table = &state.tables[0];
    let (band, al) = (band(scan), scan.al);
    // Copies, which stay in registers.
    let (mut reader, mut end_run) = (state.reader, state.end_run);
    for column in columns {
        let at = row * plane.width + column;
        let block = &mut plane.coefficients[at * kept..][..kept];
        let mask = plane.masks.get_mut(at)?;
        let band = band.clone();
        if scan.ah == 0 {
            first_ac(&mut reader, &mut end_run, table, band, al, block, mask)?;
        } else {
            refine_ac(&mut reader, &mut end_run, table, band, al, block, mask)?;
        }
        if reader.overrun() {
            return None;
        }
    }
    (state.reader, state.end_run) = (reader, end_run);
    Some(())
}

/// A first or a refining DC scan's MCU.
#[inline(always)]
fn decode_dc<const N: usize>(
    state: &mut State,
    planes: &mut [Plane],
    row: usize,
    column: usize,
) -> Option<()> {
    let kept = const { last_kept(N) + 1 };
    let scan = state.scan;
    for (slot, &(index, _, _)) in scan.components.iter().enumerate() {
        let plane = &mut planes[index];
        let (h, v) = state.shapes[slot];
        for y in row * v..row * v + v {
            for x in column * h..column * h + h {
                state.reader.need_32();
                let inside = x < plane.width && y < plane.height;
                let at = (y * plane.width + x) * kept;
                if scan.ah > 0 {
                    let bit = state.reader.take(1);
                    if inside {
                        plane.coefficients[at] |= (bit << scan.al) as i16;
                    }
                    continue;
                }
                let size = state.tables[slot].read(&mut state.reader)?;
                let bits = state.reader.take(size);
                let dc = state.predictions[slot] + extend(bits, size);
                let coefficient = scaled(dc, scan.al)?;
                state.predictions[slot] = dc;
                if inside {
                    plane.coefficients[at] = coefficient;
                }
            }
        }
    }
    Some(())
}

#[inline(always)]
fn first_ac(
    reader: &mut BitReader,
    ends: &mut u32,
    table: &SymbolTable,
    band: Range<usize>,
    al: u8,
    block: &mut [i16],
    mask: &mut u64,
) -> Option<()> {
    if *ends > 0 {
        *ends -= 1;
        return Some(());
    }
    let mut k = band.start;
    while k < band.end {
        reader.need_32();
        let symbol = table.read(reader)?;
        let (zeros, size) = (symbol >> 4, symbol & 15);
        if size > 0 {
            k += zeros as usize;
            let bits = reader.take(size);
            if k >= band.end {
                return None;
            }
            let value = scaled(extend(bits, size), al)?;
            if let Some(kept) = block.get_mut(k) {
                *kept = value;
            }
            *mask |= 1 << k;
            k += 1;
        } else if zeros == 15 {
            k += 16;
        } else {
            *ends = end_run(reader, zeros) - 1;
            break;
        }
    }
    Some(())
}

#[inline(always)]
fn refine_ac(
    reader: &mut BitReader,
    ends: &mut u32,
    table: &SymbolTable,
    band: Range<usize>,
    al: u8,
    block: &mut [i16],
    mask: &mut u64,
) -> Option<()> {
    let one = 1i16 << al;
    let mut k = band.start;
    if *ends == 0 {
        while k < band.end {
            reader.need_32();
            let symbol = table.read(reader)?;
            let (mut zeros, size) = (symbol >> 4, symbol & 15);
            let mut value = 0;
            match size {
                0 if zeros < 15 => {
                    *ends = end_run(reader, zeros);
                    break;
                }
                0 => {}
                // Sizes above 1 are wrong; as other decoders do, the value is taken as 1.
                _ => value = if reader.take(1) == 1 { one } else { -one },
            }
            // Pass over `zeros` zeros, and correct what stands between them.
            while k < band.end {
                if *mask >> k & 1 == 1 {
                    correct(reader, block.get_mut(k), one);
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
                if let Some(kept) = block.get_mut(k) {
                    *kept = value;
                }
                *mask |= 1 << k;
            }
            k += 1;
        }
    }
    if *ends > 0 {
        let from = k.min(band.end);
        // The bits of the band from `k` on.
        let mut rest = *mask >> 1 >> (from - 1) << 1 << (from - 1);
        rest &= u64::MAX >> (64 - band.end);
        while rest != 0 {
            let at = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            correct(reader, block.get_mut(at), one);
        }
        *ends -= 1;
    }
    Some(())
}

/// Reads a correction bit (T.81, G.1.2.3), of a coefficient that is kept or not.
#[inline(always)]
fn correct(reader: &mut BitReader, coefficient: Option<&mut i16>, one: i16) {
    reader.need_32();
    // A bit that is there already was sent twice.
    if reader.take(1) == 1
        && let Some(coefficient) = coefficient
        && *coefficient & one == 0
    {
        *coefficient += if *coefficient < 0 { -one } else { one };
    }
}
