//! How a long piece of work is told to stop. The caller owns the clock; the work only asks.

use std::fmt;

/// Why a piece of work was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The time allowed for it is over.
    Deadline,
    /// Nobody waits for the result any more.
    Cancelled,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadline => "the deadline has passed",
            Self::Cancelled => "the request was cancelled",
        })
    }
}

impl std::error::Error for Stopped {}

/// Asked about once for every row (of pixels or of blocks) whether to go on.
///
/// An implementation should be cheap: an atomic load, and a clock read now and then.
pub trait Watch: Sync {
    /// `Ok` to go on.
    ///
    /// # Errors
    ///
    /// [`Stopped`] ends the work; what was asked for is not made.
    fn check(&self) -> Result<(), Stopped>;
}

/// Lets everything run to its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn check(&self) -> Result<(), Stopped> {
        Ok(())
    }
}
