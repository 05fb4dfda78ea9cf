//! Quantized coefficients in the packed form that scans are made from.
//!
//! For each block: the positions where the magnitude is at least 1, 2, 4 and 8, as 64-bit masks in zigzag order; the
//! signs; the low bits of what is above each of these thresholds, which is what refinement scans send; and the
//! values other than zero. Scans are then arithmetic on masks, and hardly touch a coefficient.

use raster::Kernel;

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
    /// The DC coefficient of each block.
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
    /// The AC coefficients other than zero, in zigzag order within each block; there may be room after them.
    pub(crate) values: Vec<i16>,
    /// How many of `values` are coefficients.
    used: usize,
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
            used: 0,
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
        let end = self.used + 64;
        if self.values.len() < end {
            self.grow();
        }
        (&mut self.values[self.used..end])
            .try_into()
            .expect("the range has 64 values")
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        self.values.resize(self.values.len() * 2 + 4096, 0);
    }

    /// How many AC coefficients other than zero it has so far.
    pub(crate) fn coefficients(&self) -> u64 {
        self.used as u64
    }

    /// Makes the values written into [`Self::room`] the AC coefficients of the block at `index`; `mask` has their
    /// positions.
    #[inline(always)]
    pub(crate) fn keep(&mut self, kernel: Kernel, index: usize, mask: u64) {
        self.starts[index] = self.used as u32;
        if mask == 0 {
            return;
        }
        let room: &[i16; 64] = self.values[self.used..self.used + 64]
            .try_into()
            .expect("the range has 64 values");
        let packed = pack(kernel, mask, room);
        self.used += mask.count_ones() as usize;
        for (masks, mask) in self.masks.iter_mut().zip(packed.masks) {
            masks[index] = mask;
        }
        self.signs[index] = packed.signs;
        // What the masks above do not have needs no corrections.
        if packed.masks[1] != 0 {
            for (corrections, bits) in self.corrections.iter_mut().zip(packed.corrections) {
                corrections[index] = bits;
            }
        }
    }
}

/// The masks of the first of `values`, which stand at the positions in `mask`.
#[inline(always)]
fn pack(kernel: Kernel, mask: u64, values: &[i16; 64]) -> Packed {
    match kernel {
        Kernel::Portable => pack_portable(mask, values),
        #[cfg(target_arch = "x86_64")]
        Kernel::X86V3(_) => {
            // SAFETY: this kernel is only made where its instructions were detected.
            #[allow(unsafe_code)]
            unsafe {
                x86_v3::pack(mask, values)
            }
        }
    }
}

/// The definition of [`pack()`], for every processor.
fn pack_portable(mask: u64, values: &[i16; 64]) -> Packed {
    let values = &values[..mask.count_ones() as usize];
    let all = values
        .iter()
        .fold(0, |all, value| all | value.unsigned_abs());
    // Most blocks need not all levels.
    match all {
        0..2 => pack_levels::<0>(mask, values),
        2..4 => pack_levels::<1>(mask, values),
        _ => pack_levels::<3>(mask, values),
    }
}

/// As [`pack()`], where no magnitude needs more than `L` levels. Without branches, which would all be chance.
#[inline(always)]
fn pack_levels<const L: usize>(mask: u64, values: &[i16]) -> Packed {
    let mut packed = Packed {
        masks: [mask, 0, 0, 0],
        ..Packed::default()
    };
    let mut rest = mask;
    let mut places = [63u32; LEVELS - 1];
    for &value in values {
        let bit = rest & rest.wrapping_neg();
        rest ^= bit;
        let magnitude = u64::from(value.unsigned_abs());
        packed.signs |= bit & (i64::from(value) >> 63) as u64;
        for (level, place) in places.iter_mut().enumerate().take(L) {
            let high = u64::from(magnitude >= 2 << level);
            packed.masks[level + 1] |= bit & high.wrapping_neg();
            packed.corrections[level] |= (magnitude >> level & high) << (*place & 63);
            *place = place.wrapping_sub(high as u32);
        }
    }
    packed
}

