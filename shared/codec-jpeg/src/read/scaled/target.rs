//! The planes that are made, one for each component.

#[cfg(target_arch = "x86_64")]
use raster::X86V3;
use raster::{Kernel, Plane};

use crate::error::{Error, malformed};
use crate::read::frame::FrameHeader;
use crate::read::scaled::inverse::{LANES, group_len, inverse_group, multipliers};

/// The plane of one component while it is made.
pub(crate) struct Target {
    /// Blocks in a row, and rows of blocks.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Groups of [`LANES`] blocks in a row, those that only fill up an MCU among them.
    pub(crate) groups: usize,
    /// Points of the transform.
    n: usize,
    multipliers: Option<[f32; 64]>,
    samples: Vec<u8>,
    /// What of it the picture covers.
    covered: (f64, f64),
}

impl Target {
    pub(crate) fn new(frame: &FrameHeader, index: usize, n: usize) -> Self {
        let Shape {
            width,
            height,
            groups,
        } = Shape::new(frame, index);
        let component = &frame.components[index];
        let (h_max, v_max) = frame.largest();
        let covered = |side: u32, factor: u8, max: u8| {
            // Whole numbers up to the division, so that no side comes out a little above what it is.
            (u64::from(side) * u64::from(factor) * n as u64) as f64 / f64::from(8 * u32::from(max))
        };
        Self {
            width,
            height,
            groups,
            n,
            multipliers: None,
            samples: vec![0; groups * LANES * n * height * n],
            covered: (
                covered(frame.size.width, component.h, h_max),
                covered(frame.size.height, component.v, v_max),
            ),
        }
    }

    /// Sets the quantization table, in zigzag order.
    pub(crate) fn set_quantization(&mut self, table: &[u16; 64]) {
        self.multipliers = Some(multipliers(self.n, table));
    }

    /// True where the table is set: some scan has the component.
    pub(crate) fn is_begun(&self) -> bool {
        self.multipliers.is_some()
    }

    /// Makes the samples of row `block_row` of the blocks, of all their groups of coefficients.
    pub(crate) fn write_row<const N: usize>(
        &mut self,
        kernel: Kernel,
        block_row: usize,
        groups: &[i16],
    ) {
        let (Some(multipliers), true) = (&self.multipliers, block_row < self.height) else {
            return;
        };
        let stride = self.groups * LANES * N;
        let out = &mut self.samples[block_row * N * stride..][..N * stride];
        match kernel {
            Kernel::Portable => write_groups::<N>(groups, multipliers, out, stride),
            #[cfg(target_arch = "x86_64")]
            Kernel::X86V3(proof) => {
                // SAFETY: this kernel is only made where its instructions were detected.
                #[allow(unsafe_code)]
                unsafe {
                    write_groups_x86_v3::<N>(proof, groups, multipliers, out, stride);
                }
            }
        }
    }

    pub(crate) fn into_plane(self) -> Result<Plane, Error> {
        let stride = self.groups * LANES * self.n;
        let (width, height) = self.covered;
        match Plane::new(self.samples, stride, width, height) {
            Some(plane) => Ok(plane),
            None => malformed(format!("a component of {width}x{height} samples")),
        }
    }
}

/// The blocks of a component.
pub(crate) struct Shape {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) groups: usize,
}

impl Shape {
    pub(crate) fn new(frame: &FrameHeader, index: usize) -> Self {
        let (width, height) = frame.blocks(index);
        let (columns, _) = frame.mcus();
        let padded = width.max(columns * usize::from(frame.components[index].h));
        Self {
            width,
            height,
            groups: padded.div_ceil(LANES),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn write_groups_x86_v3<const N: usize>(
    _proof: X86V3,
    groups: &[i16],
    multipliers: &[f32; 64],
    out: &mut [u8],
    stride: usize,
) {
    write_groups::<N>(groups, multipliers, out, stride);
}

#[inline(always)]
fn write_groups<const N: usize>(
    groups: &[i16],
    multipliers: &[f32; 64],
    out: &mut [u8],
    stride: usize,
) {
    for (index, group) in groups.chunks_exact(group_len(N)).enumerate() {
        inverse_group::<N>(group, multipliers, &mut out[index * LANES * N..], stride);
    }
}
