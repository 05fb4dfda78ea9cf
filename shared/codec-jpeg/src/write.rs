//! Writes a picture's coefficients as a file: the interface that the transcoder and the pixel encoder share.
//!
//! A picture is filled block by block ([`Component::set`](crate::coefficients::Component::set), or
//! [`Component::keep`](crate::coefficients::Component::keep) where the values and their mask are already there), and
//! then written as a whole by [`write()`].

use raster::{Kernel, Size, Watch, parallel};

use crate::bits::write_tokens;
use crate::coefficients::Component;
use crate::entropy::{self, Band, Counts, Grid, Sink, Tokens};
use crate::huffman::optimal;
use crate::marker::{DQT, SOF0, SOF2, SOS};
use crate::scan::{Scan, interleaved, standard};
use crate::{Error, Process, Scans, search};

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

    pub(crate) fn grid(&self) -> Grid {
        let (h, v) = self.largest();
        Grid {
            columns: self.size.width.div_ceil(8 * h) as usize,
            rows: self.size.height.div_ceil(8 * v) as usize,
        }
    }

    pub(crate) fn blocks_in_mcu(&self) -> usize {
        self.components
            .iter()
            .map(|c| usize::from(c.h) * usize::from(c.v))
            .sum()
    }

    /// The second byte of the frame header's marker.
    pub(crate) fn frame_marker(&self, process: Process) -> u8 {
        match process {
            Process::Progressive => SOF2,
            // Baseline has quantization tables of 8 bits only; with others it is the extended process, SOF1.
            Process::Baseline => {
                let wide = self
                    .components
                    .iter()
                    .any(|c| is_wide(&self.quantization[usize::from(c.quantization)]));
                SOF0 + u8::from(wide)
            }
        }
    }

    /// The slot of a component's Huffman tables, as libjpeg gives them: 0 for luma and black, 1 for chroma.
    fn table_slot(&self, index: usize) -> u8 {
        u8::from(self.color != Color::Other && (index == 1 || index == 2))
    }

    /// The groups of components that scans of all of them are cut into.
    fn groups(&self) -> Vec<Vec<usize>> {
        interleaved(self.blocks_in_mcu(), self.components.len())
    }

    fn standard(&self) -> Vec<Scan> {
        standard(
            self.components.len(),
            self.color == Color::YCbCr,
            self.blocks_in_mcu(),
        )
    }
}

/// Writes `picture` as a file. `leading` and `late` are its APPn and COM segments, whole: those that come first, and
/// those behind the last scan.
///
/// The same picture gives the same bytes, whatever the kernel and the number of threads.
///
/// # Errors
///
/// [`Error::Stopped`].
pub(crate) fn write(
    picture: &Picture,
    [leading, late]: [&[u8]; 2],
    options: WriteOptions,
    watch: &dyn Watch,
) -> Result<Vec<u8>, Error> {
    let mut out = vec![0xFF, 0xD8];
    out.extend(leading);
    write_frame(picture, options.process, &mut out);
    let scans = match (options.process, options.scans) {
        (Process::Baseline, _) => {
            let script: Vec<Scan> = picture
                .groups()
                .iter()
                .map(|group| Scan::sequential(group))
                .collect();
            write_all(picture, &script, options, watch)?
        }
        (Process::Progressive, Scans::Standard) => {
            write_all(picture, &picture.standard(), options, watch)?
        }
        (Process::Progressive, Scans::Smallest) => write_smallest(picture, options, watch)?,
    };
    for bytes in scans {
        out.extend(bytes);
    }
    out.extend(late);
    out.extend([0xFF, 0xD9]);
    Ok(out)
}

/// The bytes of each scan of `script`.
fn write_all(
    picture: &Picture,
    script: &[Scan],
    options: WriteOptions,
    watch: &dyn Watch,
) -> Result<Vec<Vec<u8>>, Error> {
    parallel::map(options.threads, script, |scan, tokens| {
        write_scan(picture, scan, options.kernel, tokens, watch)
    })
}

