//! The second way in: pixels, converted, transformed and quantized a row of MCUs at a time, to coefficients.

mod color;
mod downsample;
pub(crate) mod fdct;
mod planes;
pub(crate) mod quantization;
pub(crate) mod rate_distortion;

#[cfg(target_arch = "x86_64")]
use raster::X86V3;
use raster::{Frame, Kernel, Layout, Size, Watch};

use crate::codes::{APP0, APP1, APP2, EXIF, ICC, JFIF, XMP};
use crate::coefficients::Component;
use crate::error::Error;
use crate::memory::{Budget, MemoryBound};
use crate::options::{Density, EncodeOptions};
use crate::picture::{Color, Picture};
use crate::pixels::planes::Strip;
use crate::pixels::quantization::quantizers;
use crate::pixels::rate_distortion::Quantizer;
use crate::planes::Planes;
use crate::quality::tables;
use crate::write::{WriteOptions, write};

/// The largest payload of a marker segment, after its length (T.81, B.1.1.4).
const SEGMENT_BYTES: usize = 65_533;

/// The most bytes of [`EncodeOptions::exif`].
pub const MAX_EXIF_BYTES: usize = SEGMENT_BYTES - EXIF.len();

/// The most bytes of [`EncodeOptions::xmp`].
pub const MAX_XMP_BYTES: usize = SEGMENT_BYTES - XMP.len();

/// The most bytes of [`EncodeOptions::icc`].
pub const MAX_ICC_BYTES: usize = 255 * ICC_PIECE_BYTES;
/// Bytes of a profile in one APP2 segment, after its name, its number and the number of pieces (ICC.1, B.4).
const ICC_PIECE_BYTES: usize = SEGMENT_BYTES - ICC.len() - 2;

/// Bytes of memory for each pixel of a picture's width: a row of MCUs as samples, and rows taken apart into colors.
const STRIP_BYTES: u64 = 192;

/// Encodes one picture as a JPEG.
///
/// - Input: sRGB; gray stays gray, alpha is laid over `options.background`.
/// - Output: a complete JFIF file (T.871), with EXIF, XMP and ICC segments where given, and Huffman tables made for it.
///   The same pixels and options give the same bytes on every machine, for any `simd` and `threads`.
/// - Chroma is averaged over the pixels that a sample stands for.
/// - Cost: linear in pixels. Memory beside frame and output: [`Limits::max_bytes`](crate::Limits::max_bytes) has the
///   formula (1.5 blocks for 64 pixels at 4:2:0, 3 at 4:4:4).
///
/// # Errors
///
/// - [`Error::Quality`] if `options.quality` is over 100.
/// - [`Error::TooLarge`] if a side is over 65 535 px.
/// - [`Error::SegmentTooLarge`] if the profile, the EXIF data or the XMP packet does not fit the format.
/// - [`Error::TooMuchMemory`] if the work would take more than `options.max_bytes`.
/// - [`Error::Stopped`] if `watch` says so; it is asked for each row of MCUs and of blocks.
pub fn encode(frame: &Frame, options: &EncodeOptions, watch: &dyn Watch) -> Result<Vec<u8>, Error> {
    encode_source(Source::Frame(frame, options.background), options, watch)
}

/// Encodes a picture in planes as a JPEG: as [`encode`], without a conversion of colors.
///
/// - Input: a plane in gray, or Y, Cb and Cr in full range (T.871). The first has `planes.size` samples, the others as many,
///   or half of them (rounded up) across, or across and down: they are stored so, whatever `options.sampling` is.
/// - The same planes and options give the same bytes on every machine, for any `simd` and `threads`.
/// - Memory: [`encode_memory`], with `options.sampling` as the planes have it.
///
/// # Errors
///
/// Those of [`encode`].
///
/// # Panics
///
/// If the planes are none of these.
pub fn encode_planes(
    planes: &Planes,
    options: &EncodeOptions,
    watch: &dyn Watch,
) -> Result<Vec<u8>, Error> {
    encode_source(Source::Planes(planes), options, watch)
}

