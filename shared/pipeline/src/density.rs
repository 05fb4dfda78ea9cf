//! How densely pixels lie: pixels per meter, as PNG says it, to and from what JFIF says.
//!
//! Source: PNG (Third Edition), 11.3.4.3 (pHYs); T.871, 10.1 (JFIF).

use codec_jpeg::{Density, DensityUnit};
use png::{PixelDimensions, Unit};

/// Inches and centimeters in 10 000 m, so that both are whole numbers: 393 701 (rounded) and 1 000 000.
const PER_10_KM: u64 = 10_000;
const INCHES: u64 = 393_701;
const CENTIMETERS: u64 = 1_000_000;

/// pHYs as JFIF has it: in inches, as nearly everyone says it; in centimeters where that is a whole number and inches
/// are none, or where inches do not fit. The default where a number is 0, or too large for 16 bits.
pub(crate) fn from_png(dimensions: PixelDimensions) -> Density {
    let (x, y) = (u64::from(dimensions.xppu), u64::from(dimensions.yppu));
    let density = |unit, x: u64, y: u64| {
        let (x, y) = (u16::try_from(x).ok()?, u16::try_from(y).ok()?);
        (x > 0 && y > 0).then_some(Density { unit, x, y })
    };
    let found = match dimensions.unit {
        Unit::Meter => {
            let inches = [x, y].map(|n| rounded(n * PER_10_KM, INCHES));
            let centimeters = [x, y].map(|n| rounded(n, 100));
            let of_inches = density(DensityUnit::Inch, inches[0], inches[1]);
            let of_centimeters = density(DensityUnit::Centimeter, centimeters[0], centimeters[1]);
            // A whole number per inch is a fraction of at most half a pixel per meter away from its own.
            let whole = |[a, b]: [u64; 2], per: u64| {
                rounded(a * per, PER_10_KM).abs_diff(x) <= 1
                    && rounded(b * per, PER_10_KM).abs_diff(y) <= 1
            };
            match (of_inches, of_centimeters) {
                (Some(_), Some(centimeters_fit))
                    if !whole(inches, INCHES) && whole(centimeters, CENTIMETERS) =>
                {
                    Some(centimeters_fit)
                }
                (inches, centimeters) => inches.or(centimeters),
            }
        }
        Unit::Unspecified => {
            let [x, y] = in_16_bits(x, y);
            density(DensityUnit::AspectRatio, x, y)
        }
    };
    found.unwrap_or_default()
}

/// JFIF's density as pHYs; `None` where it says nothing.
pub(crate) fn to_png(density: Density) -> Option<PixelDimensions> {
    if density == Density::default() || density.x == 0 || density.y == 0 {
        return None;
    }
    let scaled = |n: u16| {
        let n = u64::from(n);
        let scaled = match density.unit {
            DensityUnit::AspectRatio => n,
            DensityUnit::Inch => rounded(n * INCHES, PER_10_KM),
            DensityUnit::Centimeter => n * 100,
        };
        u32::try_from(scaled).expect("at most 40 times 16 bits")
    };
    Some(PixelDimensions {
        xppu: scaled(density.x),
        yppu: scaled(density.y),
        unit: match density.unit {
            DensityUnit::AspectRatio => Unit::Unspecified,
            DensityUnit::Inch | DensityUnit::Centimeter => Unit::Meter,
        },
    })
}

fn rounded(n: u64, by: u64) -> u64 {
    (n + by / 2) / by
}

/// The same ratio, or nearly, of numbers that fit 16 bits.
fn in_16_bits(x: u64, y: u64) -> [u64; 2] {
    let by = x.max(y).div_ceil(u64::from(u16::MAX)).max(1);
    [x, y].map(|n| rounded(n, by))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(xppu: u32, yppu: u32, unit: Unit) -> PixelDimensions {
        PixelDimensions { xppu, yppu, unit }
    }

    fn jfif(unit: DensityUnit, x: u16, y: u16) -> Density {
        Density { unit, x, y }
    }

    #[test]
    fn says_in_jfif_what_png_says() {
        use DensityUnit::{AspectRatio, Centimeter, Inch};
        for (x, y, unit, density) in [
            (2835, 2835, Unit::Meter, jfif(Inch, 72, 72)),
            (3780, 3780, Unit::Meter, jfif(Inch, 96, 96)),
            (11_811, 5906, Unit::Meter, jfif(Inch, 300, 150)),
            (4000, 4000, Unit::Meter, jfif(Centimeter, 40, 40)),
            (
                4_000_000,
                4_000_000,
                Unit::Meter,
                jfif(Centimeter, 40_000, 40_000),
            ),
            (u32::MAX, 1, Unit::Meter, Density::default()),
            (0, 0, Unit::Meter, Density::default()),
            (4, 3, Unit::Unspecified, jfif(AspectRatio, 4, 3)),
            (
                1_000_000,
                500_000,
                Unit::Unspecified,
                jfif(AspectRatio, 62_500, 31_250),
            ),
            (u32::MAX, 1, Unit::Unspecified, Density::default()),
        ] {
            assert_eq!(from_png(png(x, y, unit)), density, "{x} {y} {unit:?}");
        }
    }

    #[test]
    fn comes_back_the_same() {
        assert!(to_png(Density::default()).is_none());
        for unit in [
            DensityUnit::Inch,
            DensityUnit::Centimeter,
            DensityUnit::AspectRatio,
        ] {
            for n in (2..=u16::MAX).step_by(97).chain([300, 600, u16::MAX]) {
                let density = jfif(unit, n, n / 2);
                let back = from_png(to_png(density).expect("it says something"));
                // Some whole numbers of one centimeter are whole numbers of an inch as well.
                assert!(
                    back == density
                        || unit == DensityUnit::Centimeter && back.unit == DensityUnit::Inch
                );
            }
        }
    }
}
