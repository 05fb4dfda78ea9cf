//! One channel of a picture, at its own sampling.

/// Samples of one channel, 8 bits each, and how much of them the picture covers.
///
/// Of a reduced or subsampled picture the covered part is seldom whole: a width of 6028 at an eighth is 753.5 samples. The
/// last sample of a row is then a part of the picture and a part of what is beyond it; whoever takes it for a whole one
/// stretches the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    samples: Vec<u8>,
    stride: usize,
    width: f64,
    height: f64,
}

impl Plane {
    /// A plane whose rows begin every `stride` samples, of which `width` and `height` are covered. `None` if a side is not
    /// above zero, or if there are not enough samples for it.
    pub fn new(samples: Vec<u8>, stride: usize, width: f64, height: f64) -> Option<Self> {
        let legal = |side: f64| side > 0.0 && side <= f64::from(u32::MAX);
        let plane = Self {
            samples,
            stride,
            width,
            height,
        };
        if !legal(width) || !legal(height) || plane.columns() > stride {
            return None;
        }
        let needed = (plane.rows() - 1).checked_mul(stride)?;
        let needed = needed.checked_add(plane.columns())?;
        (plane.samples.len() >= needed).then_some(plane)
    }

    /// How many samples of a row the picture covers.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// How many rows the picture covers.
    pub fn height(&self) -> f64 {
        self.height
    }

    /// Samples in a row that the picture covers at least in part.
    pub fn columns(&self) -> usize {
        self.width.ceil() as usize
    }

    /// Rows that the picture covers at least in part.
    pub fn rows(&self) -> usize {
        self.height.ceil() as usize
    }

    /// The covered samples of row `y`.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn row(&self, y: usize) -> &[u8] {
        assert!(y < self.rows(), "row {y} of {}", self.rows());
        &self.samples[y * self.stride..][..self.columns()]
    }

    /// Samples from the beginning of one row to that of the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.samples.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_it_covers() {
        let plane = Plane::new((0..16).collect(), 8, 5.5, 1.25).expect("two rows of six");
        assert_eq!((plane.columns(), plane.rows()), (6, 2));
        assert_eq!(plane.row(1), [8, 9, 10, 11, 12, 13]);
        assert!(Plane::new(vec![0; 13], 8, 5.5, 1.25).is_none());
        assert!(Plane::new(vec![0; 14], 8, 5.5, 1.25).is_some());
        assert!(Plane::new(vec![0; 16], 5, 5.5, 1.0).is_none());
        assert!(Plane::new(vec![0; 16], 8, 0.0, 1.0).is_none());
        assert!(Plane::new(vec![0; 16], 8, f64::NAN, 1.0).is_none());
    }
}
