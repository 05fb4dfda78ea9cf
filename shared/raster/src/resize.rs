//! Scaling: two passes of weighted sums, in linear light where it matters.

use std::collections::VecDeque;
use std::sync::LazyLock;

use crate::filter::{CATMULL_ROM, LANCZOS};
use crate::{Frame, Layout, Size};

/// The frame, scaled to `size`.
///
/// - Smaller: Lanczos (3 lobes) in linear light, so that fine detail keeps its brightness.
/// - Larger: Catmull-Rom on sRGB values, where linear light would draw halos beside dark edges.
/// - Colors are weighted by their alpha, so that what is transparent does not bleed.
/// - Cost: each source row is read once; peak memory is both frames and the few rows that one row is made of.
///
/// # Panics
///
/// If a side of `size` is zero.
pub fn resize(frame: Frame, size: Size) -> Frame {
    assert!(!size.is_empty(), "a frame has at least one pixel");
    match frame.layout() {
        _ if frame.size() == size => frame,
        Layout::Gray => resized::<1>(&frame, size),
        Layout::Rgb => resized::<3>(&frame, size),
        Layout::Rgba => resized::<4>(&frame, size),
    }
}

fn resized<const N: usize>(frame: &Frame, size: Size) -> Frame {
    let from = frame.size();
    let smaller = size.pixels() < from.pixels();
    let (transfer, filter) = if smaller {
        (&*LINEAR, &LANCZOS)
    } else {
        (&*SRGB, &CATMULL_ROM)
    };
    let weights = |from: u32, to| filter.weights(from as usize, (0.0, f64::from(from)), to);
    let columns = weights(from.width, size.width);
    let rows = weights(from.height, size.height);
    let mut source = frame.rows();
    let mut window: VecDeque<Vec<[f32; N]>> = VecDeque::new();
    let mut first = 0;
    let mut sums = vec![[0.0; N]; from.width as usize];
    let mut pixels = Vec::with_capacity(size.pixels() as usize * N);
    for weights in rows {
        // Windows only move down: rows above this one's are done with, rows below have not been read yet.
        while first < weights.range.start {
            if window.pop_front().is_none() {
                source.next();
            }
            first += 1;
        }
        while first + window.len() < weights.range.end {
            let bytes = source.next().expect("no window reaches below the frame");
            window.push_back(transfer.read::<N>(bytes));
        }
        sums.fill([0.0; N]);
        for (row, weight) in window.iter().zip(&weights.values) {
            let sums = sums.as_flattened_mut().iter_mut();
            for (sum, value) in sums.zip(row.as_flattened()) {
                *sum += value * weight;
            }
        }
        for weights in &columns {
            let mut sum = [0.0; N];
            for (pixel, weight) in sums[weights.range.clone()].iter().zip(&weights.values) {
                for (sum, value) in sum.iter_mut().zip(pixel) {
                    *sum += value * weight;
                }
            }
            pixels.extend_from_slice(&transfer.write(sum));
        }
    }
    Frame::new(size, frame.layout(), pixels).expect("a pixel was pushed for each weight of a row")
}

/// Bytes to the values that are summed up, and back.
struct Transfer {
    read: [f32; 256],
    /// One entry for each 65535th from 0 to 1.
    write: Vec<u8>,
}

/// sRGB values as they are.
static SRGB: LazyLock<Transfer> = LazyLock::new(|| Transfer::new(|v| v, |v| v));

/// Amounts of light (IEC 61966-2-1).
static LINEAR: LazyLock<Transfer> = LazyLock::new(|| {
    let read = |v: f64| {
        if v <= 0.04045 {
            v / 12.92
        } else {
            ((v + 0.055) / 1.055).powf(2.4)
        }
    };
    let write = |v: f64| {
        if v <= 0.003_130_8 {
            v * 12.92
        } else {
            1.055 * v.powf(1.0 / 2.4) - 0.055
        }
    };
    Transfer::new(read, write)
});

impl Transfer {
    fn new(read: impl Fn(f64) -> f64, write: impl Fn(f64) -> f64) -> Self {
        let byte = |index: u32| (write(f64::from(index) / 65535.0) * 255.0).round() as u8;
        Self {
            read: std::array::from_fn(|byte| read(byte as f64 / 255.0) as f32),
            write: (0..=65535).map(byte).collect(),
        }
    }

    /// A row, colors multiplied by their alpha.
    fn read<const N: usize>(&self, row: &[u8]) -> Vec<[f32; N]> {
        let pixel = |bytes: &[u8; N]| {
            let mut pixel = bytes.map(|byte| self.read[usize::from(byte)]);
            if N == 4 {
                let alpha = f32::from(bytes[3]) / 255.0;
                pixel = pixel.map(|value| value * alpha);
                pixel[3] = alpha;
            }
            pixel
        };
        row.as_chunks().0.iter().map(pixel).collect()
    }

    fn write<const N: usize>(&self, mut pixel: [f32; N]) -> [u8; N] {
        let mut alpha = 1.0;
        if N == 4 {
            alpha = pixel[3].clamp(0.0, 1.0);
            let divisor = alpha.max(f32::MIN_POSITIVE);
            pixel = pixel.map(|value| value / divisor);
        }
        let mut bytes =
            pixel.map(|value| self.write[(value.clamp(0.0, 1.0) * 65535.0 + 0.5) as usize]);
        if N == 4 {
            bytes[3] = (alpha * 255.0 + 0.5) as u8;
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(size: Size, layout: Layout, pixel: &[u8]) -> Frame {
        let pixels = pixel.repeat(size.pixels() as usize);
        Frame::new(size, layout, pixels).unwrap()
    }

    #[test]
    fn halves_brightness_in_linear_light() {
        // Black and white columns: half the light is sRGB 188, not 128.
        let size = Size::new(64, 64);
        let columns = [0, 0, 0, 255, 255, 255].repeat(64 * 32);
        let frame = Frame::new(size, Layout::Rgb, columns).unwrap();
        let small = resize(frame, Size::new(8, 8));
        let middle = small.pixels()[8 * 3 * 4 + 4 * 3];
        assert!((186..=190).contains(&middle), "{middle}");
    }

    #[test]
    fn does_not_bleed_what_is_transparent() {
        // Opaque red beside transparent green: no green comes through.
        let half = [[255, 0, 0, 255].repeat(8), [0, 255, 0, 0].repeat(8)].concat();
        for side in [4, 40] {
            let frame = Frame::new(Size::new(16, 16), Layout::Rgba, half.repeat(16)).unwrap();
            let scaled = resize(frame, Size::new(side, side));
            for pixel in scaled.pixels().chunks_exact(4) {
                assert!(pixel[3] == 0 || pixel[1] <= 2, "{pixel:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn one_color_stays_one_color(
            color: [u8; 4],
            from in (1..40_u32, 1..40_u32),
            to in (1..40_u32, 1..40_u32),
        ) {
            let (from, to) = (Size::new(from.0, from.1), Size::new(to.0, to.1));
            for layout in [Layout::Gray, Layout::Rgb] {
                let color = &color[..layout.channels()];
                let scaled = resize(filled(from, layout, color), to);
                prop_assert_eq!(scaled, filled(to, layout, color));
            }
            let opaque = [color[0], color[1], color[2], 255];
            let scaled = resize(filled(from, Layout::Rgba, &opaque), to);
            prop_assert_eq!(scaled, filled(to, Layout::Rgba, &opaque));
        }
    }
}
