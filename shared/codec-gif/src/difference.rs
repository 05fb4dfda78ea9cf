//! What has to be drawn: each frame against what is shown when its turn comes. It judges sources only, so that
//! small differences cannot add up, and it never knows which colors were chosen.

use raster::{Frame, Layout, Rect, Size, Stopped, Watch};

use crate::alpha;
use crate::block::Disposal;

/// What is to be done with one pixel.
pub(crate) mod mark {
    /// Nothing is to be seen here, and nothing is.
    pub(crate) const EMPTY: u8 = 0;
    /// What is shown is right already.
    pub(crate) const HOLD: u8 = 1;
    /// It was shown before, and has been cleared since. From here on, pixels are drawn.
    pub(crate) const AGAIN: u8 = 2;
    /// It has changed, and is drawn in the color that its source asks for.
    pub(crate) const DRAW: u8 = 3;
    /// It has changed by 1, 2 or 3 levels in all; `NEAR + 1` and so on say by how much. That is what rounding in a
    /// JPEG decoder makes of a picture that stands still, and slow motion as well: the mapping decides.
    pub(crate) const NEAR: u8 = DRAW;
    /// The largest change that is [`NEAR`].
    pub(crate) const NEAR_LEVELS: u8 = 3;

    /// True if the pixel is drawn.
    #[inline(always)]
    pub(crate) fn is_drawn(mark: u8) -> bool {
        mark >= AGAIN
    }
}

/// Stands in the place of alpha, which is 255 where the pixel is shown and 0 where nothing was: it was shown, and has
/// been cleared.
const CLEARED: u8 = 1;

/// What is to be done for one frame.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) rect: Rect,
    pub(crate) disposal: Disposal,
    /// A [`mark`] for every pixel of the canvas.
    pub(crate) marks: Vec<u8>,
    /// True if most of what is drawn was shown before, and has been cleared since.
    pub(crate) mostly_again: bool,
    /// True if a pixel in the rectangle is not drawn.
    pub(crate) holes: bool,
    /// What has become transparent by the disposal of the frame before.
    pub(crate) cleared: Option<Rect>,
}

impl Change {
    /// True if the image needs a transparent index: for pixels that are not drawn, or to be cleared to transparent.
    ///
    /// GIF89a clears to the background color. Browsers clear to transparent whatever is said; libnsgif (libvips),
    /// `FFmpeg` and Pillow do so only after an image that has a transparent index, whether a pixel uses it or not.
    pub(crate) fn needs_transparent(&self) -> bool {
        self.holes || self.disposal == Disposal::Background
    }
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
    /// For every pixel the source it is shown for, with alpha 255; or was, with [`CLEARED`]; or zeros.
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
    pub(crate) fn next(
        &mut self,
        frame: &Frame,
        following: &Frame,
        watch: &dyn Watch,
    ) -> Result<Change, Stopped> {
        let marks = if frame.layout() == Layout::Rgba {
            self.mark::<4>(frame, watch)?
        } else {
            self.mark::<3>(frame, watch)?
        };
        let width = self.size.width as usize;
        let mut bounds = Bounds::default();
        let (mut drawn, mut again) = (0, 0);
        for (y, row) in marks.chunks_exact(width).enumerate() {
            let is_drawn = |&mark: &u8| mark::is_drawn(mark);
            for &mark in row {
                drawn += usize::from(mark::is_drawn(mark));
                again += usize::from(mark == mark::AGAIN);
            }
            if let Some(first) = row.iter().position(is_drawn) {
                bounds.add(y, first, row.iter().rposition(is_drawn).unwrap_or(first));
            }
        }
        let vanishing = match following.layout() {
            Layout::Rgba => self.vanishing(following),
            _ => None,
        };
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
                for pixel in row.iter_mut().filter(|pixel| pixel[3] == 255) {
                    pixel[3] = CLEARED;
                }
            }
            self.cleared = Some(rect);
        }
        let holes = drawn as u64 != rect.size().pixels();
        Ok(Change {
            rect,
            disposal,
            marks,
            mostly_again: 2 * again > drawn,
            holes,
            cleared,
        })
    }

    /// Marks every pixel, and makes the source of what will be drawn the reference.
    fn mark<const CHANNELS: usize>(
        &mut self,
        frame: &Frame,
        watch: &dyn Watch,
    ) -> Result<Vec<u8>, Stopped> {
        let mut marks = Vec::with_capacity(self.reference.len());
        let width = self.size.width as usize;
        for (references, row) in self.reference.chunks_exact_mut(width).zip(frame.rows()) {
            watch.check()?;
            let pixels = row.as_chunks::<CHANNELS>().0.iter();
            marks.extend(references.iter_mut().zip(pixels).map(|(reference, bytes)| {
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
                match was[3] {
                    255 if moved <= u16::from(mark::NEAR_LEVELS) => mark::NEAR + moved as u8,
                    CLEARED if moved == 0 => mark::AGAIN,
                    _ => mark::DRAW,
                }
            }));
        }
        Ok(marks)
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
            let gone = |x: &usize| shown[*x][3] == 255 && !alpha::is_visible(next[*x][3]);
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
