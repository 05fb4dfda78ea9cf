//! The quality that a JPEG was encoded at, by its quantization table.

/// T.81, table K.1 (luminance), in zigzag order.
const LUMINANCE: [u16; 64] = [
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37,
    29, 40, 58, 51, 61, 60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81,
    87, 95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
];

/// Table K.1 as the Independent JPEG Group scales it to a quality.
fn scaled(quality: u8) -> [u16; 64] {
    let quality = u32::from(quality);
    let percent = if quality < 50 {
        5000 / quality
    } else {
        200 - 2 * quality
    };
    LUMINANCE.map(|value| ((u32::from(value) * percent + 50) / 100).clamp(1, 255) as u16)
}

/// The quality whose table is nearest to `table`, 1 to 100; the higher one of two that are equally near.
pub(super) fn estimate(table: &[u16; 64]) -> u8 {
    let distance = |quality: &u8| -> u32 {
        let pairs = scaled(*quality).into_iter().zip(table);
        pairs.map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
    };
    (1..=100).rev().min_by_key(distance).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_its_own_tables() {
        // Below 4 several qualities share a table: all values are at their end.
        for quality in 4..=100 {
            assert_eq!(estimate(&scaled(quality)), quality);
        }
    }

    #[test]
    fn is_near_for_other_tables() {
        assert_eq!(estimate(&[1; 64]), 100);
        assert!((97..=99).contains(&estimate(&[2; 64])));
        assert!(estimate(&[255; 64]) <= 5);
        assert_eq!(estimate(&scaled(75).map(|v| v + 1)), 74);
    }
}
