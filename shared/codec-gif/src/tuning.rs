//! The numbers that the presets stand for.

use crate::options::Preset;

/// How an animation is encoded, in numbers.
#[derive(Clone, Debug)]
pub(crate) struct Tuning {
    /// Levels by which what is shown may be worse than the best color where the source moved by 1, 2 or 3 levels in
    /// all. A change of 3 is most often one of lightness, and worth more. Larger numbers keep more pixels as they are:
    /// fewer bytes, and traces of what has moved.
    pub(crate) still: [f32; 3],
    /// A frame takes the global color table if its colors are off by no more than this there: squared levels, summed
    /// over all pixels that are drawn. A larger number saves more local tables (up to 768 bytes each), and shows colors
    /// that are new less exactly.
    pub(crate) reuse: f32,
    /// Areas of one color that is in the palette are drawn in it alone. It keeps specks out of flat pictures, and
    /// costs the larger preset nothing.
    pub(crate) clean: bool,
    /// Rounds of k-means that a palette goes through after the splits. More bring its colors nearer to those of the
    /// picture, and each takes as long as a search of the palette for every color counted.
    pub(crate) rounds: usize,
    /// Part of a pixel's error that is passed on to its neighbors, of 256. More is truer in smooth areas and noisier:
    /// LZW strings are shorter and files larger.
    pub(crate) strength: i32,
    /// Levels by which a color may be worse than the nearest if it lengthens an LZW string. More makes files smaller
    /// and pictures coarser.
    pub(crate) tolerance: f32,
    /// What is added to `tolerance` where the source is busy, as a part of it for every 16 levels that a pixel differs
    /// from its neighbors (see `texture.rs`). More makes files smaller, and fine detail rougher.
    pub(crate) texture: f32,
    /// Part of what is allowed, of 32, by which the color that a new string starts with may be worse than the nearest
    /// if the string then goes on with a color for the next pixel. 0 takes the nearest.
    pub(crate) start: i32,
    /// What the distance to the color that is shown already counts for, of 256, beside that to any other color: to
    /// keep it costs least, and never flickers. The error is diffused like any other, so nothing is smeared.
    pub(crate) shown: i32,
}

impl Tuning {
    /// The numbers of a preset.
    pub(crate) fn of(preset: Preset) -> Self {
        match preset {
            Preset::Quality => Self {
                still: [5.0, 5.0, 2.0],
                reuse: 20_000.0,
                clean: true,
                rounds: 3,
                strength: 179,
                tolerance: 1.9,
                texture: 0.15,
                start: 0,
                shown: 140,
            },
            Preset::Small => Self {
                still: [9.0, 9.0, 5.0],
                reuse: 20_000.0,
                clean: false,
                rounds: 3,
                strength: 84,
                tolerance: 5.5,
                texture: 0.7,
                start: 4,
                shown: 96,
            },
        }
    }

    /// By how much a squared distance may be worse, for every measure of how busy the source is.
    pub(crate) fn allowances(&self) -> [i32; 256] {
        std::array::from_fn(|busy| {
            allowance(self.tolerance * (1.0 + self.texture * busy as f32 / 16.0))
        })
    }

    /// By how much a squared distance may be worse to keep what is shown, by how much the source moved.
    pub(crate) fn still_allowances(&self) -> [i32; 4] {
        let [one, two, three] = self.still.map(allowance);
        [0, one, two, three]
    }
}

/// Levels in each channel as a squared distance of the mapping: weights of ten in all, sixteenths of a level.
fn allowance(levels: f32) -> i32 {
    (10.0 * levels * levels * 256.0) as i32
}
