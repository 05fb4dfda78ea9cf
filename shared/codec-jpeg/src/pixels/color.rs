//! Pixels to `Y'CbCr`: one strip of rows at a time, as `f32` samples around zero, so that nothing is rounded before
//! quantization. Every function is plain Rust with a fixed order of operations: the same bits on every machine.

use raster::Layout;

/// Weights of red, green and blue in Y', Cb and Cr (T.871, clause 7; ITU-R BT.601).
const WEIGHTS: [[f32; 3]; 3] = [
    [0.299, 0.587, 0.114],
    [-0.168_735_9, -0.331_264_1, 0.5],
    [0.5, -0.418_687_6, -0.081_312_4],
];

/// Red, green and blue of one row of pixels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rgb {
    pub(crate) red: Vec<f32>,
    pub(crate) green: Vec<f32>,
    pub(crate) blue: Vec<f32>,
}

impl Rgb {
    pub(crate) fn new(len: usize) -> Self {
        Self {
            red: vec![0.0; len],
            green: vec![0.0; len],
            blue: vec![0.0; len],
        }
    }

    pub(crate) fn planes(&self) -> [&[f32]; 3] {
        [&self.red, &self.green, &self.blue]
    }

    pub(crate) fn planes_mut(&mut self) -> [&mut [f32]; 3] {
        [&mut self.red, &mut self.green, &mut self.blue]
    }
}

/// Takes one row of pixels apart; `background` is what shows through transparent ones. The last pixel is repeated to
/// the end of `out`.
#[inline(always)]
pub(crate) fn split(pixels: &[u8], layout: Layout, background: [u8; 3], out: &mut Rgb) {
    let width = pixels.len() / layout.channels();
    let (red, green, blue) = (
        &mut out.red[..width],
        &mut out.green[..width],
        &mut out.blue[..width],
    );
    let planes = red.iter_mut().zip(green).zip(blue);
    match layout {
        Layout::Gray => {
            for (&pixel, ((r, g), b)) in pixels.iter().zip(planes) {
                (*r, *g, *b) = (pixel.into(), pixel.into(), pixel.into());
            }
        }
        Layout::Rgb => {
            for (pixel, ((r, g), b)) in pixels.chunks_exact(3).zip(planes) {
                *r = pixel[0].into();
                *g = pixel[1].into();
                *b = pixel[2].into();
            }
        }
        Layout::Rgba => {
            let [under_red, under_green, under_blue] = background.map(u32::from);
            let over = |value: u8, alpha: u8, under: u32| {
                let alpha = u32::from(alpha);
                // `n / 255` for 0..=65 152, without a division.
                let n = u32::from(value) * alpha + under * (255 - alpha) + 127;
                ((n + 1 + (n >> 8)) >> 8) as f32
            };
            for (pixel, ((r, g), b)) in pixels.chunks_exact(4).zip(planes) {
                *r = over(pixel[0], pixel[3], under_red);
                *g = over(pixel[1], pixel[3], under_green);
                *b = over(pixel[2], pixel[3], under_blue);
            }
        }
    }
    for plane in out.planes_mut() {
        let last = plane[width - 1];
        plane[width..].fill(last);
    }
}

/// Y' of a row, less 128.
#[inline(always)]
pub(crate) fn luma(rgb: &Rgb, out: &mut [f32]) {
    let [r, g, b] = WEIGHTS[0];
    let planes = rgb.red.iter().zip(&rgb.green).zip(&rgb.blue);
    for (out, ((red, green), blue)) in out.iter_mut().zip(planes) {
        *out = red * r + green * g + (blue * b - 128.0);
    }
}

/// Cb and Cr of a row, around zero.
#[inline(always)]
pub(crate) fn chroma(rgb: &Rgb, cb: &mut [f32], cr: &mut [f32]) {
    let planes = rgb.red.iter().zip(&rgb.green).zip(&rgb.blue);
    for ((cb, cr), ((red, green), blue)) in cb.iter_mut().zip(cr).zip(planes) {
        *cb = red * WEIGHTS[1][0] + green * WEIGHTS[1][1] + blue * WEIGHTS[1][2];
        *cr = red * WEIGHTS[2][0] + green * WEIGHTS[2][1] + blue * WEIGHTS[2][2];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(pixel: &[u8], layout: Layout, background: [u8; 3]) -> [f32; 3] {
        let mut rgb = Rgb::new(2);
        split(pixel, layout, background, &mut rgb);
        let (mut y, mut cb, mut cr) = ([0.0; 2], [0.0; 2], [0.0; 2]);
        luma(&rgb, &mut y);
        chroma(&rgb, &mut cb, &mut cr);
        assert_eq!(
            (y[0], cb[0], cr[0]),
            (y[1], cb[1], cr[1]),
            "padding repeats"
        );
        [y[0], cb[0], cr[0]]
    }

    #[track_caller]
    fn is(pixel: &[u8], layout: Layout, expected: [f32; 3]) {
        let found = convert(pixel, layout, [255, 0, 0]);
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-3,
                "{pixel:?} became {found:?}"
            );
        }
    }

    #[test]
    fn converts_as_jfif_asks() {
        is(&[0, 0, 0], Layout::Rgb, [-128.0, 0.0, 0.0]);
        is(&[255, 255, 255], Layout::Rgb, [127.0, 0.0, 0.0]);
        is(&[255, 0, 0], Layout::Rgb, [-51.755, -43.027_65, 127.5]);
        is(&[0, 255, 0], Layout::Rgb, [21.685, -84.472_34, -106.765_34]);
        is(&[0, 0, 255], Layout::Rgb, [-98.93, 127.5, -20.734_66]);
        is(&[77], Layout::Gray, [-51.0, 0.0, 0.0]);
    }

    #[test]
    fn lays_pixels_over_the_background() {
        is(&[9, 9, 9, 0], Layout::Rgba, [-51.755, -43.027_65, 127.5]);
        is(&[0, 0, 255, 255], Layout::Rgba, [-98.93, 127.5, -20.734_66]);
        for value in 0..=255u8 {
            for alpha in 0..=255u8 {
                let exact =
                    (u32::from(value) * u32::from(alpha) + 200 * (255 - u32::from(alpha)) + 127)
                        / 255;
                let pixel = [value, value, value, alpha];
                let mut rgb = Rgb::new(1);
                split(&pixel, Layout::Rgba, [200; 3], &mut rgb);
                assert_eq!(rgb.green[0] as u32, exact, "{value} at {alpha}");
            }
        }
    }
}
