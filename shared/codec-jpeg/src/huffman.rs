//! Huffman tables: read from DHT segments into look-up tables, and made optimal for counted symbols
//! (T.81, annexes C, F.2.2 and K.2).

use crate::bits::BitReader;

/// The counts and symbols of a table, as a DHT segment has them (T.81, B.2.4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Specification {
    /// How many codes there are of each length, 1 to 16.
    pub(crate) counts: [u8; 16],
    /// The symbols, by increasing code length.
    pub(crate) symbols: Vec<u8>,
}

/// Bits looked up at once for a symbol of a DC coefficient, or of anything in a progressive scan; longer codes are
/// searched. One bit more doubles the table (1 KiB) and the time to fill it.
const SYMBOL_BITS: u32 = 9;
/// Bits looked up at once for an AC coefficient of a sequential scan; longer codes are searched. One bit more doubles
/// the table (8 KiB) and the time to fill it.
pub(crate) const RUN_BITS: u32 = 11;

/// The code lengths beyond a look-up table: canonical decoding (T.81, F.2.2.3).
#[derive(Clone)]
struct Canonical {
    /// First 16-bit pattern that is above all codes of a length.
    limits: [u32; 17],
    /// What to add to a code of a length to get its symbol's index.
    offsets: [i32; 17],
    symbols: [u8; 256],
}

impl Canonical {
    fn new(specification: &Specification) -> Self {
        let mut canonical = Self {
            limits: [0; 17],
            offsets: [0; 17],
            symbols: [0; 256],
        };
        canonical.symbols[..specification.symbols.len()].copy_from_slice(&specification.symbols);
        let (mut code, mut index) = (0u32, 0i32);
        for len in 1..=16usize {
            canonical.offsets[len] = index - code as i32;
            code += u32::from(specification.counts[len - 1]);
            index += i32::from(specification.counts[len - 1]);
            canonical.limits[len] = code << (16 - len);
            code <<= 1;
        }
        canonical
    }

    /// Length and symbol of the code that `bits` begins with; `None` where no code does.
    fn find(&self, bits: u64) -> Option<(u32, u8)> {
        let top = (bits >> 48) as u32;
        let len = (1..=16).find(|&len| top < self.limits[len])?;
        let index = (top >> (16 - len)) as i32 + self.offsets[len];
        Some((len as u32, self.symbols[(index & 255) as usize]))
    }
}

/// A Huffman table that decodes one symbol at a time.
#[derive(Clone)]
pub(crate) struct SymbolTable {
    /// `symbol | len << 8`; len 0 where the code is longer than the look-up.
    lookup: Box<[u16; 1 << SYMBOL_BITS]>,
    canonical: Canonical,
}

impl SymbolTable {
    pub(crate) fn new(specification: &Specification) -> Self {
        let canonical = Canonical::new(specification);
        let mut lookup = Box::new([0; 1 << SYMBOL_BITS]);
        for (pattern, entry) in lookup.iter_mut().enumerate() {
            *entry = match canonical.find((pattern as u64) << (64 - SYMBOL_BITS)) {
                Some((len, symbol)) if len <= SYMBOL_BITS => (len << 8) as u16 | u16::from(symbol),
                _ => 0,
            };
        }
        Self { lookup, canonical }
    }

    /// The next symbol, of whose code at least 16 bits must be ready; `None` where there is no such code.
    #[inline(always)]
    pub(crate) fn read(&self, reader: &mut BitReader) -> Option<u32> {
        let entry = u32::from(self.lookup[(reader.bits >> (64 - SYMBOL_BITS)) as usize]);
        if entry >> 8 != 0 {
            reader.skip(entry >> 8);
            return Some(entry & 255);
        }
        let (len, symbol) = self.canonical.find(reader.bits)?;
        reader.skip(len);
        Some(u32::from(symbol))
    }
}

/// What the bits ahead mean, in a sequential scan's AC coefficients: bits 0-4 the length of code and value, 5-9 how
/// many zeros come before, 16-20 the length of the code, 24-27 that of the value.
pub(crate) type Run = u32;

/// The end-of-block code comes after the value, unless this is the block's last coefficient.
pub(crate) const LAST: Run = 1 << 10;
/// There is no value: sixteen zeros, or with `END` the end of the block. Alone, the code is longer than the look-up.
pub(crate) const NO_VALUE: Run = 1 << 11;
/// With `NO_VALUE`: the end of the block.
pub(crate) const END: Run = 1 << 12;

