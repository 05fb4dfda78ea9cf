//! Chooses the scans of a picture by counting what candidates would take.
//!
//! AC scans are chosen for each component by itself, on a sample of its block rows; DC scans are all counted in full.
//! What is chosen is compared with the standard script by whoever writes it, on full counts.

use raster::{Kernel, Watch};

use crate::error::Error;
use crate::huffman::optimal;
use crate::picture::{Color, Picture};
use crate::write::code::{Rows, code_scan, tables_of};
use crate::write::scan::{Scan, interleaved};
use crate::write::sink::Counts;

/// Blocks, at least, that candidates for AC scans are counted on. Of a component with more, only every n-th block row
/// is counted; one with fewer is counted whole. More make the choice surer and slower, as each candidate is counted on
/// all of them.
const SAMPLE: usize = 1024;
/// At least every 16th block row is counted, however large the component is. A larger number makes large pictures
/// faster, and the choice blind to content that fills only a few rows.
const SPARSEST: usize = 16;
/// Where the first AC scans may be cut in two: the last coefficient of the lower band, in zigzag order; 63 leaves one
/// scan of all. They are tried in this order, and each is counted on the whole sample.
const SPLITS: [u8; 6] = [63, 5, 8, 2, 12, 18];
/// Where a refining AC scan may be cut in two: the last coefficient of the lower band, in zigzag order. It is cut where
/// the halves take fewer bits on the sample than the whole.
const REFINED: u8 = 24;
/// The search over point transforms goes on while a candidate takes less than a 50th more bits than the best so far, as
/// a better one may come after it. A larger number gives up sooner.
const NEAR: u64 = 50;

/// Counts scans of one component on a sample of its rows, each scan once.
struct Costs<'p> {
    picture: &'p Picture,
    index: usize,
    kernel: Kernel,
    watch: &'p dyn Watch,
    step: usize,
    known: Vec<(Scan, u64)>,
}

impl Costs<'_> {
    /// Bits that the scan takes for the whole picture, with its tables and header.
    fn of(&mut self, scan: Scan) -> Result<u64, Error> {
        if let Some((_, bits)) = self.known.iter().find(|(known, _)| *known == scan) {
            return Ok(*bits);
        }
        let rows = Rows {
            first: self.step / 2,
            step: self.step,
        };
        let mut counts = Counts::default();
        code_scan(
            self.picture,
            &scan,
            self.kernel,
            rows,
            &mut counts,
            self.watch,
        )?;
        let height = self.picture.components[self.index].height;
        let sampled = (height - rows.first.min(height - 1)).div_ceil(self.step);
        let bits = cost(self.picture, &scan, &counts, (height, sampled));
        self.known.push((scan, bits));
        Ok(bits)
    }

    /// What the AC scans with a split and a point transform take.
    fn script(&mut self, split: u8, al: u8) -> Result<u64, Error> {
        let mut bits = 0;
        for scan in ac_scans(self.index, split, al) {
            bits += self.of(scan)?;
        }
        Ok(bits)
    }
}

/// The bits of a scan of which `counts` has a part: `whole` rows where `part` were counted.
pub(crate) fn cost(
    picture: &Picture,
    scan: &Scan,
    counts: &Counts,
    (whole, part): (usize, usize),
) -> u64 {
    let mut bits = counts.bits;
    let mut fixed = 8 * (8 + 2 * scan.components.len() as u64);
    for (place, _, _) in tables_of(picture, scan) {
        let table = optimal(&counts.symbols[place]);
        bits += table.cost(&counts.symbols[place]);
        fixed += 8 * (21 + table.symbols.len() as u64);
    }
    bits * whole as u64 / part.max(1) as u64 + fixed
}

/// The AC scans of a component: first ones cut at `split`, then refining ones.
fn ac_scans(index: usize, split: u8, al: u8) -> Vec<Scan> {
    let mut scans = vec![Scan::ac(index, 1, split, 0, al)];
    if split < 63 {
        scans.push(Scan::ac(index, split + 1, 63, 0, al));
    }
    scans.extend((0..al).rev().map(|al| Scan::ac(index, 1, 63, al + 1, al)));
    scans
}

