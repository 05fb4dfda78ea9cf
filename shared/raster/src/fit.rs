//! Laying a picture out on a canvas of another size.

use crate::{Frame, Layout, Rect, Size};

/// Where a picture of `size` goes on a canvas: as large as it can be without being distorted, in the middle.
///
/// - Each side is `max(1, round(side x scale))`; a side that comes within 1 px of the canvas becomes the canvas's.
/// - The offset is half of what is left over, rounded down.
///
/// Neither size may be empty.
pub fn fit(size: Size, canvas: Size) -> Rect {
    let [w, h] = [size.width, size.height].map(u64::from);
    let [cw, ch] = [canvas.width, canvas.height].map(u64::from);
    // The narrower of the two scales, cw / w and ch / h, as numerator and denominator.
    let (numerator, denominator) = if cw * h <= ch * w { (cw, w) } else { (ch, h) };
    let side = |side: u64, canvas: u64| {
        let scaled = (2 * side * numerator + denominator) / (2 * denominator);
        let near = scaled + 1 >= canvas;
        (if near { canvas } else { scaled.max(1) }) as u32
    };
    let (width, height) = (side(w, cw), side(h, ch));
    Rect {
        x: (canvas.width - width) / 2,
        y: (canvas.height - height) / 2,
        width,
        height,
    }
}

/// `frame` at `(x, y)` of a transparent canvas. A frame that covers the canvas is given back as it is.
///
/// # Panics
///
/// If the frame reaches beyond the canvas.
pub fn place(frame: Frame, canvas: Size, x: u32, y: u32) -> Frame {
    if frame.size() == canvas {
        return frame;
    }
    let mut pixels = vec![0; canvas.pixels() as usize * 4];
    let rows = pixels.chunks_exact_mut(canvas.width as usize * 4);
    let columns = x as usize * 4..(x + frame.size().width) as usize * 4;
    let channels = frame.layout().channels();
    for (source, row) in frame.rows().zip(rows.skip(y as usize)) {
        let row = &mut row[columns.clone()];
        match frame.layout() {
            Layout::Rgba => row.copy_from_slice(source),
            Layout::Gray | Layout::Rgb => {
                for (pixel, from) in row.chunks_exact_mut(4).zip(source.chunks_exact(channels)) {
                    pixel.copy_from_slice(&[from[0], from[channels / 2], from[channels - 1], 255]);
                }
            }
        }
    }
    assert!(
        y + frame.size().height <= canvas.height,
        "the frame ends below its canvas"
    );
    Frame::new(canvas, Layout::Rgba, pixels).expect("four bytes were made for each pixel")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn fits(size: (u32, u32), canvas: (u32, u32), rect: (u32, u32, u32, u32)) {
        let found = fit(Size::new(size.0, size.1), Size::new(canvas.0, canvas.1));
        assert_eq!((found.x, found.y, found.width, found.height), rect);
    }

    #[test]
    fn keeps_the_proportions() {
        fits((100, 100), (100, 100), (0, 0, 100, 100));
        fits((200, 100), (100, 100), (0, 25, 100, 50));
        fits((50, 100), (100, 100), (25, 0, 50, 100));
        fits((10, 10), (101, 50), (25, 0, 50, 50));
        // 16:9 into 4:3, half of an odd rest rounded down.
        fits((1920, 1080), (640, 480), (0, 60, 640, 360));
        fits((3, 2), (100, 100), (0, 16, 100, 67));
        // A strip is never thinner than a pixel.
        fits((1080, 1), (100, 100), (0, 49, 100, 1));
        fits((1, 1080), (1, 1), (0, 0, 1, 1));
        fits((1, 1), (1080, 1080), (0, 0, 1080, 1080));
    }

    #[test]
    fn rounds_a_near_miss_to_the_canvas() {
        fits((1000, 999), (500, 500), (0, 0, 500, 500));
        fits((1000, 997), (500, 500), (0, 0, 500, 500));
        fits((1000, 996), (500, 500), (0, 1, 500, 498));
    }

    #[test]
    fn leaves_the_rest_transparent() {
        let frame = Frame::new(Size::new(1, 2), Layout::Rgb, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let placed = place(frame, Size::new(2, 3), 1, 1);
        let clear = [0; 4];
        let expected = [clear, clear, clear, [1, 2, 3, 255], clear, [4, 5, 6, 255]];
        assert_eq!(placed.pixels(), expected.as_flattened());
        let gray = Frame::new(Size::new(1, 1), Layout::Gray, vec![7]).unwrap();
        let placed = place(gray, Size::new(2, 1), 0, 0);
        assert_eq!(placed.pixels(), [7, 7, 7, 255, 0, 0, 0, 0]);
    }
}
