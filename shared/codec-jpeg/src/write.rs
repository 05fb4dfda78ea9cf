//! Writes a picture's coefficients as a file: the interface that the transcoder and the pixel encoder share.
//!
//! A picture is filled block by block ([`Component::set`](crate::coefficients::Component::set), or
//! [`Component::keep`](crate::coefficients::Component::keep) where the values and their mask are already there), and
//! then written as a whole by [`write()`].

use raster::{Size, Watch};

use crate::bits::write_tokens;
use crate::coefficients::Component;
use crate::entropy::{self, Band, Counts, Grid, Sink, Tokens};
use crate::huffman::optimal;
use crate::kernel::Kernel;
use crate::marker::{DQT, SOF0, SOF2, SOS};
use crate::scan::{Scan, interleaved, standard};
use crate::{Error, Process, Scans};

/// A picture in quantized coefficients.
pub(crate) struct Picture {
    pub(crate) size: Size,
    /// One to four of them.
    pub(crate) components: Vec<Component>,
    /// Quantization tables in zigzag order; components name them by index.
    pub(crate) quantization: [[u16; 64]; 4],
    /// What the components mean, which decides over tables and scripts.
    pub(crate) color: Color,
}

/// What the components of a picture are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Color {
    /// Y, Cb, Cr.
    YCbCr,
    /// Y, Cb, Cr and K.
    Ycck,
    /// Anything else.
    Other,
}

/// How [`write()`] works.
#[derive(Clone, Copy)]
#[allow(dead_code)]
pub(crate) struct WriteOptions {
    pub(crate) process: Process,
    pub(crate) scans: Scans,
    pub(crate) kernel: Kernel,
    /// Worker threads at most.
    pub(crate) threads: usize,
}

impl Picture {
    /// The largest sampling factors.
    fn largest(&self) -> (u32, u32) {
        let of = |factor: fn(&Component) -> u8| {
            u32::from(self.components.iter().map(factor).max().unwrap_or(1))
        };
        (of(|c| c.h), of(|c| c.v))
    }

    fn grid(&self) -> Grid {
        let (h, v) = self.largest();
        Grid {
            columns: self.size.width.div_ceil(8 * h) as usize,
            rows: self.size.height.div_ceil(8 * v) as usize,
        }
    }

    fn blocks_in_mcu(&self) -> usize {
        self.components
            .iter()
            .map(|c| usize::from(c.h) * usize::from(c.v))
            .sum()
    }

    /// The slot of a component's Huffman tables, as libjpeg gives them: 0 for luma and black, 1 for chroma.
    fn table_slot(&self, index: usize) -> u8 {
        u8::from(self.color != Color::Other && (index == 1 || index == 2))
    }

    fn script(&self, options: WriteOptions) -> Vec<Scan> {
        match options.process {
            Process::Baseline => interleaved(self.blocks_in_mcu(), self.components.len())
                .iter()
                .map(|group| Scan::sequential(group))
                .collect(),
            Process::Progressive => standard(
                self.components.len(),
                self.color == Color::YCbCr,
                self.blocks_in_mcu(),
            ),
        }
    }
}

/// Writes `picture` as a file. `segments` are its APPn and COM segments, whole, which come first.
///
/// The same picture gives the same bytes, whatever the kernel and the number of threads.
///
/// # Errors
///
/// [`Error::Stopped`].
pub(crate) fn write(
    picture: &Picture,
    segments: &[u8],
    options: WriteOptions,
    watch: &dyn Watch,
) -> Result<Vec<u8>, Error> {
    let mut out = vec![0xFF, 0xD8];
    out.extend(segments);
    write_frame(picture, options.process, &mut out);
    let mut tokens = Tokens::new();
    for scan in picture.script(options) {
        write_scan(picture, &scan, options, &mut tokens, watch, &mut out)?;
    }
    out.extend([0xFF, 0xD9]);
    Ok(out)
}

