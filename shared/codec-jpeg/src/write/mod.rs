//! The one way out: a picture's coefficients to a JPEG file, whether they came from a file or from pixels.
//!
//! A picture is filled block by block ([`Component::set`](crate::coefficients::Component::set), or
//! [`Component::keep`](crate::coefficients::Component::keep) where the values and their mask are already there), and
//! then written as a whole by [`write()`].

pub(crate) mod code;
mod entropy;
pub(crate) mod scan;
mod search;
pub(crate) mod sink;

use raster::{Kernel, Watch, parallel};

use crate::bits::write_tokens;
use crate::codes::{DQT, SOF0, SOF2, SOS};
use crate::error::Error;
use crate::huffman::optimal;
use crate::options::{Process, Scans};
use crate::picture::{Color, Picture};
use crate::write::code::{Rows, code_scan, tables_of};
use crate::write::scan::{Scan, interleaved, standard};
use crate::write::sink::{Counts, Tokens};

/// What [`write()`] is asked for, and how it works.
#[derive(Clone, Copy)]
pub(crate) struct WriteOptions {
    pub(crate) process: Process,
    pub(crate) scans: Scans,
    pub(crate) kernel: Kernel,
    /// Worker threads at most.
    pub(crate) threads: usize,
}

impl Picture {
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
/// those after the last scan.
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
    // About one byte in 200 has a stuffed zero after it.
    out.reserve((bits / 8 + bits / 1024) as usize + 8192);
    write_tokens(kernel, tokens.tokens(), &codes, &mut out);
    Ok(out)
}
