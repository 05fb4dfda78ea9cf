//! One picture in memory.

use crate::Size;

/// What the bytes of a pixel are. All are sRGB, 8 bits a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// One byte: gray.
    Gray,
    /// Three bytes: red, green, blue.
    Rgb,
    /// Four bytes: red, green, blue and straight (not premultiplied) alpha.
    Rgba,
}

impl Layout {
    /// Bytes that one pixel takes.
    pub const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// One picture: sRGB, 8 bits a channel, row-major without padding.
///
/// A frame is never empty, and always holds exactly `width * height * channels` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    size: Size,
    layout: Layout,
    pixels: Vec<u8>,
}

impl Frame {
    /// A frame of these pixels; `None` if a side is zero or the bytes are not as many as the size asks for.
    pub fn new(size: Size, layout: Layout, pixels: Vec<u8>) -> Option<Self> {
        let len = size.pixels().checked_mul(layout.channels() as u64)?;
        (!size.is_empty() && pixels.len() as u64 == len).then_some(Self {
            size,
            layout,
            pixels,
        })
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// What the bytes of a pixel are.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// All bytes, row after row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All bytes, to change in place.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// All bytes, taken out.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// The rows, top to bottom.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, u8> {
        self.pixels
            .chunks_exact(self.size.width as usize * self.layout.channels())
    }
}