/// Decodes runs of zeros and the values after them.
#[derive(Clone)]
pub(crate) struct RunTable {
    pub(crate) lookup: Box<[Run; 1 << RUN_BITS]>,
    /// Length of the end-of-block code.
    pub(crate) end_len: u32,
    canonical: Canonical,
}

impl RunTable {
    pub(crate) fn new(specification: &Specification) -> Self {
        let canonical = Canonical::new(specification);
        let mut end_len = 0;
        // The codes in order fill the table from its start; what is left has codes that are longer, or none.
        let mut lookup = Box::new([NO_VALUE; 1 << RUN_BITS]);
        let mut filled = 0;
        let mut symbols = specification.symbols.iter();
        for (len, &count) in (1..).zip(&specification.counts) {
            for &symbol in symbols.by_ref().take(usize::from(count)) {
                if symbol == 0 && end_len == 0 {
                    end_len = len;
                }
                if len <= RUN_BITS {
                    let next = filled + (1 << (RUN_BITS - len));
                    lookup[filled..next].fill(run_of(len, symbol));
                    filled = next;
                }
            }
        }
        for pattern in 0..filled {
            let total = lookup[pattern] & 31;
            if lookup[pattern] & NO_VALUE == 0 && total < RUN_BITS {
                let after = lookup[pattern << total & (lookup.len() - 1)];
                if after & END != 0 && after & 31 == end_len && total + end_len <= RUN_BITS {
                    lookup[pattern] |= LAST;
                }
            }
        }
        Self {
            lookup,
            end_len,
            canonical,
        }
    }

    /// What `bits` begin with, where their code is longer than the look-up; `None` where there is no such code.
    #[cold]
    #[inline(never)]
    pub(crate) fn find_long(&self, bits: u64) -> Option<Run> {
        let (len, symbol) = self.canonical.find(bits)?;
        Some(run_of(len, symbol)).filter(|&run| run != NO_VALUE)
    }
}

/// Where the bits to look up begin.
pub(crate) const RUN_SHIFT: u32 = 64 - RUN_BITS;

/// The entry for a code.
fn run_of(len: u32, symbol: u8) -> Run {
    let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
    match symbol {
        0xF0 => NO_VALUE | 16 << 5 | len,
        // Of the other symbols without a value only 0 is defined; like most decoders, we take them all as the end of
        // the block.
        _ if size == 0 => NO_VALUE | END | len,
        // No 8-bit picture has more than 11 bits; as in DC, 14 are taken.
        _ if size == 15 => NO_VALUE,
        _ => size << 24 | len << 16 | zeros << 5 | (len + size),
    }
}

/// The value that `size` bits stand for (T.81, F.2.2.1).
#[inline(always)]
pub(crate) const fn extend(bits: u32, size: u32) -> i32 {
    // Without the top bit the value is negative: bits - (2^size - 1).
    let bits = bits as i32;
    let negative = (bits << 1 >> size) - 1;
    bits + (negative & (1 - (1 << size)))
}

/// The optimal code lengths for counted symbols, none above 16 bits and the code of all ones left free.
///
/// Ties are broken as libjpeg does, so that equal counts give equal tables.
/// Source: T.81, K.2.
pub(crate) fn optimal(counts: &[u32; 256]) -> Specification {
    // A heap of `frequency << 9 | (511 - node)`: the rarest first, of equals the one with the highest index.
    // A merged node keeps the index of its rarer half.
    let mut heap = std::collections::BinaryHeap::with_capacity(257);
    let mut members: Vec<(u16, u16)> = Vec::with_capacity(257);
    let mut order = [0u16; 257];
    for (symbol, &count) in counts.iter().enumerate() {
        if count > 0 {
            order[symbol] = members.len() as u16;
            members.push((symbol as u16, u16::MAX));
            heap.push(std::cmp::Reverse(
                u64::from(count) << 9 | (511 - symbol as u64),
            ));
        }
    }
    // A symbol that takes the code of all ones.
    order[256] = members.len() as u16;
    members.push((256, u16::MAX));
    heap.push(std::cmp::Reverse(1 << 9 | (511 - 256)));
    let leaves = members.len();
    // `order[index]` is the node that now stands at an index; children come before their parents in `members`.
    while heap.len() > 1 {
        let (Some(rarest), Some(next)) = (heap.pop(), heap.pop()) else {
            break;
        };
        let (a, b) = (511 - (rarest.0 & 511), 511 - (next.0 & 511));
        members.push((order[a as usize], order[b as usize]));
        order[a as usize] = (members.len() - 1) as u16;
        heap.push(std::cmp::Reverse(
            ((rarest.0 >> 9) + (next.0 >> 9)) << 9 | (511 - a),
        ));
    }
    let mut depths = vec![0u8; members.len()];
    let mut lengths = [0u16; 258];
    for node in (leaves..members.len()).rev() {
        let depth = depths[node].saturating_add(1);
        depths[usize::from(members[node].0)] = depth;
        depths[usize::from(members[node].1)] = depth;
    }
    for &depth in &depths[..leaves] {
        lengths[usize::from(depth).max(1)] += 1;
    }
    // No code may be longer than 16 bits: move pairs up (T.81, figure K.3).
    for len in (17..lengths.len()).rev() {
        while lengths[len] > 0 {
            let mut shorter = len - 2;
            while lengths[shorter] == 0 {
                shorter -= 1;
            }
            lengths[len] -= 2;
            lengths[len - 1] += 1;
            lengths[shorter + 1] += 2;
            lengths[shorter] -= 1;
        }
    }
    let longest = (1..=16).rev().find(|&len| lengths[len] > 0).unwrap_or(1);
    lengths[longest] -= 1;
    let mut by_depth: Vec<(u8, u8)> = members[..leaves - 1]
        .iter()
        .zip(&depths)
        .map(|(member, &depth)| (depth, member.0 as u8))
        .collect();
    by_depth.sort_unstable();
    let mut specification = Specification {
        counts: [0; 16],
        symbols: by_depth.iter().map(|&(_, symbol)| symbol).collect(),
    };
    for (count, &len) in specification.counts.iter_mut().zip(&lengths[1..]) {
        *count = len as u8;
    }
    specification
}

