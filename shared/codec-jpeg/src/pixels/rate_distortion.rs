//! Quantization of a block, and what is left out of it because it costs more bits than it shows.
//!
//! The distortion of a coefficient is its squared error in quantization steps, the rate is the code length of typical
//! Huffman tables, and one pass from the highest frequency down decides: no search, a few operations for each
//! coefficient other than zero.

use crate::pixels::fdct::SCALE;
use crate::zigzag::ZIGZAG;

/// Position in zigzag order of each coefficient in the transform's order, `8 * u + v`.
const ZIGZAG_OF: [u8; 64] = {
    let mut of = [0; 64];
    let mut k = 0;
    while k < 64 {
        let (v, u) = (ZIGZAG[k] as usize / 8, ZIGZAG[k] as usize % 8);
        of[8 * u + v] = k as u8;
        k += 1;
    }
    of
};

/// The bits in zigzag order that eight flags in the transform's order stand for: `[u][flags]`.
static ZIGZAG_BITS: [[u64; 256]; 8] = {
    let mut bits = [[0; 256]; 8];
    let mut i = 0;
    while i < 8 * 256 * 8 {
        let (u, flags, v) = (i / 2048, i / 8 % 256, i % 8);
        if flags >> v & 1 == 1 {
            bits[u][flags] |= 1 << ZIGZAG_OF[8 * u + v];
        }
        i += 1;
    }
    bits
};

/// Position in the transform's order of each coefficient in zigzag order.
const UNZIGZAG: [u8; 64] = {
    let mut of = [0; 64];
    let mut i = 0;
    while i < 64 {
        of[ZIGZAG_OF[i] as usize] = i as u8;
        i += 1;
    }
    of
};

/// Bits of AC coefficients: `[category][run]`, the code for a run of zeros and a size category with the bits that
/// follow it; `[0][15]` is a run of sixteen zeros and nothing else.
pub(crate) type Rate = [[f32; 16]; 11];

/// A block as the scans want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quantized {
    /// The quantized DC coefficient.
    pub(crate) dc: i16,
    /// A bit for each AC coefficient other than zero, by its position in zigzag order.
    pub(crate) mask: u64,
}

/// Added to a value below 2^22, it leaves that value rounded to nearest.
const MAGIC: f32 = 12_582_912.0;

/// Coefficients below this, in quantization steps, are zero without a look at their bits: of thousands, hardly one
/// would be worth them. A larger number is faster, and drops some that would be.
const NEVER_KEPT: f32 = 0.52;

/// One squared quantization step, in the integers that costs and losses are counted in.
const UNIT: f32 = 65_536.0;

/// The most that the bits of a coefficient count for, in squared quantization steps, so that sums of costs fit their
/// integers. No coefficient of magnitude 2 or more is left out: its loss counts as three times this.
const DEAR: f32 = 20.0;

/// The largest magnitude of a quantized AC coefficient (T.81, table F.2: size category 10).
const MAX_MAGNITUDE: f32 = 1023.0;

/// Bits that a value of one size category more takes, with its longer code. A larger number makes more powers of two
/// one less.
const CATEGORY_BITS: f32 = 2.5;

/// Costs by the run of zeros before.
type Runs = [i32; 64];

/// Row of [`Quantizer::costs`] that stands for the end of a block.
const END: usize = 11;

/// How one component is quantized.
#[derive(Clone, Debug)]
pub(crate) struct Quantizer {
    /// One over the quantization step and the transform's scale factors; all in the transform's order.
    reciprocals: [f32; 64],
    /// What is added before rounding to nearest.
    rounding: [f32; 64],
    /// What a coefficient costs by its size category, in [`UNIT`]s; in row [`END`], what it costs that no more come.
    costs: [Runs; 16],
    /// Powers of two become one less where they were rounded up by more than this.
    lower: f32,
}

