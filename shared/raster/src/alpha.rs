//! Getting rid of transparency.

use crate::{Frame, Layout};

/// Lays a frame over a `background`: the result has no alpha. Frames without alpha are given back as they are.
///
/// Blending is done on sRGB values, as browsers and other services do it.
pub fn flatten(frame: Frame, background: [u8; 3]) -> Frame {
    if frame.layout() != Layout::Rgba {
        return frame;
    }
    let size = frame.size();
    let mut pixels = Vec::with_capacity(frame.pixels().len() / 4 * 3);
    for pixel in frame.pixels().chunks_exact(4) {
        let alpha = u32::from(pixel[3]);
        for (channel, under) in pixel[..3].iter().zip(background) {
            let sum = u32::from(*channel) * alpha + u32::from(under) * (255 - alpha);
            pixels.push(((sum + 127) / 255) as u8);
        }
    }
    Frame::new(size, Layout::Rgb, pixels).expect("three bytes were pushed for each pixel")
}

/// The frame as RGB where its alpha is 255 everywhere; otherwise as it is.
pub fn without_needless_alpha(frame: Frame) -> Frame {
    let opaque = |frame: &Frame| frame.pixels().chunks_exact(4).all(|pixel| pixel[3] == 255);
    if frame.layout() == Layout::Rgba && opaque(&frame) {
        return flatten(frame, [255; 3]);
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;

    fn frame(layout: Layout, pixels: &[u8]) -> Frame {
        let width = (pixels.len() / layout.channels()) as u32;
        Frame::new(Size::new(width, 1), layout, pixels.to_vec()).unwrap()
    }

    #[test]
    fn blends_with_the_background() {
        let rgba = frame(
            Layout::Rgba,
            &[9, 8, 7, 255, 9, 8, 7, 0, 0, 100, 255, 128, 10, 20, 30, 1],
        );
        let expected = [9, 8, 7, 255, 255, 255, 127, 177, 255, 254, 254, 254];
        assert_eq!(flatten(rgba, [255; 3]).pixels(), expected);
        let rgb = frame(Layout::Rgb, &[1, 2, 3]);
        assert_eq!(flatten(rgb.clone(), [0; 3]), rgb);
    }

    #[test]
    fn drops_alpha_only_where_nothing_is_lost() {
        let opaque = frame(Layout::Rgba, &[1, 2, 3, 255, 4, 5, 6, 255]);
        assert_eq!(
            without_needless_alpha(opaque),
            frame(Layout::Rgb, &[1, 2, 3, 4, 5, 6])
        );
        let clear = frame(Layout::Rgba, &[1, 2, 3, 255, 4, 5, 6, 254]);
        assert_eq!(without_needless_alpha(clear.clone()), clear);
    }
}
