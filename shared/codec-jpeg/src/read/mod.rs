//! The first way in: a JPEG file to the coefficients that it was made of.

pub(crate) mod frame;
pub(crate) mod header;
pub(crate) mod metadata;
mod progressive;
pub(crate) mod scaled;
mod sequential;
pub(crate) mod structure;
mod tables;
pub(crate) mod trailer;

use raster::{Kernel, Simd, Watch};

use crate::codes::SOF2;
use crate::coefficients::Component;
use crate::default_tables;
use crate::error::{Error, malformed};
use crate::huffman::{RunTable, Specification, SymbolTable};
use crate::memory::{Budget, PLAIN_BLOCK_BYTES, hold};
use crate::options::{Damage, Limits};
use crate::picture::Picture;
use crate::read::frame::{FrameHeader, ScanHeader};
use crate::read::header::color;
use crate::read::progressive::Plane;
use crate::read::sequential::Part;
use crate::read::structure::{Extent, Step, Structure};

/// The tables that are in force at a point of the file.
#[derive(Default)]
struct Tables {
    /// By class and slot.
    huffman: [[Option<Specification>; 4]; 2],
    quantization: [Option<[u16; 64]>; 4],
    restart_interval: u16,
}

impl Tables {
    fn huffman(&self, class: usize, slot: u8) -> Result<&Specification, Error> {
        match &self.huffman[class][usize::from(slot)] {
            Some(table) => Ok(table),
            None => malformed(format!(
                "a scan uses {} Huffman table {slot}, which is not defined",
                ["DC", "AC"][class]
            )),
        }
    }

    fn quantization(&self, slot: u8) -> Result<&[u16; 64], Error> {
        match &self.quantization[usize::from(slot)] {
            Some(table) => Ok(table),
            None => malformed(format!("quantization table {slot} is not defined")),
        }
    }
}

/// Puts the default Huffman tables in force where the file has none at all, as in a Motion JPEG; true where it did.
fn standard_tables(structure: &Structure, tables: &mut Tables) -> bool {
    let is_table = |step: &Step| matches!(step, Step::Huffman(..));
    if structure.steps.iter().any(is_table) {
        return false;
    }
    for (class, slot, table) in default_tables::all() {
        tables.huffman[usize::from(class)][usize::from(slot)] = Some(table);
    }
    true
}

/// What [`decode`] made of a file's scans.
pub(crate) struct Decoded {
    pub(crate) picture: Picture,
    /// True if nothing was damaged or had to be passed over.
    pub(crate) whole: bool,
    /// False where scans of a progressive picture are missing: not all bits of all coefficients came. Decoders then make
    /// up for what is missing, each in its way (libjpeg smooths between blocks).
    pub(crate) complete: bool,
}

/// What becomes of the coefficients of a sequential picture.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    All,
    /// They are decoded, and forgotten.
    Nothing,
}

/// Decodes all scans; with true if nothing was damaged or had to be passed over.
fn scans<'f>(
    structure: &'f Structure,
    damage: Damage,
    kernel: Kernel,
    budget: Budget,
    keep: Keep,
    watch: &dyn Watch,
) -> Result<(Decoding<'f>, bool), Error> {
    let frame = &structure.frame;
    let mut tables = Tables::default();
    // Not every reader knows the default tables.
    let mut whole = structure.intact & !standard_tables(structure, &mut tables);
    let mut scans = Decoding {
        frame,
        kernel,
        damage,
        budget,
        quantization: [None; 4],
        components: Vec::new(),
        planes: Vec::new(),
    };
    for (index, part) in frame.components.iter().enumerate() {
        if frame.marker == SOF2 {
            scans.planes.push(Plane::new(frame.blocks(index)));
        } else {
            let blocks = match keep {
                Keep::All => frame.blocks(index),
                Keep::Nothing => (0, 0),
            };
            let component = component(frame, index, part.quantization, blocks);
            scans.components.push(component);
        }
    }
    for step in &structure.steps {
        match step {
            Step::Huffman(class, slot, table) => {
                tables.huffman[usize::from(*class)][usize::from(*slot)] = Some(table.clone());
            }
            Step::Quantization(slot, table) => {
                tables.quantization[usize::from(*slot)] = Some(*table);
            }
            Step::RestartInterval(mcus) => tables.restart_interval = *mcus,
            Step::Scan(scan, data) => match scans.decode(scan, data, &tables, watch) {
                Ok(good) => whole &= good,
                // What came before can be shown.
                Err(Error::Malformed(_))
                    if damage == Damage::Keep && scans.quantization[0].is_some() =>
                {
                    whole = false;
                    break;
                }
                Err(error) => return Err(error),
            },
        }
    }
    let quantization = &scans.quantization;
    if quantization[0].is_none() {
        return malformed("there is no scan of the first component");
    }
    let missing = (0..frame.components.len()).find(|&index| quantization[index].is_none());
    if damage == Damage::Refuse {
        if let Some(index) = missing {
            return malformed(format!(
                "there is no scan of component {}",
                frame.components[index].id
            ));
        }
        // Every block of a sequential picture is there by now; of a progressive one, scans may be missing.
        if !structure.has_eoi && frame.marker == SOF2 {
            return malformed("it is cut off: there is no EOI");
        }
    }
    Ok((scans, whole))
}

