//! Sizes and places of what a rule asks for, in whole numbers: a result's size is exactly the one computed here. No
//! pixel is seen.
//!
//! Every operation comes to the same two steps: the picture is scaled, and a rectangle is cut out of it.

use raster::{Rect, Size};
use rules::{
    Axis, Crop, Cut, Extent, Gravity, IndexCrop, Mode, Place, Rcrop, Resize, Scrop, View, When,
};

/// What becomes of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// The size that it is scaled to; its own where it is not scaled.
    pub scaled: Size,
    /// What is kept of the scaled picture; all of it where nothing is cut off.
    pub part: Rect,
}

/// A canvas and the picture on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canvas {
    /// Its size.
    pub size: Size,
    /// The picture's upper left corner on it. It is negative where the picture is larger than the canvas, which then
    /// shows its middle.
    pub offset: (i64, i64),
}

impl Framing {
    fn whole(scaled: Size) -> Self {
        let Size { width, height } = scaled;
        let part = Rect {
            x: 0,
            y: 0,
            width,
            height,
        };
        Self { scaled, part }
    }

    /// The middle of the scaled picture, `width` x `height` or as much of that as there is.
    fn middle(scaled: Size, width: u32, height: u32) -> Self {
        let (width, height) = (width.min(scaled.width), height.min(scaled.height));
        let part = Rect {
            x: (scaled.width - width) / 2,
            y: (scaled.height - height) / 2,
            width,
            height,
        };
        Self { scaled, part }
    }
}

/// `a / b`, rounded half up, and never 0. Sides are less than 2^32 where their factors are those of a rule.
fn div(a: u64, b: u64) -> u32 {
    let rounded = (2 * a + b) / (2 * b);
    u32::try_from(rounded.max(1)).unwrap_or(u32::MAX)
}

/// A side in another proportion: `side x numerator / denominator`.
fn scale(side: u32, numerator: u32, denominator: u32) -> u32 {
    div(
        u64::from(side) * u64::from(numerator),
        u64::from(denominator),
    )
}

/// The picture with this width, in its own proportions.
fn to_width(size: Size, width: u32) -> Size {
    Size::new(width, scale(size.height, width, size.width))
}

/// The picture with this height, in its own proportions.
fn to_height(size: Size, height: u32) -> Size {
    Size::new(scale(size.width, height, size.height), height)
}

/// The largest of the same shape within `width` x `height`.
fn fit(size: Size, width: u32, height: u32) -> Size {
    let product = |a: u32, b: u32| u64::from(a) * u64::from(b);
    if product(width, size.height) <= product(height, size.width) {
        to_width(size, width)
    } else {
        to_height(size, height)
    }
}

/// The smallest of the same shape that covers `width` x `height`.
fn cover(size: Size, width: u32, height: u32) -> Size {
    let product = |a: u32, b: u32| u64::from(a) * u64::from(b);
    if product(width, size.height) >= product(height, size.width) {
        to_width(size, width)
    } else {
        to_height(size, height)
    }
}

/// The size that `thumbnail` gives a picture. An `animated` one is never enlarged: what would is left out, or left out
/// along one side where the sides are independent.
pub fn thumbnail(size: Size, resize: Resize, animated: bool) -> Size {
    let Size {
        width: w,
        height: h,
    } = size;
    let (target, independent) = match resize {
        Resize::Percent(percent) => (
            Size::new(scale(w, percent, 100), scale(h, percent, 100)),
            false,
        ),
        Resize::PercentOfWidth(percent) => (Size::new(scale(w, percent, 100), h), true),
        Resize::PercentOfHeight(percent) => (Size::new(w, scale(h, percent, 100)), true),
        Resize::Fit {
            width,
            height,
            when,
        } => {
            let below =
                width.is_some_and(|width| width < w) || height.is_some_and(|height| height < h);
            let above =
                width.is_none_or(|width| width > w) && height.is_none_or(|height| height > h);
            let changes = match when {
                When::Always => true,
                When::Shrinks => below,
                When::Enlarges => above,
            };
            let target = match (width, height) {
                _ if !changes => size,
                (Some(width), Some(height)) => fit(size, width, height),
                (Some(width), None) => to_width(size, width),
                (None, Some(height)) => to_height(size, height),
                (None, None) => size,
            };
            (target, false)
        }
        Resize::Cover { width, height } => (cover(size, width, height), false),
        Resize::Exact { width, height } => {
            (Size::new(width.unwrap_or(w), height.unwrap_or(h)), true)
        }
        Resize::Area(area) => (within_area(size, area), false),
    };
    if animated && independent {
        Size::new(target.width.min(w), target.height.min(h))
    } else if animated && (target.width > w || target.height > h) {
        size
    } else {
        target
    }
}

