//! Quantized coefficients in the packed form that scans are made from.
//!
//! For each block: the positions where the magnitude is at least 1, 2, 4 and 8, as 64-bit masks in zigzag order; the
//! signs; the low bits of what is above each of these thresholds, which is what refinement scans send; and the
//! values other than zero. Scans are then arithmetic on masks, and hardly touch a coefficient.

use crate::kernel::Kernel;

/// Point transforms that the masks can serve: `Al` is below this.
pub(crate) const LEVELS: usize = 4;

/// One component of a picture and all its blocks, in raster order. Blocks that only fill up an MCU are not held.
pub(crate) struct Component {
    /// Its identifier in the file.
    pub(crate) id: u8,
    /// Sampling factors (T.81, A.1.1).
    pub(crate) h: u8,
    pub(crate) v: u8,
    /// Which of the frame's quantization tables is its.
    pub(crate) quantization: u8,
    /// Blocks in a row, and rows of blocks.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// DC coefficients.
    pub(crate) dc: Vec<i16>,
    /// `masks[n]`: a bit for each AC coefficient of magnitude 2^n and above; bit k is coefficient k in zigzag order.
    pub(crate) masks: [Vec<u64>; LEVELS],
    /// A bit for each negative AC coefficient.
    pub(crate) signs: Vec<u64>,
    /// `corrections[n]`: bit n of the magnitude of each coefficient in `masks[n + 1]`, in their order from the top bit
    /// on. A refinement scan to `Al` = n sends them.
    pub(crate) corrections: [Vec<u64>; LEVELS - 1],
    /// Where a block's values begin in `values`.
    pub(crate) starts: Vec<u32>,
    /// The AC coefficients other than zero, in zigzag order within each block.
    pub(crate) values: Vec<i16>,
}

/// What [`Component`] holds of one block's AC coefficients, beside their values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Packed {
    masks: [u64; LEVELS],
    signs: u64,
    corrections: [u64; LEVELS - 1],
}

impl Component {
    /// A component of `width` x `height` blocks, all of them zero.
    pub(crate) fn new(
        id: u8,
        (h, v): (u8, u8),
        quantization: u8,
        (width, height): (usize, usize),
    ) -> Self {
        let blocks = width * height;
        Self {
            id,
            h,
            v,
            quantization,
            width,
            height,
            dc: vec![0; blocks],
            masks: std::array::from_fn(|_| vec![0; blocks]),
            signs: vec![0; blocks],
            corrections: std::array::from_fn(|_| vec![0; blocks]),
            starts: vec![0; blocks],
            values: Vec::new(),
        }
    }

    /// Sets the block at `index` (in raster order), which must not have been set before, to 64 coefficients in zigzag
    /// order. Blocks may come in any order; the fewer rows they jump, the better.
    pub(crate) fn set(&mut self, kernel: Kernel, index: usize, coefficients: &[i16; 64]) {
        let mut mask = 0;
        let values = self.room();
        let mut count = 0;
        for (k, &value) in coefficients.iter().enumerate().skip(1) {
            values[count & 63] = value;
            count += usize::from(value != 0);
            mask |= u64::from(value != 0) << k;
        }
        self.dc[index] = coefficients[0];
        self.keep(kernel, index, mask);
    }

    /// Room for the values of one more block, for [`Self::keep`] to make part of it.
    #[inline(always)]
    pub(crate) fn room(&mut self) -> &mut [i16; 64] {
        let len = self.values.len();
        if self.values.capacity() - len < 64 {
            self.values.reserve(64);
        }
        self.values.resize(len + 64, 0);
        (&mut self.values[len..])
            .try_into()
            .expect("64 values were added")
    }

    /// Makes the values written into [`Self::room`] the AC coefficients of the block at `index`; `mask` has their
    /// positions.
    #[inline(always)]
    pub(crate) fn keep(&mut self, kernel: Kernel, index: usize, mask: u64) {
        let start = self.values.len() - 64;
        let count = mask.count_ones() as usize;
        self.values.truncate(start + count);
        self.starts[index] = start as u32;
        if mask == 0 {
            return;
        }
        let packed = pack(kernel, mask, &self.values[start..]);
        for (masks, mask) in self.masks.iter_mut().zip(packed.masks) {
            masks[index] = mask;
        }
        self.signs[index] = packed.signs;
        for (corrections, bits) in self.corrections.iter_mut().zip(packed.corrections) {
            corrections[index] = bits;
        }
    }

    /// Gives [`Self::room`] back without a block.
    #[inline(always)]
    pub(crate) fn drop_room(&mut self) {
        self.values.truncate(self.values.len() - 64);
    }
}

/// The masks of `values`, which stand at the positions in `mask`.
#[inline(always)]
fn pack(_kernel: Kernel, mask: u64, values: &[i16]) -> Packed {
    let mut packed = Packed {
        masks: [mask, 0, 0, 0],
        ..Packed::default()
    };
    let mut rest = mask;
    let mut counts = [0u32; LEVELS - 1];
    for &value in values {
        let bit = rest & rest.wrapping_neg();
        rest ^= bit;
        let magnitude = u32::from(value.unsigned_abs());
        if value < 0 {
            packed.signs |= bit;
        }
        for (level, count) in counts.iter_mut().enumerate() {
            if magnitude < 2 << level {
                break;
            }
            packed.masks[level + 1] |= bit;
            packed.corrections[level] |= u64::from(magnitude >> level & 1) << (63 - *count);
            *count += 1;
        }
    }
    packed
}
