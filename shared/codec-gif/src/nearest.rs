//! Which color of a palette is nearest: by search, and by a table that is filled where it is asked.

use raster::Kernel;

use crate::color::{self, Lab};

/// Palette entries, as the search wants them; unused ones are far from every color.
pub(crate) struct Entries {
    lab: [[i32; 256]; 3],
    len: usize,
    kernel: Kernel,
}

impl Entries {
    /// `labs` holds from 1 to 256 colors.
    pub(crate) fn new(labs: &[Lab], kernel: Kernel) -> Self {
        let mut lab = [[0; 256]; 3];
        for (index, entry) in labs.iter().enumerate() {
            for (axis, &value) in lab.iter_mut().zip(entry) {
                axis[index] = value as i32;
            }
        }
        // The padding repeats the first entry, which wins over its copies by its lower index.
        for axis in &mut lab {
            let first = axis[0];
            axis[labs.len()..].fill(first);
        }
        Self {
            lab,
            len: labs.len().next_multiple_of(16),
            kernel,
        }
    }

    /// The nearest entry, the first of equals, as `squared distance << 8 | index`.
    #[inline]
    pub(crate) fn nearest(&self, lab: Lab) -> u32 {
        match self.kernel {
            Kernel::Portable => self.search(lab),
            #[cfg(target_arch = "x86_64")]
            Kernel::X86V3(_) => {
                #[target_feature(enable = "avx2")]
                fn x86_v3(entries: &Entries, lab: Lab) -> u32 {
                    entries.search(lab)
                }
                // SAFETY: this kernel is made only where its instructions were detected.
                #[allow(unsafe_code)]
                unsafe {
                    x86_v3(self, lab)
                }
            }
        }
    }

    #[inline(always)]
    fn search(&self, lab: Lab) -> u32 {
        let [l, a, b] = lab.map(i32::from);
        let mut best = [u32::MAX; 16];
        let axes = self
            .lab
            .each_ref()
            .map(|axis| axis[..self.len].as_chunks::<16>().0);
        for (chunk, ((ls, xs), ys)) in axes[0].iter().zip(axes[1]).zip(axes[2]).enumerate() {
            for lane in 0..16 {
                let (dl, da, db) = (ls[lane] - l, xs[lane] - a, ys[lane] - b);
                let key = ((dl * dl + da * da + db * db) as u32) << 8 | (16 * chunk + lane) as u32;
                best[lane] = best[lane].min(key);
            }
        }
        best.into_iter().fold(u32::MAX, u32::min)
    }
}

/// Bits of each channel that the table tells apart: 7 make cells of 2 x 2 x 2 levels, 2 MiB of them. One bit more makes
/// eight times as many to fill, and colors half as far from the middle of their cell.
const BITS: u32 = 7;
/// A cell that was not asked for yet; a palette to mix from has at most 255 entries, 0 to 254.
const UNKNOWN: u8 = 255;

/// The nearest entry for each of 2^21 cells of RGB. The 64 cells of each cube of 4 x 4 x 4 share a cache line.
pub(crate) struct Table {
    cells: Vec<u8>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            cells: vec![UNKNOWN; 1 << (3 * BITS)],
        }
    }

    /// Forgets every cell: another palette begins.
    pub(crate) fn clear(&mut self) {
        self.cells.fill(UNKNOWN);
    }

    /// The cell of a color whose channels are in sixteenths of a level, from 0 to 4080.
    #[inline(always)]
    pub(crate) fn cell([r, g, b]: [i32; 3]) -> usize {
        // To the nearest half level below an odd one: the levels 2 n and 2 n + 1 are in the middle of cell n.
        let [r, g, b] = [r, g, b].map(|value| ((value + 8) as usize) >> 5);
        let coarse = (r >> 2) << 10 | (g >> 2) << 5 | b >> 2;
        let fine = (r & 3) << 4 | (g & 3) << 2 | b & 3;
        (coarse << 6 | fine) & ((1 << (3 * BITS)) - 1)
    }

    /// The entry nearest to the middle of `cell`.
    #[inline(always)]
    pub(crate) fn get(&mut self, cell: usize, entries: &Entries) -> u8 {
        match self.cells[cell] {
            UNKNOWN => self.fill(cell, entries),
            known => known,
        }
    }

    #[inline(never)]
    fn fill(&mut self, cell: usize, entries: &Entries) -> u8 {
        let (coarse, fine) = (cell >> 6, cell & 63);
        let levels = [
            (coarse >> 10) << 2 | fine >> 4,
            (coarse >> 5 & 31) << 2 | fine >> 2 & 3,
            (coarse & 31) << 2 | fine & 3,
        ];
        // Level 2 n + 1/2 is half level 4 n + 1.
        let lab = color::round(color::from_halves(levels.map(|n| 4 * n as u16 + 1)));
        let found = entries.nearest(lab) as u8;
        self.cells[cell] = found;
        found
    }
}