/// Where samples come from.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// A frame, and what is put under it where it is transparent.
    Frame(&'a Frame, [u8; 3]),
    Planes(&'a Planes),
}

impl Source<'_> {
    fn size(self) -> Size {
        match self {
            Self::Frame(frame, _) => frame.size(),
            Self::Planes(planes) => planes.size,
        }
    }

    fn is_gray(self) -> bool {
        match self {
            Self::Frame(frame, _) => frame.layout() == Layout::Gray,
            Self::Planes(planes) => planes.planes.len() == 1,
        }
    }

    /// Luma's sampling factors; chroma's are 1.
    fn factors(self, options: &EncodeOptions) -> (u8, u8) {
        match self {
            Self::Frame(..) => factors(self.is_gray(), options),
            Self::Planes(planes) => planes.factors(),
        }
    }
}

fn encode_source(
    source: Source,
    options: &EncodeOptions,
    watch: &dyn Watch,
) -> Result<Vec<u8>, Error> {
    watch.check()?;
    if options.quality > 100 {
        return Err(Error::Quality(options.quality));
    }
    let size = source.size();
    if size.width > 65_535 || size.height > 65_535 {
        return Err(Error::TooLarge(size));
    }
    let segments = segments(options)?;
    let kernel = Kernel::detect(options.simd);
    let picture = coefficients(source, options, kernel, watch)?;
    let write_options = WriteOptions {
        process: options.process,
        scans: options.scans,
        kernel,
        threads: options.threads,
    };
    write(&picture, [&segments, &[]], write_options, watch)
}

/// Bounds on the memory that [`encode`] takes beside its frame, which is of this size, and gray where `gray` says so.
pub fn encode_memory(size: Size, gray: bool, options: &EncodeOptions) -> MemoryBound {
    let shapes = shapes(size, gray, factors(gray, options));
    let blocks = total_blocks(&shapes);
    let budget = Budget::of(blocks, false, options.threads, options.max_bytes);
    let segments = [&options.icc, &options.exif].into_iter().flatten();
    let segments: usize = segments.map(Vec::len).sum();
    // An optimal table has codes of 8 bits on average or less, and a magnitude has 10 at most; a DC coefficient, runs
    // and the end of a block take 3 bytes together.
    let result = |coefficients| coefficients * 9 / 4 + 3 * blocks + segments as u64;
    let bound = MemoryBound::new(&budget, 63 * blocks, result);
    MemoryBound {
        most_bytes: bound.most_bytes + u64::from(size.width) * STRIP_BYTES,
        ..bound
    }
}

/// Luma's horizontal and vertical sampling factor; chroma's are 1.
fn factors(gray: bool, options: &EncodeOptions) -> (u8, u8) {
    match options.sampling.at(options.quality) {
        _ if gray => (1, 1),
        sampling => sampling.factors(),
    }
}

/// What a component has.
struct Shape {
    /// Its sampling factors.
    factors: (u8, u8),
    /// Blocks in a row, and rows of blocks.
    blocks: (usize, usize),
}

/// The components of a picture, luma's factors being these.
fn shapes(size: Size, gray: bool, (h, v): (u8, u8)) -> Vec<Shape> {
    let along = |side: u32, own: u8, largest: u8| {
        (side * u32::from(own)).div_ceil(8 * u32::from(largest)) as usize
    };
    let count = if gray { 1 } else { 3 };
    [(h, v), (1, 1), (1, 1)]
        .into_iter()
        .take(count)
        .map(|own| Shape {
            factors: own,
            blocks: (along(size.width, own.0, h), along(size.height, own.1, v)),
        })
        .collect()
}

fn total_blocks(shapes: &[Shape]) -> u64 {
    let blocks = shapes.iter().map(|shape| shape.blocks);
    blocks
        .map(|(width, height)| width as u64 * height as u64)
        .sum()
}

