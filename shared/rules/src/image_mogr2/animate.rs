//! `animate`: stills to an animation.
//!
//! ```text
//! animate      = "animate" *( "/" parameter )            ; in any order
//! parameter    = duration / images / x-loop / x-delays / x-reverse / x-boomerang / x-fit / x-background / x-preset
//! duration     = "duration/" n                           ; milliseconds, 1 to 655350; may be missing beside x-delays
//! images       = "images" 1*( "/" b64 )                  ; URLs; up to the next name
//! x-loop       = "x-loop/" n                             ; 0 to 65535
//! x-delays     = "x-delays/" n *( "," n )                ; milliseconds, 1 to 655350; no more than there are frames
//! x-reverse    = "x-reverse/" flag
//! x-boomerang  = "x-boomerang/" flag
//! x-fit        = "x-fit/" ( "contain" / "cover" / "stretch" )
//! x-background = "x-background/" color
//! ```

use std::fmt;

use crate::color::Color;
use crate::error::Error;
use crate::image_mogr2::output::Preset;
use crate::image_url::ImageRef;
use crate::values::{Segments, Takes, whole};

/// The longest `duration`, in milliseconds: GIF has 16 bits of hundredths of a second for it.
pub const MAX_DURATION: u32 = 655_350;

/// `animate`: the object and these images as one animation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Animate {
    /// How long each frame shows, in milliseconds: 1 to [`MAX_DURATION`]. Where it is not given, it is the last of `delays`.
    pub duration: u32,
    /// The frames after the object, in order; at least one. How many are too many is for the pipeline's limits.
    pub images: Vec<ImageRef>,
    /// `x-loop`: how often it plays, 0 forever.
    pub repeats: u16,
    /// `x-delays`: how long the first frames show, in milliseconds, each 1 to [`MAX_DURATION`]; the last one is for all
    /// that follow. Empty: all show for `duration`.
    pub delays: Vec<u32>,
    /// `x-reverse`: the last frame first, each with its delay.
    pub reverse: bool,
    /// `x-boomerang`: after the last frame backwards to the second, once all others are in their order.
    pub boomerang: bool,
    /// `x-fit`
    pub fit: Fit,
    /// `x-background`: what shows through transparent places; `None` leaves them transparent.
    pub background: Option<[u8; 3]>,
    /// `x-preset`
    pub preset: Option<Preset>,
}

/// What becomes of a frame whose size is not the first one's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// Fitted inside, in the middle.
    #[default]
    Contain,
    /// Scaled to cover, then the middle.
    Cover,
    /// Scaled to exactly that size.
    Stretch,
}

impl Animate {
    /// The object and these images, each for `duration` milliseconds, and nothing else asked.
    pub fn new(duration: u32, images: Vec<ImageRef>) -> Self {
        Self {
            duration,
            images,
            repeats: 0,
            delays: Vec::new(),
            reverse: false,
            boomerang: false,
            fit: Fit::Contain,
            background: None,
            preset: None,
        }
    }
}

/// As it stands in a rule, with the `/` before it.
impl fmt::Display for Animate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/animate")?;
        if self.delays.is_empty() {
            write!(f, "/duration/{}", self.duration)?;
        } else {
            let delays: Vec<String> = self.delays.iter().map(u32::to_string).collect();
            write!(f, "/x-delays/{}", delays.join(","))?;
        }
        if self.repeats > 0 {
            write!(f, "/x-loop/{}", self.repeats)?;
        }
        if self.reverse {
            f.write_str("/x-reverse/1")?;
        }
        if self.boomerang {
            f.write_str("/x-boomerang/1")?;
        }
        match self.fit {
            Fit::Contain => {}
            Fit::Cover => f.write_str("/x-fit/cover")?,
            Fit::Stretch => f.write_str("/x-fit/stretch")?,
        }
        if let Some(rgb) = self.background {
            write!(f, "/x-background/{}", Color::Opaque(rgb))?;
        }
        if let Some(preset) = self.preset {
            write!(f, "/x-preset/{preset}")?;
        }
        f.write_str("/images")?;
        for image in &self.images {
            write!(f, "/{}", image.to_base64())?;
        }
        Ok(())
    }
}

