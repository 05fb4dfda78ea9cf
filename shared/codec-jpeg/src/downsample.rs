//! Fewer chroma samples: each is the average of the one, two or four that it stands for (T.871, clause 7:
//! centered between them), never one of them picked.

/// Halves a row: `out[i]` is the mean of `row[2i]` and `row[2i + 1]`.
#[inline(always)]
pub(crate) fn halve_row(row: &[f32], out: &mut [f32]) {
    for (out, pair) in out.iter_mut().zip(row.chunks_exact(2)) {
        *out = (pair[0] + pair[1]) * 0.5;
    }
}

/// Halves two rows into one: the mean of 2x2 samples.
#[inline(always)]
pub(crate) fn halve_rows(upper: &[f32], lower: &[f32], out: &mut [f32]) {
    let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
    for (out, (upper, lower)) in out.iter_mut().zip(pairs) {
        *out = ((upper[0] + lower[0]) + (upper[1] + lower[1])) * 0.25;
    }
}