/// Decodes all scans.
pub(crate) fn decode(
    structure: &Structure,
    damage: Damage,
    kernel: Kernel,
    budget: Budget,
    watch: &dyn Watch,
) -> Result<Decoded, Error> {
    let frame = &structure.frame;
    let (scans, whole) = scans(structure, damage, kernel, budget, Keep::All, watch)?;
    let Decoding {
        quantization,
        mut components,
        planes,
        ..
    } = scans;
    let complete = planes.iter().all(Plane::is_complete);
    for (index, plane) in planes.into_iter().enumerate() {
        components.push(component(frame, index, 0, frame.blocks(index)));
        for row in 0..plane.height {
            watch.check()?;
            budget.check(&components)?;
            for at in row * plane.width..(row + 1) * plane.width {
                components[index].set(kernel, at, &plane.blocks[at]);
            }
        }
    }
    let (slots, quantization) = assign_tables(frame, &quantization);
    for (component, slot) in components.iter_mut().zip(slots) {
        component.quantization = slot;
    }
    let picture = Picture {
        size: frame.size,
        components,
        quantization,
        color: color(frame, &structure.segments[..structure.leading]),
    };
    Ok(Decoded {
        picture,
        whole,
        complete,
    })
}

fn component(
    frame: &FrameHeader,
    index: usize,
    quantization: u8,
    blocks: (usize, usize),
) -> Component {
    let part = &frame.components[index];
    // Scans that name their components need names: the usual ones, where some share theirs.
    let id = if frame.shares_identifiers() {
        index as u8 + 1
    } else {
        part.id
    };
    // Sampling factors are relative: a single component has none, whatever it declares.
    let sampling = if frame.components.len() == 1 {
        (1, 1)
    } else {
        (part.h, part.v)
    };
    Component::new(id, sampling, quantization, blocks)
}

/// The scans that were decoded so far.
struct Decoding<'f> {
    frame: &'f FrameHeader,
    kernel: Kernel,
    damage: Damage,
    budget: Budget,
    /// The quantization table of each component that was in a scan.
    quantization: [Option<[u16; 64]>; 4],
    /// Of a sequential frame.
    components: Vec<Component>,
    /// Of a progressive one.
    planes: Vec<Plane>,
}

impl Decoding<'_> {
    /// Decodes one more; true if nothing was damaged.
    fn decode(
        &mut self,
        scan: &ScanHeader,
        data: &[u8],
        tables: &Tables,
        watch: &dyn Watch,
    ) -> Result<bool, Error> {
        let mut quantization = self.quantization;
        let mut first = 0;
        for &(index, _, _) in &scan.components {
            // A component's table is the one in force at its first scan.
            if quantization[index].is_none() {
                let slot = self.frame.components[index].quantization;
                quantization[index] = Some(*tables.quantization(slot)?);
                first += 1;
            }
        }
        if self.frame.marker == SOF2 {
            let symbols = progressive_tables(scan, tables)?;
            self.quantization = quantization;
            let symbols: Vec<&SymbolTable> = symbols.iter().collect();
            return progressive::decode(
                data,
                self.frame,
                scan,
                &symbols,
                tables.restart_interval,
                &mut self.planes,
                self.damage,
                watch,
            );
        }
        if first < scan.components.len() {
            return malformed("a component is in two scans of a sequential picture");
        }
        // Components share tables; each is made once.
        let mut dc: [Option<SymbolTable>; 4] = Default::default();
        let mut ac: [Option<RunTable>; 4] = Default::default();
        for &(_, dc_slot, ac_slot) in &scan.components {
            dc[usize::from(dc_slot)] = Some(SymbolTable::new(tables.huffman(0, dc_slot)?));
            ac[usize::from(ac_slot)] = Some(RunTable::new(tables.huffman(1, ac_slot)?));
        }
        self.quantization = quantization;
        let parts: Vec<Part> = scan
            .components
            .iter()
            .filter_map(|&(index, dc_slot, ac_slot)| {
                Some(Part {
                    index,
                    dc: dc[usize::from(dc_slot)].as_ref()?,
                    ac: ac[usize::from(ac_slot)].as_ref()?,
                })
            })
            .collect();
        sequential::decode(
            data,
            self.frame,
            &parts,
            tables.restart_interval,
            &mut self.components,
            self.kernel,
            self.damage,
            self.budget,
            watch,
        )
    }
}

