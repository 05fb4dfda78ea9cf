//! One `imageMogr2` stage: what it asks for, a file for each family of its operations.
//!
//! ```text
//! stage = "imageMogr2" *( "/" operation )
//! ```
//!
//! Operations that change pixels keep their order; what says how to write has none. The operations themselves are
//! rows of the table in `table.rs`, from which `stage.rs` reads and writes a stage.

pub(crate) mod animate;
pub(crate) mod crop;
pub(crate) mod frames;
pub(crate) mod output;
pub(crate) mod thumbnail;
pub(crate) mod tone;
pub(crate) mod turn;

use std::fmt;

use crate::color::Color;
use crate::error::Error;
use crate::image_mogr2::animate::{Animate, AnimateDraft};
use crate::image_mogr2::crop::{
    Crop, Cut, Gravity, IndexCrop, Offsets, Place, Rcrop, Rectangle, Scrop,
};
use crate::image_mogr2::frames::Frames;
use crate::image_mogr2::output::{Output, Preset};
use crate::image_mogr2::thumbnail::{Resize, Thumbnail};
use crate::image_mogr2::tone::Blur;
use crate::image_mogr2::turn::Flip;

/// What one `imageMogr2` stage asks for, in the order in which it is done. Nothing asked for changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ImageMogr2 {
    /// `animate/duration/<ms>/images/<base64>/...`; nothing else stands beside it.
    pub animate: Option<Animate>,
    /// `frame`, `egif`, `cgif`: which frames are kept, before all transforms, wherever it is written.
    pub frames: Frames,
    /// `auto-orient`: turn the pixels as EXIF says, before all transforms, wherever it is written.
    pub auto_orient: bool,
    /// What changes pixels.
    pub transforms: Vec<Transform>,
    /// How the result is written.
    pub output: Output,
}

/// An operation that changes pixels. What asks for nothing (`rotate/0`, `blur/1x0`, `thumbnail/0x0`) is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transform {
    /// `thumbnail`, with its `pad` and `color`.
    Thumbnail(Thumbnail),
    /// `crop/<W>x<H>`
    Crop(Crop),
    /// `cut`, and every other `crop`.
    Cut(Cut),
    /// `scrop/<W>x<H>`
    Scrop(Scrop),
    /// `rcrop/<min>x<max>`
    Rcrop(Rcrop),
    /// `indexcrop/<width|height>/<n>/index/<i>`
    IndexCrop(IndexCrop),
    /// `iradius/<r>`: the inscribed circle of this radius in pixels, 1 or more.
    Iradius(u32),
    /// `rradius/<r>`: corners rounded by this radius in pixels, 1 or more.
    Rradius(u32),
    /// `rotate/<degrees>`: clockwise, 1 to 359 degrees.
    Rotate(u16),
    /// `flip/<horizontal|vertical>`
    Flip(Flip),
    /// `blur/<r>x<s>`
    Blur(Blur),
    /// `sharpen/<v>`: 1 to 300.
    Sharpen(u16),
    /// `bright/<v>`: -100 to 100, not 0.
    Bright(i8),
    /// `contrast/<v>`: -100 to 100, not 0.
    Contrast(i8),
    /// `grayscale`
    Grayscale,
}

impl ImageMogr2 {
    /// True where the stage asks for nothing at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Writes the transforms, each with the `/` before it.
    ///
    /// A gravity reaches every crop and cut of the stage, so where one is written, all are.
    pub(crate) fn write_transforms(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let placed = self.transforms.iter().any(|transform| match transform {
            Transform::Crop(crop) => crop.is_placed(),
            Transform::Cut(cut) => cut.is_placed(),
            _ => false,
        });
        let mut offsets = None;
        for transform in &self.transforms {
            let place = match transform {
                Transform::Crop(crop) => Some(crop.place),
                Transform::Cut(cut) => Some(cut.place),
                _ => None,
            };
            if placed && let Some(place) = place {
                write!(f, "/gravity/{}", place.gravity)?;
            }
            if let Transform::Crop(Crop { place, .. }) = transform
                && (place.dx, place.dy) != (0, 0)
            {
                offsets = Some((place.dx, place.dy));
            }
            write!(f, "{transform}")?;
        }
        match offsets {
            Some((dx, dy)) => write!(f, "/dx/{dx}/dy/{dy}"),
            None => Ok(()),
        }
    }
}

/// As it stands in a rule, with the `/` before it; a crop or cut without its gravity.
impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thumbnail(thumbnail) => write!(f, "{thumbnail}"),
            Self::Crop(crop) => write!(f, "{crop}"),
            Self::Cut(cut) => write!(f, "{cut}"),
            Self::Scrop(scrop) => write!(f, "{scrop}"),
            Self::Rcrop(rcrop) => write!(f, "{rcrop}"),
            Self::IndexCrop(indexcrop) => write!(f, "{indexcrop}"),
            Self::Iradius(radius) => write!(f, "/iradius/{radius}"),
            Self::Rradius(radius) => write!(f, "/rradius/{radius}"),
            Self::Rotate(degrees) => write!(f, "/rotate/{degrees}"),
            Self::Flip(flip) => write!(f, "/flip/{flip}"),
            Self::Blur(blur) => write!(f, "{blur}"),
            Self::Sharpen(value) => write!(f, "/sharpen/{value}"),
            Self::Bright(value) => write!(f, "/bright/{value}"),
            Self::Contrast(value) => write!(f, "/contrast/{value}"),
            Self::Grayscale => f.write_str("/grayscale/1"),
        }
    }
}

