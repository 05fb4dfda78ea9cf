//! Turning a stored picture the way it is to be shown.

use crate::{Frame, Size};

/// How the stored rows and columns lie in the shown picture: EXIF's tag Orientation (TIFF 6.0, tag 274).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Orientation {
    /// 1: as stored.
    #[default]
    Normal,
    /// 2: left and right swapped.
    FlipHorizontal,
    /// 3: turned by 180 degrees.
    Rotate180,
    /// 4: top and bottom swapped.
    FlipVertical,
    /// 5: rows and columns swapped.
    Transpose,
    /// 6: turned clockwise by 90 degrees.
    Rotate90,
    /// 7: rows and columns swapped along the other diagonal.
    Transverse,
    /// 8: turned clockwise by 270 degrees.
    Rotate270,
}

impl Orientation {
    /// The orientation of this number in EXIF; as stored, where the number means nothing.
    pub fn from_exif(value: u16) -> Self {
        match value {
            2 => Self::FlipHorizontal,
            3 => Self::Rotate180,
            4 => Self::FlipVertical,
            5 => Self::Transpose,
            6 => Self::Rotate90,
            7 => Self::Transverse,
            8 => Self::Rotate270,
            _ => Self::Normal,
        }
    }

    /// Its number in EXIF, 1 to 8.
    pub fn to_exif(self) -> u8 {
        self as u8 + 1
    }

    /// True where width and height change places.
    pub fn swaps_sides(self) -> bool {
        self.to_exif() >= 5
    }

    /// The shown size of a picture stored in `size`.
    pub fn shown(self, size: Size) -> Size {
        if self.swaps_sides() {
            Size::new(size.height, size.width)
        } else {
            size
        }
    }
}

/// The frame as it is to be shown. Peak memory is two frames.
pub fn orient(frame: Frame, orientation: Orientation) -> Frame {
    match frame.layout().channels() {
        _ if orientation == Orientation::Normal => frame,
        1 => oriented::<1>(&frame, orientation),
        3 => oriented::<3>(&frame, orientation),
        _ => oriented::<4>(&frame, orientation),
    }
}

fn oriented<const N: usize>(frame: &Frame, orientation: Orientation) -> Frame {
    let (width, height) = (frame.size().width as usize, frame.size().height as usize);
    let size = orientation.shown(frame.size());
    let source = frame.pixels().as_chunks::<N>().0;
    // The shown picture's first pixel in the stored one, and how far apart neighbors in a row and in a column are.
    let (w, h) = (width as isize, height as isize);
    let last = w * h - 1;
    let (first, right, down) = match orientation {
        Orientation::Normal => (0, 1, w),
        Orientation::FlipHorizontal => (w - 1, -1, w),
        Orientation::Rotate180 => (last, -1, -w),
        Orientation::FlipVertical => (last - (w - 1), 1, -w),
        Orientation::Transpose => (0, w, 1),
        Orientation::Rotate90 => (last - (w - 1), -w, 1),
        Orientation::Transverse => (last, -w, -1),
        Orientation::Rotate270 => (w - 1, w, -1),
    };
    let mut pixels: Vec<[u8; N]> = Vec::with_capacity(source.len());
    for y in 0..size.height as isize {
        let row = first + y * down;
        pixels.extend((0..size.width as isize).map(|x| source[(row + x * right) as usize]));
    }
    Frame::new(size, frame.layout(), pixels.into_flattened())
        .expect("every stored pixel was taken once")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layout;

    #[test]
    fn turns_as_exif_says() {
        // a b c
        // d e f
        let stored = Frame::new(Size::new(3, 2), Layout::Gray, b"abcdef".to_vec()).unwrap();
        let shown = [
            "abc def", "cba fed", "fed cba", "def abc", "ad be cf", "da eb fc", "fc eb da",
            "cf be ad",
        ];
        for (index, shown) in shown.iter().enumerate() {
            let orientation = Orientation::from_exif(index as u16 + 1);
            assert_eq!(usize::from(orientation.to_exif()), index + 1);
            let found = orient(stored.clone(), orientation);
            assert_eq!(found.size(), orientation.shown(stored.size()));
            let rows: Vec<&str> = found.rows().map(|r| str::from_utf8(r).unwrap()).collect();
            assert_eq!(rows.join(" "), *shown, "{orientation:?}");
        }
    }

    #[test]
    fn ignores_numbers_that_mean_nothing() {
        for value in [0, 9, 99, 65535] {
            assert_eq!(Orientation::from_exif(value), Orientation::Normal);
        }
    }
}
