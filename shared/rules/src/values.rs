//! The segments of a stage and the values in them: what numbers, switches and base64 look like.
//!
//! ```text
//! n    = 1*DIGIT               ; leading zeros allowed, no sign; too long for 32 bits is the largest
//! dec  = n [ "." 1*DIGIT ]
//! size = [ dec ]               ; a side: rounded half up; 0 and nothing mean "not given"; above 10000 it is 10000
//! flag = "0" / "1"
//! b64  = URL-safe or standard base64, padded or not
//! ```
//!
//! Letter case means nothing outside base64: a signature does not cover it, so it must not change what a rule does.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::error::{Error, short};

/// The largest side that can be asked for, in pixels; larger ones become it.
pub const MAX_SIDE: u32 = 10_000;

/// The segments of one stage that are still unread; empty ones are passed over.
#[derive(Clone)]
pub(crate) struct Segments<'a> {
    rest: std::str::Split<'a, char>,
    is_name: fn(&str) -> bool,
    /// True where what is not built is read as well.
    pub(crate) unbuilt: bool,
}

impl<'a> Segments<'a> {
    /// `is_name` tells the names of operations: a name is never a value, so `format/interlace/1` lacks one.
    pub(crate) fn new(stage: &'a str, is_name: fn(&str) -> bool, unbuilt: bool) -> Self {
        Self {
            rest: stage.split('/'),
            is_name,
            unbuilt,
        }
    }

    /// The same segments, whose names are now those of another command.
    pub(crate) fn of_command(&mut self, is_name: fn(&str) -> bool) {
        self.is_name = is_name;
    }

    /// The next segment, whatever it is.
    pub(crate) fn next(&mut self) -> Option<&'a str> {
        self.rest.find(|segment| !segment.is_empty())
    }

    /// The next segment, which stays.
    pub(crate) fn peek(&self) -> Option<&'a str> {
        self.clone().next()
    }

    /// The next segment, if it is no name and `take` says so.
    pub(crate) fn value_if(&mut self, take: impl FnOnce(&str) -> bool) -> Option<&'a str> {
        let mut rest = self.clone();
        let value = rest
            .next()
            .filter(|segment| !(self.is_name)(segment) && take(segment))?;
        *self = rest;
        Some(value)
    }

    /// The next segment, unless it is a name.
    pub(crate) fn value(&mut self) -> Option<&'a str> {
        self.value_if(|_| true)
    }

    /// The value of an operation that cannot do without one.
    pub(crate) fn need(&mut self, takes: Takes) -> Result<&'a str, Error> {
        self.value().ok_or(Error::MissingValue {
            operation: takes.operation,
            expected: takes.expected,
        })
    }

    /// As [`Segments::need`], in lower case.
    pub(crate) fn need_lower(&mut self, takes: Takes) -> Result<Cow<'a, str>, Error> {
        self.need(takes).map(lower)
    }

    /// The value of a switch: 0, 1, or nothing, which is 1.
    pub(crate) fn switch(&mut self) -> bool {
        self.value_if(|text| text == "0" || text == "1") != Some("0")
    }
}

/// `text` in lower case.
pub(crate) fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// An operation and what it takes, in words: what a message about a wrong value says.
#[derive(Clone, Copy)]
pub(crate) struct Takes {
    pub(crate) operation: &'static str,
    pub(crate) expected: &'static str,
}

impl Takes {
    pub(crate) const fn new(operation: &'static str, expected: &'static str) -> Self {
        Self {
            operation,
            expected,
        }
    }

    /// That `found` is something else.
    pub(crate) fn not(self, found: &str) -> Error {
        Error::Value {
            operation: self.operation,
            expected: self.expected,
            found: short(found),
        }
    }

    /// That `found` is base64 of something else, or no base64.
    pub(crate) fn not_encoded(self, found: &str) -> Error {
        Error::Encoded {
            operation: self.operation,
            expected: self.expected,
            found: short(found),
        }
    }

    /// Reads `0` or `1`.
    pub(crate) fn flag(self, segments: &mut Segments<'_>) -> Result<bool, Error> {
        match segments.need(self)? {
            "0" => Ok(false),
            "1" => Ok(true),
            other => Err(self.not(other)),
        }
    }

