//! Pictures as planes of samples, one for each component, at its own sampling.

use raster::{Plane, Size};

/// At which part of its width and height a picture is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scale {
    /// One sample for a block of 8x8.
    Eighth,
    /// 2x2 samples for a block.
    Quarter,
    /// 4x4 samples for a block.
    Half,
    /// All samples.
    Full,
}

impl Scale {
    /// The coarsest scale at which a picture, read to be made `factor` times smaller, is still at least `margin` times as
    /// large as the result; full where none is. 1.15 is a margin that costs little detail, 2 one that costs none.
    pub fn for_factor(factor: f64, margin: f64) -> Self {
        [Self::Eighth, Self::Quarter, Self::Half]
            .into_iter()
            .find(|scale| f64::from(scale.samples()) / 8.0 * factor >= margin)
            .unwrap_or(Self::Full)
    }

    /// Samples across or down for the eight of a block.
    pub const fn samples(self) -> u32 {
        match self {
            Self::Eighth => 1,
            Self::Quarter => 2,
            Self::Half => 4,
            Self::Full => 8,
        }
    }
}

/// A picture in gray, or in Y, Cb and Cr (T.871, full range), each at its own sampling.
#[derive(Clone, Debug, PartialEq)]
pub struct Planes {
    /// The size of the whole picture, in pixels.
    pub size: Size,
    /// One plane for gray, or three. All cover the same picture, whatever number of samples that is in each.
    pub planes: Vec<Plane>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_leaves_its_margin() {
        let at = |factor| Scale::for_factor(factor, 1.15);
        assert_eq!(at(9.42), Scale::Eighth);
        assert_eq!(at(9.1), Scale::Quarter);
        assert_eq!(at(5.1), Scale::Quarter);
        assert_eq!(at(2.5), Scale::Half);
        assert_eq!(at(2.0), Scale::Full);
        assert_eq!(at(0.1), Scale::Full);
        assert_eq!(Scale::for_factor(16.0, 2.0), Scale::Eighth);
        assert_eq!(Scale::for_factor(f64::NAN, 2.0), Scale::Full);
    }
}
