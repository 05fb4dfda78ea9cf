//! The colors that a PNG describes in numbers, without an ICC profile, brought to sRGB.
//!
//! Source: PNG (Third Edition), 4.3 (which chunk comes first), 11.3.2 (cHRM, gAMA, sRGB, cICP); ITU-T H.273, tables 2
//! and 3.

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics,
};
use png::{CodingIndependentCodePoints, Info, ScaledFloat, SourceChromaticities};

use crate::color::Wide;

/// Light of a display at which paper white is shown, in cd/m²: what is brighter in an HDR picture has no place in sRGB
/// (ITU-R BT.2408, 2.1).
const PAPER_WHITE: f64 = 203.0;

/// The chromaticities of sRGB in the units of cHRM, 1/100 000: white, red, green, blue.
const SRGB: [[u32; 2]; 4] = [
    [31_270, 32_900],
    [64_000, 33_000],
    [30_000, 60_000],
    [15_000, 6_000],
];

/// How far each may be from it to be taken for it; programs round differently.
const CHROMATICITY_TOLERANCE: u32 = 1000;

/// What brings pixels of `channels` to sRGB; `None` where they are sRGB, or as good as, or nothing is said.
///
/// Of what is said, cICP counts first, then sRGB, then gAMA and cHRM. Chunks that make no sense are passed over.
pub(super) fn to_srgb(info: &Info, channels: moxcms::Layout) -> Option<Wide> {
    if let Some(points) = info.coding_independent_code_points
        && let Some(profile) = from_cicp(points)
    {
        let is_srgb = (points.color_primaries, points.transfer_function) == (1, 13);
        return if is_srgb {
            None
        } else {
            Wide::new(&profile, channels)
        };
    }
    if info.srgb.is_some() {
        return None;
    }
    let profile = from_gamma(info.gama_chunk, info.chrm_chunk)?;
    Wide::new(&profile, channels)
}

/// `None` where the code points are not known.
fn from_cicp(points: CodingIndependentCodePoints) -> Option<ColorProfile> {
    let color_primaries = CicpColorPrimaries::try_from(points.color_primaries).ok()?;
    let transfer_characteristics =
        TransferCharacteristics::try_from(points.transfer_function).ok()?;
    // Narrow range is for video; no still picture of that kind was found.
    if points.matrix_coefficients != 0 || !points.is_video_full_range_image {
        return None;
    }
    let mut profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries,
        transfer_characteristics,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    profile.red_trc.as_ref()?;
    match transfer_characteristics {
        TransferCharacteristics::Smpte2084 => set_curve(&mut profile, &hdr_curve(pq)),
        TransferCharacteristics::Hlg => set_curve(&mut profile, &hdr_curve(hlg)),
        _ => {}
    }
    Some(profile)
}

fn from_gamma(
    gamma: Option<ScaledFloat>,
    chromaticities: Option<SourceChromaticities>,
) -> Option<ColorProfile> {
    // The power that light is raised to, in 1/100 000. Beyond a factor of ten it is a mistake.
    let gamma = gamma.map(ScaledFloat::into_scaled);
    let gamma = gamma.filter(|gamma| (10_000..=1_000_000).contains(gamma));
    let points = chromaticities.map(|c| {
        [c.white, c.red, c.green, c.blue].map(|(x, y)| [x.into_scaled(), y.into_scaled()])
    });
    let points = points.filter(|points| is_possible(*points));
    // What libpng takes for sRGB: a twentieth more or less than 1/2.2.
    let is_srgb_curve = gamma.is_none_or(|gamma| gamma.abs_diff(45_455) <= 45_455 / 20);
    let is_srgb_gamut = points.is_none_or(|points| {
        let mut pairs = points
            .as_flattened()
            .iter()
            .zip(SRGB.as_flattened())
            .map(|(found, srgb)| found.abs_diff(*srgb));
        pairs.all(|difference| difference <= CHROMATICITY_TOLERANCE)
    });
    if is_srgb_curve && is_srgb_gamut {
        return None;
    }
    let mut profile = ColorProfile::new_srgb();
    // The code points would count before the curves.
    profile.cicp = None;
    if let (Some(points), false) = (points, is_srgb_gamut) {
        let [white, red, green, blue] = points.map(|[x, y]| Chromaticity {
            x: x as f32 / 100_000.0,
            y: y as f32 / 100_000.0,
        });
        profile.update_rgb_colorimetry(white.to_xyyb(), ColorPrimaries { red, green, blue });
    }
    if let (Some(gamma), false) = (gamma, is_srgb_curve) {
        let exponent = 100_000.0 / gamma as f32;
        set_curve(&mut profile, &ToneReprCurve::Parametric(vec![exponent]));
    }
    Some(profile)
}

