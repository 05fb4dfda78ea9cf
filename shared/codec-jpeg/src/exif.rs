//! The one tag of EXIF that changes what is seen: Orientation. Everything else in it is left as it is.
//!
//! Data here is EXIF's TIFF structure, without the `Exif\0\0` that a JPEG has before it ([`tiff`]). Damage of any kind
//! is no error: there is then no orientation, as every viewer has it.
//!
//! Source: TIFF 6.0, sections 2 (header, IFD) and 8 (tag 274); Exif 2.32, 4.6.4 A.

use crate::codes::EXIF;
use crate::tiff::ByteOrder;

/// EXIF without the `Exif\0\0` that belongs before it in a JPEG alone, but that programs write elsewhere as well.
pub fn tiff(exif: &[u8]) -> &[u8] {
    exif.strip_prefix(EXIF).unwrap_or(exif)
}

/// The tag Orientation.
const ORIENTATION: u16 = 0x0112;
/// The type of a 16-bit number.
const SHORT: u16 = 3;

/// Where the value of the tag Orientation is in `tiff`, and in which byte order.
fn find(tiff: &[u8]) -> Option<(usize, ByteOrder)> {
    let order = ByteOrder::of(tiff)?;
    let entry = order.entry(tiff, ORIENTATION)?;
    let kind = order.short(tiff, entry + 2)?;
    order.short(tiff, entry + 8)?;
    (kind == SHORT).then_some((entry + 8, order))
}

/// The value of the tag, 1 to 8; `None` where there is none or it means nothing.
pub(crate) fn find_orientation(tiff: &[u8]) -> Option<u8> {
    let (at, order) = find(tiff)?;
    u8::try_from(order.short(tiff, at)?)
        .ok()
        .filter(|value| (1..=8).contains(value))
}

/// The value of the tag, 1 to 8; 1, which turns nothing, where there is none or it means nothing.
pub fn orientation(tiff: &[u8]) -> u8 {
    find_orientation(tiff).unwrap_or(1)
}

/// Marks the picture as needing no turning, where `tiff` says otherwise.
pub fn reset_orientation(tiff: &mut [u8]) {
    if let Some((at, order)) = find(tiff) {
        order
            .put_short(tiff, at, 1)
            .expect("it was read from there");
    }
}

/// EXIF with nothing but the orientation, 26 bytes; `None` where that does not turn the picture.
pub fn orientation_alone(tiff: &[u8]) -> Option<Vec<u8>> {
    let value = orientation(tiff);
    // One directory, of one entry: tag, type, count, value; and no further directory.
    let mut alone = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    alone.extend([value, 0, 0, 0, 0, 0, 0]);
    (value > 1).then_some(alone)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// The smallest EXIF that turns a picture.
    fn tiff(orientation: u16, little: bool) -> Vec<u8> {
        let short = |v: u16| {
            if little {
                v.to_le_bytes()
            } else {
                v.to_be_bytes()
            }
        };
        let long = |v: u32| {
            if little {
                v.to_le_bytes()
            } else {
                v.to_be_bytes()
            }
        };
        let mut tiff = if little { b"II*\0" } else { b"MM\0*" }.to_vec();
        tiff.extend(long(8));
        tiff.extend(short(2));
        for (tag, value) in [(0x010F, 7), (ORIENTATION, orientation)] {
            tiff.extend(short(tag));
            tiff.extend(short(SHORT));
            tiff.extend(long(1));
            tiff.extend(short(value));
            tiff.extend(short(0));
        }
        tiff.extend(long(0));
        tiff
    }

    #[test]
    fn reads_and_resets_both_byte_orders() {
        for little in [false, true] {
            for value in 1..=8 {
                let mut exif = tiff(value, little);
                assert_eq!(u16::from(orientation(&exif)), value);
                reset_orientation(&mut exif);
                assert_eq!(exif, tiff(1, little));
            }
            assert_eq!(orientation(&tiff(99, little)), 1);
        }
    }

    #[test]
    fn leaves_the_orientation_alone() {
        for value in 2..=8 {
            let alone = orientation_alone(&tiff(value, true)).expect("it turns the picture");
            assert_eq!(u16::from(orientation(&alone)), value);
            assert!(alone.len() < 30);
        }
        assert_eq!(orientation_alone(&tiff(1, false)), None);
        assert_eq!(orientation_alone(b"MM"), None);
    }

    #[test]
    fn damage_is_no_orientation() {
        let whole = tiff(6, true);
        for len in 0..30 {
            assert_eq!(orientation(&whole[..len]), 1, "{len}");
        }
        let mut far = whole.clone();
        far[4..8].copy_from_slice(&[0xFF; 4]);
        assert_eq!(orientation(&far), 1);
        reset_orientation(&mut far);
    }

    #[test]
    fn a_directory_ends_with_its_data() {
        let tiff = b"MM\0*\0\0\0\x08\xff\xff\x01\x10";
        let begin = Instant::now();
        for _ in 0..100_000 {
            assert_eq!(orientation(std::hint::black_box(tiff)), 1);
        }
        // All the entries that it claims to have would take some seconds.
        assert!(begin.elapsed() < Duration::from_secs(1));
    }
}
