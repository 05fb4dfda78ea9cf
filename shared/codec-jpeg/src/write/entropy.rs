//! Turns scans into Huffman symbols and bits (T.81, F.1.2 and G.1.2), and sends them to a [`Sink`].

use raster::{Kernel, Stopped, Watch};

use crate::coefficients::Component;
use crate::picture::Grid;
use crate::write::sink::Sink;

/// The most blocks whose ends one code can tell together: 2^15 - 1 (T.81, G.1.2.2, `EOB14`).
const LONGEST_END_RUN: u32 = 0x7FFF;
/// A run of ended blocks is closed once more correction bits than this wait in it. libjpeg closes it there, as it keeps
/// 1000 bits and a block adds up to 63; here runs are no longer than its own.
const MOST_CORRECTIONS: u32 = 1000 - 64 + 1;

/// Size of a value, and the bits that follow its symbol (T.81, F.1.2.1).
#[inline(always)]
fn sized(value: i32) -> (u32, u32) {
    let sign = value >> 31;
    let magnitude = ((value ^ sign) - sign) as u32;
    let size = 32 - magnitude.leading_zeros();
    (size, (magnitude ^ sign as u32) & ((1 << size) - 1))
}

/// Calls `f` with the slot, component and DC coefficient's index of each block of a scan in its order; `None` for a
/// block that only fills up its MCU. Such blocks repeat the DC coefficient before them, so as to cost least.
#[inline(always)]
fn each_block(
    components: &[&Component],
    grid: Grid,
    watch: &dyn Watch,
    mut f: impl FnMut(usize, &Component, Option<usize>),
) -> Result<(), Stopped> {
    if let &[component] = components {
        for row in 0..component.height {
            watch.check()?;
            for index in row * component.width..(row + 1) * component.width {
                f(0, component, Some(index));
            }
        }
        return Ok(());
    }
    for row in 0..grid.rows {
        watch.check()?;
        for column in 0..grid.columns {
            for (slot, component) in components.iter().enumerate() {
                let (h, v) = (usize::from(component.h), usize::from(component.v));
                for y in row * v..row * v + v {
                    for x in column * h..column * h + h {
                        let inside = x < component.width && y < component.height;
                        f(slot, component, inside.then_some(y * component.width + x));
                    }
                }
            }
        }
    }
    Ok(())
}

/// A first DC scan. `tables` numbers the table of each component.
pub(crate) fn first_dc<S: Sink>(
    components: &[&Component],
    tables: &[u32; 4],
    al: u8,
    grid: Grid,
    sink: &mut S,
    watch: &dyn Watch,
) -> Result<(), Stopped> {
    let mut last = [0i32; 4];
    each_block(components, grid, watch, |slot, component, index| {
        sink.reserve();
        // A block that fills up has the coefficient of the one before it, which is of its own component.
        let dc = index.map_or(last[slot], |index| i32::from(component.dc[index]) >> al);
        let (size, bits) = sized(dc - last[slot]);
        sink.symbol(tables[slot], size, bits, size);
        last[slot] = dc;
    })
}

/// A DC scan that sends bit `al`.
pub(crate) fn refine_dc<S: Sink>(
    components: &[&Component],
    al: u8,
    grid: Grid,
    sink: &mut S,
    watch: &dyn Watch,
) -> Result<(), Stopped> {
    let mut last = [0u32; 4];
    let mut pending = Pending::default();
    each_block(components, grid, watch, |slot, component, index| {
        sink.reserve();
        if let Some(index) = index {
            last[slot] = (i32::from(component.dc[index]) >> al) as u32 & 1;
        }
        pending.push(sink, last[slot], 1);
    })?;
    pending.flush(sink);
    Ok(())
}

/// Bits that are gathered so that a token holds many.
#[derive(Default)]
struct Pending {
    bits: u32,
    len: u32,
}

impl Pending {
    /// Adds `len` <= 16 bits.
    #[inline(always)]
    fn push<S: Sink>(&mut self, sink: &mut S, bits: u32, len: u32) {
        if self.len + len > 16 {
            self.flush(sink);
        }
        self.bits = self.bits << len | bits;
        self.len += len;
    }

    #[inline(always)]
    fn flush<S: Sink>(&mut self, sink: &mut S) {
        if self.len > 0 {
            sink.bits(self.bits, self.len);
            *self = Self::default();
        }
    }
}