/// True where the three primaries span a triangle with white in it, so that all arithmetic on them is finite.
fn is_possible(points: [[u32; 2]; 4]) -> bool {
    let [white, red, green, blue] = points.map(|[x, y]| [i64::from(x), i64::from(y)]);
    // Twice the area of a triangle, its sign by the turn that it makes.
    let area = |a: [i64; 2], b: [i64; 2], c: [i64; 2]| {
        (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
    };
    // x and y are parts of 1 at most, but for blue primaries of some color spaces, a little outside.
    points.as_flattened().iter().all(|part| *part <= 100_000)
        && points.iter().all(|[_, y]| *y > 0)
        && area(red, green, blue) > 1_000_000
        && area(red, green, white) > 0
        && area(green, blue, white) > 0
        && area(blue, red, white) > 0
}

fn set_curve(profile: &mut ColorProfile, curve: &ToneReprCurve) {
    profile.cicp = None;
    for channel in [
        &mut profile.red_trc,
        &mut profile.green_trc,
        &mut profile.blue_trc,
    ] {
        *channel = Some(curve.clone());
    }
}

/// A curve of HDR, as light of which [`PAPER_WHITE`] is 1. What is brighter is cut off there.
fn hdr_curve(light: impl Fn(f64) -> f64) -> ToneReprCurve {
    let entry = |n: i32| (light(f64::from(n) / 4095.0) / PAPER_WHITE).min(1.0);
    ToneReprCurve::Lut(
        (0..4096)
            .map(|n| (entry(n) * 65535.0).round() as u16)
            .collect(),
    )
}

/// A value of PQ -> cd/m² (ITU-R BT.2100, table 4).
fn pq(value: f64) -> f64 {
    const M1: f64 = 2610.0 / 16384.0;
    const M2: f64 = 2523.0 / 4096.0 * 128.0;
    const C1: f64 = 3424.0 / 4096.0;
    const C2: f64 = 2413.0 / 4096.0 * 32.0;
    const C3: f64 = 2392.0 / 4096.0 * 32.0;
    let power = value.powf(1.0 / M2);
    10_000.0 * ((power - C1).max(0.0) / (C2 - C3 * power)).powf(1.0 / M1)
}

/// A value of HLG -> cd/m² on a display of 1000 cd/m², each channel by itself (ITU-R BT.2100, table 5).
fn hlg(value: f64) -> f64 {
    const A: f64 = 0.178_832_77;
    const B: f64 = 0.284_668_92;
    const C: f64 = 0.559_910_73;
    let scene = if value <= 0.5 {
        value * value / 3.0
    } else {
        (((value - C) / A).exp() + B) / 12.0
    };
    1000.0 * scene.powf(1.2)
}

#[cfg(test)]
mod tests {
    use moxcms::Layout;

    use super::*;

    fn with(mut info: Info<'static>, change: impl Fn(&mut Info)) -> Info<'static> {
        change(&mut info);
        info
    }

    fn scaled(value: u32) -> ScaledFloat {
        ScaledFloat::from_scaled(value)
    }

    fn chromaticities(points: [[u32; 2]; 4]) -> SourceChromaticities {
        let [white, red, green, blue] = points.map(|[x, y]| (scaled(x), scaled(y)));
        SourceChromaticities {
            white,
            red,
            green,
            blue,
        }
    }

    /// What becomes of a pixel, in 16 bits; unchanged where there is nothing to do.
    fn converted(info: &Info, pixel: [u16; 3]) -> [u16; 3] {
        match to_srgb(info, Layout::Rgb) {
            Some(wide) => wide.row(pixel.to_vec()).try_into().expect("three channels"),
            None => pixel,
        }
    }

    #[track_caller]
    fn shows(info: &Info, pixel: [u16; 3], expected: [u16; 3]) {
        let found = converted(info, pixel);
        let near = found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) < 200);
        assert!(near, "{found:?}, not {expected:?}");
    }

    const GRAY: [u16; 3] = [32768; 3];

    #[test]
    fn a_gamma_of_one_is_light() {
        let info = with(Info::default(), |info| {
            info.gama_chunk = Some(scaled(100_000));
        });
        // 0.5 of the light is 188 of 255.
        shows(&info, GRAY, [48_200; 3]);
        for white in [[0; 3], [65_535; 3]] {
            shows(&info, white, white);
        }
        let gray = to_srgb(&info, Layout::GrayAlpha).expect("it is not sRGB");
        let row = gray.row(vec![32768, 1234, 65535, 0]);
        assert!(row[0].abs_diff(48_200) < 200, "{row:?}");
        assert_eq!(row[1..], [1234, 65535, 0]);
    }

    #[test]
    fn what_is_nearly_srgb_is_left_alone() {
        for (gamma, points) in [
            (Some(45_455), None),
            (Some(45_000), Some(SRGB)),
            (None, Some(SRGB)),
            // Out of all reason.
            (Some(0), None),
            (Some(u32::MAX), None),
            (None, Some([[0; 2]; 4])),
            (None, Some([[31_270, 32_900]; 4])),
        ] {
            let info = with(Info::default(), |info| {
                info.gama_chunk = gamma.map(scaled);
                info.chrm_chunk = points.map(chromaticities);
            });
            assert!(
                to_srgb(&info, Layout::Rgb).is_none(),
                "{gamma:?} {points:?}"
            );
        }
    }

    #[test]
    fn primaries_far_from_srgb_are_brought_to_it() {
        // Display P3, told in both ways. Its green is beyond sRGB, and what lies within is more than it says.
        let p3 = [
            [31_270, 32_900],
            [68_000, 32_000],
            [26_500, 69_000],
            [15_000, 6_000],
        ];
        let told = with(Info::default(), |info| {
            info.gama_chunk = Some(scaled(45_455));
            info.chrm_chunk = Some(chromaticities(p3));
        });
        let points = with(Info::default(), |info| {
            info.coding_independent_code_points = Some(cicp(12, 13));
        });
        for info in [told, points] {
            shows(&info, GRAY, GRAY);
            let [red, green, blue] = converted(&info, [40_000, 20_000, 20_000]);
            assert!(
                red > 42_000 && green < 19_000 && blue < 20_000,
                "{red} {green} {blue}"
            );
        }
    }

    fn cicp(color_primaries: u8, transfer_function: u8) -> CodingIndependentCodePoints {
        CodingIndependentCodePoints {
            color_primaries,
            transfer_function,
            matrix_coefficients: 0,
            is_video_full_range_image: true,
        }
    }

    #[test]
    fn paper_white_of_hdr_is_white() {
        // 203 cd/m² are 58 % of PQ and 75 % of HLG (BT.2408, table 1).
        for (transfer, white) in [(16, 0.5807), (18, 0.75)] {
            let info = with(Info::default(), |info| {
                info.coding_independent_code_points = Some(cicp(9, transfer));
            });
            let value = (white * 65535.0) as u16;
            shows(&info, [value; 3], [65_400; 3]);
            shows(&info, [65_535; 3], [65_535; 3]);
            let [dark, ..] = converted(&info, [value / 2; 3]);
            assert!((1_000..40_000).contains(&dark), "{dark}");
        }
    }

    #[test]
    fn code_points_come_before_the_rest() {
        let linear = Some(scaled(100_000));
        let srgb = with(Info::default(), |info| {
            info.coding_independent_code_points = Some(cicp(1, 13));
            info.gama_chunk = linear;
        });
        let unknown = with(srgb.clone(), |info| {
            info.coding_independent_code_points = Some(cicp(200, 13));
        });
        let said = with(Info::default(), |info| {
            info.srgb = Some(png::SrgbRenderingIntent::Perceptual);
            info.gama_chunk = linear;
        });
        shows(&srgb, GRAY, GRAY);
        shows(&unknown, GRAY, [48_200; 3]);
        shows(&said, GRAY, GRAY);
    }
}
