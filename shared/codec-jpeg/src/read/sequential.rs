//! Decodes scans of sequential frames straight into packed coefficients (T.81, F.2).

#[cfg(target_arch = "x86_64")]
use raster::X86V3;
use raster::{Kernel, Watch};

use crate::bits::{BitReader, Restart};
use crate::coefficients::Component;
use crate::error::{Error, malformed};
use crate::huffman::{END, LAST, NO_VALUE, RUN_SHIFT, RunTable, SymbolTable, extend};
use crate::memory::Budget;
use crate::options::Damage;
use crate::read::frame::FrameHeader;

/// A component in a scan.
pub(crate) struct Part<'t> {
    /// Which of the frame's.
    pub(crate) index: usize,
    pub(crate) dc: &'t SymbolTable,
    pub(crate) ac: &'t RunTable,
}

/// What one scan needs while it is decoded.
struct Scan<'s, 't> {
    reader: BitReader<'s>,
    parts: &'s [Part<'t>],
    /// Blocks across and down in an MCU, by part.
    shapes: [(usize, usize); 4],
    predictions: [i32; 4],
    kernel: Kernel,
}

/// The largest magnitude of a DC coefficient that is taken; differences of two then fit 15 bits. An 8-bit picture has
/// 1024 at most.
pub(crate) const DC_LIMIT: i32 = 1 << 14;

/// Decodes `data`, the entropy-coded data of a scan of `parts`; true if all of it could be.
///
/// # Errors
///
/// [`Error::Malformed`] where `damage` is not to be kept, [`Error::TooMuchMemory`], [`Error::Stopped`].
pub(crate) fn decode(
    data: &[u8],
    frame: &FrameHeader,
    parts: &[Part],
    restart_interval: u16,
    components: &mut [Component],
    kernel: Kernel,
    damage: Damage,
    budget: Budget,
    watch: &dyn Watch,
) -> Result<bool, Error> {
    let single = parts.len() == 1;
    let mut shapes = [(1, 1); 4];
    let (columns, rows) = if single {
        frame.blocks(parts[0].index)
    } else {
        for (shape, part) in shapes.iter_mut().zip(parts) {
            let component = &frame.components[part.index];
            *shape = (usize::from(component.h), usize::from(component.v));
        }
        frame.mcus()
    };
    let blocks: usize = parts
        .iter()
        .map(|part| {
            let (width, height) = frame.blocks(part.index);
            width * height
        })
        .sum();
    // A block has at least a DC and an AC code of a bit each; without this much, it isn't worth to begin.
    if damage == Damage::Refuse && data.len() * 4 < blocks {
        return malformed(format!(
            "a scan of {blocks} blocks is cut off after {} bytes",
            data.len()
        ));
    }
    let mut scan = Scan {
        reader: BitReader::new(data),
        parts,
        shapes,
        predictions: [0; 4],
        kernel,
    };
    let interval = match restart_interval {
        0 => columns * rows,
        mcus => usize::from(mcus),
    };
    let mut left = interval;
    let mut number = 0;
    let (mut lost, mut whole) = (false, true);
    for row in 0..rows {
        watch.check()?;
        budget.check(components)?;
        let mut column = 0;
        while column < columns {
            if left == 0 {
                let found = scan.reader.restart(number);
                let in_place = matches!(found, Restart::Whole | Restart::Padded);
                if !in_place && damage == Damage::Refuse {
                    return malformed(format!(
                        "RST{number} is missing or late in row {row} of a scan"
                    ));
                }
                lost = found == Restart::Missing;
                whole &= found == Restart::Whole;
                number = (number + 1) & 7;
                scan.predictions = [0; 4];
                left = interval;
            }
            let end = columns.min(column + left);
            left -= end - column;
            if !lost && let Some(bad) = decode_mcus(&mut scan, components, row, column..end) {
                if damage == Damage::Refuse {
                    return malformed(format!(
                        "the entropy-coded data is {bad} in row {row} of a scan"
                    ));
                }
                lost = true;
                whole = false;
            }
            column = end;
        }
    }
    Ok(whole)
}