/// The AC scans of the component at `index` that take least on a sample.
pub(crate) fn smallest_ac(
    picture: &Picture,
    index: usize,
    kernel: Kernel,
    watch: &dyn Watch,
) -> Result<Vec<Scan>, Error> {
    let component = &picture.components[index];
    let blocks = component.width * component.height;
    let mut costs = Costs {
        picture,
        index,
        kernel,
        watch,
        step: (blocks / SAMPLE).clamp(1, SPARSEST).min(component.height),
        known: Vec::new(),
    };
    let luma = picture.color == Color::Other || index == 0 || index == 3;
    let most = if luma { 3 } else { 2 };
    // The best point transform at one split, then the best split there, until neither moves.
    let mut best = (costs.script(8, 1)?, 8, 1);
    loop {
        let before = best;
        for rising in [true, false] {
            let (_, split, mut al) = best;
            while if rising { al < most } else { al > 0 } {
                al = if rising { al + 1 } else { al - 1 };
                let bits = costs.script(split, al)?;
                if bits >= best.0 + best.0 / NEAR {
                    break;
                }
                best = best.min((bits, split, al));
            }
        }
        for split in SPLITS {
            best = best.min((costs.script(split, best.2)?, split, best.2));
        }
        if best == before {
            break;
        }
    }
    let mut scans = Vec::new();
    for scan in ac_scans(index, best.1, best.2) {
        let halves = [(1, REFINED), (REFINED + 1, 63)]
            .map(|(ss, se)| Scan::ac(index, ss, se, scan.ah, scan.al));
        if scan.ah > 0 {
            let mut bits = 0;
            for half in &halves {
                bits += costs.of(half.clone())?;
            }
            if bits < costs.of(scan.clone())? {
                scans.extend(halves);
                continue;
            }
        }
        scans.push(scan);
    }
    Ok(scans)
}

/// The DC scans of the picture that take least: components together or alone, in one or two steps.
pub(crate) fn smallest_dc(
    picture: &Picture,
    kernel: Kernel,
    watch: &dyn Watch,
) -> Result<Vec<Scan>, Error> {
    let count = |scan: &Scan| -> Result<u64, Error> {
        let mut counts = Counts::default();
        code_scan(picture, scan, kernel, Rows::ALL, &mut counts, watch)?;
        Ok(cost(picture, scan, &counts, (1, 1)))
    };
    let cheapest = |groups: Vec<Vec<usize>>| -> Result<(u64, Vec<Scan>), Error> {
        let (mut bits, mut first, mut refining) = (0, Vec::new(), Vec::new());
        for group in groups {
            let (whole, high) = (Scan::dc(&group, 0, 0), Scan::dc(&group, 0, 1));
            let low = Scan::dc(&group, 1, 0);
            let in_one = count(&whole)?;
            // A refining DC scan has one bit for each block and no table.
            let blocks = if let &[index] = &group[..] {
                picture.components[index].dc.len()
            } else {
                let grid = picture.grid();
                grid.columns * grid.rows * picture.blocks_in_mcu()
            };
            let in_two =
                count(&high)? + cost(picture, &low, &Counts::default(), (1, 1)) + blocks as u64;
            bits += in_one.min(in_two);
            if in_one <= in_two {
                first.push(whole);
            } else {
                first.push(high);
                refining.push(low);
            }
        }
        first.append(&mut refining);
        Ok((bits, first))
    };
    let components = picture.components.len();
    let together = cheapest(interleaved(picture.blocks_in_mcu(), components))?;
    if components == 1 {
        return Ok(together.1);
    }
    let alone = cheapest((0..components).map(|index| vec![index]).collect())?;
    Ok(if together.0 <= alone.0 {
        together.1
    } else {
        alone.1
    })
}

/// Puts scans in the order in which they are most useful early: all DC, then what is coarse before what is fine.
pub(crate) fn order<T>(scans: &mut [(Scan, T)]) {
    scans.sort_by_key(|(scan, _)| {
        let luma = scan.components[0] == 0;
        match (scan.ss, scan.ah) {
            (0, 0) => (0, 0),
            (_, 0) if luma && scan.ss == 1 => (1, 0),
            (_, 0) if !luma && scan.ss == 1 => (2, 0),
            (_, 0) => (3, u8::from(!luma)),
            // Refining scans, the higher bits first.
            (ss, _) => (16 - scan.al, u8::from(ss > 0) + u8::from(luma)),
        }
    });
}
