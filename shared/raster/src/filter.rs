//! What each row or column of a scaled picture is made of.

use std::ops::Range;

/// What one row or column of the result is made of: source indices, and the weight of each. The weights add up to 1.
pub(crate) struct Weights {
    pub(crate) range: Range<usize>,
    pub(crate) values: Vec<f32>,
}

/// A function that weighs the source rows or columns around each one of the result, by their distance from it.
pub(crate) struct Filter {
    /// How far the kernel reaches on either side of its middle.
    reach: f64,
    kernel: fn(f64) -> f64,
}

/// Sinc within a window of three lobes on either side: sharp, for making smaller.
pub(crate) const LANCZOS: Filter = Filter {
    reach: 3.0,
    kernel: |x| {
        let sinc = |x: f64| x.sin() / x;
        let x = x * std::f64::consts::PI;
        if x == 0.0 {
            1.0
        } else {
            sinc(x) * sinc(x / 3.0)
        }
    },
};

/// The cubic through its points: smooth and without much ringing, for making larger.
pub(crate) const CATMULL_ROM: Filter = Filter {
    reach: 2.0,
    kernel: |x| {
        let x = x.abs();
        if x < 1.0 {
            (1.5 * x - 2.5) * x * x + 1.0
        } else {
            ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
        }
    },
};

impl Filter {
    /// The weights of all `to` rows or columns, made of a window on `from` ones: `length` of them from `start` on, in
    /// fractions. Ranges never start before that of the one above.
    pub(crate) fn weights(
        &self,
        from: usize,
        (start, length): (f64, f64),
        to: u32,
    ) -> Vec<Weights> {
        let scale = length / f64::from(to);
        let stretch = scale.max(1.0);
        let reach = self.reach * stretch;
        let weights = |index: u32| {
            let middle = start + (f64::from(index) + 0.5) * scale - 0.5;
            let start = ((middle - reach).ceil().max(0.0) as usize).min(from - 1);
            let end = ((middle + reach).floor() as usize + 1).clamp(start + 1, from);
            let mut values: Vec<f64> = (start..end)
                .map(|source| (self.kernel)((source as f64 - middle) / stretch))
                .collect();
            let sum: f64 = values.iter().sum();
            for value in &mut values {
                *value /= sum;
            }
            Weights {
                range: start..end,
                values: values.into_iter().map(|value| value as f32).collect(),
            }
        };
        (0..to).map(weights).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    }

    /// Values of the definitions, worked out apart: sinc(x) sinc(x/3), and the cubic with a = -1/2.
    #[test]
    fn kernels_are_those_of_their_definitions() {
        for (x, lanczos, cubic) in [
            (0.0, 1.0, 1.0),
            (0.25, 0.890_067_05, 0.867_187_5),
            (0.5, 0.607_927_1, 0.562_5),
            (1.0, 0.0, 0.0),
            (1.5, -0.135_094_91, -0.062_5),
            (2.0, 0.0, 0.0),
            (2.5, 0.024_317_084, f64::NAN),
            (3.0, 0.0, f64::NAN),
        ] {
            for side in [x, -x] {
                is_close((LANCZOS.kernel)(side), lanczos);
                // Past its reach the cubic is never asked.
                if x <= CATMULL_ROM.reach {
                    is_close((CATMULL_ROM.kernel)(side), cubic);
                }
            }
        }
    }

    #[test]
    fn weights_stand_around_their_middle_and_add_up_to_one() {
        // Halved: the middle of the first is between 0 and 1, and the kernel is stretched by two.
        let halved = LANCZOS.weights(64, (0.0, 64.0), 32);
        assert_eq!(halved.len(), 32);
        for (index, weights) in halved.iter().enumerate() {
            is_close(weights.values.iter().sum::<f32>().into(), 1.0);
            let middle = index as f64 * 2.0 + 0.5;
            let first = (middle - 6.0).ceil().max(0.0) as usize;
            let last = ((middle + 6.0).floor() as usize).min(63);
            assert_eq!(weights.range, first..last + 1, "{index}");
        }
        // In the middle of the picture they are the kernel itself at these distances, made to add up to 1.
        let inner = &halved[16];
        let at = |source: usize| {
            (
                (source as f64 - 32.5) / 2.0,
                inner.values[source - inner.range.start],
            )
        };
        let (_, peak) = at(32);
        for source in inner.range.clone() {
            let (distance, weight) = at(source);
            let expected = (LANCZOS.kernel)(distance) / (LANCZOS.kernel)(0.25);
            is_close((weight / peak).into(), expected);
        }
        // The same size at the same place is each sample itself.
        for (index, weights) in LANCZOS.weights(9, (0.0, 9.0), 9).iter().enumerate() {
            for (source, value) in weights.range.clone().zip(&weights.values) {
                is_close(f64::from(*value), if source == index { 1.0 } else { 0.0 });
            }
        }
    }
}
