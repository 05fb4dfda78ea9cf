//! Pictures as planes of samples, one for each component, at its own sampling.

use raster::{Frame, Kernel, Layout, Plane, Simd, Size, Stopped, Watch, Window, resample};

use crate::options::Sampling;

/// At which part of its width and height a picture is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scale {
    /// One sample for a block of 8x8.
    Eighth,
    /// 2x2 samples for a block.
    Quarter,
    /// 4x4 samples for a block.
    Half,
    /// All samples.
    Full,
}

impl Scale {
    /// The coarsest scale at which a picture, read to be made `factor` times smaller, is still at least `margin` times as
    /// large as the result; full where none is. 1.15 is a margin that costs little detail, 2 one that costs none.
    pub fn for_factor(factor: f64, margin: f64) -> Self {
        [Self::Eighth, Self::Quarter, Self::Half]
            .into_iter()
            .find(|scale| f64::from(scale.samples()) / 8.0 * factor >= margin)
            .unwrap_or(Self::Full)
    }

    /// Samples across or down for the eight of a block.
    pub const fn samples(self) -> u32 {
        match self {
            Self::Eighth => 1,
            Self::Quarter => 2,
            Self::Half => 4,
            Self::Full => 8,
        }
    }
}

/// A picture in gray, or in Y, Cb and Cr (T.871, full range), each at its own sampling.
#[derive(Clone, Debug, PartialEq)]
pub struct Planes {
    /// The size of the whole picture, in pixels.
    pub size: Size,
    /// One plane for gray, or three. All cover the same picture, whatever number of samples that is in each.
    pub planes: Vec<Plane>,
}

/// The samples of chroma along a side of this many pixels, where a sample is for `factor` of them.
fn subsampled(side: u32, factor: u8) -> u32 {
    side.div_ceil(u32::from(factor))
}

impl Planes {
    /// What `window` shows of the picture (in pixels of `size`, in fractions), scaled to `size`, with chroma at `sampling`:
    /// cutting, scaling and the change of sampling are one step. [`Sampling::Auto`] is 4:2:0.
    ///
    /// Each plane is scaled by itself, on its values as they are ([`resample`]); chroma is centered between the pixels that
    /// it is for (T.871, clause 7). Where a side is odd, its last sample is for one pixel beyond the result.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if `watch` says so; it is asked for every eight rows.
    ///
    /// # Panics
    ///
    /// If a side of `size` is zero, or one of `window` is not above zero.
    pub fn resampled(
        &self,
        window: Window,
        size: Size,
        sampling: Sampling,
        simd: Simd,
        watch: &dyn Watch,
    ) -> Result<Self, Stopped> {
        let kernel = Kernel::detect(simd);
        let mut planes = Vec::with_capacity(self.planes.len());
        for (index, plane) in self.planes.iter().enumerate() {
            let (h, v) = if index == 0 {
                (1, 1)
            } else {
                sampling.factors()
            };
            let made = Size::new(subsampled(size.width, h), subsampled(size.height, v));
            // Samples of the plane for a pixel, and pixels of the result that the made plane is for.
            let across = plane.width() / f64::from(self.size.width);
            let down = plane.height() / f64::from(self.size.height);
            let whole = |made: u32, factor: u8, side: u32| {
                f64::from(made) * f64::from(factor) / f64::from(side)
            };
            let window = Window {
                x: window.x * across,
                y: window.y * down,
                width: window.width * across * whole(made.width, h, size.width),
                height: window.height * down * whole(made.height, v, size.height),
            };
            planes.push(resample(plane, window, made, kernel, watch)?);
        }
        Ok(Self { size, planes })
    }

    /// The sampling factors of luma, where those of chroma are 1.
    ///
    /// # Panics
    ///
    /// If the planes are not those of a picture in gray, 4:4:4, 4:2:2 or 4:2:0.
    pub(crate) fn factors(&self) -> (u8, u8) {
        let is = |plane: &Plane, (h, v): (u8, u8)| {
            plane.columns() == subsampled(self.size.width, h) as usize
                && plane.rows() == subsampled(self.size.height, v) as usize
        };
        let found = match &self.planes[..] {
            [luma] if is(luma, (1, 1)) => Some((1, 1)),
            [luma, cb, cr] if is(luma, (1, 1)) => [(1, 1), (2, 1), (2, 2)]
                .into_iter()
                .find(|&factors| is(cb, factors) && is(cr, factors)),
            _ => None,
        };
        found.unwrap_or_else(|| {
            let sizes = self.planes.iter().map(|it| (it.columns(), it.rows()));
            let sizes: Vec<_> = sizes.collect();
            panic!(
                "planes of {sizes:?} samples are no picture of {}",
                self.size
            )
        })
    }

    /// The picture in gray or RGB.
    ///
    /// Source: T.871, clause 7.
    ///
    /// # Panics
    ///
    /// If there are not as many samples in each plane as there are pixels: [`Self::resampled`] makes planes of 4:4:4.
    pub fn to_frame(&self) -> Frame {
        assert_eq!(self.factors(), (1, 1), "RGB is made of 4:4:4");
        let rows = self.size.height as usize;
        let (layout, pixels) = if let [gray] = &self.planes[..] {
            (
                Layout::Gray,
                (0..rows).flat_map(|y| gray.row(y)).copied().collect(),
            )
        } else {
            let [luma, cb, cr] = [0, 1, 2].map(|index| &self.planes[index]);
            let mut pixels = Vec::with_capacity(3 * self.size.pixels() as usize);
            for y in 0..rows {
                let chroma = cb.row(y).iter().zip(cr.row(y));
                let row = luma.row(y).iter().zip(chroma);
                pixels.extend(row.flat_map(|(&y, (&cb, &cr))| rgb(y, cb, cr)));
            }
            (Layout::Rgb, pixels)
        };
        Frame::new(self.size, layout, pixels).expect("there is a sample for each pixel")
    }
}

/// Red, green and blue of a pixel, rounded (T.871, clause 7).
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    let colors = [
        y + 1.402 * cr,
        y - 0.344_136_3 * cb - 0.714_136_3 * cr,
        y + 1.772 * cb,
    ];
    colors.map(|value| (value + 0.5) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_those_of_jfif() {
        assert_eq!(rgb(76, 85, 255), [254, 0, 0]);
        assert_eq!(rgb(150, 44, 21), [0, 255, 1]);
        assert_eq!(rgb(29, 255, 107), [0, 0, 254]);
        assert_eq!(rgb(255, 128, 128), [255; 3]);
        assert_eq!(rgb(0, 128, 128), [0; 3]);
    }

    #[test]
    fn a_scale_leaves_its_margin() {
        let at = |factor| Scale::for_factor(factor, 1.15);
        assert_eq!(at(9.42), Scale::Eighth);
        assert_eq!(at(9.1), Scale::Quarter);
        assert_eq!(at(5.1), Scale::Quarter);
        assert_eq!(at(2.5), Scale::Half);
        assert_eq!(at(2.0), Scale::Full);
        assert_eq!(at(0.1), Scale::Full);
        assert_eq!(Scale::for_factor(16.0, 2.0), Scale::Eighth);
        assert_eq!(Scale::for_factor(f64::NAN, 2.0), Scale::Full);
    }
}
