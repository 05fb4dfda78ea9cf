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
