//! Quantization of a block, and what is left out of it because it costs more bits than it shows.
//!
//! The distortion of a coefficient is its squared error in quantization steps, the rate is the code length of typical
//! Huffman tables, and one pass from the highest frequency down decides: no search, a few operations for each
//! coefficient other than zero.

use crate::fdct::SCALE;
use crate::quantization::{MAX_MAGNITUDE, ZIGZAG};

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
    /// The DC coefficient.
    pub(crate) dc: i16,
    /// A bit for each AC coefficient other than zero, by its position in zigzag order.
    pub(crate) mask: u64,
}

/// Costs by the run of zeros before.
type Runs = [f32; 64];

/// Row of [`Quantizer::costs`] that stands for the end of a block.
const END: usize = 11;

/// How one component is quantized.
#[derive(Clone, Debug)]
pub(crate) struct Quantizer {
    /// One over the quantization step and the transform's scale factors; all in the transform's order.
    reciprocals: [[f32; 8]; 8],
    /// What is added before rounding down.
    rounding: [[f32; 8]; 8],
    /// What a coefficient costs in squared quantization steps, by its size category; in row [`END`], what it costs
    /// that no more come.
    costs: [Runs; 16],
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
            reciprocals: [[0.0; 8]; 8],
            rounding: [[0.0; 8]; 8],
            costs: [[0.0; 64]; 16],
        };
        for (runs, bits) in quantizer.costs.iter_mut().zip(rate) {
            for (run, cost) in runs.iter_mut().enumerate() {
                *cost = lambda * (bits[run % 16] + rate[0][15] * (run / 16) as f32);
            }
        }
        // After coefficient 63 the end needs no code.
        quantizer.costs[END] = [lambda * end_of_block; 64];
        quantizer.costs[END][0] = 0.0;
        for u in 0..8 {
            for v in 0..8 {
                let k = usize::from(ZIGZAG_OF[8 * u + v]);
                quantizer.reciprocals[u][v] = SCALE[u] * SCALE[v] / f32::from(table[k]);
                quantizer.rounding[u][v] = rounding[k];
            }
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
        /// Adding it to a value below 2^22 leaves that value's integer in the low bits, rounded to nearest.
        const MAGIC: f32 = 12_582_912.0;
        let mut ratios = [0.0f32; 64];
        let mut levels = [0i32; 64];
        let mut flags = [0u8; 64];
        for u in 0..8 {
            for v in 0..8 {
                let ratio = coefficients[u][v] * self.reciprocals[u][v];
                let rounded = ratio.abs() + (self.rounding[u][v] - 0.5) + MAGIC;
                let level = rounded.to_bits() as i32 - MAGIC.to_bits() as i32;
                ratios[8 * u + v] = ratio;
                levels[8 * u + v] = level;
                flags[8 * u + v] = u8::from(level != 0);
            }
        }
        let signed = |ratio: f32, level: i32| {
            let sign = ratio.to_bits() as i32 >> 31;
            ((level ^ sign) - sign) as i16
        };
        let dc = signed(ratios[0], levels[0]);
        let mask = zigzag_mask(&flags);
        let (mut rest, mut kept) = (mask, 0u64);
        // The coefficient after the one looked at, as far as kept: its position and its costs.
        let (mut next, mut next_costs) = (64, &self.costs[END]);
        let mut free = 64;
        while rest != 0 {
            let k = 63 - rest.leading_zeros() as usize;
            rest ^= 1 << k;
            let before = 63 - (rest | 1).leading_zeros() as usize;
            let run = (k - before - 1) & 63;
            let i = usize::from(UNZIGZAG[k]) & 63;
            let (ratio, mut level) = (ratios[i], levels[i].min(MAX_MAGNITUDE));
            let mut category = (32 - level.leading_zeros() as usize) & 15;
            if level & (level - 1) == 0 {
                // A power of two: one less is a category less, or nothing at all.
                let change = (ratio.abs() - level as f32) * 2.0 + 1.0;
                let (now, then) = if level == 1 {
                    let (kept, dropped) = (next - k - 1, next - before - 1);
                    (next_costs[kept & 63], next_costs[dropped & 63])
                } else {
                    (0.0, self.costs[category - 1][run])
                };
                if change < self.costs[category][run] + now - then {
                    level -= 1;
                    category -= 1;
                    if level == 0 {
                        continue;
                    }
                }
            }
            kept |= 1 << k;
            (next, next_costs) = (k, &self.costs[category]);
            free -= 1;
            values[free & 63] = signed(ratio, level);
        }
        values.copy_within(free.., 0);
        Quantized { dc, mask: kept }
    }
}

/// A bit for each AC coefficient whose flag, in the transform's order, is 1; bits are in zigzag order.
#[inline(always)]
fn zigzag_mask(flags: &[u8; 64]) -> u64 {
    let mut found = 0;
    for (u, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        // Gathers the low bits of eight bytes in the top byte.
        let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        found |= bits << (8 * u);
    }
    found &= !1;
    let mut mask = 0;
    while found != 0 {
        mask |= 1 << ZIGZAG_OF[found.trailing_zeros() as usize & 63];
        found &= found - 1;
    }
    mask
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
        // A category less: 2 * (1.55 - 2) + 1 = 0.1 for one bit, worth 0.05, is kept; at 1.51 it is not.
        assert_eq!(quantize(&careful, &[(3, 15.5)]), [(0, 0), (3, 2)]);
        assert_eq!(quantize(&careful, &[(3, 15.1)]), [(0, 0), (3, 1)]);
        // The DC coefficient is never left out.
        assert_eq!(quantize(&quantizer(9.0), &[(0, 6.0), (1, 6.0)]), [(0, 1)]);
    }
}