/// The quantization tables that are used, and the frame header (T.81, B.2.2 and B.2.4.1).
fn write_frame(picture: &Picture, process: Process, out: &mut Vec<u8>) {
    let mut written = [false; 4];
    let mut wide = false;
    for component in &picture.components {
        let slot = usize::from(component.quantization);
        let table = &picture.quantization[slot];
        let precision = u8::from(table.iter().any(|&entry| entry > 255));
        wide |= precision > 0;
        if std::mem::replace(&mut written[slot], true) {
            continue;
        }
        out.extend([0xFF, DQT]);
        out.extend((2 + 1 + (64u16 << precision)).to_be_bytes());
        out.push(precision << 4 | slot as u8);
        for &entry in table {
            match precision {
                0 => out.push(entry as u8),
                _ => out.extend(entry.to_be_bytes()),
            }
        }
    }
    let marker = match process {
        Process::Progressive => SOF2,
        // Baseline has quantization tables of 8 bits only; with others it is the extended process, SOF1.
        Process::Baseline => SOF0 + u8::from(wide),
    };
    out.extend([0xFF, marker]);
    out.extend((8 + 3 * picture.components.len() as u16).to_be_bytes());
    out.push(8);
    out.extend((picture.size.height as u16).to_be_bytes());
    out.extend((picture.size.width as u16).to_be_bytes());
    out.push(picture.components.len() as u8);
    for component in &picture.components {
        out.extend([
            component.id,
            component.h << 4 | component.v,
            component.quantization,
        ]);
    }
}

/// Sends the symbols and bits of `scan` to `sink`.
fn code_scan<S: Sink>(
    picture: &Picture,
    scan: &Scan,
    kernel: Kernel,
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
    let rows = 0..components[0].height;
    match (scan.ss, scan.se, scan.ah) {
        (0, 0, 0) => entropy::first_dc(&components, &slots, scan.al, grid, sink, watch)?,
        (0, 0, _) => entropy::refine_dc(&components, scan.al, grid, sink, watch)?,
        (0, _, _) => {
            // AC tables are counted behind the DC tables.
            let tables = slots.map(|slot| (slot, slot + 2));
            entropy::sequential(&components, &tables, grid, sink, watch)?;
        }
        (_, _, 0) => entropy::first_ac(kernel, components[0], band, rows, sink, watch)?,
        _ => entropy::refine_ac(kernel, components[0], band, rows, sink, watch)?,
    }
    Ok(())
}

/// The tables of a scan: where its symbols are counted, class and slot.
fn tables_of(picture: &Picture, scan: &Scan) -> Vec<(usize, u8, u8)> {
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

/// Appends a scan with the optimal tables before it.
fn write_scan(
    picture: &Picture,
    scan: &Scan,
    options: WriteOptions,
    tokens: &mut Tokens,
    watch: &dyn Watch,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    tokens.clear();
    code_scan(picture, scan, options.kernel, tokens, watch)?;
    let mut codes = Box::new([0; 2048]);
    for (place, class, slot) in tables_of(picture, scan) {
        let table = optimal(&tokens.counts.symbols[place]);
        codes[place * 256..][..256].copy_from_slice(&table.codes());
        table.write(class, slot, out);
    }
    out.extend([0xFF, SOS]);
    out.extend((6 + 2 * scan.components.len() as u16).to_be_bytes());
    out.push(scan.components.len() as u8);
    for &index in &scan.components {
        let slot = picture.table_slot(index);
        let dc = if scan.ss == 0 && scan.ah == 0 {
            slot
        } else {
            0
        };
        let ac = if scan.se > 0 { slot } else { 0 };
        out.extend([picture.components[index].id, dc << 4 | ac]);
    }
    out.extend([scan.ss, scan.se, scan.ah << 4 | scan.al]);
    write_tokens(tokens.tokens(), &codes, out);
    Ok(())
}

#[allow(dead_code)]
fn bytes_of(counts: &Counts, tables: &[(usize, u8, u8)]) -> u64 {
    let mut bits = counts.bits;
    for &(place, _, _) in tables {
        let table = optimal(&counts.symbols[place]);
        bits += table.cost(&counts.symbols[place]) + 8 * (21 + table.symbols.len() as u64);
    }
    bits.div_ceil(8)
}
