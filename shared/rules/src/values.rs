//! The segments of a stage and the values in them: what numbers, switches and names of values look like.
//!
//! ```text
//! n    = 1*DIGIT    ; leading zeros allowed, no sign, no space
//! flag = "0" / "1"
//! ```

use crate::error::{Error, short};

/// The segments of one stage that are still unread, none of them empty.
pub(crate) struct Segments<'a> {
    rest: std::iter::Peekable<Box<dyn Iterator<Item = &'a str> + 'a>>,
    is_name: fn(&str) -> bool,
}

impl<'a> Segments<'a> {
    /// `is_name` tells the names of operations: a name is never a value, so `format/interlace/1` lacks one.
    pub(crate) fn new(
        segments: impl Iterator<Item = &'a str> + 'a,
        is_name: fn(&str) -> bool,
    ) -> Self {
        let segments: Box<dyn Iterator<Item = &'a str> + 'a> = Box::new(segments);
        Self {
            rest: segments.peekable(),
            is_name,
        }
    }

    /// The next segment, whatever it is.
    pub(crate) fn next(&mut self) -> Option<&'a str> {
        self.rest.next()
    }

    /// The next segment, unless it is a name.
    pub(crate) fn value(&mut self) -> Option<&'a str> {
        let is_name = self.is_name;
        self.rest.next_if(|segment| !is_name(segment))
    }

    /// The value of an operation that cannot do without one.
    pub(crate) fn need(&mut self, takes: Takes) -> Result<&'a str, Error> {
        self.value().ok_or(Error::MissingValue {
            operation: takes.operation,
            expected: takes.expected,
        })
    }
}

/// An operation and what it takes, in words: what a message about a wrong value says.
#[derive(Clone, Copy)]
pub(crate) struct Takes {
    pub(crate) operation: &'static str,
    pub(crate) expected: &'static str,
}

impl Takes {
    /// That `found` is something else.
    pub(crate) fn not(self, found: &str) -> Error {
        Error::Value {
            operation: self.operation,
            expected: self.expected,
            found: short(found),
        }
    }

    /// Reads `0` or `1`.
    pub(crate) fn flag(self, text: &str) -> Result<bool, Error> {
        match text {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(self.not(text)),
        }
    }
}

/// A whole number of decimal digits only.
pub(crate) fn whole(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
