//! Look-up tables that decode several AC codes of a sequential scan at once, or pass over them.

use crate::huffman::{END, NO_VALUE, RUN_BITS, RunTable, Specification, extend};

/// What the bits ahead mean, where values are wanted: one or two values, and the end of the block where its code comes
/// right after them. Zero where it is not in the table.
///
/// Bits 0-4: all that is taken. 5-9: length of the first code; 10-13: of the first value, whose bits may reach beyond
/// those looked up. 14-20: by how many positions all of it moves on. 21-25: zeros before the first value. 26-32: how far
/// the second value is from the first, 64 where there is none. 33: the block ends. 48-63: the second value.
pub(crate) type Values = u64;

/// In [`Values`]: the block ends here.
pub(crate) const VALUES_END: Values = 1 << 33;

/// How many bits the codes and values take that begin within those looked up (0-4), by how many positions they move on
/// (5-11), and whether the block ends with them. Zero where there is none.
pub(crate) type Skip = u16;

/// In [`Skip`]: the block ends here.
pub(crate) const SKIP_END: Skip = 1 << 12;

/// The tables of one AC Huffman table.
pub(crate) struct AcTable {
    pub(crate) runs: RunTable,
    /// Empty where no values are wanted.
    pub(crate) values: Vec<Values>,
    /// Empty where all values are wanted.
    pub(crate) skips: Vec<Skip>,
}

impl AcTable {
    pub(crate) fn new(specification: &Specification, wants_values: bool, skips: bool) -> Self {
        let runs = RunTable::new(specification);
        let all = 0..1 << RUN_BITS;
        let values = |pattern| values(&runs, pattern);
        let skip = |pattern| skip(&runs, pattern);
        Self {
            values: all.clone().filter(|_| wants_values).map(values).collect(),
            skips: all.filter(|_| skips).map(skip).collect(),
            runs,
        }
    }
}

/// A code, and what comes with it.
#[derive(Clone, Copy)]
struct Symbol {
    code: u32,
    size: u32,
    zeros: u32,
    /// By how many positions it moves on.
    advance: u32,
    end: bool,
}

/// The symbol after the first `at` bits of `pattern`, if its code lies in it.
fn symbol(runs: &RunTable, pattern: u32, at: u32) -> Option<Symbol> {
    if at >= RUN_BITS {
        return None;
    }
    let run = runs.lookup[(pattern << at) as usize & ((1 << RUN_BITS) - 1)];
    let symbol = if run == NO_VALUE {
        return None;
    } else if run & NO_VALUE != 0 {
        let end = run & END != 0;
        let advance = if end { 0 } else { 16 };
        Symbol {
            code: run & 31,
            size: 0,
            zeros: 0,
            advance,
            end,
        }
    } else {
        let zeros = run >> 5 & 31;
        Symbol {
            code: run >> 16 & 31,
            size: run >> 24,
            zeros,
            advance: zeros + 1,
            end: false,
        }
    };
    (at + symbol.code <= RUN_BITS).then_some(symbol)
}

fn skip(runs: &RunTable, pattern: u32) -> Skip {
    let (mut bits, mut advance) = (0, 0);
    while let Some(found) = symbol(runs, pattern, bits) {
        bits += found.code + found.size;
        advance += found.advance;
        if found.end {
            return (bits | advance << 5) as Skip | SKIP_END;
        }
        if advance > 63 {
            break;
        }
    }
    (bits | advance << 5) as Skip
}

fn values(runs: &RunTable, pattern: u32) -> Values {
    let Some(first) = symbol(runs, pattern, 0) else {
        return 0;
    };
    let mut bits = first.code + first.size;
    let mut advance = first.advance;
    let (mut far, mut value) = (64, 0);
    let mut end = first.end;
    if first.size > 0 {
        let second = symbol(runs, pattern, bits);
        if let Some(second) = second.filter(|it| bits + it.code + it.size <= RUN_BITS) {
            if second.size > 0 {
                let from = RUN_BITS - bits - second.code - second.size;
                let raw = pattern >> from & ((1 << second.size) - 1);
                value = extend(raw, second.size) as u16;
                far = second.zeros + 1;
            }
            bits += second.code + second.size;
            advance += second.advance;
            end = second.end;
        }
    }
    if !end
        && let Some(last) = symbol(runs, pattern, bits)
        && last.end
    {
        bits += last.code;
        end = true;
    }
    let end = if end { VALUES_END } else { 0 };
    let low = bits | first.code << 5 | first.size << 10 | advance << 14 | first.zeros << 21;
    u64::from(low) | u64::from(far) << 26 | end | u64::from(value) << 48
}