/// The scans of the standard script, or others where those are smaller: chosen for DC, and for AC by component.
fn write_smallest(
    picture: &Picture,
    options: WriteOptions,
    watch: &dyn Watch,
) -> Result<Vec<Vec<u8>>, Error> {
    // Group 0 is all DC scans, the others are the AC scans of a component.
    let group_of = |scan: &Scan| match scan.ss {
        0 => 0,
        _ => scan.components[0] + 1,
    };
    let groups: Vec<usize> = (0..=picture.components.len()).collect();
    let standard = picture.standard();
    let chosen = parallel::map(options.threads, &groups, |&group, ()| match group {
        0 => search::smallest_dc(picture, options.kernel, watch),
        _ => search::smallest_ac(picture, group - 1, options.kernel, watch),
    })?
    .concat();
    // Where a standard scan was not chosen, it is only counted: bits without stuffing, so at most its bytes.
    let mut tasks: Vec<(&Scan, bool)> = chosen.iter().map(|scan| (scan, true)).collect();
    let spared = standard.iter().filter(|scan| !chosen.contains(scan));
    tasks.extend(spared.map(|scan| (scan, false)));
    let done = parallel::map(options.threads, &tasks, |&(scan, write), tokens| {
        if write {
            let bytes = write_scan(picture, scan, options.kernel, tokens, watch)?;
            return Ok((bytes.len() as u64, bytes));
        }
        let mut counts = Counts::default();
        code_scan(picture, scan, options.kernel, Rows::ALL, &mut counts, watch)?;
        let bits = search::cost(picture, scan, &counts, (1, 1));
        Ok::<_, Error>((bits / 8, Vec::new()))
    })?;
    let len_of = |scan: &Scan| {
        let task = tasks.iter().position(|(other, _)| *other == scan);
        task.map_or(0, |task| done[task].0)
    };
    let mut result: Vec<(Scan, Vec<u8>)> = Vec::new();
    for group in groups {
        let of_group = |scans: &[Scan]| -> Vec<Scan> {
            let mut scans = scans.to_vec();
            scans.retain(|scan| group_of(scan) == group);
            scans
        };
        let (ours, theirs) = (of_group(&chosen), of_group(&standard));
        let ours_len: u64 = ours.iter().map(len_of).sum();
        if theirs.iter().map(len_of).sum::<u64>() < ours_len {
            let bytes = write_all(picture, &theirs, options, watch)?;
            if bytes.iter().map(|bytes| bytes.len() as u64).sum::<u64>() < ours_len {
                result.extend(theirs.into_iter().zip(bytes));
                continue;
            }
        }
        result.extend(ours.into_iter().map(|scan| (scan, Vec::new())));
    }
    search::order(&mut result);
    let mut written: Vec<Vec<u8>> = done.into_iter().map(|(_, bytes)| bytes).collect();
    Ok(result
        .into_iter()
        .map(
            |(scan, bytes)| match tasks.iter().position(|task| *task == (&scan, true)) {
                Some(task) if bytes.is_empty() => std::mem::take(&mut written[task]),
                _ => bytes,
            },
        )
        .collect())
}