/// A stage while it is being read: what belongs to other operations is found only at its end.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) animate: AnimateDraft,
    pub(crate) frames: Frames,
    pub(crate) dx: u32,
    pub(crate) dy: u32,
    pub(crate) color: Option<Color>,
    pub(crate) preset: Option<Preset>,
    steps: Vec<Step>,
}

/// Something that has a place in the stage.
#[derive(Clone, Copy)]
enum Step {
    Transform(Transform),
    /// `None` for one that asks for nothing: a `pad` may still belong to it.
    Thumbnail(Option<Resize>),
    Pad(bool),
    Rectangle(Rectangle, Offsets),
    Gravity(Gravity),
}

impl Draft {
    pub(crate) fn push(&mut self, transform: Transform) {
        self.steps.push(Step::Transform(transform));
    }

    pub(crate) fn push_thumbnail(&mut self, size: Option<Resize>) {
        self.steps.push(Step::Thumbnail(size));
    }

    pub(crate) fn push_pad(&mut self, pad: bool) {
        self.steps.push(Step::Pad(pad));
    }

    pub(crate) fn push_rectangle(&mut self, (rectangle, own): (Rectangle, Offsets)) {
        self.steps.push(Step::Rectangle(rectangle, own));
    }

    pub(crate) fn push_gravity(&mut self, gravity: Gravity) {
        self.steps.push(Step::Gravity(gravity));
    }

    /// The stage, once everything is read.
    pub(crate) fn finish(
        mut self,
        auto_orient: bool,
        mut output: Output,
    ) -> Result<ImageMogr2, Error> {
        if self.animate.asked {
            self.animate.preset = self.preset;
        } else {
            output.preset = self.preset;
        }
        let transforms = (0..self.steps.len())
            .filter_map(|at| self.transform(at))
            .collect();
        let mut frames = self.frames;
        // One frame alone has no others among which to choose.
        if frames.only.is_some() {
            frames.every = None;
        }
        Ok(ImageMogr2 {
            animate: self.animate.finish()?,
            frames,
            auto_orient,
            transforms,
            output,
        })
    }

    /// The transform at this step, with what belongs to it.
    fn transform(&self, at: usize) -> Option<Transform> {
        match self.steps[at] {
            Step::Transform(transform) => Some(transform),
            Step::Thumbnail(size) => {
                let size = size?;
                let pad = size.takes_pad() && self.is_padded(at);
                let pad = pad.then_some(self.color.unwrap_or(Color::WHITE));
                Some(Transform::Thumbnail(Thumbnail { size, pad }))
            }
            Step::Rectangle(rectangle, own) => {
                let gravity = |step: &Step| match step {
                    Step::Gravity(gravity) => Some(*gravity),
                    _ => None,
                };
                let before = self.steps[..at].iter().rev().find_map(gravity);
                let found = before.or_else(|| self.steps[at..].iter().find_map(gravity));
                let (dx, dy) = own.unwrap_or((self.dx, self.dy));
                let place = |default| Place {
                    gravity: found.unwrap_or(default),
                    dx,
                    dy,
                };
                match rectangle {
                    Rectangle::Crop { width, height } => Some(Transform::Crop(Crop {
                        width,
                        height,
                        place: place(Gravity::Center),
                    })),
                    Rectangle::Cut {
                        width,
                        height,
                        gravity,
                    } => {
                        let place = place(gravity);
                        let cut = Cut {
                            width,
                            height,
                            place,
                        };
                        (!cut.is_whole()).then_some(Transform::Cut(cut))
                    }
                }
            }
            Step::Pad(_) | Step::Gravity(_) => None,
        }
    }

    /// Whether the last `pad` that belongs to the thumbnail at this step says so: those after it and before the next
    /// thumbnail; those before the first thumbnail are the first one's as well.
    fn is_padded(&self, at: usize) -> bool {
        let is_thumbnail = |step: &Step| matches!(step, Step::Thumbnail(_));
        let is_first = !self.steps[..at].iter().any(is_thumbnail);
        let from = if is_first { 0 } else { at };
        let rest = &self.steps[at + 1..];
        let end = rest.iter().position(is_thumbnail).unwrap_or(rest.len());
        let mut own = self.steps[from..at + 1 + end].iter().rev();
        own.find_map(|step| match step {
            Step::Pad(pad) => Some(*pad),
            _ => None,
        })
        .unwrap_or(false)
    }
}
