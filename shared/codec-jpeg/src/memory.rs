//! What the work takes of memory, told from the frame before it begins and from the coefficients while they come.

use crate::coefficients::Component;
use crate::error::Error;

/// Bytes that a block takes beside its AC coefficients: [`Component`]'s masks, signs, corrections, place and DC
/// coefficient, and three tokens (DC and the end, in two scans at most).
const BLOCK_BYTES: u64 = 70 + 12;
/// Bytes of a block of a progressive source, until it is packed.
const PLAIN_BLOCK_BYTES: u64 = 128;
/// Bytes that an AC coefficient other than zero takes: 2 and room to grow as large, and a byte in its scan, which is
/// there twice in the end.
const VALUE_BYTES: u64 = 6;
/// Bytes that it takes as the token of one scan: 4 and room to grow half as large.
const TOKEN_BYTES: u64 = 6;
/// The same where several scans are at work at once. It is new in one of them, and a few bits in others.
const TOKENS_BYTES: u64 = 9;

/// A bound on the memory of one picture's work:
/// `blocks x (82, or 210 for a progressive source) + coefficients x (12, or 15 on several threads)`, where coefficients
/// are the AC ones other than zero. Source, pixels and a few rows are not in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    fixed: u64,
    by_value: u64,
    max_bytes: u64,
}

impl Budget {
    /// The budget of a picture of so many blocks.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchMemory`] where it is over `max_bytes` whatever its coefficients are.
    pub(crate) fn new(
        blocks: u64,
        from_progressive: bool,
        threads: usize,
        max_bytes: u64,
    ) -> Result<Self, Error> {
        let plain = if from_progressive {
            PLAIN_BLOCK_BYTES
        } else {
            0
        };
        let tokens = if threads > 1 {
            TOKENS_BYTES
        } else {
            TOKEN_BYTES
        };
        let budget = Self {
            fixed: blocks * (BLOCK_BYTES + plain),
            by_value: VALUE_BYTES + tokens,
            max_bytes,
        };
        budget.hold(0)?;
        Ok(budget)
    }

    /// Refuses components whose coefficients take too much; asked for each row of blocks.
    pub(crate) fn check(&self, components: &[Component]) -> Result<(), Error> {
        self.hold(components.iter().map(Component::coefficients).sum())
    }

    fn hold(&self, coefficients: u64) -> Result<(), Error> {
        let found_bytes = self.fixed + coefficients * self.by_value;
        if found_bytes > self.max_bytes {
            return Err(Error::TooMuchMemory {
                found_bytes,
                max_bytes: self.max_bytes,
            });
        }
        Ok(())
    }
}
