//! The numbers behind the presets.

use crate::Preset;

/// How an animation is encoded, in numbers.
#[derive(Clone, Debug)]
pub(crate) struct Tuning {
    /// Pixels whose source moved by so many levels are held.
    pub(crate) hold: u8,
    pub(crate) still: f32,
    pub(crate) still_luma: f32,
    pub(crate) reuse: f32,
    /// Rounds of k-means.
    pub(crate) rounds: usize,
    /// Part of the error that is diffused, of 256.
    pub(crate) strength: i32,
    /// Levels by which a color may be worse than the nearest if it lengthens an LZW string.
    pub(crate) tolerance: f32,
    /// How much more is allowed where the source is busy.
    pub(crate) texture: f32,
}

impl Tuning {
    /// The numbers of a preset.
    pub(crate) fn of(preset: Preset) -> Self {
        match preset {
            Preset::Quality => Self {
                hold: 3,
                still: 5.0,
                still_luma: 1.5,
                reuse: 20_000.0,
                rounds: 3,
                strength: 179,
                tolerance: 2.5,
                texture: 0.3,
            },
            Preset::Small => Self {
                hold: 3,
                still: 5.0,
                still_luma: 1.5,
                reuse: 20_000.0,
                rounds: 3,
                strength: 102,
                tolerance: 6.0,
                texture: 0.5,
            },
        }
    }

    /// By how much a squared distance may be worse, for every measure of how busy the source is.
    pub(crate) fn allowances(&self) -> [i32; 256] {
        std::array::from_fn(|busy| {
            let levels = self.tolerance * (1.0 + self.texture * busy as f32 / 16.0);
            (10.0 * levels * levels * 256.0) as i32
        })
    }
}
