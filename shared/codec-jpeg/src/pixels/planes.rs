//! Pixels to quantized coefficients, one row of MCUs at a time: nothing of the picture but that row is held.

use raster::{Frame, Kernel, Layout};

use crate::coefficients::Component;
use crate::pixels::color::{Rgb, chroma, luma, split};
use crate::pixels::downsample::{halve_row, halve_rows};
use crate::pixels::fdct::forward;
use crate::pixels::rate_distortion::{Quantized, Quantizer};

/// Where a component's samples lie in a row of MCUs.
#[derive(Clone, Debug)]
struct Plane {
    /// Rows of blocks in a row of MCUs.
    rows: usize,
    /// Samples from one row to the next, a multiple of 8.
    stride: usize,
    samples: Vec<f32>,
}

/// One row of MCUs as samples of each component.
#[derive(Clone, Debug)]
pub(crate) struct Strip {
    planes: Vec<Plane>,
    /// Two rows of pixels, taken apart, and their averages.
    rgb: [Rgb; 2],
    averages: Rgb,
    /// Horizontal and vertical sampling factor of luma; chroma's are 1.
    factors: (usize, usize),
}

impl Strip {
    /// For pictures of this width; `factors` are luma's sampling factors where there is chroma.
    pub(crate) fn new(width: usize, gray: bool, factors: (usize, usize)) -> Self {
        let padded = width.next_multiple_of(8 * factors.0);
        let plane = |rows: usize, stride: usize| Plane {
            rows,
            stride,
            samples: vec![0.0; rows * 8 * stride],
        };
        let mut planes = vec![plane(factors.1, padded)];
        if !gray {
            planes.extend([plane(1, padded / factors.0), plane(1, padded / factors.0)]);
        }
        Self {
            planes,
            rgb: [Rgb::new(padded), Rgb::new(padded)],
            averages: Rgb::new(padded / factors.0),
            factors,
        }
    }

    /// Rows of pixels in a strip.
    pub(crate) fn height(&self) -> usize {
        8 * self.factors.1
    }

    /// Fills the strip from row `top` of `frame` on; below its last row that row is repeated.
    #[inline(always)]
    pub(crate) fn fill(&mut self, frame: &Frame, top: usize, background: [u8; 3]) {
        let (width, height) = (frame.size().width as usize, frame.size().height as usize);
        let row_bytes = width * frame.layout().channels();
        let pixels = |y: usize| {
            let y = (top + y).min(height - 1);
            &frame.pixels()[y * row_bytes..][..row_bytes]
        };
        if let [plane] = &mut self.planes[..] {
            for (y, out) in plane.samples.chunks_exact_mut(plane.stride).enumerate() {
                let row = pixels(y);
                for (out, &value) in out.iter_mut().zip(row) {
                    *out = f32::from(value) - 128.0;
                }
                let last = out[row.len() - 1];
                out[row.len()..].fill(last);
            }
            return;
        }
        let [y_plane, cb_plane, cr_plane] = &mut self.planes[..] else {
            unreachable!("a strip has one plane or three")
        };
        let layout = frame.layout();
        debug_assert_ne!(layout, Layout::Gray);
        let (stride, chroma_stride) = (y_plane.stride, cb_plane.stride);
        for y in 0..8 {
            let cb_out = &mut cb_plane.samples[y * chroma_stride..][..chroma_stride];
            let cr_out = &mut cr_plane.samples[y * chroma_stride..][..chroma_stride];
            for i in 0..self.factors.1 {
                let row = y * self.factors.1 + i;
                split(pixels(row), layout, background, &mut self.rgb[i]);
                luma(&self.rgb[i], &mut y_plane.samples[row * stride..][..stride]);
            }
            let [first, second] = &self.rgb;
            let rgb = match self.factors {
                (1, 1) => first,
                (2, 1) => {
                    halve_row(first, &mut self.averages);
                    &self.averages
                }
                _ => {
                    halve_rows(first, second, &mut self.averages);
                    &self.averages
                }
            };
            chroma(rgb, cb_out, cr_out);
        }
    }

    /// Fills the strip from row `row` of the MCUs of `planes`, which are as many as the strip's, each at its sampling;
    /// beyond the last column and row these are repeated.
    #[inline(always)]
    pub(crate) fn fill_from_planes(&mut self, planes: &[raster::Plane], row: usize) {
        for (plane, source) in self.planes.iter_mut().zip(planes) {
            let top = row * plane.rows * 8;
            for (y, out) in plane.samples.chunks_exact_mut(plane.stride).enumerate() {
                let samples = source.row((top + y).min(source.rows() - 1));
                for (out, &sample) in out.iter_mut().zip(samples) {
                    *out = f32::from(sample) - 128.0;
                }
                let last = out[samples.len() - 1];
                out[samples.len()..].fill(last);
            }
        }
    }

    /// Transforms and quantizes row `row` of the strip's blocks of a component, its row `block_row`.
    #[inline(always)]
    pub(crate) fn transform(
        &self,
        index: usize,
        row: usize,
        kernel: Kernel,
        quantizer: &Quantizer,
        block_row: usize,
        component: &mut Component,
    ) {
        let Plane {
            stride,
            samples,
            rows,
        } = &self.planes[index];
        debug_assert!(row < *rows);
        let samples = &samples[row * 8 * stride..][..8 * stride];
        for x in 0..component.width {
            let mut block = [[0.0; 8]; 8];
            for (y, out) in block.iter_mut().enumerate() {
                out.copy_from_slice(&samples[y * stride + 8 * x..][..8]);
            }
            let at = block_row * component.width + x;
            let Quantized { dc, mask } =
                quantizer.quantize(&forward(kernel, &block), component.room());
            component.dc[at] = dc;
            component.keep(kernel, at, mask);
        }
    }
}