/// At most `area` pixels in about the same shape.
fn within_area(size: Size, area: u32) -> Size {
    if size.pixels() <= u64::from(area) {
        return size;
    }
    let side = |own: u32, other: u32| {
        let square = u64::from(area) * u64::from(own) / u64::from(other);
        u32::try_from(square.isqrt()).unwrap_or(u32::MAX)
    };
    match (side(size.width, size.height), side(size.height, size.width)) {
        (0, height) => Size::new(1, height.min(area)),
        (width, 0) => Size::new(width.min(area), 1),
        (width, height) => Size::new(width, height),
    }
}

/// The canvas that `pad` puts a picture on, which `resize` has made `scaled`; `None` where it has no effect.
pub fn pad(resize: Resize, scaled: Size) -> Option<Canvas> {
    let Resize::Fit {
        width: Some(width),
        height: Some(height),
        ..
    } = resize
    else {
        return None;
    };
    let offset = |canvas: u32, side: u32| (i64::from(canvas) - i64::from(side)).div_euclid(2);
    Some(Canvas {
        size: Size::new(width, height),
        offset: (offset(width, scaled.width), offset(height, scaled.height)),
    })
}

/// Where a rectangle of `width` x `height` lies in a picture: what of it is inside. `None` where nothing is.
fn place(size: Size, width: u32, height: u32, place: Place) -> Option<Rect> {
    use Gravity as G;
    // 0 for the first column or row, 1 for the middle, 2 for the last.
    let (column, row) = match place.gravity {
        G::NorthWest => (0, 0),
        G::North => (1, 0),
        G::NorthEast => (2, 0),
        G::West => (0, 1),
        G::Center => (1, 1),
        G::East => (2, 1),
        G::SouthWest => (0, 2),
        G::South => (1, 2),
        G::SouthEast => (2, 2),
    };
    let along = |third: u8, side: u32, part: u32, offset: u32| {
        let (side, part, offset) = (i64::from(side), i64::from(part), i64::from(offset));
        let from = match third {
            0 => offset,
            1 => (side - part).div_euclid(2),
            _ => side - part - offset,
        };
        let (start, end) = (from.max(0), (from + part).min(side));
        let part = u32::try_from(end - start).ok().filter(|part| *part > 0)?;
        Some((u32::try_from(start).ok()?, part))
    };
    let (x, width) = along(column, size.width, width, place.dx)?;
    let (y, height) = along(row, size.height, height, place.dy)?;
    Some(Rect {
        x,
        y,
        width,
        height,
    })
}

/// What `cut` keeps, and each `crop` that does not scale; `None` where nothing of the picture is left.
pub fn cut(size: Size, cut: Cut) -> Option<Framing> {
    let side = |extent: Extent, own: u32| match extent {
        Extent::Pixels(pixels) => Some(pixels),
        Extent::AllBut(pixels) => own.checked_sub(pixels).filter(|side| *side > 0),
    };
    let (width, height) = (side(cut.width, size.width)?, side(cut.height, size.height)?);
    let part = place(size, width, height, cut.place)?;
    Some(Framing { scaled: size, part })
}

/// What `crop/<W>x<H>` makes of a picture: scaled to cover both sides, then cut, where the picture has both; else its
/// smaller sides, cut. `None` where offsets leave nothing of it.
pub fn crop(size: Size, crop: Crop) -> Option<Framing> {
    let Crop { width, height, .. } = crop;
    if width <= size.width && height <= size.height {
        let scaled = cover(size, width, height);
        let part = place(scaled, width, height, crop.place)?;
        return Some(Framing { scaled, part });
    }
    let (width, height) = (width.min(size.width), height.min(size.height));
    let part = place(size, width, height, crop.place)?;
    Some(Framing { scaled: size, part })
}

