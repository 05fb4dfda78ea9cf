//! A JPEG file straight to planes at the scale at which they are needed: of each block only the coefficients that the
//! scale needs are kept, and no coefficient outlives its row of blocks.

pub(crate) mod inverse;
mod progressive;
#[cfg(test)]
mod reference;
mod sequential;
mod tables;
mod target;

use raster::{Kernel, Simd, Watch};

use crate::codes::{SOF0, SOF2};
use crate::error::{Error, malformed, unsupported};
use crate::huffman::SymbolTable;
use crate::memory::{MemoryBound, hold};
use crate::options::{Damage, Limits};
use crate::picture::Color;
use crate::planes::{Planes, Scale};
use crate::read::frame::{FrameHeader, ScanHeader};
use crate::read::header::color;
use crate::read::scaled::inverse::{LANES, group_len};
use crate::read::scaled::sequential::Part;
use crate::read::scaled::tables::AcTable;
use crate::read::scaled::target::{Shape, Target};
use crate::read::structure::{Extent, Segment, Step, Structure};
use crate::read::{Tables, progressive_tables, standard_tables};

/// Reads the JPEG `source` at `scale`, as planes of its own sampling.
///
/// - Takes Huffman-coded SOF0, SOF1 and SOF2 files of 8 bits, in gray or in Y, Cb and Cr, of any sampling, with
///   restart intervals and scans of any components.
/// - Of a progressive picture only those scans are decoded that have coefficients which the scale needs: at 1/8 the DC
///   scans, most often a tenth of the file. Where its last scans are missing, so are the bits that they would have brought.
/// - Full scale is the inverse DCT of the standard, rounded once. At N/8 a block becomes `NxN` samples, by an inverse DCT
///   of N points on its low `NxN` coefficients: sharper than an average, and without a sample of another block.
/// - Damaged data is refused as the transcoder refuses it. Values that the scale does not need are passed over: of
///   them only codes and lengths are checked, and in progressive scans that it does not need nothing.
/// - The same source gives the same samples on every machine, for any `simd`.
/// - Memory beside the source: [`read_planes_memory`].
///
/// # Errors
///
/// - [`Error::Unsupported`] for other processes and precisions, and for what is not gray or Y, Cb and Cr.
/// - [`Error::Malformed`], [`Error::TooManyPixels`], [`Error::TooManyScans`], [`Error::TooManyPasses`].
/// - [`Error::TooMuchMemory`] if planes and work would take more than `limits.max_bytes`.
/// - [`Error::Stopped`] if `watch` says so; it is asked for each row of MCUs.
pub fn read_planes(
    source: &[u8],
    scale: Scale,
    simd: Simd,
    limits: &Limits,
    watch: &dyn Watch,
) -> Result<Planes, Error> {
    watch.check()?;
    let header = Structure::parse(source, Extent::Header, Damage::Refuse, limits)?;
    check(&header.frame, &header.segments)?;
    hold(memory(&header.frame, scale).1, limits.max_bytes)?;
    let structure = Structure::parse(source, Extent::Whole, Damage::Refuse, limits)?;
    let kernel = Kernel::detect(simd);
    match scale {
        Scale::Eighth => read::<1>(&structure, kernel, watch),
        Scale::Quarter => read::<2>(&structure, kernel, watch),
        Scale::Half => read::<4>(&structure, kernel, watch),
        Scale::Full => read::<8>(&structure, kernel, watch),
    }
}

/// Bounds on the memory that [`read_planes`] takes beside `source`, told from the markers up to the first scan. The planes
/// are in both: a byte a sample, of all blocks; and the coefficients of a progressive picture, which are 2 bytes a block at
/// 1/8, 18 at 1/4, 58 at 1/2 and 136 at full scale.
///
/// # Errors
///
/// [`Error::Malformed`], [`Error::Unsupported`]. No limit is checked here.
pub fn read_planes_memory(source: &[u8], scale: Scale) -> Result<MemoryBound, Error> {
    let limits = Limits {
        max_pixels: u64::MAX,
        ..Limits::default()
    };
    let structure = Structure::parse(source, Extent::Header, Damage::Refuse, &limits)?;
    check(&structure.frame, &structure.segments)?;
    let (least_bytes, most_bytes) = memory(&structure.frame, scale);
    Ok(MemoryBound {
        least_bytes,
        most_bytes,
    })
}

/// Refuses what is not read here.
fn check(frame: &FrameHeader, segments: &[Segment]) -> Result<(), Error> {
    if frame.marker > SOF2 {
        return unsupported(format!(
            "SOF{} as planes; SOF0 to SOF2 are",
            frame.marker - SOF0
        ));
    }
    frame.check()?;
    match frame.components.len() {
        1 => Ok(()),
        3 if color(frame, segments) == Color::YCbCr => Ok(()),
        3 => unsupported("three components that are not Y, Cb and Cr, as planes"),
        count => unsupported(format!("{count} components as planes; 1 and 3 are")),
    }
}

/// Tables, and what is there once.
const CONSTANT_BYTES: u64 = 1 << 18;

