//! Which code a codec runs.

/// Which code runs. The bytes are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Simd {
    /// The fastest that this processor has.
    #[default]
    Auto,
    /// Plain Rust, the definition.
    Portable,
}
