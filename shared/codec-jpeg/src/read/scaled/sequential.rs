//! Decodes scans of sequential frames straight into planes, a row of MCUs at a time (T.81, F.2).

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use raster::X86V3;
use raster::{Kernel, Watch};

use crate::bits::{BitReader, Restart};
use crate::error::{Error, malformed};
use crate::huffman::{END, NO_VALUE, RUN_SHIFT, RunTable, SymbolTable, extend};
use crate::read::frame::FrameHeader;
use crate::read::scaled::inverse::{LANES, group_len, last_kept, places};
use crate::read::scaled::tables::{AcTable, SKIP_END, VALUES_END};
use crate::read::scaled::target::Target;
use crate::read::sequential::DC_LIMIT;

/// A component in a scan.
pub(crate) struct Part<'t> {
    /// Which of the frame's.
    pub(crate) index: usize,
    pub(crate) dc: &'t SymbolTable,
    pub(crate) ac: &'t AcTable,
}

/// A part with its place in a row of MCUs.
struct Strip<'t> {
    dc: &'t SymbolTable,
    ac: &'t AcTable,
    /// Blocks across and down in an MCU.
    shape: (usize, usize),
    prediction: i32,
    /// Groups of blocks in a row of blocks.
    groups: usize,
    /// The coefficients of all rows of blocks.
    coefficients: Vec<i16>,
}

/// Decodes `data`, the entropy-coded data of a scan of `parts`, at N points for each block.
///
/// # Errors
///
/// [`Error::Malformed`] for what the transcoder finds malformed, [`Error::Stopped`].
pub(crate) fn decode<'a, const N: usize>(
    data: &[u8],
    frame: &FrameHeader,
    parts: &[Part<'a>],
    restart_interval: u16,
    targets: &mut [Target],
    kernel: Kernel,
    watch: &dyn Watch,
) -> Result<(), Error> {
    let single = parts.len() == 1;
    let (columns, rows) = if single {
        frame.blocks(parts[0].index)
    } else {
        frame.mcus()
    };
    let blocks: usize = parts
        .iter()
        .map(|part| targets[part.index].width * targets[part.index].height)
        .sum();
    // A block has at least a DC and an AC code of a bit each; without this much, it isn't worth to begin.
    if data.len() * 4 < blocks {
        return malformed(format!(
            "a scan of {blocks} blocks is cut off after {} bytes",
            data.len()
        ));
    }
    let strip = |part: &Part<'a>| {
        let component = &frame.components[part.index];
        let shape = if single {
            (1, 1)
        } else {
            (usize::from(component.h), usize::from(component.v))
        };
        let groups = targets[part.index].groups;
        Strip {
            dc: part.dc,
            ac: part.ac,
            shape,
            prediction: 0,
            groups,
            coefficients: vec![0; shape.1 * groups * group_len(N)],
        }
    };
    let mut strips: Vec<Strip> = parts.iter().map(strip).collect();
    let mut reader = BitReader::new(data);
    let interval = match restart_interval {
        0 => columns * rows,
        mcus => usize::from(mcus),
    };
    let mut left = interval;
    let mut number = 0;
    for row in 0..rows {
        watch.check()?;
        for strip in &mut strips {
            strip.coefficients.fill(0);
        }
        let mut column = 0;
        while column < columns {
            if left == 0 {
                let found = reader.restart(number);
                if !matches!(found, Restart::Whole | Restart::Padded) {
                    return malformed(format!(
                        "RST{number} is missing or late in row {row} of a scan"
                    ));
                }
                number = (number + 1) & 7;
                for strip in &mut strips {
                    strip.prediction = 0;
                }
                left = interval;
            }
            let end = columns.min(column + left);
            left -= end - column;
            if let Some(bad) = decode_mcus::<N>(kernel, &mut reader, &mut strips, column..end) {
                return malformed(format!(
                    "the entropy-coded data is {bad} in row {row} of a scan"
                ));
            }
            column = end;
        }
        for (strip, part) in strips.iter().zip(parts) {
            let row_len = strip.groups * group_len(N);
            let block_rows = strip.coefficients.chunks_exact(row_len);
            for (index, groups) in block_rows.enumerate() {
                let block_row = row * strip.shape.1 + index;
                targets[part.index].write_row::<N>(kernel, block_row, groups);
            }
        }
    }
    Ok(())
}