    /// Reads a whole number in `range`.
    pub(crate) fn number(
        self,
        segments: &mut Segments<'_>,
        range: std::ops::RangeInclusive<u32>,
    ) -> Result<u32, Error> {
        let text = segments.need(self)?;
        let number = whole(text).filter(|number| range.contains(number));
        number.ok_or_else(|| self.not(text))
    }

    /// Reads a whole number with an optional `-`, of which neither way more than `most` is allowed.
    pub(crate) fn signed(self, segments: &mut Segments<'_>, most: u32) -> Result<i32, Error> {
        let text = segments.need(self)?;
        let (digits, sign) = match text.strip_prefix('-') {
            Some(digits) => (digits, -1),
            None => (text, 1),
        };
        let number = whole(digits).filter(|number| *number <= most);
        Ok(sign * number.ok_or_else(|| self.not(text))? as i32)
    }

    /// Reads base64 of text without control characters but new lines, of 1 to `max` bytes.
    pub(crate) fn text(self, segments: &mut Segments<'_>, max: usize) -> Result<String, Error> {
        let found = segments.need(self)?;
        let text = decode(found).and_then(|bytes| String::from_utf8(bytes).ok());
        let fits = |text: &String| {
            (1..=max).contains(&text.len()) && !text.chars().any(|c| c.is_control() && c != '\n')
        };
        text.filter(fits).ok_or_else(|| self.not_encoded(found))
    }
}

/// A whole number of decimal digits only. One that is too long is the largest.
pub(crate) fn whole(text: &str) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.bytes().try_fold(0_u32, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    })
}

/// A number with at most three decimal places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal {
    /// The number in thousandths.
    pub thousandths: u32,
}

impl Decimal {
    /// Reads a decimal number, rounded half up to thousandths.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (digits, decimals) = match text.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (text, ""),
        };
        let mut thousandths = whole(digits)?.saturating_mul(1000);
        let mut places = decimals.bytes();
        if !places.clone().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut digit = || u32::from(places.next().unwrap_or(b'0') - b'0');
        thousandths = thousandths.saturating_add(100 * digit() + 10 * digit() + digit());
        Some(Self {
            thousandths: thousandths.saturating_add(u32::from(digit() >= 5)),
        })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.thousandths / 1000)?;
        match self.thousandths % 1000 {
            0 => Ok(()),
            rest => write!(f, ".{}", format!("{rest:03}").trim_end_matches('0')),
        }
    }
}

/// A side in pixels, rounded and clamped; `Some(None)` where it is not given, `None` where the text is no size.
pub(crate) fn side(text: &str) -> Option<Option<u32>> {
    if text.is_empty() {
        return Some(None);
    }
    let (digits, decimals) = text.split_once('.').unwrap_or((text, "0"));
    whole(decimals)?;
    let up = decimals.as_bytes()[0] >= b'5';
    let side = whole(digits)?.saturating_add(u32::from(up)).min(MAX_SIDE);
    Some((side > 0).then_some(side))
}

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes that `base64` stands for, in either alphabet, padded or not.
pub(crate) fn decode(base64: &str) -> Option<Vec<u8>> {
    let safe = base64
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");
    ENGINE.decode(safe).ok()
}

/// URL-safe base64 without padding, as it stands in a canonical rule.
pub(crate) fn encode(text: &str) -> String {
    ENGINE.encode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_half_up() {
        for (text, expected) in [
            ("", Some(None)),
            ("0", Some(None)),
            ("0.4", Some(None)),
            ("0.5", Some(Some(1))),
            ("562.5", Some(Some(563))),
            ("562.49", Some(Some(562))),
            ("007", Some(Some(7))),
            ("10001", Some(Some(10_000))),
            ("99999999999999", Some(Some(10_000))),
            (".5", None),
            ("5.", None),
            ("-5", None),
            ("1e3", None),
        ] {
            assert_eq!(side(text), expected, "{text}");
        }
    }

    #[test]
    fn reads_and_writes_decimals() {
        for (text, canonical) in [
            ("5", "5"),
            ("5.50", "5.5"),
            ("0.0005", "0.001"),
            ("0.0004", "0"),
            ("1.9999", "2"),
            ("0.1", "0.1"),
            ("010.010", "10.01"),
        ] {
            let read = Decimal::parse(text).map(|decimal| decimal.to_string());
            assert_eq!(read.as_deref(), Some(canonical), "{text}");
        }
        for text in ["", ".", ".5", "5.", "-1", "1.x", "1.2.3"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
