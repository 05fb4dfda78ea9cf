//! The familiar quality scale from 0 to 100: our own base tables under it, and the estimate of it from the tables of a
//! file.

use crate::zigzag::ZIGZAG;

/// Table K.1 of T.81, row-major: what the familiar quality scale is measured against.
const ANNEX_K_LUMA: [u16; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, //
    12, 12, 14, 19, 26, 58, 60, 55, //
    14, 13, 16, 24, 40, 57, 69, 56, //
    14, 17, 22, 29, 51, 87, 80, 62, //
    18, 22, 37, 56, 68, 109, 103, 77, //
    24, 35, 55, 64, 81, 104, 113, 92, //
    49, 64, 78, 87, 103, 121, 120, 101, //
    72, 92, 95, 98, 112, 100, 103, 99,
];

/// Luma steps at quality 50, in tenths, row-major.
///
/// From the table of N. Robidoux by descent on the bytes that photographs take at equal SSIMULACRA2; half of them were
/// left aside and gained as much. Finer than Annex K where blocks would show, nearly flat above.
const LUMA: [u16; 64] = [
    126, 131, 303, 308, 372, 432, 462, 579, //
    145, 170, 353, 418, 468, 429, 413, 486, //
    334, 390, 372, 432, 540, 579, 653, 814, //
    308, 418, 432, 505, 546, 578, 689, 860, //
    372, 468, 540, 546, 564, 633, 761, 955, //
    432, 429, 579, 578, 633, 732, 868, 1242, //
    462, 413, 653, 689, 761, 868, 1160, 1695, //
    579, 486, 814, 860, 955, 1242, 1695, 2401,
];

/// Chroma steps at quality 50, in tenths, row-major, found in the same way.
const CHROMA: [u16; 64] = [
    126, 170, 233, 256, 304, 339, 429, 603, //
    170, 192, 268, 360, 382, 344, 391, 515, //
    233, 268, 311, 386, 424, 477, 642, 890, //
    256, 360, 386, 413, 443, 528, 712, 984, //
    304, 382, 424, 443, 493, 636, 836, 1137, //
    339, 344, 477, 528, 636, 794, 1024, 1362, //
    429, 391, 642, 712, 836, 1024, 1298, 1719, //
    603, 515, 890, 984, 1137, 1362, 1719, 2307,
];

/// What the base tables are multiplied by, in hundredths: the scale of the Independent JPEG Group, on which 50 is the
/// tables as they are, 100 has every step at 1, and 0 is taken as 1.
fn percent(quality: u8) -> u32 {
    match u32::from(quality.clamp(1, 100)) {
        quality @ 0..50 => 5000 / quality,
        quality => 200 - 2 * quality,
    }
}

/// The quantization tables of luma and chroma for a quality, in zigzag order.
pub(crate) fn tables(quality: u8) -> [[u16; 64]; 2] {
    let percent = percent(quality);
    [LUMA, CHROMA].map(|steps| {
        ZIGZAG.map(|i| {
            let tenths = u32::from(steps[usize::from(i)]);
            ((tenths * percent + 500) / 1000).clamp(1, 255) as u16
        })
    })
}

/// The Annex K luma table on that scale, in zigzag order, as libjpeg computes it.
fn annex_k_luma(quality: u8, limit: u32) -> [u16; 64] {
    let percent = percent(quality);
    ZIGZAG.map(|i| {
        let step = u32::from(ANNEX_K_LUMA[usize::from(i)]);
        ((step * percent + 50) / 100).clamp(1, limit) as u16
    })
}

/// Estimates the quality, 1 to 100 on the familiar scale, that a luma quantization table was made for; `luma` is in
/// zigzag order, as DQT has it.
///
/// It is exact for the tables of libjpeg's scale and for those of this crate's encoder. For any other it is the
/// quality at which libjpeg's luma table comes nearest: the smallest sum of differences, and of equals the higher
/// quality.
pub fn estimate_quality(luma: &[u16; 64]) -> u8 {
    if let Some(own) = (1..=100).find(|&quality| tables(quality)[0] == *luma) {
        return own;
    }
    // Tables of the baseline process stop at 255; libjpeg can be told to go on.
    let limit = if luma.iter().any(|&step| step > 255) {
        32_767
    } else {
        255
    };
    let distance = |quality: &u8| -> u32 {
        let table = annex_k_luma(*quality, limit);
        table
            .iter()
            .zip(luma)
            .map(|(&a, &b)| u32::from(a.abs_diff(b)))
            .sum()
    };
    (1..=100)
        .rev()
        .min_by_key(distance)
        .expect("the range is not empty")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_the_scale_of_libjpeg() {
        for quality in 1..=100 {
            for limit in [255, 32_767] {
                assert_eq!(estimate_quality(&annex_k_luma(quality, limit)), quality);
            }
        }
    }

    #[test]
    fn estimates_its_own_scale() {
        // Below 6, steps meet their limit of 255 and tables repeat.
        for quality in 1..=100 {
            let found = estimate_quality(&tables(quality)[0]);
            assert!(
                found.abs_diff(quality) <= u8::from(quality < 6) * 5,
                "{quality} is read as {found}"
            );
        }
    }

    #[test]
    fn estimates_other_tables_by_the_nearest() {
        assert_eq!(estimate_quality(&[1; 64]), 100);
        assert_eq!(estimate_quality(&[255; 64]), 1);
        assert_eq!(estimate_quality(&[u16::MAX; 64]), 1);
        let mut near = annex_k_luma(75, 255);
        near[5] += 1;
        assert_eq!(estimate_quality(&near), 75);
    }

    #[test]
    fn steps_never_grow_with_quality() {
        for quality in 0..100 {
            for (coarse, fine) in tables(quality).iter().zip(tables(quality + 1)) {
                for (k, (&coarse, fine)) in coarse.iter().zip(fine).enumerate() {
                    assert!(
                        fine <= coarse,
                        "{quality}: step {k} is {coarse}, then {fine}"
                    );
                    assert!((1..=255).contains(&coarse));
                }
            }
        }
        assert_eq!(tables(100), [[1; 64]; 2]);
    }
}