/// What `scrop` makes of a picture: scaled to cover both sides, by enlarging too, then the middle.
pub fn scrop(size: Size, scrop: Scrop) -> Framing {
    let scaled = cover(size, scrop.width, scrop.height);
    Framing::middle(scaled, scrop.width, scrop.height)
}

/// What `rcrop` keeps: the middle, so that the width in percent of the height lies in the range.
pub fn rcrop(size: Size, rcrop: Rcrop) -> Framing {
    let (w, h) = (u64::from(size.width), u64::from(size.height));
    let (min, max) = (u64::from(rcrop.min), u64::from(rcrop.max));
    let (width, height) = if 100 * w < min * h {
        (size.width, size.height.min(div(100 * w, min)))
    } else if 100 * w > max * h {
        (size.width.min(div(max * h, 100)), size.height)
    } else {
        (size.width, size.height)
    };
    Framing::middle(size, width, height)
}

/// What `indexcrop` keeps: one piece along an axis, or all where there is no such piece.
pub fn index_crop(size: Size, crop: IndexCrop) -> Framing {
    let side = match crop.axis {
        Axis::Width => size.width,
        Axis::Height => size.height,
    };
    let mut framing = Framing::whole(size);
    let first = crop.index.checked_mul(crop.length);
    if let Some(first) = first.filter(|first| *first < side) {
        let length = crop.length.min(side - first);
        match crop.axis {
            Axis::Width => (framing.part.x, framing.part.width) = (first, length),
            Axis::Height => (framing.part.y, framing.part.height) = (first, length),
        }
    }
    framing
}

/// What a mode of `imageView2` makes of a picture. It never enlarges. Where width and height are the same, the height is
/// the long side.
pub fn view(size: Size, view: View) -> Framing {
    let by_length = matches!(
        view.mode,
        Mode::FitLongShort | Mode::CoverLongShort | Mode::CoverLongShortCrop
    );
    // The width given is for the long side.
    let (width, height) = if by_length && size.height >= size.width {
        (view.height, view.width)
    } else {
        (view.width, view.height)
    };
    if let Mode::FitLongShort | Mode::Fit = view.mode {
        let resize = Resize::Fit {
            width,
            height,
            when: When::Shrinks,
        };
        return Framing::whole(thumbnail(size, resize, false));
    }
    // One side alone stands for both.
    let (Some(width), Some(height)) = (width.or(height), height.or(width)) else {
        return Framing::whole(size);
    };
    let scaled = if width > size.width || height > size.height {
        size
    } else {
        cover(size, width, height)
    };
    match view.mode {
        Mode::CoverCrop | Mode::CoverLongShortCrop => Framing::middle(scaled, width, height),
        _ => Framing::whole(scaled),
    }
}

#[cfg(test)]
mod tests {
    use Gravity::{Center, East, North, NorthEast, NorthWest, South, SouthEast, West};
    use When::{Always, Enlarges, Shrinks};

    use super::*;

    /// A side of 0 is one that is not given.
    fn given(side: u32) -> Option<u32> {
        (side > 0).then_some(side)
    }

    fn fits(width: u32, height: u32, when: When) -> Resize {
        let (width, height) = (given(width), given(height));
        Resize::Fit {
            width,
            height,
            when,
        }
    }

    fn covers(width: u32, height: u32) -> Resize {
        Resize::Cover { width, height }
    }

    fn exact(width: u32, height: u32) -> Resize {
        let (width, height) = (given(width), given(height));
        Resize::Exact { width, height }
    }

    #[track_caller]
    fn resizes(size: (u32, u32), resize: Resize, animated: bool, expected: (u32, u32)) {
        let found = thumbnail(Size::new(size.0, size.1), resize, animated);
        assert_eq!((found.width, found.height), expected);
    }