impl Quantizer {
    /// A quantizer for `table`; `table` and `rounding` are in zigzag order. A bit is worth `lambda` squared steps.
    pub(crate) fn new(
        table: &[u16; 64],
        rounding: &[f32; 64],
        lambda: f32,
        rate: &Rate,
        end_of_block: f32,
    ) -> Self {
        let mut quantizer = Self {
            reciprocals: [0.0; 64],
            rounding: [0.0; 64],
            costs: [[0; 64]; 16],
            lower: lambda * CATEGORY_BITS / 2.0 - 0.5,
        };
        let cost_of = |bits: f32| integer((bits * lambda).min(DEAR) * UNIT);
        for (runs, bits) in quantizer.costs.iter_mut().zip(rate) {
            for (run, cost) in runs.iter_mut().enumerate() {
                *cost = cost_of(bits[run % 16] + rate[0][15] * (run / 16) as f32);
            }
        }
        // After coefficient 63 the end needs no code.
        quantizer.costs[END] = [cost_of(end_of_block); 64];
        quantizer.costs[END][0] = 0;
        for (i, &k) in ZIGZAG_OF.iter().enumerate() {
            let k = usize::from(k);
            quantizer.reciprocals[i] = SCALE[i / 8] * SCALE[i % 8] / f32::from(table[k]);
            quantizer.rounding[i] = rounding[k] - 0.5;
        }
        quantizer
    }

    /// Quantizes transformed `coefficients`. The AC coefficients other than zero come first in `values`, in zigzag
    /// order; what follows them there has no meaning.
    #[inline(always)]
    pub(crate) fn quantize(
        &self,
        coefficients: &[[f32; 8]; 8],
        values: &mut [i16; 64],
    ) -> Quantized {
        let coefficients = coefficients.as_flattened();
        let mut levels = [0i32; 64];
        let mut categories = [0u8; 64];
        let mut losses = [0i32; 64];
        for i in 0..64 {
            let ratio = coefficients[i] * self.reciprocals[i];
            let size = ratio.abs().min(MAX_MAGNITUDE);
            let level = (size + self.rounding[i]) + MAGIC - MAGIC;
            // Where all bits but the exponent are zero, one less is a category less. That is worth some loss.
            let power = level.to_bits() << 9 == 0;
            // Not `&&`, which keeps the compiler from vectors: 0.86 instead of 0.60 of libjpeg-turbo's time.
            #[allow(clippy::needless_bitwise_bool)]
            let lower = power & (level > 1.0) & (size - level < self.lower);
            let level = if lower { level - 1.0 } else { level };
            let level = if size < NEVER_KEPT { 0.0 } else { level };
            // What is lost by zero, where that is worth a look.
            let loss = if level < 1.5 {
                size * 2.0 - 1.0
            } else {
                3.0 * DEAR
            };
            losses[i] = integer(loss * UNIT);
            categories[i] = (level.to_bits() >> 23) as u8;
            let sign = ratio.to_bits() as i32 >> 31;
            levels[i] = (integer(level) ^ sign) - sign;
        }
        // The DC coefficient may be one more below zero than others may.
        let dc = integer(coefficients[0] * self.reciprocals[0]) as i16;
        let mask = zigzag_mask(&categories);
        // Filled from the end of its first half down, so that a copy of fixed length takes all.
        let mut found = [0i16; 128];
        let mut free = 64;
        let mut kept = mask;
        // The coefficient after the one looked at, as far as kept: its position and its costs.
        let (mut next, mut next_costs) = (64, &self.costs[END]);
        let mut rest = mask;
        let mut k = 63 - (rest | 1).leading_zeros() as usize;
        while rest != 0 {
            rest ^= 1 << k;
            let before = 63 - (rest | 1).leading_zeros() as usize;
            let i = usize::from(UNZIGZAG[k & 63]) & 63;
            let with = self.costs[1][(k - before - 1) & 63] + next_costs[(next - k - 1) & 63];
            let without = next_costs[(next - before - 1) & 63];
            let drop = losses[i] < with - without;
            kept ^= u64::from(drop) << k;
            // Overwritten by the next one if it is dropped.
            found[(free - 1) & 127] = levels[i] as i16;
            free -= usize::from(!drop);
            let costs = &self.costs[usize::from(categories[i].wrapping_sub(126)) & 15];
            (next, next_costs) = if drop { (next, next_costs) } else { (k, costs) };
            k = before;
        }
        values.copy_from_slice(&found[free..][..64]);
        Quantized { dc, mask: kept }
    }
}

/// The integer nearest to a value below 2^22.
#[inline(always)]
fn integer(value: f32) -> i32 {
    (value + MAGIC).to_bits() as i32 - MAGIC.to_bits() as i32
}

