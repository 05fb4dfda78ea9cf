//! JPEG to JPEG, by its coefficients: no pixel changes.

use raster::{Kernel, Size, Watch};

use crate::codes::{SOF0, SOF2};
use crate::error::Error;
use crate::memory::{Budget, MemoryBound};
use crate::options::{Damage, Limits, Metadata, Process, TranscodeOptions};
use crate::read::header::process;
use crate::read::structure::{Extent, Structure, process as named};
use crate::read::trailer::Trailer;
use crate::read::{Decoded, decode, metadata};
use crate::write::{WriteOptions, write};

/// The file that [`transcode`] made, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcoded {
    /// The complete file.
    pub bytes: Vec<u8>,
    /// The picture's size.
    pub size: Size,
    /// The frame type that was written.
    pub process: Process,
}

/// Writes the JPEG `source` in another form, with the same coefficients: every decoder shows the same pixels.
///
/// - Takes Huffman-coded SOF0, SOF1 and SOF2 files of 8 bits and 1 to 4 components: any sampling, several scans,
///   restart intervals, a height in DNL.
/// - Keeps the quantization tables, and of the APPn and COM segments what `options.metadata` says. Segments between
///   scans come after the last one. Of what follows EOI, further pictures are kept with their index (an Ultra HDR gain
///   map, a multi-picture file), unless the metadata are not; anything else is dropped.
/// - A progressive source whose last scans are missing keeps its own scans: decoders make up for the bits that never
///   came, which they would not do in a file that claims to have all. As a baseline file it has to claim that.
/// - Writes optimal Huffman tables and no restart markers.
/// - Where the source is in the wanted form already and would not become smaller, its own scans are the result. A
///   baseline source may still grow as a progressive file, and the other way round.
/// - Memory beside the source and the result: [`Limits::max_bytes`](crate::Limits::max_bytes) has the formula.
///
/// # Errors
///
/// [`Error::Malformed`], [`Error::Unsupported`], [`Error::TooManyPixels`], [`Error::TooManyScans`],
/// [`Error::TooManyPasses`], [`Error::TooMuchMemory`], [`Error::Stopped`].
pub fn transcode(
    source: &[u8],
    options: &TranscodeOptions,
    watch: &dyn Watch,
) -> Result<Transcoded, Error> {
    watch.check()?;
    let structure = Structure::parse(source, Extent::Whole, options.damage, &options.limits)?;
    let kernel = Kernel::detect(options.simd);
    let budget = Budget::new(
        structure.frame.total_blocks(),
        structure.frame.marker == SOF2,
        options.threads,
        options.limits.max_bytes,
    )?;
    let Decoded {
        picture,
        whole,
        complete,
    } = decode(&structure, options.damage, kernel, budget, watch)?;
    let to = options.process.unwrap_or(process(&structure.frame));
    let write_options = WriteOptions {
        process: to,
        scans: options.scans,
        kernel,
        threads: options.threads,
    };
    // A baseline source may have come as SOF1, which not every reader takes. Bytes that belong to nothing are better left
    // out, unless that would change what is shown.
    let may_stay = whole || !complete && options.damage == Damage::Refuse;
    let may_stay = may_stay && picture.frame_marker(to) == structure.frame.marker;
    let as_it_is = may_stay
        .then(|| metadata::source_with_kept(source, &structure, options.metadata, watch))
        .transpose()?;
    let mut bytes = match as_it_is {
        Some(as_it_is) if !complete => as_it_is,
        as_it_is => {
            let kept = metadata::kept(&structure, options.metadata, watch)?;
            let [leading, late] = &kept;
            let made = write(&picture, [leading, late], write_options, watch)?;
            as_it_is.filter(|it| it.len() <= made.len()).unwrap_or(made)
        }
    };
    if options.metadata == Metadata::All
        && let Some(trailer) = Trailer::find(source, &structure)
    {
        trailer.append(&mut bytes);
    }
    Ok(Transcoded {
        bytes,
        size: structure.frame.size,
        process: to,
    })
}

/// Bounds on the memory that [`transcode`] takes beside `source`, told from the markers up to the first scan.
///
/// A coefficient takes a source at least two bits, one of a code and one of magnitude: there are at most four for each
/// of its bytes.
///
/// # Errors
///
/// [`Error::Malformed`], [`Error::Unsupported`]. No limit is checked here.
pub fn transcode_memory(source: &[u8], options: &TranscodeOptions) -> Result<MemoryBound, Error> {
    let limits = Limits {
        max_pixels: u64::MAX,
        ..Limits::default()
    };
    let structure = Structure::parse(source, Extent::Header, Damage::Keep, &limits)?;
    let frame = &structure.frame;
    if !matches!(frame.marker, SOF0..=SOF2) {
        return Err(Error::Unsupported(named(frame.marker).to_owned()));
    }
    frame.check()?;
    let blocks = frame.total_blocks();
    let budget = Budget::of(
        blocks,
        frame.marker == SOF2,
        options.threads,
        options.limits.max_bytes,
    );
    let len = source.len() as u64;
    // The same coefficients under tables made for them: what progressive scans may add are their ends, a few bits for
    // each block and scan. Kept segments are there by themselves as well, and the source's own scans may be the result.
    let result = |_| 3 * len + 5 * blocks;
    Ok(MemoryBound::new(
        &budget,
        (63 * blocks).min(4 * len),
        result,
    ))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use raster::{Simd, Unwatched};

    use super::*;
    use crate::coefficients::Component;
    use crate::options::Scans;
    use crate::picture::{Color, Picture};
    use crate::read::read_picture;

    /// A picture of `shapes` components, with blocks from `seeds`.
    pub(crate) fn picture(size: Size, shapes: &[(u8, u8)], seeds: &[i16]) -> Picture {
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