/// A scan of all coefficients (T.81, F.1.2). `tables` numbers the DC and the AC table of each component.
pub(crate) fn sequential<S: Sink>(
    components: &[&Component],
    tables: &[(u32, u32); 4],
    grid: Grid,
    sink: &mut S,
    watch: &dyn Watch,
) -> Result<(), Stopped> {
    let mut last = [0i32; 4];
    each_block(components, grid, watch, |slot, component, index| {
        sink.reserve();
        let (dc_table, ac_table) = tables[slot];
        let dc = index.map_or(last[slot], |index| i32::from(component.dc[index]));
        let (size, bits) = sized(dc - last[slot]);
        sink.symbol(dc_table, size, bits, size);
        last[slot] = dc;
        let mut next = 1;
        if let Some(index) = index {
            let mut mask = component.masks[0][index];
            let start = component.starts[index] as usize;
            let values = &component.values[start..start + mask.count_ones() as usize];
            for &value in values {
                let k = mask.trailing_zeros();
                mask &= mask.wrapping_sub(1);
                let mut zeros = k - next;
                while zeros > 15 {
                    sink.symbol(ac_table, 0xF0, 0, 0);
                    zeros -= 16;
                }
                let (size, bits) = sized(i32::from(value));
                sink.symbol(ac_table, zeros << 4 | size, bits, size);
                next = k + 1;
            }
        }
        if next < 64 {
            sink.symbol(ac_table, 0, 0, 0);
        }
    })
}

/// A band of AC coefficients, as a scan sends it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Band {
    pub(crate) ss: u8,
    pub(crate) se: u8,
    pub(crate) al: u8,
}

impl Band {
    /// The bits of its coefficients.
    fn mask(self) -> u64 {
        (u64::MAX >> (63 - self.se)) & (u64::MAX << self.ss)
    }
}

/// A run of blocks whose band has ended (T.81, G.1.2.2).
#[derive(Default)]
struct EndRun {
    blocks: u32,
    /// Correction bits in it.
    corrections: u32,
    /// Where its symbol will stand, in a refining scan.
    place: usize,
    pending: Pending,
}

impl EndRun {
    /// The run's symbol with the bits after it.
    #[inline(always)]
    fn symbol(&self) -> (u32, u32, u32) {
        let size = self.blocks.ilog2();
        (size << 4, self.blocks & ((1 << size) - 1), size)
    }
}

