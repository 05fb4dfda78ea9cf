//! The symbols of one scan of a picture: which routine codes it, and in which tables they are counted.

use raster::{Kernel, Watch};

use crate::coefficients::Component;
use crate::error::Error;
use crate::picture::Picture;
use crate::write::entropy::{self, Band};
use crate::write::scan::Scan;
use crate::write::sink::Sink;

/// Which block rows of its component an AC scan takes: each `step`-th one, from `first` on. Other scans always take all.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) first: usize,
    pub(crate) step: usize,
}

impl Rows {
    /// Every row: what a scan that is written takes.
    pub(crate) const ALL: Self = Self { first: 0, step: 1 };
}

/// Sends the symbols and bits of `scan` to `sink`.
pub(crate) fn code_scan<S: Sink>(
    picture: &Picture,
    scan: &Scan,
    kernel: Kernel,
    rows: Rows,
    sink: &mut S,
    watch: &dyn Watch,
) -> Result<(), Error> {
    let components: Vec<&Component> = scan
        .components
        .iter()
        .map(|&index| &picture.components[index])
        .collect();
    let grid = picture.grid();
    let mut slots = [0; 4];
    for (slot, &index) in slots.iter_mut().zip(&scan.components) {
        *slot = u32::from(picture.table_slot(index));
    }
    let band = Band {
        ss: scan.ss,
        se: scan.se,
        al: scan.al,
    };
    let height = components[0].height;
    let rows = (rows.first.min(height - 1)..height).step_by(rows.step);
    match (scan.ss, scan.se, scan.ah) {
        (0, 0, 0) => entropy::first_dc(&components, &slots, scan.al, grid, sink, watch)?,
        (0, 0, _) => entropy::refine_dc(&components, scan.al, grid, sink, watch)?,
        (0, _, _) => {
            // AC tables are counted after the two DC tables.
            let tables = slots.map(|slot| (slot, slot + 2));
            entropy::sequential(&components, &tables, grid, sink, watch)?;
        }
        (_, _, 0) => entropy::first_ac(kernel, components[0], band, rows, sink, watch)?,
        _ => entropy::refine_ac(kernel, components[0], band, rows, sink, watch)?,
    }
    Ok(())
}

/// The tables of a scan: where its symbols are counted, class and slot.
pub(crate) fn tables_of(picture: &Picture, scan: &Scan) -> Vec<(usize, u8, u8)> {
    let mut tables = Vec::new();
    for &index in &scan.components {
        let slot = picture.table_slot(index);
        if scan.ss == 0 && scan.ah == 0 {
            tables.push((usize::from(slot), 0, slot));
        }
        if scan.ss == 0 && scan.se > 0 {
            tables.push((usize::from(slot) + 2, 1, slot));
        } else if scan.se > 0 {
            tables.push((0, 1, slot));
        }
    }
    let mut seen = Vec::new();
    tables.retain(|table| {
        let new = !seen.contains(table);
        seen.push(*table);
        new
    });
    tables
}
