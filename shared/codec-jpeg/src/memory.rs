//! What the work takes of memory, told from the frame before it begins and from the coefficients while they come.

use crate::coefficients::Component;
use crate::error::Error;

/// Bytes that a block takes beside its AC coefficients: [`Component`]'s masks, signs, corrections, place and DC
/// coefficient, and three tokens (DC and the end, in two scans at most).
const BLOCK_BYTES: u64 = 70 + 12;
/// Bytes of a block of a progressive source, until it is packed.
pub(crate) const PLAIN_BLOCK_BYTES: u64 = 128;
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
    /// The budget of a picture of `blocks` blocks, for work on `threads` threads.
    pub(crate) fn of(blocks: u64, from_progressive: bool, threads: usize, max_bytes: u64) -> Self {
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
        Self {
            fixed: blocks * (BLOCK_BYTES + plain),
            by_value: VALUE_BYTES + tokens,
            max_bytes,
        }
    }

    /// The same, held to its limit.
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
        let budget = Self::of(blocks, from_progressive, threads, max_bytes);
        budget.hold(0)?;
        Ok(budget)
    }

    /// Refuses components whose coefficients take too much; asked for each row of blocks.
    pub(crate) fn check(&self, components: &[Component]) -> Result<(), Error> {
        self.hold(components.iter().map(Component::coefficients).sum())
    }

    fn hold(&self, coefficients: u64) -> Result<(), Error> {
        hold(self.fixed + coefficients * self.by_value, self.max_bytes)
    }
}

/// Refuses work that takes `found_bytes` where that is over `max_bytes`.
pub(crate) fn hold(found_bytes: u64, max_bytes: u64) -> Result<(), Error> {
    if found_bytes > max_bytes {
        return Err(Error::TooMuchMemory {
            found_bytes,
            max_bytes,
        });
    }
    Ok(())
}

/// Tables, and what is there once.
const CONSTANT_BYTES: u64 = 1 << 20;

/// Bounds on the bytes of memory that one picture's work takes beside what it is given, told before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryBound {
    /// What the work takes whatever the coefficients are; without the result.
    pub least_bytes: u64,
    /// What the work takes at most, with the result in memory: where all coefficients are there that the source has
    /// room for, or as many as the limit on memory lets in.
    pub most_bytes: u64,
}

impl MemoryBound {
    /// The bound on the work within `budget`, on a picture of at most `coefficients` AC coefficients other than zero.
    /// Beside it a result is made of `result` bytes at most, for that many coefficients.
    pub(crate) fn new(budget: &Budget, coefficients: u64, result: impl Fn(u64) -> u64) -> Self {
        let left = budget.max_bytes.saturating_sub(budget.fixed) / budget.by_value;
        let coefficients = coefficients.min(left);
        let work = budget.fixed + coefficients * budget.by_value;
        Self {
            least_bytes: budget.fixed,
            // As a scan, and in a file that grows to up to twice what it holds.
            most_bytes: work + 3 * result(coefficients) + CONSTANT_BYTES,
        }
    }
}