/// Decodes a piece of a row of MCUs; says what is wrong with its data, if something is.
fn decode_mcus<const N: usize>(
    kernel: Kernel,
    reader: &mut BitReader,
    strips: &mut [Strip],
    columns: Range<usize>,
) -> Option<&'static str> {
    match kernel {
        Kernel::Portable => decode_mcus_body::<N>(reader, strips, columns),
        #[cfg(target_arch = "x86_64")]
        Kernel::X86V3(proof) => {
            // SAFETY: this kernel is only made where its instructions were detected.
            #[allow(unsafe_code)]
            unsafe {
                decode_mcus_x86_v3::<N>(proof, reader, strips, columns)
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn decode_mcus_x86_v3<const N: usize>(
    _proof: X86V3,
    reader: &mut BitReader,
    strips: &mut [Strip],
    columns: Range<usize>,
) -> Option<&'static str> {
    decode_mcus_body::<N>(reader, strips, columns)
}

#[inline(always)]
fn decode_mcus_body<const N: usize>(
    shared: &mut BitReader,
    strips: &mut [Strip],
    columns: Range<usize>,
) -> Option<&'static str> {
    // A copy, which stays in registers.
    let mut reader = *shared;
    for column in columns {
        for strip in &mut *strips {
            let (h, v) = strip.shape;
            for y in 0..v {
                for x in column * h..column * h + h {
                    reader.need_32();
                    let Some(size) = strip.dc.read(&mut reader) else {
                        return Some("not a code of its table");
                    };
                    let bits = reader.take(size);
                    let dc = strip.prediction + extend(bits, size);
                    if dc.abs() >= DC_LIMIT {
                        return Some("out of range");
                    }
                    strip.prediction = dc;
                    let group = y * strip.groups + x / LANES;
                    let group = &mut strip.coefficients[group * group_len(N)..][..group_len(N)];
                    let lane = x % LANES;
                    group[lane] = dc as i16;
                    if decode_ac::<N>(&mut reader, strip.ac, group, lane).is_none() {
                        return Some("not a code of its table, or past the end of a block");
                    }
                }
            }
        }
        if reader.overrun() {
            return Some("cut off");
        }
    }
    *shared = reader;
    None
}

/// Decodes the AC coefficients of a block, or passes over them where N points do not need them.
#[inline(always)]
fn decode_ac<const N: usize>(
    reader: &mut BitReader,
    table: &AcTable,
    group: &mut [i16],
    lane: usize,
) -> Option<()> {
    let places = const { &places(N) };
    let mut k = 1;
    if N > 1 {
        let values = table.values.first_chunk::<{ 1 << (64 - RUN_SHIFT) }>()?;
        // At four points nearly all is decoded, and passing over the rest no gain.
        let wanted = if N >= 4 { 63 } else { const { last_kept(N) } };
        while k <= wanted {
            reader.need_32();
            let entry = values[(reader.bits >> RUN_SHIFT) as usize];
            let after = k + (entry >> 14 & 127) as usize;
            // What would reach the end of the block may hold codes of the next one.
            if entry == 0 || after > 63 {
                (*reader, k) = single(*reader, &table.runs, places, k, group, lane)?;
                if k == ENDED {
                    return Some(());
                }
                continue;
            }
            let (code, size) = (entry as u32 >> 5 & 31, entry as u32 >> 10 & 15);
            let ahead = reader.bits << code;
            reader.skip(entry as u32 & 31);
            let first = k + (entry >> 21 & 31) as usize;
            let second = first + (entry >> 26 & 127) as usize;
            group[usize::from(places[first & 127]) + lane] = signed(ahead, size);
            group[usize::from(places[second & 127]) + lane] = (entry >> 48) as i16;
            k = after;
            if entry & VALUES_END != 0 {
                return Some(());
            }
        }
    }
    if N < 4 {
        let skips = table.skips.first_chunk::<{ 1 << (64 - RUN_SHIFT) }>()?;
        while k < 64 {
            reader.need_32();
            let entry = skips[(reader.bits >> RUN_SHIFT) as usize];
            let after = k + usize::from(entry >> 5 & 127);
            if entry == 0 || after > 63 {
                (*reader, k) = single(*reader, &table.runs, places, k, group, lane)?;
                if k == ENDED {
                    return Some(());
                }
                continue;
            }
            reader.skip(u32::from(entry) & 31);
            k = after;
            if entry & SKIP_END != 0 {
                return Some(());
            }
        }
    }
    // A run of zeros may end the block without a value, as some encoders have it.
    (k <= 64).then_some(())
}

/// The value of the first `size` bits of `ahead`. Without the top bit it is negative (T.81, F.2.2.1).
#[inline(always)]
fn signed(ahead: u64, size: u32) -> i16 {
    let negative = !(ahead as i64 >> 63) as u64;
    // Two shifts, since one by 64 is not defined.
    let value = (ahead >> 1 >> (63 - size))
        .wrapping_sub(negative)
        .wrapping_add(negative << size);
    value as i16
}

/// The position after a code that ends its block.
const ENDED: usize = usize::MAX;

/// Decodes one code and its value. The reader and the position after it; `None` where there is no such code.
///
/// By value, so that a reader in the registers of a loop stays there.
#[inline(never)]
fn single<'s>(
    mut reader: BitReader<'s>,
    runs: &RunTable,
    places: &[u16; 128],
    k: usize,
    group: &mut [i16],
    lane: usize,
) -> Option<(BitReader<'s>, usize)> {
    let mut run = runs.lookup[(reader.bits >> RUN_SHIFT) as usize];
    if run == NO_VALUE {
        run = runs.find_long(reader.bits)?;
    }
    if run & NO_VALUE != 0 {
        reader.skip(run & 31);
        let next = if run & END == 0 { k + 16 } else { ENDED };
        return Some((reader, next));
    }
    let at = k + (run >> 5 & 31) as usize;
    let value = signed(reader.bits << (run >> 16 & 31), run >> 24);
    reader.skip(run & 31);
    group[usize::from(places[at & 127]) + lane] = value;
    Some((reader, at + 1))
}