#[cfg(target_arch = "x86_64")]
mod x86_v3 {
    use std::arch::x86_64::{
        _mm_abs_epi16, _mm_and_si128, _mm_cmpgt_epi8, _mm_loadu_si128, _mm_movemask_epi8,
        _mm_packs_epi16, _mm_set1_epi8, _mm_set1_epi16, _mm_slli_epi16, _pdep_u64, _pext_u64,
    };

    use super::Packed;

    /// As [`super::pack_portable`].
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    #[inline]
    pub(super) fn pack(mask: u64, values: &[i16; 64]) -> Packed {
        let count = mask.count_ones();
        // Masks over the values in their order: of signs, thresholds and low bits.
        let (mut signs, mut above, mut low) = (0u64, [0u64; 3], [0u64; 3]);
        for (shift, chunk) in (0..count).step_by(16).zip(values.as_chunks::<16>().0) {
            // SAFETY: a chunk is 32 bytes, and the loads need no alignment.
            #[allow(unsafe_code)]
            let halves = unsafe {
                let first = chunk.as_ptr();
                [
                    _mm_loadu_si128(first.cast()),
                    _mm_loadu_si128(first.add(8).cast()),
                ]
            };
            let magnitudes = halves.map(|half| _mm_abs_epi16(half));
            let bits = |vector| u64::from(_mm_movemask_epi8(vector) as u32) << shift;
            signs |= bits(_mm_packs_epi16(halves[0], halves[1]));
            let capped = _mm_packs_epi16(magnitudes[0], magnitudes[1]);
            let seven = _mm_set1_epi16(7);
            let small = magnitudes.map(|half| _mm_and_si128(half, seven));
            let small = _mm_packs_epi16(small[0], small[1]);
            above[0] |= bits(_mm_cmpgt_epi8(capped, _mm_set1_epi8(1)));
            above[1] |= bits(_mm_cmpgt_epi8(capped, _mm_set1_epi8(3)));
            above[2] |= bits(_mm_cmpgt_epi8(capped, _mm_set1_epi8(7)));
            // A shift moves the wanted bit of each byte to its top.
            low[0] |= bits(_mm_slli_epi16::<7>(small));
            low[1] |= bits(_mm_slli_epi16::<6>(small));
            low[2] |= bits(_mm_slli_epi16::<5>(small));
        }
        let valid = (1 << count) - 1;
        let mut packed = Packed {
            masks: [mask, 0, 0, 0],
            signs: _pdep_u64(signs & valid, mask),
            corrections: [0; 3],
        };
        for (level, (above, low)) in above.into_iter().zip(low).enumerate() {
            let above = above & valid;
            if above == 0 {
                break;
            }
            packed.masks[level + 1] = _pdep_u64(above, mask);
            packed.corrections[level] = _pext_u64(low, above).reverse_bits();
        }
        packed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use raster::Simd;

    use super::*;

    proptest! {
        #[test]
        fn kernels_pack_alike(
            positions in any::<u64>(),
            values in proptest::collection::vec(prop_oneof![-3i16..=3, -40i16..=40, any::<i16>()], 64),
        ) {
            let mask = positions & !1;
            let mut room = [0; 64];
            room.copy_from_slice(&values);
            for value in &mut room {
                *value = if *value == 0 { 1 } else { (*value).max(-i16::MAX) };
            }
            let packed = pack_portable(mask, &room);
            prop_assert_eq!(pack(Kernel::detect(Simd::Auto), mask, &room), packed);
            let mut rest = mask;
            let mut sent = [0; LEVELS - 1];
            for value in &room[..mask.count_ones() as usize] {
                let k = rest.trailing_zeros();
                rest &= rest - 1;
                prop_assert_eq!(packed.signs >> k & 1 == 1, *value < 0);
                for level in 0..LEVELS {
                    let there = value.unsigned_abs() >= 1 << level;
                    prop_assert_eq!(packed.masks[level] >> k & 1 == 1, there);
                    if there && level > 0 {
                        let bit = packed.corrections[level - 1] >> (63 - sent[level - 1]) & 1;
                        prop_assert_eq!(bit as u16, value.unsigned_abs() >> (level - 1) & 1);
                        sent[level - 1] += 1;
                    }
                }
            }
        }
    }
}
