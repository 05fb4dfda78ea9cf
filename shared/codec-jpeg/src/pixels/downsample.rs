//! Fewer chroma samples: each is made of the average of the one, two or four pixels that it stands for (T.871, clause
//! 7: centered between them), never of one of them picked.

use crate::pixels::color::Rgb;

/// Halves a row: the mean of two pixels beside each other.
#[inline(always)]
pub(crate) fn halve_row(row: &Rgb, out: &mut Rgb) {
    for (row, out) in row.planes().into_iter().zip(out.planes_mut()) {
        for (out, pair) in out.iter_mut().zip(row.as_chunks::<2>().0) {
            *out = (pair[0] + pair[1]) * 0.5;
        }
    }
}

/// Halves two rows into one: the mean of 2x2 pixels.
#[inline(always)]
pub(crate) fn halve_rows(upper: &Rgb, lower: &Rgb, out: &mut Rgb) {
    let rows = upper.planes().into_iter().zip(lower.planes());
    for ((upper, lower), out) in rows.zip(out.planes_mut()) {
        let pairs = upper
            .as_chunks::<2>()
            .0
            .iter()
            .zip(lower.as_chunks::<2>().0);
        for (out, (upper, lower)) in out.iter_mut().zip(pairs) {
            *out = ((upper[0] + lower[0]) + (upper[1] + lower[1])) * 0.25;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rgb(red: &[f32]) -> Rgb {
        let mut rgb = Rgb::new(red.len());
        rgb.red.copy_from_slice(red);
        rgb
    }

    #[test]
    fn averages() {
        let mut half = Rgb::new(2);
        halve_row(&rgb(&[1.0, 2.0, 10.0, 20.0]), &mut half);
        assert_eq!(half.red, [1.5, 15.0]);
        halve_rows(
            &rgb(&[1.0, 2.0, 10.0, 20.0]),
            &rgb(&[3.0, 6.0, 0.0, 0.0]),
            &mut half,
        );
        assert_eq!(half.red, [3.0, 7.5]);
        assert_eq!(half.blue, [0.0, 0.0]);
    }
}