/// Bytes of the planes with the coefficients of a progressive picture, and of all.
fn memory(frame: &FrameHeader, scale: Scale) -> (u64, u64) {
    let n = u64::from(scale.samples());
    let (mut planes, mut blocks, mut row) = (0, 0, 0);
    for (index, component) in frame.components.iter().enumerate() {
        let Shape {
            width,
            height,
            groups,
        } = Shape::new(frame, index);
        let groups = groups as u64;
        planes += groups * LANES as u64 * n * height as u64 * n;
        row += u64::from(component.v) * groups * 2 * group_len(n as usize) as u64;
        if frame.marker == SOF2 {
            blocks += (width * height) as u64;
        }
    }
    let least = planes + blocks * progressive::block_bytes(n as usize) as u64;
    (least, least + row + CONSTANT_BYTES)
}

fn read<const N: usize>(
    structure: &Structure,
    kernel: Kernel,
    watch: &dyn Watch,
) -> Result<Planes, Error> {
    let frame = &structure.frame;
    let mut tables = Tables::default();
    standard_tables(structure, &mut tables);
    let mut targets: Vec<Target> = (0..frame.components.len())
        .map(|index| Target::new(frame, index, N))
        .collect();
    let mut planes: Vec<progressive::Plane> = Vec::new();
    if frame.marker == SOF2 {
        let blocks = (0..targets.len()).map(|index| frame.blocks(index));
        planes.extend(blocks.map(progressive::Plane::new::<N>));
    }
    let scans = structure.steps.iter().filter_map(|step| match step {
        Step::Scan(scan, _) => Some(scan),
        _ => None,
    });
    let needed = progressive::needed::<N>(&scans.collect::<Vec<_>>());
    let mut needed = needed.into_iter();
    for step in &structure.steps {
        match step {
            Step::Huffman(class, slot, table) => {
                tables.huffman[usize::from(*class)][usize::from(*slot)] = Some(table.clone());
            }
            Step::Quantization(slot, table) => {
                tables.quantization[usize::from(*slot)] = Some(*table);
            }
            Step::RestartInterval(mcus) => tables.restart_interval = *mcus,
            Step::Scan(scan, data) => {
                let is_needed = needed.next().unwrap_or(true);
                for &(index, _, _) in &scan.components {
                    if targets[index].is_begun() {
                        if frame.marker == SOF2 {
                            continue;
                        }
                        return malformed("a component is in two scans of a sequential picture");
                    }
                    // A component's table is the one in force at its first scan.
                    let table = tables.quantization(frame.components[index].quantization)?;
                    targets[index].set_quantization(table);
                }
                if frame.marker != SOF2 {
                    sequential_scan::<N>(frame, scan, data, &tables, &mut targets, kernel, watch)?;
                    continue;
                }
                let symbols = progressive_tables(scan, &tables)?;
                progressive::begin(scan, &mut planes)?;
                if is_needed {
                    let interval = tables.restart_interval;
                    progressive::decode::<N>(
                        data,
                        frame,
                        scan,
                        &symbols,
                        interval,
                        &mut planes,
                        kernel,
                        watch,
                    )?;
                }
            }
        }
    }
    if let Some(index) = targets.iter().position(|target| !target.is_begun()) {
        return malformed(format!(
            "there is no scan of component {}",
            frame.components[index].id
        ));
    }
    if frame.marker == SOF2 && !structure.has_eoi {
        return malformed("it is cut off: there is no EOI");
    }
    for (plane, target) in planes.iter().zip(&mut targets) {
        plane.write::<N>(target, kernel, watch)?;
    }
    let planes = targets.into_iter().map(Target::into_plane);
    Ok(Planes {
        size: frame.size,
        planes: planes.collect::<Result<_, _>>()?,
    })
}

fn sequential_scan<const N: usize>(
    frame: &FrameHeader,
    scan: &ScanHeader,
    data: &[u8],
    tables: &Tables,
    targets: &mut [Target],
    kernel: Kernel,
    watch: &dyn Watch,
) -> Result<(), Error> {
    // Components share tables; each is made once.
    let mut dc: [Option<SymbolTable>; 4] = Default::default();
    let mut ac: [Option<AcTable>; 4] = Default::default();
    for &(_, dc_slot, ac_slot) in &scan.components {
        let (dc, ac) = (&mut dc[usize::from(dc_slot)], &mut ac[usize::from(ac_slot)]);
        if dc.is_none() {
            *dc = Some(SymbolTable::new(tables.huffman(0, dc_slot)?));
        }
        if ac.is_none() {
            *ac = Some(AcTable::new(tables.huffman(1, ac_slot)?, N > 1, N < 4));
        }
    }
    let part = |&(index, dc_slot, ac_slot): &(usize, u8, u8)| {
        Some(Part {
            index,
            dc: dc[usize::from(dc_slot)].as_ref()?,
            ac: ac[usize::from(ac_slot)].as_ref()?,
        })
    };
    let parts: Vec<Part> = scan.components.iter().filter_map(part).collect();
    sequential::decode::<N>(
        data,
        frame,
        &parts,
        tables.restart_interval,
        targets,
        kernel,
        watch,
    )
}
