//! `animate`: stills to an animation.
//!
//! ```text
//! animate  = "animate" 2*( "/" ( duration / images ) )   ; in either order
//! duration = "duration/" n                               ; milliseconds, 1 to 655350
//! images   = "images" 1*( "/" base64 )                   ; URLs; up to the next name
//! ```

use std::fmt;

use crate::error::Error;
use crate::image_url::ImageRef;
use crate::values::{Segments, Takes, whole};

/// The longest `duration`, in milliseconds: GIF has 16 bits of hundredths of a second for it.
pub const MAX_DURATION: u32 = 655_350;

/// `animate`: the object and these images as one GIF.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Animate {
    /// How long each frame shows, in milliseconds: 1 to [`MAX_DURATION`].
    pub duration: u32,
    /// The frames after the object, in order; at least one. How many are too many is for the pipeline's limits.
    pub images: Vec<ImageRef>,
}

impl fmt::Display for Animate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/animate/duration/{}/images", self.duration)?;
        for image in &self.images {
            write!(f, "/{}", image.to_base64())?;
        }
        Ok(())
    }
}

const DURATION: Takes = Takes {
    operation: "duration",
    expected: "a whole number of milliseconds, 1 to 655350",
};
const IMAGES: Takes = Takes {
    operation: "images",
    expected: "1 to 19 image URLs in URL-safe base64",
};

/// `animate` while its parameters are being read; they come in either order.
#[derive(Default)]
pub(crate) struct AnimateDraft {
    pub(crate) asked: bool,
    duration: Option<u32>,
    images: Option<Vec<ImageRef>>,
}

impl AnimateDraft {
    fn parameter(&self, takes: Takes) -> Result<(), Error> {
        let parameter = takes.operation;
        self.asked
            .then_some(())
            .ok_or(Error::OutsideAnimate { parameter })
    }

    /// Reads the value of `duration`.
    pub(crate) fn read_duration(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        let text = segments.need(DURATION);
        self.parameter(DURATION)?;
        let text = text?;
        let range = 1..=MAX_DURATION;
        let duration = whole(text).filter(|d| range.contains(d));
        self.duration = Some(duration.ok_or_else(|| DURATION.not(text))?);
        Ok(())
    }

    /// Reads the values of `images`, all of them, and tells of the first that is none.
    pub(crate) fn read_images(&mut self, segments: &mut Segments<'_>) -> Result<(), Error> {
        self.parameter(IMAGES)?;
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

    /// What was asked for, once everything is read.
    pub(crate) fn finish(self) -> Result<Option<Animate>, Error> {
        if !self.asked {
            return Ok(None);
        }
        let missing = |takes: Takes| Error::MissingParameter {
            parameter: takes.operation,
            expected: takes.expected,
        };
        let duration = self.duration.ok_or_else(|| missing(DURATION))?;
        let images = self.images.filter(|images| !images.is_empty());
        let images = images.ok_or_else(|| missing(IMAGES))?;
        Ok(Some(Animate { duration, images }))
    }
}
