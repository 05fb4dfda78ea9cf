//! Which code a codec runs: what a caller may ask for, and the instructions that are then used.
//!
//! A hot loop is one body of plain Rust, compiled once for each kernel: the portable one is the definition, and each
//! gives the same result.

/// Which code runs. The bytes are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Simd {
    /// The fastest that this processor has.
    #[default]
    Auto,
    /// Plain Rust, the definition.
    Portable,
}

/// A set of instructions that this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// What every processor of the target has.
    Portable,
    /// The level x86-64-v3 of the System V ABI, as far as codecs use it: AVX2, BMI1, BMI2, LZCNT and POPCNT.
    #[cfg(target_arch = "x86_64")]
    X86V3(X86V3),
}

/// Proof that the instructions of [`Kernel::X86V3`] are there. Only [`Kernel::detect`] makes one, so that whoever has it
/// may call a function with `#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]`.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct X86V3(());

impl Kernel {
    /// The fastest kernel that `simd` allows and that this processor has.
    pub fn detect(simd: Simd) -> Self {
        #[cfg(target_arch = "x86_64")]
        if simd == Simd::Auto
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt")
        {
            return Self::X86V3(X86V3(()));
        }
        let _ = simd;
        Self::Portable
    }
}