impl Specification {
    /// Each symbol's `code | len << 16`, 0 where it has none.
    pub(crate) fn codes(&self) -> [u32; 256] {
        let mut codes = [0; 256];
        let mut symbols = self.symbols.iter();
        let mut code = 0;
        for (len, &count) in (1..).zip(&self.counts) {
            for symbol in symbols.by_ref().take(usize::from(count)) {
                codes[usize::from(*symbol)] = code | len << 16;
                code += 1;
            }
            code <<= 1;
        }
        codes
    }

    /// Bits that the codes of `counts` symbols take, without their extra bits.
    pub(crate) fn cost(&self, counts: &[u32; 256]) -> u64 {
        let mut symbols = self.symbols.iter();
        let mut bits = 0;
        for (len, &count) in (1..).zip(&self.counts) {
            for symbol in symbols.by_ref().take(usize::from(count)) {
                bits += len * u64::from(counts[usize::from(*symbol)]);
            }
        }
        bits
    }

    /// Appends a DHT segment for the table of class `class` (0 DC, 1 AC) at `slot`.
    pub(crate) fn write(&self, class: u8, slot: u8, out: &mut Vec<u8>) {
        out.extend([0xFF, 0xC4]);
        out.extend((2 + 1 + 16 + self.symbols.len() as u16).to_be_bytes());
        out.push(class << 4 | slot);
        out.extend(self.counts);
        out.extend(&self.symbols);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extends_as_the_standard_says() {
        let cases = [
            (0, 1, -1),
            (1, 1, 1),
            (0, 2, -3),
            (1, 2, -2),
            (2, 2, 2),
            (3, 2, 3),
            (0, 0, 0),
        ];
        for (bits, size, value) in cases {
            assert_eq!(extend(bits, size), value, "{bits} in {size} bits");
        }
    }

    #[test]
    fn no_code_is_longer_than_16_bits_and_none_is_all_ones() {
        // Fibonacci counts would make the deepest tree there is.
        let mut counts = [0u32; 256];
        let (mut a, mut b) = (1u32, 1u32);
        for count in counts.iter_mut().take(44) {
            *count = a;
            (a, b) = (b, a + b);
        }
        let table = optimal(&counts);
        assert_eq!(table.symbols.len(), 44);
        assert_eq!(
            table.counts.iter().map(|&n| usize::from(n)).sum::<usize>(),
            44
        );
        let kraft: u32 = (1..=16u32)
            .map(|len| u32::from(table.counts[len as usize - 1]) << (16 - len))
            .sum();
        assert!(kraft < 1 << 16, "the code of all ones is taken");
    }

    #[test]
    fn a_single_symbol_takes_one_bit() {
        let mut counts = [0u32; 256];
        counts[7] = 5;
        let table = optimal(&counts);
        assert_eq!((table.counts[0], &table.symbols[..]), (1, &[7][..]));
        assert_eq!(table.cost(&counts), 5);
        let none = optimal(&[0; 256]);
        assert_eq!((none.counts, none.symbols.len()), ([0; 16], 0));
    }
}