    #[test]
    fn thumbnail_has_exactly_this_size() {
        for (size, resize, expected) in [
            ((1000, 700), Resize::Percent(33), (330, 231)),
            ((5, 3), Resize::Percent(10), (1, 1)),
            ((1000, 700), Resize::Percent(150), (1500, 1050)),
            ((1000, 700), Resize::PercentOfWidth(40), (400, 700)),
            ((1000, 700), Resize::PercentOfHeight(40), (1000, 280)),
            ((1333, 999), fits(400, 0, Always), (400, 300)),
            ((17, 4000), fits(5, 0, Always), (5, 1176)),
            ((4000, 3), fits(100, 0, Always), (100, 1)),
            ((1024, 768), fits(1536, 0, Always), (1536, 1152)),
            ((1024, 768), fits(400, 400, Always), (400, 300)),
            ((1024, 768), covers(400, 400), (533, 400)),
            ((1024, 768), fits(400, 600, Shrinks), (400, 300)),
            ((1024, 768), fits(1500, 1100, Enlarges), (1467, 1100)),
            ((4000, 3000), Resize::Area(350_000), (683, 512)),
            ((1, 1000), Resize::Area(10), (1, 10)),
            ((1200, 900), fits(900, 900, Always), (900, 675)),
            ((1200, 900), fits(2400, 2400, Always), (2400, 1800)),
            ((1200, 900), fits(2400, 2400, Shrinks), (1200, 900)),
            ((1200, 900), fits(1600, 600, Shrinks), (800, 600)),
            ((1200, 900), fits(800, 2000, Enlarges), (1200, 900)),
            ((1200, 900), fits(1300, 1300, Enlarges), (1300, 975)),
            ((1200, 900), covers(500, 500), (667, 500)),
            ((1200, 900), fits(320, 320, Always), (320, 240)),
            ((1200, 900), fits(450, 0, Always), (450, 338)),
            ((1200, 900), fits(1500, 0, Shrinks), (1200, 900)),
            ((1200, 900), exact(300, 0), (300, 900)),
            ((1200, 900), exact(334, 250), (334, 250)),
            ((1200, 900), fits(300, 0, Always), (300, 225)),
            ((100, 50), fits(10_000, 0, Always), (10_000, 5000)),
            ((100, 50), exact(10_000, 10_000), (10_000, 10_000)),
            ((10, 5000), fits(10_000, 0, Always), (10_000, 5_000_000)),
        ] {
            resizes(size, resize, false, expected);
        }
    }

    #[test]
    fn animations_are_never_enlarged() {
        for (size, resize, expected) in [
            ((300, 200), fits(600, 0, Always), (300, 200)),
            ((300, 200), exact(150, 600), (150, 200)),
            ((301, 199), Resize::Percent(50), (151, 100)),
            ((300, 200), Resize::Percent(150), (300, 200)),
            ((300, 200), Resize::PercentOfHeight(150), (300, 200)),
            ((300, 200), covers(100, 300), (300, 200)),
        ] {
            resizes(size, resize, true, expected);
        }
    }

    #[test]
    fn pad_puts_the_picture_in_the_middle() {
        for (size, resize, canvas) in [
            (
                (1600, 900),
                fits(500, 500, Always),
                Some((500, 500, 0, 109)),
            ),
            (
                (900, 1600),
                fits(301, 500, Shrinks),
                Some((301, 500, 10, 0)),
            ),
            (
                (100, 80),
                fits(400, 300, Shrinks),
                Some((400, 300, 150, 110)),
            ),
            ((101, 80), fits(50, 40, Enlarges), Some((50, 40, -26, -20))),
            ((1600, 900), fits(320, 0, Always), None),
            ((1600, 900), covers(320, 320), None),
        ] {
            let scaled = thumbnail(Size::new(size.0, size.1), resize, false);
            let found = pad(resize, scaled);
            let found = found.map(|c| (c.size.width, c.size.height, c.offset.0, c.offset.1));
            assert_eq!(found, canvas);
        }
    }

    /// Compares with the width, height, left and top of a part, and the size of the scaled picture.
    #[track_caller]
    fn frames(found: Option<Framing>, part: (u32, u32, u32, u32), scaled: (u32, u32)) {
        let found = found.expect("something is left");
        let Rect {
            x,
            y,
            width,
            height,
        } = found.part;
        assert_eq!((width, height, x, y), part);
        assert_eq!((found.scaled.width, found.scaled.height), scaled);
    }