const DURATION: Takes = Takes::new("duration", "a whole number of milliseconds, 1 to 655350");
const IMAGES: Takes = Takes::new("images", "1 to 19 image URLs in URL-safe base64");
const LOOP: Takes = Takes::new("x-loop", "0 to 65535");
const DELAYS: Takes = Takes::new(
    "x-delays",
    "whole numbers of milliseconds, 1 to 655350, joined by commas, no more than there are frames",
);
const REVERSE: Takes = Takes::new("x-reverse", "0 or 1");
const BOOMERANG: Takes = Takes::new("x-boomerang", "0 or 1");
const FIT: Takes = Takes::new("x-fit", "contain, cover or stretch");
const BACKGROUND: Takes = Takes::new("x-background", "a color in base64");

/// `animate` while its parameters are being read; they come in any order.
#[derive(Default)]
pub(crate) struct AnimateDraft {
    pub(crate) asked: bool,
    duration: Option<u32>,
    images: Option<Vec<ImageRef>>,
    repeats: u16,
    delays: Vec<u32>,
    reverse: bool,
    boomerang: bool,
    fit: Fit,
    background: Option<[u8; 3]>,
    pub(crate) preset: Option<Preset>,
}

impl AnimateDraft {
    /// Reads the value of `duration`.
    pub(crate) fn read_duration(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.duration = Some(DURATION.number(segments, 1..=MAX_DURATION)?);
        Ok(())
    }

    /// Reads the values of `images`, all of them, and tells of the first that is none.
    pub(crate) fn read_images(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        let mut images = Vec::new();
        let mut fault = None;
        let mut number = 0;
        while let Some(text) = segments.value() {
            number += 1;
            match ImageRef::from_base64(text) {
                Ok(image) => images.push(image),
                Err(error) => {
                    fault.get_or_insert(Error::Image { number, error });
                }
            }
        }
        self.images = Some(images);
        fault.map_or(Ok(()), Err)
    }

    /// Reads the value of `x-loop`.
    pub(crate) fn read_loop(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.repeats = LOOP.number(segments, 0..=u32::from(u16::MAX))? as u16;
        Ok(())
    }

    /// Reads the value of `x-delays`.
    pub(crate) fn read_delays(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        let text = segments.need(DELAYS)?;
        let delay = |text| whole(text).filter(|delay| (1..=MAX_DURATION).contains(delay));
        let delays = text.split(',').map(delay).collect::<Option<_>>();
        self.delays = delays.ok_or_else(|| DELAYS.not(text))?;
        Ok(())
    }

    /// Reads the value of `x-reverse`.
    pub(crate) fn read_reverse(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.reverse = REVERSE.flag(segments)?;
        Ok(())
    }

    /// Reads the value of `x-boomerang`.
    pub(crate) fn read_boomerang(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.boomerang = BOOMERANG.flag(segments)?;
        Ok(())
    }

    /// Reads the value of `x-fit`.
    pub(crate) fn read_fit(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        let text = segments.need_lower(FIT)?;
        self.fit = match &*text {
            "contain" => Fit::Contain,
            "cover" => Fit::Cover,
            "stretch" => Fit::Stretch,
            _ => return Err(FIT.not(&text)),
        };
        Ok(())
    }

    /// Reads the value of `x-background`.
    pub(crate) fn read_background(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.background = match Color::read(BACKGROUND, segments)? {
            Color::Opaque(rgb) => Some(rgb),
            Color::Transparent => None,
        };
        Ok(())
    }

    /// What was asked for, once everything is read.
    pub(crate) fn finish(self) -> Result<Option<Animate>, Error> {
        if !self.asked {
            return Ok(None);
        }
        let missing = |takes: Takes| Error::MissingParameter {
            parameter: takes.operation,
            expected: takes.expected,
        };
        // The last delay is for all frames that follow, so a duration beside delays says nothing.
        let duration = self.delays.last().copied().or(self.duration);
        let duration = duration.ok_or_else(|| missing(DURATION))?;
        let images = self.images.filter(|images| !images.is_empty());
        let images = images.ok_or_else(|| missing(IMAGES))?;
        if self.delays.len() > 1 + images.len() {
            return Err(DELAYS.not(&format!("{} delays", self.delays.len())));
        }
        let mut delays = self.delays;
        if delays.iter().all(|delay| *delay == duration) {
            delays.clear();
        }
        Ok(Some(Animate {
            duration,
            images,
            repeats: self.repeats,
            delays,
            reverse: self.reverse,
            boomerang: self.boomerang,
            fit: self.fit,
            background: self.background,
            preset: self.preset,
        }))
    }
}