/// Goes through block rows `rows` of a first AC scan; `Al` is at most 3.
pub(crate) fn first_ac<S: Sink>(
    kernel: Kernel,
    component: &Component,
    band: Band,
    rows: impl Iterator<Item = usize>,
    sink: &mut S,
    watch: &dyn Watch,
) -> Result<(), Stopped> {
    let mut run = EndRun::default();
    for row in rows {
        watch.check()?;
        match kernel {
            Kernel::Portable => first_ac_row(component, band, row, &mut run, sink),
            #[cfg(target_arch = "x86_64")]
            Kernel::X86V3(_) => {
                // SAFETY: this kernel is only made where its instructions were detected.
                #[allow(unsafe_code)]
                unsafe {
                    first_ac_row_x86_v3(component, band, row, &mut run, sink);
                }
            }
        }
    }
    if run.blocks > 0 {
        let (symbol, bits, len) = run.symbol();
        sink.reserve();
        sink.symbol(0, symbol, bits, len);
    }
    Ok(())
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn first_ac_row_x86_v3<S: Sink>(
    component: &Component,
    band: Band,
    row: usize,
    run: &mut EndRun,
    sink: &mut S,
) {
    first_ac_row(component, band, row, run, sink);
}

#[inline(always)]
fn first_ac_row<S: Sink>(
    component: &Component,
    band: Band,
    row: usize,
    run: &mut EndRun,
    sink: &mut S,
) {
    let wanted = band.mask();
    let blocks = row * component.width..(row + 1) * component.width;
    let masks = &component.masks[usize::from(band.al)][blocks.clone()];
    let all = &component.masks[0][blocks.clone()];
    let starts = &component.starts[blocks];
    for ((&mask, &all), &start) in masks.iter().zip(all).zip(starts) {
        let mut mask = mask & wanted;
        if mask != 0 {
            sink.reserve();
            if run.blocks > 0 {
                let (symbol, bits, len) = run.symbol();
                sink.symbol(0, symbol, bits, len);
                run.blocks = 0;
            }
            let mut next = u32::from(band.ss);
            let values = &component.values[start as usize..];
            while mask != 0 {
                let k = mask.trailing_zeros();
                let value =
                    values[(all & (mask ^ mask.wrapping_sub(1)) >> 1).count_ones() as usize];
                mask &= mask - 1;
                let mut zeros = k - next;
                while zeros > 15 {
                    sink.symbol(0, 0xF0, 0, 0);
                    zeros -= 16;
                }
                let sign = i32::from(value) >> 31;
                let magnitude = ((i32::from(value) ^ sign) - sign) as u32 >> band.al;
                let size = 32 - magnitude.leading_zeros();
                let bits = (magnitude ^ sign as u32) & ((1 << size) - 1);
                sink.symbol(0, zeros << 4 | size, bits, size);
                next = k + 1;
            }
            if next > u32::from(band.se) {
                continue;
            }
        }
        run.blocks += 1;
        if run.blocks == LONGEST_END_RUN {
            sink.reserve();
            let (symbol, bits, len) = run.symbol();
            sink.symbol(0, symbol, bits, len);
            run.blocks = 0;
        }
    }
}

/// Goes through block rows `rows` of an AC scan that sends bit `Al`, at most 2.
pub(crate) fn refine_ac<S: Sink>(
    kernel: Kernel,
    component: &Component,
    band: Band,
    rows: impl Iterator<Item = usize>,
    sink: &mut S,
    watch: &dyn Watch,
) -> Result<(), Stopped> {
    let mut run = EndRun::default();
    for row in rows {
        watch.check()?;
        match kernel {
            Kernel::Portable => refine_ac_row(component, band, row, &mut run, sink),
            #[cfg(target_arch = "x86_64")]
            Kernel::X86V3(_) => {
                // SAFETY: this kernel is only made where its instructions were detected.
                #[allow(unsafe_code)]
                unsafe {
                    refine_ac_row_x86_v3(component, band, row, &mut run, sink);
                }
            }
        }
    }
    sink.reserve();
    end_refinement(&mut run, sink);
    Ok(())
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn refine_ac_row_x86_v3<S: Sink>(
    component: &Component,
    band: Band,
    row: usize,
    run: &mut EndRun,
    sink: &mut S,
) {
    refine_ac_row(component, band, row, run, sink);
}

/// Ends a run in a refining scan: its symbol goes before the correction bits that came since.
#[inline(always)]
fn end_refinement<S: Sink>(run: &mut EndRun, sink: &mut S) {
    if run.blocks > 0 {
        run.pending.flush(sink);
        let (symbol, bits, len) = run.symbol();
        sink.settle(run.place, symbol, bits, len);
        (run.blocks, run.corrections) = (0, 0);
    }
}

/// Takes the next `len` correction bits.
#[inline(always)]
fn take(corrections: &mut u64, len: u32) -> u64 {
    let bits = *corrections >> 1 >> (63 - len);
    *corrections <<= len;
    bits
}

#[inline(always)]
fn refine_ac_row<S: Sink>(
    component: &Component,
    band: Band,
    row: usize,
    run: &mut EndRun,
    sink: &mut S,
) {
    let wanted = band.mask();
    let level = usize::from(band.al);
    let blocks = row * component.width..(row + 1) * component.width;
    let now = &component.masks[level][blocks.clone()];
    let before = &component.masks[level + 1][blocks.clone()];
    let signs = &component.signs[blocks.clone()];
    let corrections = &component.corrections[level][blocks];
    for (((&now, &before), &signs), &corrections) in
        now.iter().zip(before).zip(signs).zip(corrections)
    {
        let mut corrections = corrections;
        // Those below the band are not this scan's.
        corrections = corrections
            .checked_shl((before & !(u64::MAX << band.ss)).count_ones())
            .unwrap_or(0);
        let mut new = now & !before & wanted;
        let old = before & wanted;
        let mut passed = !(u64::MAX << band.ss);
        if new != 0 {
            sink.reserve();
            end_refinement(run, sink);
            while new != 0 {
                let up_to = new ^ (new - 1);
                new &= new - 1;
                let mut between = (up_to >> 1) & !passed;
                passed = up_to;
                let mut olds = (between & old).count_ones();
                let mut zeros = between.count_ones() - olds;
                while zeros > 15 {
                    // Sixteen zeros, with the corrections that stand among them.
                    let mut gaps = between & !old;
                    for _ in 0..15 {
                        gaps &= gaps - 1;
                    }
                    let head = (gaps ^ gaps.wrapping_sub(1)) & between;
                    between &= !head;
                    let count = (head & old).count_ones();
                    sink.symbol(0, 0xF0, 0, 0);
                    bits_of(sink, take(&mut corrections, count), count);
                    olds -= count;
                    zeros -= 16;
                }
                let sign = u32::from(signs & (up_to ^ up_to >> 1) == 0);
                if olds < 16 {
                    let bits = sign << olds | take(&mut corrections, olds) as u32;
                    sink.symbol(0, zeros << 4 | 1, bits, olds + 1);
                } else {
                    sink.symbol(0, zeros << 4 | 1, sign, 1);
                    bits_of(sink, take(&mut corrections, olds), olds);
                }
            }
            if passed >> band.se & 1 == 1 {
                continue;
            }
        }
        if run.blocks == 0 {
            sink.reserve();
            run.place = sink.hold();
        }
        run.blocks += 1;
        let count = (old & !passed).count_ones();
        if count > 0 {
            sink.reserve();
            run.corrections += count;
            let bits = take(&mut corrections, count);
            if count <= 16 {
                run.pending.push(sink, bits as u32, count);
            } else {
                run.pending.flush(sink);
                bits_of(sink, bits, count);
            }
        }
        if run.blocks == LONGEST_END_RUN || run.corrections > MOST_CORRECTIONS {
            sink.reserve();
            end_refinement(run, sink);
        }
    }
}

/// Sends any number of bits.
#[inline(always)]
fn bits_of<S: Sink>(sink: &mut S, bits: u64, len: u32) {
    let mut left = len;
    while left > 0 {
        let take = left.min(16);
        left -= take;
        sink.bits((bits >> left) as u32 & ((1 << take) - 1), take);
    }
}
