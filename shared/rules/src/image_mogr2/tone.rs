//! What changes the color of pixels and not their place. 0 is "unchanged", and no operation.
//!
//! ```text
//! blur      = "blur/" n "x" dec          ; radius 1 to 50, sigma 0 to 1000
//! sharpen   = "sharpen/" n               ; 0 to 300
//! bright    = "bright/" [ "-" ] n        ; -100 to 100
//! contrast  = "contrast/" [ "-" ] n      ; -100 to 100
//! grayscale = "grayscale" [ "/" flag ]
//! ```

use std::fmt;

use crate::error::Error;
use crate::values::{Decimal, Segments, Takes, whole};

/// A Gaussian blur.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Blur {
    /// Pixels to each side that count, 1 to 50.
    pub radius: u32,
    /// The standard deviation, in pixels; more than 0, at most 1000.
    pub sigma: Decimal,
}

impl fmt::Display for Blur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/blur/{}x{}", self.radius, self.sigma)
    }
}

const BLUR: Takes = Takes::new(
    "blur",
    "<radius>x<sigma>, a radius of 1 to 50 and a sigma of 0 to 1000",
);
const SHARPEN: Takes = Takes::new("sharpen", "0 to 300");
const BRIGHT: Takes = Takes::new("bright", "-100 to 100");
const CONTRAST: Takes = Takes::new("contrast", "-100 to 100");

/// Reads the value of `blur`; `None` without a sigma.
pub(crate) fn blur(segments: &mut Segments<'_>) -> Result<Option<Blur>, Error> {
    let text = segments.need_lower(BLUR)?;
    let read = text.split_once('x').and_then(|(radius, sigma)| {
        let radius = whole(radius).filter(|radius| (1..=50).contains(radius))?;
        let sigma = Decimal::parse(sigma).filter(|sigma| sigma.thousandths <= 1_000_000)?;
        Some(Blur { radius, sigma })
    });
    let blur = read.ok_or_else(|| BLUR.not(&text))?;
    Ok((blur.sigma.thousandths > 0).then_some(blur))
}

/// Reads the value of `sharpen`.
pub(crate) fn sharpen(segments: &mut Segments<'_>) -> Result<u16, Error> {
    SHARPEN.number(segments, 0..=300).map(|value| value as u16)
}

/// Reads the value of `bright`.
pub(crate) fn bright(segments: &mut Segments<'_>) -> Result<i8, Error> {
    BRIGHT.signed(segments, 100).map(|value| value as i8)
}

/// Reads the value of `contrast`.
pub(crate) fn contrast(segments: &mut Segments<'_>) -> Result<i8, Error> {
    CONTRAST.signed(segments, 100).map(|value| value as i8)
}
