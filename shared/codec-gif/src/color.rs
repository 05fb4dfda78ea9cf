//! The space in which colors are compared: Oklab, as whole numbers, so that every machine decides alike.
//! Only additions, multiplications, divisions and square roots are used: all are exact by IEEE 754.

use std::sync::LazyLock;

/// Oklab lightness 1.0, in the whole numbers used here. Black to white, the longest distance between two colors
/// of sRGB, squared is 16 000 000: below 2^24, so that a squared distance and an 8-bit index share a `u32`.
const UNIT: f32 = 4000.0;

/// Lightness counts a little more than hue: found on footage, where it is worth a point of SSIMULACRA2.
const CHROMA: f32 = 0.9;

/// A color in scaled Oklab: lightness, green-red, blue-yellow.
pub(crate) type Lab = [i16; 3];

/// Linear light of every half level of 8-bit sRGB: entry `2 v` is level `v`.
static LINEAR: LazyLock<[f32; 512]> =
    LazyLock::new(|| std::array::from_fn(|half| decode(half as f64 / 510.0) as f32));

/// IEC 61966-2-1, the decoding of one channel.
fn decode(value: f64) -> f64 {
    if value <= 0.040_45 {
        return value / 12.92;
    }
    let x = (value + 0.055) / 1.055;
    // x^2.4 = x^2 times the fifth root of x^2, by Newton's method.
    let square = x * x;
    let mut root = 1.0_f64;
    for _ in 0..40 {
        let fourth = root * root * root * root;
        root -= (root * fourth - square) / (5.0 * fourth);
    }
    square * root
}

/// The cube root of a number from 0 to 1, to about 1e-6.
#[inline(always)]
fn cube_root(x: f32) -> f32 {
    // A third of the exponent, and two steps of Halley's method.
    let mut y = f32::from_bits(x.to_bits() / 3 + 709_921_077);
    for _ in 0..2 {
        let cube = y * y * y;
        y *= (cube + x + x) / (cube + cube + x);
    }
    y
}

/// Linear sRGB to Oklab. Source: B. Ottosson, "A perceptual color space for image processing".
#[inline(always)]
fn oklab(r: f32, g: f32, b: f32) -> [f32; 3] {
    let l = cube_root(0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b);
    let m = cube_root(0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b);
    let s = cube_root(0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b);
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        (1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s) * CHROMA,
        (0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s) * CHROMA,
    ]
}

/// The color at these half levels of 8-bit sRGB (0 to 510), in units of [`UNIT`], unrounded.
#[inline(always)]
pub(crate) fn from_halves(halves: [u16; 3]) -> [f32; 3] {
    let linear = &*LINEAR;
    let [r, g, b] = halves.map(|half| linear[usize::from(half & 511)]);
    oklab(r, g, b).map(|value| value * UNIT)
}

/// The nearest whole numbers.
#[inline(always)]
pub(crate) fn round(lab: [f32; 3]) -> Lab {
    lab.map(|value| (value + 8192.5) as i16 - 8192)
}

/// An 8-bit sRGB color in scaled Oklab.
pub(crate) fn from_rgb(rgb: [u8; 3]) -> [f32; 3] {
    from_halves(rgb.map(|value| 2 * u16::from(value)))
}

/// The 8-bit sRGB color nearest to a scaled Oklab color.
pub(crate) fn to_rgb(lab: [f32; 3]) -> [u8; 3] {
    let (lightness, a, b) = (
        lab[0] / UNIT,
        lab[1] / (UNIT * CHROMA),
        lab[2] / (UNIT * CHROMA),
    );
    let cube = |x: f32| x * x * x;
    let l = cube(lightness + 0.396_337_78 * a + 0.215_803_76 * b);
    let m = cube(lightness - 0.105_561_346 * a - 0.063_854_17 * b);
    let s = cube(lightness - 0.089_484_18 * a - 1.291_485_5 * b);
    [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s,
        -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ]
    .map(encode)
}

/// The 8-bit sRGB level nearest to this linear light.
fn encode(light: f32) -> u8 {
    // The odd entries lie between two levels: count those below.
    let linear = &*LINEAR;
    let (mut low, mut high) = (0, 255);
    while low < high {
        let middle = usize::midpoint(low, high);
        if light > linear[2 * middle + 1] {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_colors() {
        let near = |rgb, lab: [f32; 3]| {
            let found = from_rgb(rgb).map(|value| value / UNIT);
            for (found, wanted) in found.into_iter().zip(lab) {
                assert!((found - wanted).abs() < 1e-3, "{rgb:?}: {found} {wanted}");
            }
        };
        near([255, 255, 255], [1.0, 0.0, 0.0]);
        near([0, 0, 0], [0.0, 0.0, 0.0]);
        near([255, 0, 0], [0.62796, 0.22486 * CHROMA, 0.12585 * CHROMA]);
        near([0, 0, 255], [0.45201, -0.03246 * CHROMA, -0.31153 * CHROMA]);
    }

    #[test]
    fn every_color_comes_back() {
        for r in (0..=255).step_by(15) {
            for g in (0..=255).step_by(15) {
                for b in (0..=255).step_by(15) {
                    assert_eq!(to_rgb(from_rgb([r, g, b])), [r, g, b]);
                }
            }
        }
    }

    #[test]
    fn squared_distances_fit_24_bits() {
        let corners: Vec<Lab> = (0..8)
            .map(|c| {
                round(from_rgb([
                    (c & 1) * 255,
                    (c >> 1 & 1) * 255,
                    (c >> 2) * 255,
                ]))
            })
            .collect();
        for a in &corners {
            for b in &corners {
                let d: i32 = (0..3).map(|i| (a[i] as i32 - b[i] as i32).pow(2)).sum();
                assert!(d < 1 << 24, "{d}");
            }
        }
    }
}
