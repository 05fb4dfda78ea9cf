//! Scaling of one channel, as it is: rows first, eight at a time, and then columns with those eight as lanes.

#[cfg(target_arch = "x86_64")]
use crate::X86V3;
use crate::filter::{LANCZOS, Weights};
use crate::{Kernel, Plane, Size, Stopped, Watch};

/// A part of a plane, in samples from its upper left corner, in fractions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Where it begins in a row.
    pub x: f64,
    /// At which row it begins.
    pub y: f64,
    /// How wide it is.
    pub width: f64,
    /// How high it is.
    pub height: f64,
}

impl Window {
    /// All that a plane covers.
    pub fn of(plane: &Plane) -> Self {
        Self {
            x: 0.0,
            y: 0.0,
            width: plane.width(),
            height: plane.height(),
        }
    }
}

/// Rows of the result that are made at once.
const LANES: usize = 8;

/// What `window` shows of a plane, scaled to `size`: cutting and scaling are one step.
///
/// - Lanczos (3 lobes) on the values as they are, for both directions. What is around the window is taken into account as
///   far as the plane goes; beyond that, nothing is.
/// - A window may reach a little beyond what the plane covers, as that of chroma does where the width is odd.
/// - Cost: linear in the rows and columns that are read and in the result. Memory: the result, and eight rows as `f32`.
/// - The same planes give the same samples on every machine, for any `kernel`.
///
/// # Errors
///
/// [`Stopped`] if `watch` says so; it is asked for every eight rows.
///
/// # Panics
///
/// If a side of `size` is zero, or one of `window` is not above zero.
pub fn resample(
    plane: &Plane,
    window: Window,
    size: Size,
    kernel: Kernel,
    watch: &dyn Watch,
) -> Result<Plane, Stopped> {
    assert!(!size.is_empty(), "a plane has at least one sample");
    assert!(
        window.width > 0.0 && window.height > 0.0,
        "a window shows something"
    );
    let columns = LANCZOS.weights(plane.columns(), (window.x, window.width), size.width);
    let rows = LANCZOS.weights(plane.rows(), (window.y, window.height), size.height);
    let (width, height) = (size.width as usize, size.height as usize);
    let mut samples = vec![0; width * height];
    // The columns that are read.
    let first = columns.iter().map(|it| it.range.start).min().unwrap_or(0);
    let last = columns.iter().map(|it| it.range.end).max().unwrap_or(0);
    let mut work = Work {
        plane,
        columns: &columns,
        first,
        sums: vec![0.0; last - first],
        turned: vec![[0.0; LANES]; last - first],
    };
    for (rows, out) in rows.chunks(LANES).zip(samples.chunks_mut(LANES * width)) {
        watch.check()?;
        work.make(kernel, rows, out);
    }
    let made = Plane::new(
        samples,
        width,
        f64::from(size.width),
        f64::from(size.height),
    );
    Ok(made.expect("there is a sample for each of the size"))
}

struct Work<'a> {
    plane: &'a Plane,
    columns: &'a [Weights],
    /// The first column of the plane that is read.
    first: usize,
    /// One row, of the columns that are read.
    sums: Vec<f32>,
    /// [`LANES`] rows side by side.
    turned: Vec<[f32; LANES]>,
}