/// A bit for each AC coefficient whose entry, in the transform's order, is not zero; bits are in zigzag order.
#[inline(always)]
fn zigzag_mask(entries: &[u8; 64]) -> u64 {
    let mut mask = 0;
    for (eight, table) in entries.as_chunks::<8>().0.iter().zip(&ZIGZAG_BITS) {
        // Entries are at most 127 or at least 1 more: with that added, the top bit says which are not zero.
        let word = u64::from_le_bytes(*eight);
        let sums = (word & 0x7F7F_7F7F_7F7F_7F7F) + 0x7F7F_7F7F_7F7F_7F7F;
        let flags = ((sums | word) >> 7) & 0x0101_0101_0101_0101;
        // Gathers the low bits of eight bytes in the top byte.
        let bits = flags.wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask |= table[bits as usize];
    }
    mask & !1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code takes five bits and its value's.
    fn rate() -> Rate {
        std::array::from_fn(|category| [5.0 + category as f32; 16])
    }

    fn quantizer(lambda: f32) -> Quantizer {
        Quantizer::new(&[10; 64], &[0.5; 64], lambda, &rate(), 4.0)
    }

    /// Coefficients by their position in zigzag order, quantized.
    fn quantize(quantizer: &Quantizer, coefficients: &[(usize, f32)]) -> Vec<(usize, i16)> {
        let mut transformed = [[0.0; 8]; 8];
        for &(k, value) in coefficients {
            let (v, u) = (usize::from(ZIGZAG[k]) / 8, usize::from(ZIGZAG[k]) % 8);
            transformed[u][v] = value / (SCALE[u] * SCALE[v]);
        }
        let mut values = [0; 64];
        let Quantized { dc, mask } = quantizer.quantize(&transformed, &mut values);
        let positions = (1..64).filter(|k| mask >> k & 1 == 1);
        std::iter::once((0, dc))
            .chain(positions.zip(values))
            .collect()
    }

    #[test]
    fn rounds_to_nearest_where_bits_are_free() {
        let free = quantizer(0.0);
        let all: Vec<_> = (0..64)
            .map(|k| (k, (k as f32 * 7.7 - 200.0) * 1.01))
            .collect();
        let expected: Vec<_> = all
            .iter()
            .map(|&(k, value)| (k, (value / 10.0).round() as i16))
            .filter(|&(k, level)| k == 0 || level != 0)
            .collect();
        assert_eq!(quantize(&free, &all), expected);
    }

    #[test]
    fn keeps_the_range_of_the_standard() {
        let fine = Quantizer::new(&[1; 64], &[0.5; 64], 0.0, &rate(), 4.0);
        let found = quantize(&fine, &[(0, -1024.0), (1, 1300.0), (63, -1300.0)]);
        assert_eq!(found, [(0, -1024), (1, 1023), (63, -1023)]);
    }

    #[test]
    fn leaves_out_what_costs_more_than_it_shows() {
        let careful = quantizer(0.05);
        // Alone at the end of a block: 2 * 0.6 - 1 = 0.2 squared steps for 6 bits, worth 0.3.
        assert_eq!(quantize(&careful, &[(0, 50.0), (10, 6.0)]), [(0, 5)]);
        assert_eq!(
            quantize(&careful, &[(0, 50.0), (10, -7.0)]),
            [(0, 5), (10, -1)]
        );
        // Far away it takes two runs of sixteen zeros, 10 bits more.
        assert_eq!(quantize(&careful, &[(0, 50.0), (40, -7.0)]), [(0, 5)]);
        // Before another it costs a code, and saves no run.
        assert_eq!(quantize(&careful, &[(3, 6.0), (4, 30.0)]), [(0, 0), (4, 3)]);
        // A category less: 2 * (1.6 - 2) + 1 = 0.2 for 2.5 bits, worth 0.125; at 1.55 it is 0.1.
        assert_eq!(quantize(&careful, &[(3, 16.0)]), [(0, 0), (3, 2)]);
        assert_eq!(quantize(&careful, &[(3, -15.5)]), [(0, 0), (3, -1)]);
        // Three is none: its category has two as well.
        assert_eq!(quantize(&careful, &[(3, 25.5)]), [(0, 0), (3, 3)]);
        // The DC coefficient is never left out.
        assert_eq!(quantize(&quantizer(9.0), &[(0, 6.0), (1, 6.0)]), [(0, 1)]);
    }
}