/// A table for each component of a first DC scan, one for an AC scan, none for a refining DC scan.
fn progressive_tables(scan: &ScanHeader, tables: &Tables) -> Result<Vec<SymbolTable>, Error> {
    let mut symbols = Vec::new();
    for &(_, dc, ac) in &scan.components {
        if scan.ss > 0 {
            symbols.push(SymbolTable::new(tables.huffman(1, ac)?));
        } else if scan.ah == 0 {
            symbols.push(SymbolTable::new(tables.huffman(0, dc)?));
        }
    }
    Ok(symbols)
}

/// Gives each component a slot with its table: the one it had, unless the table there was redefined for another.
fn assign_tables(
    frame: &FrameHeader,
    wanted: &[Option<[u16; 64]>; 4],
) -> ([u8; 4], [[u16; 64]; 4]) {
    let mut slots = [0; 4];
    let mut tables: [Option<[u16; 64]>; 4] = [None; 4];
    for (index, component) in frame.components.iter().enumerate() {
        // A component that was never sent is gray under any table.
        let table = wanted[index].unwrap_or([1; 64]);
        let fits = |slot: &usize| tables[*slot].is_none_or(|other| other == table);
        let own = usize::from(component.quantization);
        let slot = std::iter::once(own)
            .chain(0..4)
            .find(fits)
            .expect("there are as many slots as components");
        tables[slot] = Some(table);
        slots[index] = slot as u8;
    }
    (slots, tables.map(|table| table.unwrap_or([1; 64])))
}

/// Decodes all entropy-coded data of a JPEG to see whether it is damaged, and keeps nothing: for whoever decodes it by
/// other means, which draw damage as noise.
///
/// - Takes what [`transcode`](crate::transcode()) takes, and refuses what that refuses.
/// - Cost: about a fifth of the time of decoding to pixels with `zune-jpeg`. Of a progressive picture 128 bytes of memory
///   a block, else some KB.
///
/// # Errors
///
/// Those of [`transcode`](crate::transcode()).
pub fn check(source: &[u8], limits: &Limits, simd: Simd, watch: &dyn Watch) -> Result<(), Error> {
    watch.check()?;
    let damage = Damage::Refuse;
    let structure = Structure::parse(source, Extent::Whole, damage, limits)?;
    if structure.frame.marker == SOF2 {
        let found_bytes = structure.frame.total_blocks() * PLAIN_BLOCK_BYTES;
        hold(found_bytes, limits.max_bytes)?;
    }
    let kernel = Kernel::detect(simd);
    let budget = Budget::of(0, false, 1, u64::MAX);
    scans(&structure, damage, kernel, budget, Keep::Nothing, watch).map(|_| ())
}

/// The coefficients of a whole file, for tests and benches.
#[cfg(any(test, feature = "stages"))]
pub(crate) fn read_picture(source: &[u8], kernel: Kernel) -> Result<Picture, Error> {
    let limits = crate::options::Limits::default();
    let structure = Structure::parse(source, Extent::Whole, Damage::Refuse, &limits)?;
    let blocks = structure.frame.total_blocks();
    let budget = Budget::new(blocks, true, 1, limits.max_bytes)?;
    let decoded = decode(
        &structure,
        Damage::Refuse,
        kernel,
        budget,
        &raster::Unwatched,
    )?;
    Ok(decoded.picture)
}