    #[test]
    fn crop_scales_and_cuts() {
        for (size, (width, height), place, part, scaled) in [
            (
                (1500, 1200),
                (600, 600),
                at(Center),
                (600, 600, 75, 0),
                (750, 600),
            ),
            (
                (1500, 1200),
                (600, 600),
                at(East),
                (600, 600, 150, 0),
                (750, 600),
            ),
            (
                (1000, 800),
                (300, 700),
                at(South),
                (300, 700, 287, 0),
                (875, 700),
            ),
            (
                (1000, 800),
                (1200, 400),
                at(Center),
                (1000, 400, 0, 200),
                (1000, 800),
            ),
            (
                (1001, 801),
                (500, 500),
                at(Center),
                (500, 500, 62, 0),
                (625, 500),
            ),
            (
                (1000, 800),
                (640, 480),
                at(Center),
                (640, 480, 0, 16),
                (640, 512),
            ),
            (
                (1000, 800),
                (300, 300),
                at(NorthEast),
                (300, 300, 75, 0),
                (375, 300),
            ),
            (
                (200, 160),
                (200, 150),
                at(Center),
                (200, 150, 0, 5),
                (200, 160),
            ),
        ] {
            let asked = Crop {
                width,
                height,
                place,
            };
            frames(crop(Size::new(size.0, size.1), asked), part, scaled);
        }
    }

    fn at(gravity: Gravity) -> Place {
        offset(gravity, 0, 0)
    }

    fn offset(gravity: Gravity, dx: u32, dy: u32) -> Place {
        Place { gravity, dx, dy }
    }

    fn asked(width: u32, height: u32, place: Place) -> Cut {
        let side = |side| given(side).map_or(Extent::AllBut(0), Extent::Pixels);
        let (width, height) = (side(width), side(height));
        Cut {
            width,
            height,
            place,
        }
    }

    #[test]
    fn cut_keeps_what_lies_inside() {
        for (size, (width, height), place, part) in [
            ((1000, 800), (250, 0), at(Center), (250, 800, 375, 0)),
            ((1000, 800), (0, 250), at(SouthEast), (1000, 250, 0, 550)),
            ((1024, 768), (400, 0), at(Center), (400, 768, 312, 0)),
            (
                (900, 900),
                (600, 600),
                offset(NorthWest, 20, 20),
                (600, 600, 20, 20),
            ),
            (
                (900, 900),
                (580, 600),
                offset(NorthWest, 0, 20),
                (580, 600, 0, 20),
            ),
            (
                (1024, 768),
                (300, 400),
                offset(NorthWest, 10, 10),
                (300, 400, 10, 10),
            ),
            (
                (1024, 768),
                (400, 300),
                offset(NorthWest, 30, 0),
                (400, 300, 30, 0),
            ),
            ((1024, 768), (370, 300), at(NorthWest), (370, 300, 0, 0)),
            (
                (1000, 800),
                (300, 300),
                offset(NorthWest, 900, 700),
                (100, 100, 900, 700),
            ),
            (
                (1000, 800),
                (300, 300),
                offset(SouthEast, 40, 60),
                (300, 300, 660, 440),
            ),
            (
                (1000, 800),
                (300, 300),
                offset(North, 40, 60),
                (300, 300, 350, 60),
            ),
            (
                (1000, 800),
                (0, 250),
                offset(NorthWest, 0, 30),
                (1000, 250, 0, 30),
            ),
            (
                (1000, 800),
                (400, 300),
                offset(NorthWest, 50, 60),
                (400, 300, 50, 60),
            ),
            ((1000, 800), (400, 300), at(NorthWest), (400, 300, 0, 0)),
            (
                (1000, 800),
                (400, 300),
                offset(SouthEast, 50, 60),
                (400, 300, 550, 440),
            ),
            (
                (1000, 800),
                (400, 300),
                offset(West, 50, 60),
                (400, 300, 50, 250),
            ),
            (
                (1000, 800),
                (400, 300),
                offset(NorthWest, 700, 600),
                (300, 200, 700, 600),
            ),
            ((1000, 800), (400, 300), at(Center), (400, 300, 300, 250)),
        ] {
            let found = cut(Size::new(size.0, size.1), asked(width, height, place));
            frames(found, part, size);
        }
        let size = Size::new(1000, 800);
        assert_eq!(cut(size, asked(300, 300, offset(NorthWest, 1000, 0))), None);
        assert_eq!(
            cut(size, asked(400, 300, offset(SouthEast, 0, u32::MAX))),
            None
        );
        let nothing = Cut {
            width: Extent::AllBut(1000),
            ..asked(1, 1, at(NorthWest))
        };
        assert_eq!(cut(size, nothing), None);
    }

