//! What has to be drawn: each frame against what is shown when its turn comes. It judges sources only, so that
//! small differences cannot add up, and it never knows which colors were chosen.

use raster::{Frame, Layout, Rect, Size};

use crate::alpha;
use crate::block::Disposal;

/// What is to be done with one pixel.
pub(crate) mod mark {
    /// Nothing is to be seen here, and nothing is.
    pub(crate) const EMPTY: u8 = 0;
    /// What is shown is right already.
    pub(crate) const HOLD: u8 = 1;
    /// It has changed. From here on, pixels are drawn.
    pub(crate) const DRAW: u8 = 2;
    /// It has changed by 1, 2 or 3 levels in all; `NEAR + 1` and so on say by how much. That is what rounding in a
    /// JPEG decoder makes of a picture that stands still, and slow motion as well: the mapping decides.
    pub(crate) const NEAR: u8 = 2;
    /// The largest change that is [`NEAR`].
    pub(crate) const NEAR_LEVELS: u8 = 3;
}

/// What is to be done for one frame.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) rect: Rect,
    pub(crate) disposal: Disposal,
    /// A [`mark`] for every pixel of the canvas.
    pub(crate) marks: Vec<u8>,
    /// Pixels marked to be drawn.
    pub(crate) drawn: usize,
    /// True if a pixel in the rectangle is not drawn.
    pub(crate) holes: bool,
    /// What has become transparent by the disposal of the frame before.
    pub(crate) cleared: Option<Rect>,
}

/// Red, green, blue and alpha (0 or 255) of a pixel of a flattened frame.
#[inline(always)]
fn pixel<const CHANNELS: usize>(bytes: &[u8; CHANNELS]) -> [u8; 4] {
    let alpha = if CHANNELS == 3 { 255 } else { bytes[3] };
    [bytes[0], bytes[1], bytes[2], alpha]
}

/// Compares frame after frame.
pub(crate) struct Difference {
    size: Size,
    /// For every pixel the source it is shown for, all zero where nothing is.
    reference: Vec<[u8; 4]>,
    cleared: Option<Rect>,
    first: bool,
}

impl Difference {
    /// Nothing is shown yet.
    pub(crate) fn new(size: Size) -> Self {
        Self {
            size,
            reference: vec![[0; 4]; size.pixels() as usize],
            cleared: None,
            first: true,
        }
    }

    /// What `frame` asks for; `following` is the frame after it. `frame` has no alpha between 0 and 255.
    pub(crate) fn next(&mut self, frame: &Frame, following: Option<&Frame>) -> Change {
        let marks = if frame.layout() == Layout::Rgba {
            self.mark::<4>(frame)
        } else {
            self.mark::<3>(frame)
        };
        let width = self.size.width as usize;
        let mut bounds = Bounds::default();
        let mut drawn = 0;
        for (y, row) in marks.chunks_exact(width).enumerate() {
            let count = row.iter().filter(|&&mark| mark >= mark::DRAW).count();
            drawn += count;
            if count > 0 {
                let first = row
                    .iter()
                    .position(|&mark| mark == mark::DRAW || mark >= mark::NEAR)
                    .unwrap_or(0);
                let last = row
                    .iter()
                    .rposition(|&mark| mark == mark::DRAW || mark >= mark::NEAR)
                    .unwrap_or(0);
                bounds.add(y, first, last);
            }
        }
        let vanishing = following
            .filter(|following| following.layout() == Layout::Rgba)
            .and_then(|following| self.vanishing(following));
        let disposal = if vanishing.is_some() {
            Disposal::Background
        } else {
            Disposal::Keep
        };
        if let Some(vanishing) = vanishing {
            bounds.include(&vanishing);
        }
        let rect = if std::mem::take(&mut self.first) {
            Rect::of(self.size)
        } else {
            // A GIF image has at least one pixel.
            bounds.rect().unwrap_or(Rect {
                x: 0,
                y: 0,
                width: 1,
                height: 1,
            })
        };
        let cleared = self.cleared.take();
        if disposal == Disposal::Background {
            for y in rect.y as usize..(rect.y + rect.height) as usize {
                let row =
                    &mut self.reference[y * width..][rect.x as usize..][..rect.width as usize];
                row.fill([0; 4]);
            }
            self.cleared = Some(rect);
        }
        let holes = drawn as u64 != rect.size().pixels();
        Change {
            rect,
            disposal,
            marks,
            drawn,
            holes,
            cleared,
        }
    }

    /// Marks every pixel, and makes the source of what will be drawn the reference.
    fn mark<const CHANNELS: usize>(&mut self, frame: &Frame) -> Vec<u8> {
        let (pixels, _) = frame.pixels().as_chunks::<CHANNELS>();
        self.reference
            .iter_mut()
            .zip(pixels)
            .map(|(reference, bytes)| {
                let now = pixel(bytes);
                if now[3] == 0 {
                    return mark::EMPTY;
                }
                if *reference == now {
                    return mark::HOLD;
                }
                let was = std::mem::replace(reference, now);
                let moved = (0..3)
                    .map(|c| u16::from(was[c].abs_diff(now[c])))
                    .sum::<u16>();
                if was[3] != 0 && moved <= u16::from(mark::NEAR_LEVELS) {
                    return mark::NEAR + moved as u8;
                }
                mark::DRAW
            })
            .collect()
    }

    /// Where something is shown now and nothing is in `following`.
    fn vanishing(&self, following: &Frame) -> Option<Bounds> {
        let width = self.size.width as usize;
        let (pixels, _) = following.pixels().as_chunks::<4>();
        let mut bounds = Bounds::default();
        let rows = self
            .reference
            .chunks_exact(width)
            .zip(pixels.chunks_exact(width));
        for (y, (shown, next)) in rows.enumerate() {
            let gone = |x: &usize| shown[*x][3] != 0 && !alpha::is_visible(next[*x][3]);
            if let Some(first) = (0..width).find(gone) {
                bounds.add(y, first, (0..width).rev().find(gone).unwrap_or(first));
            }
        }
        (!bounds.is_empty()).then_some(bounds)
    }
}

/// The smallest rectangle around what was added.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            left: usize::MAX,
            top: usize::MAX,
            right: 0,
            bottom: 0,
        }
    }
}

impl Bounds {
    fn add(&mut self, y: usize, first: usize, last: usize) {
        self.left = self.left.min(first);
        self.top = self.top.min(y);
        self.right = self.right.max(last + 1);
        self.bottom = self.bottom.max(y + 1);
    }

    fn include(&mut self, other: &Self) {
        self.left = self.left.min(other.left);
        self.top = self.top.min(other.top);
        self.right = self.right.max(other.right);
        self.bottom = self.bottom.max(other.bottom);
    }

    fn is_empty(&self) -> bool {
        self.right == 0
    }

    fn rect(&self) -> Option<Rect> {
        (!self.is_empty()).then(|| Rect {
            x: self.left as u32,
            y: self.top as u32,
            width: (self.right - self.left) as u32,
            height: (self.bottom - self.top) as u32,
        })
    }
}