/// The quantization tables that are used, and the frame header (T.81, B.2.2 and B.2.4.1).
fn write_frame(picture: &Picture, process: Process, out: &mut Vec<u8>) {
    let mut written = [false; 4];
    for component in &picture.components {
        let slot = usize::from(component.quantization);
        let table = &picture.quantization[slot];
        let precision = u8::from(is_wide(table));
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
    out.extend([0xFF, picture.frame_marker(process)]);
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

/// True where the table does not fit 8 bits.
fn is_wide(table: &[u16; 64]) -> bool {
    table.iter().any(|&entry| entry > 255)
}

/// Which block rows are looked at, of AC scans; others always take all.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) first: usize,
    pub(crate) step: usize,
}

impl Rows {
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

/// A scan with the optimal tables before it.
fn write_scan(
    picture: &Picture,
    scan: &Scan,
    kernel: Kernel,
    tokens: &mut Tokens,
    watch: &dyn Watch,
) -> Result<Vec<u8>, Error> {
    tokens.clear();
    code_scan(picture, scan, kernel, Rows::ALL, tokens, watch)?;
    let mut out = Vec::new();
    let mut bits = tokens.counts.bits;
    let mut codes = Box::new([0; 2048]);
    for (place, class, slot) in tables_of(picture, scan) {
        let counts = &tokens.counts.symbols[place];
        let table = optimal(counts);
        bits += table.cost(counts);
        codes[place * 256..][..256].copy_from_slice(&table.codes());
        table.write(class, slot, &mut out);
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
    // About one byte in 200 has a stuffed zero behind it.
    out.reserve((bits / 8 + bits / 1024) as usize + 8192);
    write_tokens(kernel, tokens.tokens(), &codes, &mut out);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use raster::Unwatched;

    use super::*;
    use crate::Simd;
    use crate::transcode::read_picture;

    /// A picture of `shapes` components, with blocks from `seeds`.
    fn picture(size: Size, shapes: &[(u8, u8)], seeds: &[i16]) -> Picture {
        let (h_max, v_max) = shapes.iter().fold((1, 1), |max, shape| {
            (max.0.max(shape.0), max.1.max(shape.1))
        });
        let kernel = Kernel::detect(Simd::Auto);
        let mut seeds = seeds.iter().cycle();
        let components = (1..)
            .zip(shapes)
            .map(|(id, &(h, v))| {
                let along = |side: u32, factor, max| {
                    (side * u32::from(factor)).div_ceil(8 * u32::from(max)) as usize
                };
                let (width, height) = (along(size.width, h, h_max), along(size.height, v, v_max));
                let mut component = Component::new(id, (h, v), 0, (width, height));
                for index in 0..width * height {
                    let mut block = [0i16; 64];
                    let mut k = 0usize;
                    while k < 64 {
                        let seed = *seeds.next().expect("it goes round");
                        block[k] = seed >> (k / 6).min(9);
                        k += 1 + usize::from(seed.unsigned_abs() % 23);
                    }
                    component.set(kernel, index, &block);
                }
                component
            })
            .collect();
        Picture {
            size,
            components,
            quantization: [[1; 64]; 4],
            color: Color::YCbCr,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_written_is_read_back(
            (width, height) in (1u32..90, 1u32..90),
            shape in prop_oneof![
                Just(vec![(1, 1)]),
                Just(vec![(2, 2), (1, 1), (1, 1)]),
                Just(vec![(2, 1), (1, 1), (1, 1)]),
                Just(vec![(1, 2), (2, 1), (1, 1)]),
                Just(vec![(4, 4), (1, 1), (2, 2)]),
            ],
            seeds in proptest::collection::vec(-1023i16..=1023, 1..3000),
        ) {
            let picture = picture(Size::new(width, height), &shape, &seeds);
            for process in [Process::Baseline, Process::Progressive] {
                for scans in [Scans::Standard, Scans::Smallest] {
                    let options = WriteOptions {
                        process,
                        scans,
                        kernel: Kernel::Portable,
                        threads: 1,
                    };
                    let file = write(&picture, [&[]; 2], options, &Unwatched).expect("nobody stops it");
                    let read = read_picture(&file, Kernel::Portable).expect("it was written by us");
                    prop_assert_eq!(read.components.len(), picture.components.len());
                    for (read, written) in read.components.iter().zip(&picture.components) {
                        prop_assert_eq!(&read.dc, &written.dc);
                        prop_assert_eq!(&read.masks, &written.masks);
                        prop_assert_eq!(&read.signs, &written.signs);
                        prop_assert_eq!(&read.corrections, &written.corrections);
                        for (index, mask) in read.masks[0].iter().enumerate() {
                            let count = mask.count_ones() as usize;
                            let values = |component: &Component| {
                                let start = component.starts[index] as usize;
                                component.values[start..start + count].to_vec()
                            };
                            prop_assert_eq!(values(read), values(written));
                        }
                    }
                }
            }
        }
    }
}