    #[test]
    fn other_crops_keep_the_middle_or_a_piece() {
        for (size, (min, max), part) in [
            ((1000, 500), (50, 100), (500, 500, 250, 0)),
            ((500, 1000), (80, 100), (500, 625, 0, 187)),
            ((1000, 800), (100, 150), (1000, 800, 0, 0)),
            ((333, 1000), (56, 178), (333, 595, 0, 202)),
            ((1000, 800), (150, 100), (1000, 667, 0, 66)),
        ] {
            let found = rcrop(Size::new(size.0, size.1), Rcrop { min, max });
            frames(Some(found), part, size);
        }
        for (axis, length, index, part) in [
            (Axis::Width, 300, 3, (100, 800, 900, 0)),
            (Axis::Height, 500, 1, (1000, 300, 0, 500)),
            (Axis::Width, 300, 4, (1000, 800, 0, 0)),
            (Axis::Width, u32::MAX, u32::MAX, (1000, 800, 0, 0)),
        ] {
            let piece = IndexCrop {
                axis,
                length,
                index,
            };
            let found = index_crop(Size::new(1000, 800), piece);
            frames(Some(found), part, (1000, 800));
        }
        for (size, (width, height), part, scaled) in [
            ((1000, 800), (300, 300), (300, 300, 37, 0), (375, 300)),
            ((960, 540), (100, 600), (100, 600, 483, 0), (1067, 600)),
        ] {
            let found = scrop(Size::new(size.0, size.1), Scrop { width, height });
            frames(Some(found), part, scaled);
        }
    }

    #[test]
    fn views_only_shrink() {
        use Mode::{Cover, CoverCrop, CoverLongShort, CoverLongShortCrop, Fit, FitLongShort};
        for (size, mode, (width, height), expected) in [
            ((1024, 768), FitLongShort, (400, 400), (400, 300)),
            ((1024, 768), CoverCrop, (400, 400), (400, 400)),
            ((1024, 768), Fit, (400, 400), (400, 300)),
            ((1024, 768), Cover, (400, 400), (533, 400)),
            ((1024, 768), CoverLongShort, (400, 400), (533, 400)),
            ((1024, 768), CoverLongShortCrop, (400, 400), (400, 400)),
            ((600, 1000), FitLongShort, (500, 200), (200, 333)),
            ((600, 1000), FitLongShort, (500, 0), (300, 500)),
            ((600, 1000), FitLongShort, (0, 300), (300, 500)),
            ((600, 1000), CoverCrop, (700, 300), (600, 300)),
            ((600, 1000), Fit, (0, 250), (150, 250)),
            ((600, 1000), CoverLongShort, (500, 400), (400, 667)),
            ((600, 1000), CoverLongShortCrop, (400, 300), (300, 400)),
            ((500, 500), CoverLongShortCrop, (300, 200), (200, 300)),
            ((600, 1000), CoverLongShortCrop, (5000, 200), (200, 1000)),
            ((600, 1000), Fit, (300, 0), (300, 500)),
            ((600, 1000), CoverCrop, (200, 0), (200, 200)),
        ] {
            let (width, height) = (given(width), given(height));
            let asked = View {
                mode,
                width,
                height,
            };
            let found = view(Size::new(size.0, size.1), asked).part;
            assert_eq!((found.width, found.height), expected, "{mode:?}");
        }
    }
}
