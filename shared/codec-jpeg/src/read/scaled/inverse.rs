//! Inverse DCTs of 8, 4, 2 and 1 points on the low coefficients of eight blocks side by side.
//!
//! N points on the low `NxN` coefficients give the picture at N/8: the coefficients of a smooth block and of its reduced
//! picture are the same but for a factor. Everything is `f32` without fused steps, so that kernels give the same samples.

// Loops over lanes have to be plain ones for the compiler to make vectors of them.
#![allow(clippy::needless_range_loop)]

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use crate::zigzag::ZIGZAG;

/// Blocks that are transformed at once.
pub(crate) const LANES: usize = 8;

/// `i16` that a group of blocks takes at N points: a lane of eight for each coefficient, and one for what is not kept.
pub(crate) const fn group_len(n: usize) -> usize {
    (n * n + 1) * LANES
}

/// Where in a group the coefficient at a zigzag position goes, for block 0 of it. What is not kept goes to the last lane,
/// and so does everything from 64 on.
pub(crate) const fn places(n: usize) -> [u16; 128] {
    let mut places = [(n * n * LANES) as u16; 128];
    let mut k = 0;
    while k < 64 {
        let (v, u) = (ZIGZAG[k] as usize / 8, ZIGZAG[k] as usize % 8);
        if u < n && v < n {
            places[k] = ((v * n + u) * LANES) as u16;
        }
        k += 1;
    }
    places
}

/// The last zigzag position of the low `NxN` coefficients.
pub(crate) const fn last_kept(n: usize) -> usize {
    let places = places(n);
    let mut last = 63;
    while places[last] as usize == n * n * LANES {
        last -= 1;
    }
    last
}

/// What a coefficient is multiplied by before the transform, at `v * n + u`: its quantization step, and the factors that
/// the transform leaves out.
pub(crate) fn multipliers(n: usize, quantization: &[u16; 64]) -> [f32; 64] {
    let factor = |w: usize| {
        if w == 0 {
            std::f64::consts::FRAC_1_SQRT_2
        } else if n == 8 {
            // The output scale of the factorization by Arai, Agui and Nakajima.
            (w as f64 * std::f64::consts::PI / 16.0).cos()
        } else {
            1.0
        }
    };
    let mut multipliers = [0.0; 64];
    for (k, place) in places(n).into_iter().take(64).enumerate() {
        let at = usize::from(place) / LANES;
        if at < n * n {
            let factors = factor(at / n) * factor(at % n) / 4.0;
            multipliers[at] = (f64::from(quantization[k]) * factors) as f32;
        }
    }
    multipliers
}

type Lanes = [f32; LANES];

/// The inverse over the first N of `d`, in place; `d[0]` counts once, the others as cosines (for eight points, after
/// scaling).
#[inline(always)]
fn points<const N: usize>(d: &mut [Lanes; 8]) {
    match N {
        8 => eight_points(d),
        4 => {
            for i in 0..LANES {
                let z = d[2][i] * FRAC_1_SQRT_2;
                let (e0, e1) = (d[0][i] + z, d[0][i] - z);
                let o0 = d[1][i] * 0.923_879_5 + d[3][i] * 0.382_683_43;
                let o1 = d[1][i] * 0.382_683_43 - d[3][i] * 0.923_879_5;
                d[0][i] = e0 + o0;
                d[3][i] = e0 - o0;
                d[1][i] = e1 + o1;
                d[2][i] = e1 - o1;
            }
        }
        2 => {
            for i in 0..LANES {
                let z = d[1][i] * FRAC_1_SQRT_2;
                (d[0][i], d[1][i]) = (d[0][i] + z, d[0][i] - z);
            }
        }
        _ => {}
    }
}

#[inline(always)]
fn eight_points(d: &mut [Lanes; 8]) {
    for i in 0..LANES {
        let (s04, d04) = (d[0][i] + d[4][i], d[0][i] - d[4][i]);
        let s26 = d[2][i] + d[6][i];
        let d26 = (d[2][i] - d[6][i]) * SQRT_2 - s26;
        let (e0, e3) = (s04 + s26, s04 - s26);
        let (e1, e2) = (d04 + d26, d04 - d26);

        let (z13, z10) = (d[5][i] + d[3][i], d[5][i] - d[3][i]);
        let (z11, z12) = (d[1][i] + d[7][i], d[1][i] - d[7][i]);
        let o0 = z11 + z13;
        let z = (z10 + z12) * 1.847_759_1;
        let o1 = z - z10 * 2.613_126 - o0;
        let o2 = (z11 - z13) * SQRT_2 - o1;
        let o3 = z12 * 1.082_392_2 - z + o2;

        d[0][i] = e0 + o0;
        d[7][i] = e0 - o0;
        d[1][i] = e1 + o1;
        d[6][i] = e1 - o1;
        d[2][i] = e2 + o2;
        d[5][i] = e2 - o2;
        d[4][i] = e3 + o3;
        d[3][i] = e3 - o3;
    }
}

/// The nearest whole number from 0 to 255.
#[inline(always)]
fn byte(value: f32) -> u32 {
    let value = if value > 0.0 { value } else { 0.0 };
    let value = if value < 255.0 { value } else { 255.0 };
    // With 1.5 * 2^23 added, the lowest bit of an `f32` counts ones.
    (value + 12_582_912.0).to_bits() & 0xFF
}