impl Work<'_> {
    /// Makes the rows of `out`.
    fn make(&mut self, kernel: Kernel, rows: &[Weights], out: &mut [u8]) {
        match kernel {
            Kernel::Portable => self.make_body(rows, out),
            #[cfg(target_arch = "x86_64")]
            Kernel::X86V3(proof) => {
                // SAFETY: this kernel is only made where its instructions were detected.
                #[allow(unsafe_code)]
                unsafe {
                    self.make_x86_v3(proof, rows, out);
                }
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn make_x86_v3(&mut self, _proof: X86V3, rows: &[Weights], out: &mut [u8]) {
        self.make_body(rows, out);
    }

    #[inline(always)]
    fn make_body(&mut self, rows: &[Weights], out: &mut [u8]) {
        for (lane, weights) in rows.iter().enumerate() {
            self.sum_rows(weights);
            for (turned, &sum) in self.turned.iter_mut().zip(&self.sums) {
                turned[lane] = sum;
            }
        }
        let width = self.columns.len();
        for (x, weights) in self.columns.iter().enumerate() {
            let mut sums = [0.0; LANES];
            let from = weights.range.start - self.first;
            let columns = &self.turned[from..][..weights.values.len()];
            for (column, &weight) in columns.iter().zip(&weights.values) {
                for lane in 0..LANES {
                    sums[lane] += column[lane] * weight;
                }
            }
            let bytes = bytes(sums);
            for (row, byte) in out.chunks_exact_mut(width).zip(bytes) {
                row[x] = byte;
            }
        }
    }

    /// Sums up the rows of the plane that one row of the result is made of.
    #[inline(always)]
    fn sum_rows(&mut self, weights: &Weights) {
        let len = self.turned.len();
        let (plane, first) = (self.plane, self.first);
        let row = |y: usize| &plane.row(y)[first..][..len];
        let sums = &mut self.sums[..len];
        sums.fill(0.0);
        let mut y = weights.range.start;
        // Four at a time, so that sums are loaded and stored more seldom.
        let (fours, rest) = weights.values.as_chunks::<4>();
        for weights in fours {
            let [a, b, c, d] = [row(y), row(y + 1), row(y + 2), row(y + 3)];
            for i in 0..len {
                let sum = sums[i] + f32::from(a[i]) * weights[0] + f32::from(b[i]) * weights[1];
                sums[i] = sum + f32::from(c[i]) * weights[2] + f32::from(d[i]) * weights[3];
            }
            y += 4;
        }
        for &weight in rest {
            for (sum, &sample) in sums.iter_mut().zip(row(y)) {
                *sum += f32::from(sample) * weight;
            }
            y += 1;
        }
    }
}

/// The nearest whole numbers from 0 to 255.
#[inline(always)]
fn bytes(values: [f32; LANES]) -> [u8; LANES] {
    let mut bytes = [0; LANES];
    for lane in 0..LANES {
        let value = values[lane];
        let value = if value > 0.0 { value } else { 0.0 };
        let value = if value < 255.0 { value } else { 255.0 };
        // With 1.5 * 2^23 added, the lowest bit of an `f32` counts ones.
        bytes[lane] = (value + 12_582_912.0).to_bits() as u8;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Simd, Unwatched};

    fn made(plane: &Plane, window: Window, size: Size, simd: Simd) -> Plane {
        let kernel = Kernel::detect(simd);
        resample(plane, window, size, kernel, &Unwatched).expect("nobody stops it")
    }

    /// The sum over all samples, as it is defined.
    fn definition(plane: &Plane, window: Window, size: Size) -> Vec<f64> {
        let kernel = |x: f64| {
            let sinc = |x: f64| {
                if x == 0.0 {
                    1.0
                } else {
                    (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI)
                }
            };
            if x.abs() <= 3.0 {
                sinc(x) * sinc(x / 3.0)
            } else {
                0.0
            }
        };
        let along = |start: f64, length: f64, to: u32, index: u32, from: usize| {
            let scale = length / f64::from(to);
            let middle = start + (f64::from(index) + 0.5) * scale;
            let weight = |at: usize| kernel((at as f64 + 0.5 - middle) / scale.max(1.0));
            let weights: Vec<f64> = (0..from).map(weight).collect();
            let sum: f64 = weights.iter().sum();
            weights.into_iter().map(|it| it / sum).collect::<Vec<_>>()
        };
        let mut out = Vec::new();
        for y in 0..size.height {
            let down = along(window.y, window.height, size.height, y, plane.rows());
            for x in 0..size.width {
                let across = along(window.x, window.width, size.width, x, plane.columns());
                let mut sum = 0.0;
                for (y, down) in down.iter().enumerate() {
                    for (&sample, across) in plane.row(y).iter().zip(&across) {
                        sum += f64::from(sample) * across * down;
                    }
                }
                out.push(sum.clamp(0.0, 255.0));
            }
        }
        out
    }

    fn samples(len: usize) -> Vec<u8> {
        let mut state = 7u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    proptest! {
        #[test]
        fn is_the_sum_that_defines_it(
            (width, height) in (1.0..70.0f64, 1.0..30.0f64),
            (x, y) in (0.0..0.5f64, 0.0..0.5f64),
            (part_x, part_y) in (0.2..1.0f64, 0.2..1.0f64),
            (to_x, to_y) in (1u32..40, 1u32..20),
        ) {
            let stride = 72;
            let plane = Plane::new(samples(stride * 30), stride, width, height);
            let plane = plane.expect("there are 30 rows");
            let window = Window {
                x: x * width,
                y: y * height,
                width: (1.0 - x) * width * part_x,
                height: (1.0 - y) * height * part_y,
            };
            let size = Size::new(to_x, to_y);
            let found = made(&plane, window, size, Simd::Auto);
            prop_assert_eq!(&found, &made(&plane, window, size, Simd::Portable));
            let expected = definition(&plane, window, size);
            for y in 0..found.rows() {
                for (x, &sample) in found.row(y).iter().enumerate() {
                    let expected = expected[y * to_x as usize + x];
                    prop_assert!((f64::from(sample) - expected).abs() < 0.51, "{} for {}", sample, expected);
                }
            }
        }
    }

    #[test]
    fn the_same_size_is_the_same_plane() {
        let plane = Plane::new(samples(40 * 17), 40, 40.0, 17.0).expect("17 rows of 40");
        let made = made(&plane, Window::of(&plane), Size::new(40, 17), Simd::Auto);
        assert_eq!(made, plane);
    }

    #[test]
    fn a_window_is_cut_where_it_says() {
        // A slope: what is cut from its middle begins and ends in its middle.
        let row: Vec<u8> = (0..120).map(|x| 2 * x as u8).collect();
        let plane = Plane::new(row.repeat(20), 120, 120.0, 20.0).expect("20 rows");
        let window = Window {
            x: 40.0,
            y: 5.0,
            width: 40.0,
            height: 10.0,
        };
        let made = made(&plane, window, Size::new(20, 5), Simd::Auto);
        for (x, &sample) in made.row(2).iter().enumerate() {
            // Sample x stands for columns 40 + 2x and the next.
            assert!(
                sample.abs_diff(2 * (40 + 2 * x as u8) + 1) <= 1,
                "{sample} at {x}"
            );
        }
    }
}
