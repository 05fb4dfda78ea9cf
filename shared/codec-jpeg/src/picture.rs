//! A picture as both ways in make it and the way out takes it: quantized coefficients, and what they mean.

use raster::Size;

use crate::coefficients::Component;

/// A picture in quantized coefficients.
pub(crate) struct Picture {
    pub(crate) size: Size,
    /// One to four of them.
    pub(crate) components: Vec<Component>,
    /// Quantization tables in zigzag order; components name them by index.
    pub(crate) quantization: [[u16; 64]; 4],
    /// What the components mean, which decides over tables and scripts.
    pub(crate) color: Color,
}

impl Picture {
    /// The largest sampling factors.
    fn largest(&self) -> (u32, u32) {
        let of = |factor: fn(&Component) -> u8| {
            u32::from(self.components.iter().map(factor).max().unwrap_or(1))
        };
        (of(|c| c.h), of(|c| c.v))
    }

    pub(crate) fn grid(&self) -> Grid {
        let (h, v) = self.largest();
        Grid {
            columns: self.size.width.div_ceil(8 * h) as usize,
            rows: self.size.height.div_ceil(8 * v) as usize,
        }
    }

    pub(crate) fn blocks_in_mcu(&self) -> usize {
        self.components
            .iter()
            .map(|c| usize::from(c.h) * usize::from(c.v))
            .sum()
    }

    /// The slot of a component's Huffman tables, as libjpeg gives them: 0 for luma and black, 1 for chroma.
    pub(crate) fn table_slot(&self, index: usize) -> u8 {
        u8::from(self.color != Color::Other && (index == 1 || index == 2))
    }
}

/// What the components of a picture are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// Y, Cb, Cr.
    YCbCr,
    /// Y, Cb, Cr and K.
    Ycck,
    /// Anything else.
    Other,
}

/// The MCUs that interleaved scans go through.
#[derive(Clone, Copy)]
pub(crate) struct Grid {
    /// MCUs in a row.
    pub(crate) columns: usize,
    /// Rows of MCUs.
    pub(crate) rows: usize,
}