fn coefficients(
    source: Source,
    options: &EncodeOptions,
    kernel: Kernel,
    watch: &dyn Watch,
) -> Result<Picture, Error> {
    let (size, gray) = (source.size(), source.is_gray());
    let (h, v) = source.factors(options);
    let shapes = shapes(size, gray, (h, v));
    let blocks = total_blocks(&shapes);
    let budget = Budget::new(blocks, false, options.threads, options.max_bytes)?;
    let mut components: Vec<Component> = (1..)
        .zip(shapes)
        .map(|(id, shape)| Component::new(id, shape.factors, u8::from(id > 1), shape.blocks))
        .collect();
    let quantizers = quantizers(options.quality);
    let mut strip = Strip::new(size.width as usize, gray, (usize::from(h), usize::from(v)));
    for (row, top) in (0..size.height as usize)
        .step_by(strip.height())
        .enumerate()
    {
        watch.check()?;
        budget.check(&components)?;
        let work = Work {
            source,
            top,
            row,
            quantizers: &quantizers,
        };
        code_strip(kernel, work, &mut strip, &mut components);
    }
    let [luma, chroma] = tables(options.quality);
    Ok(Picture {
        size,
        components,
        quantization: [luma, chroma, chroma, chroma],
        color: if gray { Color::Other } else { Color::YCbCr },
    })
}

/// One row of MCUs to make.
#[derive(Clone, Copy)]
struct Work<'a> {
    source: Source<'a>,
    /// Its first row of pixels, and its number.
    top: usize,
    row: usize,
    quantizers: &'a [Quantizer; 2],
}

impl Work<'_> {
    #[inline(always)]
    fn run(self, kernel: Kernel, strip: &mut Strip, components: &mut [Component]) {
        match self.source {
            Source::Frame(frame, background) => strip.fill(frame, self.top, background),
            Source::Planes(planes) => strip.fill_from_planes(&planes.planes, self.row),
        }
        for (index, component) in components.iter_mut().enumerate() {
            let rows = usize::from(component.v);
            for row in 0..rows {
                let block_row = self.row * rows + row;
                if block_row >= component.height {
                    break;
                }
                let quantizer = &self.quantizers[index.min(1)];
                strip.transform(index, row, kernel, quantizer, block_row, component);
            }
        }
    }
}

/// Fills `strip` and adds its blocks to `components`.
fn code_strip(kernel: Kernel, work: Work, strip: &mut Strip, components: &mut [Component]) {
    match kernel {
        Kernel::Portable => work.run(kernel, strip, components),
        #[cfg(target_arch = "x86_64")]
        Kernel::X86V3(proof) => {
            // SAFETY: this kernel is made only where the processor has what the function needs.
            #[allow(unsafe_code)]
            unsafe {
                code_strip_x86_v3(proof, work, strip, components);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn code_strip_x86_v3(proof: X86V3, work: Work, strip: &mut Strip, components: &mut [Component]) {
    work.run(Kernel::X86V3(proof), strip, components);
}

/// The JFIF segment, EXIF, XMP and the ICC profile.
fn segments(options: &EncodeOptions) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let Density { unit, x, y } = options.density;
    let ([x1, x0], [y1, y0]) = (x.max(1).to_be_bytes(), y.max(1).to_be_bytes());
    // Version 1.02, the density, no thumbnail.
    let jfif = [1, 2, unit as u8, x1, x0, y1, y0, 0, 0];
    segment(APP0, &[JFIF, &jfif], &mut out);
    if let Some(exif) = &options.exif {
        fits("EXIF", exif, MAX_EXIF_BYTES)?;
        segment(APP1, &[EXIF, exif], &mut out);
    }
    if let Some(xmp) = &options.xmp {
        fits("XMP packet", xmp, MAX_XMP_BYTES)?;
        segment(APP1, &[XMP, xmp], &mut out);
    }
    if let Some(profile) = &options.icc {
        fits("ICC profile", profile, MAX_ICC_BYTES)?;
        let pieces = profile.chunks(ICC_PIECE_BYTES);
        let count = pieces.len() as u8;
        for (number, piece) in (1..=255).zip(pieces) {
            segment(APP2, &[ICC, &[number, count], piece], &mut out);
        }
    }
    Ok(out)
}

fn fits(what: &'static str, data: &[u8], max_bytes: usize) -> Result<(), Error> {
    if data.len() > max_bytes {
        return Err(Error::SegmentTooLarge {
            what,
            found_bytes: data.len(),
            max_bytes,
        });
    }
    Ok(())
}

/// Writes a marker segment; `parts` fit one.
fn segment(marker: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    out.extend([0xFF, marker]);
    out.extend((2 + len as u16).to_be_bytes());
    for part in parts {
        out.extend(*part);
    }
}