/// Transforms a group of eight blocks to N rows of 8 * N samples in `out`, whose rows are `stride` samples apart.
#[inline(always)]
pub(crate) fn inverse_group<const N: usize>(
    group: &[i16],
    multipliers: &[f32; 64],
    out: &mut [u8],
    stride: usize,
) {
    let mut block = [[[0.0; LANES]; 8]; 8];
    let lanes = group.as_chunks::<LANES>().0;
    for (v, row) in block.iter_mut().enumerate().take(N) {
        for (u, out) in row.iter_mut().enumerate().take(N) {
            let (lane, multiplier) = (&lanes[v * N + u], multipliers[v * N + u]);
            for i in 0..LANES {
                out[i] = f32::from(lane[i]) * multiplier;
            }
        }
    }
    for value in &mut block[0][0] {
        *value += 128.0;
    }
    for u in 0..N {
        let mut column = [[0.0; LANES]; 8];
        for v in 0..N {
            column[v] = block[v][u];
        }
        points::<N>(&mut column);
        for v in 0..N {
            block[v][u] = column[v];
        }
    }
    for (v, row) in block.iter_mut().enumerate().take(N) {
        points::<N>(row);
        write_row::<N>(row, &mut out[v * stride..][..LANES * N]);
    }
}

/// The samples of a row of eight blocks; those of a block are one number, so that no transposition is needed.
#[inline(always)]
fn write_row<const N: usize>(row: &[Lanes; 8], out: &mut [u8]) {
    let four = |row: &[Lanes], i: usize| {
        byte(row[0][i]) | byte(row[1][i]) << 8 | byte(row[2][i]) << 16 | byte(row[3][i]) << 24
    };
    match N {
        8 => {
            let (mut low, mut high) = ([0; LANES], [0; LANES]);
            for i in 0..LANES {
                low[i] = four(&row[..4], i);
                high[i] = four(&row[4..], i);
            }
            for (i, out) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                *out = (u64::from(low[i]) | u64::from(high[i]) << 32).to_le_bytes();
            }
        }
        4 => {
            let mut all = [0; LANES];
            for i in 0..LANES {
                all[i] = four(&row[..4], i);
            }
            for (out, all) in out.as_chunks_mut::<4>().0.iter_mut().zip(all) {
                *out = all.to_le_bytes();
            }
        }
        2 => {
            for (i, out) in out.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                *out = ((byte(row[0][i]) | byte(row[1][i]) << 8) as u16).to_le_bytes();
            }
        }
        _ => {
            for (i, out) in out.iter_mut().enumerate() {
                *out = byte(row[0][i]) as u8;
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::f64::consts::{FRAC_1_SQRT_2, PI};

    use proptest::prelude::*;

    use super::*;

    /// The inverse DCT of N points, as T.81, A.3.3 writes that of eight.
    pub(crate) fn definition(n: usize, block: &[i16; 64], quantization: &[u16; 64]) -> Vec<f64> {
        let c = |w: usize| if w == 0 { FRAC_1_SQRT_2 } else { 1.0 };
        let cosine =
            |x: usize, u: usize| ((2 * x + 1) as f64 * u as f64 * PI / (2 * n) as f64).cos();
        let sample = |x: usize, y: usize| {
            let mut sum = 0.0;
            for k in 0..64 {
                let (v, u) = (usize::from(ZIGZAG[k]) / 8, usize::from(ZIGZAG[k]) % 8);
                if u < n && v < n {
                    let value = f64::from(block[k]) * f64::from(quantization[k]);
                    sum += c(u) * c(v) / 4.0 * value * cosine(x, u) * cosine(y, v);
                }
            }
            (sum + 128.0).clamp(0.0, 255.0)
        };
        (0..n * n).map(|at| sample(at % n, at / n)).collect()
    }

    fn check<const N: usize>(blocks: &[[i16; 64]], quantization: &[u16; 64]) {
        let mut group = vec![0; group_len(N)];
        for (lane, block) in blocks.iter().enumerate() {
            for (k, &value) in block.iter().enumerate() {
                group[usize::from(places(N)[k]) + lane] = value;
            }
        }
        let mut out = vec![0; N * N * LANES];
        inverse_group::<N>(&group, &multipliers(N, quantization), &mut out, N * LANES);
        for (lane, block) in blocks.iter().enumerate() {
            let expected = definition(N, block, quantization);
            for (at, expected) in expected.into_iter().enumerate() {
                let found = out[at / N * N * LANES + lane * N + at % N];
                let distance = (f64::from(found) - expected).abs();
                assert!(
                    distance < 0.51,
                    "{found} for {expected} at {at}, {N} points"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn is_the_transform_of_the_standard(
            values in proptest::collection::vec(-40i16..=40, 64 * LANES),
            steps in proptest::collection::vec(1u16..=24, 64),
            shifts in proptest::collection::vec(0u32..6, LANES),
        ) {
            let mut blocks = [[0; 64]; LANES];
            for (lane, block) in blocks.iter_mut().enumerate() {
                for k in 0..64 {
                    block[k] = values[lane * 64 + k] >> shifts[lane];
                }
            }
            let mut quantization = [0; 64];
            quantization.copy_from_slice(&steps);
            check::<1>(&blocks, &quantization);
            check::<2>(&blocks, &quantization);
            check::<4>(&blocks, &quantization);
            check::<8>(&blocks, &quantization);
        }
    }

    #[test]
    fn keeps_what_its_scale_needs() {
        assert_eq!([1, 2, 4, 8].map(last_kept), [0, 4, 24, 63]);
    }
}
