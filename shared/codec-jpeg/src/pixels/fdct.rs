//! The forward DCT of 8x8 samples, in `f32`: two passes of the factorization of Arai, Agui and Nakajima (1988),
//! whose scale factors are left to the quantization step that follows.

use raster::Kernel;

/// Multiplies output `(u, v)` by `SCALE[u] * SCALE[v]` to make it the coefficient of T.81, A.3.3.
pub(crate) const SCALE: [f32; 8] = [
    0.353_553_38,
    0.254_897_8,
    0.270_598_05,
    0.300_672_44,
    0.353_553_38,
    0.449_988_1,
    0.653_281_45,
    1.281_457_7,
];

/// One pass over eight columns at once.
#[inline(always)]
fn pass(d: &[[f32; 8]; 8]) -> [[f32; 8]; 8] {
    let mut out = [[0.0; 8]; 8];
    for i in 0..8 {
        let (s0, t7) = (d[0][i] + d[7][i], d[0][i] - d[7][i]);
        let (s1, t6) = (d[1][i] + d[6][i], d[1][i] - d[6][i]);
        let (s2, t5) = (d[2][i] + d[5][i], d[2][i] - d[5][i]);
        let (s3, t4) = (d[3][i] + d[4][i], d[3][i] - d[4][i]);

        let (a0, a3) = (s0 + s3, s0 - s3);
        let (a1, a2) = (s1 + s2, s1 - s2);
        out[0][i] = a0 + a1;
        out[4][i] = a0 - a1;
        let z1 = (a2 + a3) * 0.707_106_77;
        out[2][i] = a3 + z1;
        out[6][i] = a3 - z1;

        let (b0, b1, b2) = (t4 + t5, t5 + t6, t6 + t7);
        let z5 = (b0 - b2) * 0.382_683_43;
        let z2 = b0 * 0.541_196_1 + z5;
        let z4 = b2 * 1.306_563 + z5;
        let z3 = b1 * 0.707_106_77;
        let (z11, z13) = (t7 + z3, t7 - z3);
        out[5][i] = z13 + z2;
        out[3][i] = z13 - z2;
        out[1][i] = z11 + z4;
        out[7][i] = z11 - z4;
    }
    out
}

#[inline(always)]
fn transpose(kernel: Kernel, d: &[[f32; 8]; 8]) -> [[f32; 8]; 8] {
    match kernel {
        Kernel::Portable => std::array::from_fn(|i| std::array::from_fn(|j| d[j][i])),
        #[cfg(target_arch = "x86_64")]
        Kernel::X86V3(_) => {
            // SAFETY: this kernel is made only where AVX2 was detected, which is all that the function needs.
            #[allow(unsafe_code)]
            unsafe {
                transpose_avx2(d)
            }
        }
    }
}

/// From plain Rust the compiler makes 130 instructions and a stall: rows are stored, and loaded again across them.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn transpose_avx2(d: &[[f32; 8]; 8]) -> [[f32; 8]; 8] {
    use std::arch::x86_64::{
        __m256, _mm256_permute2f128_ps, _mm256_setr_ps, _mm256_shuffle_ps, _mm256_unpackhi_ps,
        _mm256_unpacklo_ps,
    };
    let row = |[a, b, c, d, e, f, g, h]: [f32; 8]| _mm256_setr_ps(a, b, c, d, e, f, g, h);
    let r = d.map(row);
    let pairs = |a: __m256, b: __m256| (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
    let fours = |(a, b): (__m256, __m256), (c, d): (__m256, __m256)| {
        [
            _mm256_shuffle_ps::<0x44>(a, c),
            _mm256_shuffle_ps::<0xEE>(a, c),
            _mm256_shuffle_ps::<0x44>(b, d),
            _mm256_shuffle_ps::<0xEE>(b, d),
        ]
    };
    let upper = fours(pairs(r[0], r[1]), pairs(r[2], r[3]));
    let lower = fours(pairs(r[4], r[5]), pairs(r[6], r[7]));
    let mut out = [[0.0; 8]; 8];
    for i in 0..4 {
        out[i] = lanes(_mm256_permute2f128_ps::<0x20>(upper[i], lower[i]));
        out[i + 4] = lanes(_mm256_permute2f128_ps::<0x31>(upper[i], lower[i]));
    }
    out
}

/// The values of a vector.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn lanes(vector: std::arch::x86_64::__m256) -> [f32; 8] {
    // SAFETY: both are eight `f32` and nothing else.
    #[allow(unsafe_code)]
    unsafe {
        std::mem::transmute(vector)
    }
}

/// Transforms rows of samples; `8 * u + v` of the result is horizontal frequency `u`, vertical frequency `v`, unscaled.
#[inline(always)]
pub(crate) fn forward(kernel: Kernel, samples: &[[f32; 8]; 8]) -> [[f32; 8]; 8] {
    pass(&transpose(kernel, &pass(samples)))
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{FRAC_1_SQRT_2, PI};

    use raster::Simd;

    use super::*;

    /// T.81, A.3.3, as it is written there.
    fn definition(samples: &[[f32; 8]; 8]) -> [[f64; 8]; 8] {
        let c = |w: usize| if w == 0 { FRAC_1_SQRT_2 } else { 1.0 };
        let cosine = |x: usize, u: usize| ((2 * x + 1) as f64 * u as f64 * PI / 16.0).cos();
        let coefficient = |u: usize, v: usize| {
            let products = (0..64).map(|i| {
                let (y, x) = (i / 8, i % 8);
                f64::from(samples[y][x]) * cosine(x, u) * cosine(y, v)
            });
            c(u) * c(v) / 4.0 * products.sum::<f64>()
        };
        std::array::from_fn(|u| std::array::from_fn(|v| coefficient(u, v)))
    }

    #[track_caller]
    fn agrees(sample: impl Fn(usize, usize) -> f32) {
        let samples = std::array::from_fn(|y| std::array::from_fn(|x| sample(x, y)));
        let (found, expected) = (forward(Kernel::Portable, &samples), definition(&samples));
        assert_eq!(
            found.map(|row| row.map(f32::to_bits)),
            forward(Kernel::detect(Simd::Auto), &samples).map(|row| row.map(f32::to_bits)),
            "kernels differ"
        );
        for u in 0..8 {
            for v in 0..8 {
                let found = f64::from(found[u][v] * SCALE[u] * SCALE[v]);
                let expected = expected[u][v];
                assert!(
                    (found - expected).abs() < 2e-3,
                    "coefficient {u}, {v} is {found}, by definition {expected}"
                );
            }
        }
    }

    #[test]
    fn is_the_transform_of_the_standard() {
        agrees(|_, _| -128.0);
        agrees(|x, y| if x == 3 && y == 6 { 127.0 } else { 0.0 });
        agrees(|x, y| if (x + y) % 2 == 0 { 127.0 } else { -128.0 });
        agrees(|x, y| (x * 37 + y * 101 + x * x * y * 13) as f32 % 256.0 - 128.0);
        for u in 0..8 {
            agrees(|x, y| {
                let angle = (2 * x + 1) as f64 * f64::from(u) * PI / 16.0;
                (100.0 * angle.cos() * (y as f64 / 7.0)) as f32
            });
        }
    }
}