/// Decodes a piece of a row of MCUs; says what is wrong with its data, if something is. What came before stays.
fn decode_mcus(
    scan: &mut Scan,
    components: &mut [Component],
    row: usize,
    columns: std::ops::Range<usize>,
) -> Option<&'static str> {
    match scan.kernel {
        Kernel::Portable => decode_mcus_body(Kernel::Portable, scan, components, row, columns),
        #[cfg(target_arch = "x86_64")]
        Kernel::X86V3(proof) => {
            // SAFETY: this kernel is only made where its instructions were detected.
            #[allow(unsafe_code)]
            unsafe {
                decode_mcus_x86_v3(proof, scan, components, row, columns)
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn decode_mcus_x86_v3(
    proof: X86V3,
    scan: &mut Scan,
    components: &mut [Component],
    row: usize,
    columns: std::ops::Range<usize>,
) -> Option<&'static str> {
    decode_mcus_body(Kernel::X86V3(proof), scan, components, row, columns)
}

#[inline(always)]
fn decode_mcus_body(
    kernel: Kernel,
    scan: &mut Scan,
    components: &mut [Component],
    row: usize,
    columns: std::ops::Range<usize>,
) -> Option<&'static str> {
    let mut reader = scan.reader;
    let mut bad = None;
    'mcus: for column in columns {
        for (slot, part) in scan.parts.iter().enumerate() {
            let component = &mut components[part.index];
            let (h, v) = scan.shapes[slot];
            for y in row * v..row * v + v {
                for x in column * h..column * h + h {
                    reader.need_32();
                    let Some(size) = part.dc.read(&mut reader) else {
                        bad = Some("not a code of its table");
                        break 'mcus;
                    };
                    let bits = reader.take(size);
                    let dc = scan.predictions[slot] + extend(bits, size);
                    if dc.abs() >= DC_LIMIT {
                        bad = Some("out of range");
                        break 'mcus;
                    }
                    scan.predictions[slot] = dc;
                    let room = component.room();
                    let Some(mask) = decode_ac(&mut reader, part.ac, room) else {
                        bad = Some("not a code of its table, or past the end of a block");
                        break 'mcus;
                    };
                    if x < component.width && y < component.height {
                        let index = y * component.width + x;
                        component.dc[index] = dc as i16;
                        component.keep(kernel, index, mask);
                    }
                }
            }
        }
        if reader.overrun() {
            bad = Some("cut off");
            break;
        }
    }
    scan.reader = reader;
    bad
}

/// Decodes the AC coefficients of a block: their values in a row, and their positions as a mask.
#[inline(always)]
fn decode_ac(reader: &mut BitReader, table: &RunTable, values: &mut [i16; 64]) -> Option<u64> {
    let lookup = &*table.lookup;
    let mut mask = 0u64;
    let mut count = 0usize;
    let mut k = 1u32;
    while k < 64 {
        reader.need_32();
        let mut run = lookup[(reader.bits >> RUN_SHIFT) as usize];
        if run & NO_VALUE != 0 {
            if run == NO_VALUE {
                run = table.find_long(reader.bits)?;
            }
            if run & NO_VALUE != 0 {
                reader.skip(run & 31);
                if run & END != 0 {
                    break;
                }
                k += 16;
                continue;
            }
        }
        let (code, size) = (run >> 16 & 31, run >> 24);
        let ahead = reader.bits << code;
        reader.skip(run & 31);
        k += run >> 5 & 31;
        // Without the top bit the value is negative (T.81, F.2.2.1).
        let negative = !(ahead as i64 >> 63) as u64;
        values[count & 63] = (ahead >> (64 - size))
            .wrapping_sub(negative)
            .wrapping_add(negative << size) as i16;
        count += 1;
        mask |= 1u64.wrapping_shl(k);
        k += 1;
        if run & LAST != 0 {
            if k < 64 {
                reader.skip(table.end_len);
            }
            break;
        }
    }
    // A run of zeros may end the block without a value, as some encoders have it.
    (k <= 64).then_some(mask)
}
