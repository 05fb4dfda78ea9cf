//! Which instructions the inner loops are compiled for. A loop is one body of plain Rust, compiled once per kernel,
//! so that each gives the same result.

use raster::Simd;

/// A set of instructions that this processor has. `Avx2` is made only where they were detected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// What every processor of the target has.
    Portable,
    /// AVX2, BMI1/2, LZCNT and POPCNT.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Kernel {
    /// The fastest kernel that `simd` allows and that this processor has.
    pub(crate) fn detect(simd: Simd) -> Self {
        #[cfg(target_arch = "x86_64")]
        if simd == Simd::Auto
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt")
        {
            return Self::Avx2;
        }
        let _ = simd;
        Self::Portable
    }
}
