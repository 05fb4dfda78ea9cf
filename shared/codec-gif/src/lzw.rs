//! GIF's variant of LZW: symbols in, packed codes out. It knows at every moment which symbols would lengthen
//! the current string, so that the dithering can prefer them. It never looks at colors.
//!
//! Source: GIF89a, appendix F.

/// Codes have at most twelve bits.
const MAX_CODES: u32 = 4096;
/// Slots of the string table, a power of two: four for each code, so that probing is short.
const SLOTS: usize = 1 << 14;
/// A slot without a string.
const FREE: u32 = u32::MAX;

/// A set of symbols.
pub(crate) type Symbols = [u64; 4];

/// True if `symbol` is in the set.
#[inline(always)]
pub(crate) fn holds(set: &Symbols, symbol: u8) -> bool {
    set[(symbol >> 6) as usize] >> (symbol & 63) & 1 != 0
}

/// Puts `symbol` into the set.
#[inline(always)]
pub(crate) fn insert(set: &mut Symbols, symbol: u8) {
    set[(symbol >> 6) as usize] |= 1 << (symbol & 63);
}

/// The encoder of one image at a time; its memory is reused.
pub(crate) struct Lzw {
    /// Open addressing, linear probing: prefix code (12 bits), symbol (8), code (12); or [`FREE`].
    /// Never more than a quarter full.
    slots: Box<[u32; SLOTS]>,
    /// For every code, the symbols that lengthen its string to one in the table.
    children: Box<[Symbols; MAX_CODES as usize]>,
    /// The code of the current string.
    node: u32,
    /// The code that the next new string gets.
    next: u32,
    minimum: u32,
    code_size: u32,
    bits: u64,
    bit_count: u32,
    bytes: Vec<u8>,
}

impl Lzw {
    pub(crate) fn new() -> Self {
        let slots = vec![FREE; SLOTS].into_boxed_slice();
        let children = vec![[0; 4]; MAX_CODES as usize].into_boxed_slice();
        Self {
            slots: slots.try_into().expect("the length is that of the array"),
            children: children
                .try_into()
                .expect("the length is that of the array"),
            node: 0,
            next: 0,
            minimum: 2,
            code_size: 3,
            bits: 0,
            bit_count: 0,
            bytes: Vec::new(),
        }
    }

    /// Begins an image of symbols below `1 << minimum`. `minimum` is from 2 to 8.
    pub(crate) fn begin(&mut self, minimum: u32) {
        self.minimum = minimum;
        self.bytes.clear();
        self.bits = 0;
        self.bit_count = 0;
        self.forget();
        // The clear code that an image begins with is taken as the current string. No symbol lengthens it; the
        // string that is then remembered for it gets the number of the end code, and is never met.
        self.node = 1 << minimum;
        self.next -= 1;
    }

    fn forget(&mut self) {
        self.slots.fill(FREE);
        let singles = 1 << self.minimum;
        self.children[..singles + 2].fill([0; 4]);
        self.next = singles as u32 + 2;
        self.code_size = self.minimum + 1;
    }

    #[inline(always)]
    fn put(&mut self, code: u32) {
        self.bits |= (code as u64) << self.bit_count;
        self.bit_count += self.code_size;
        if self.bit_count >= 32 {
            self.bytes
                .extend_from_slice(&(self.bits as u32).to_le_bytes());
            self.bits >>= 32;
            self.bit_count -= 32;
        }
    }

    #[inline(always)]
    fn slot(key: u32) -> usize {
        (key.wrapping_mul(0x9E37_79B1) >> 18) as usize
    }

    /// The code of the current string with `symbol` after it, if it is in the table.
    #[inline(always)]
    pub(crate) fn find(&self, symbol: u8) -> Option<u32> {
        // Most are misses, and none of them has to search the table, whatever the source was made to do to it.
        if !holds(self.children(), symbol) {
            return None;
        }
        let key = self.node << 8 | symbol as u32;
        let mut slot = Self::slot(key);
        loop {
            let entry = self.slots[slot];
            // Asked first: a free slot looks like symbol 255 after code 4095, which is never in the table.
            if entry == FREE {
                return None;
            }
            if entry >> 12 == key {
                return Some(entry & 0xFFF);
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    /// The symbols that lengthen the current string to one in the table.
    #[inline(always)]
    pub(crate) fn children(&self) -> &Symbols {
        &self.children[(self.node & (MAX_CODES - 1)) as usize]
    }

    /// The symbols that lengthen the string of one `symbol`.
    #[inline(always)]
    pub(crate) fn children_of(&self, symbol: u8) -> &Symbols {
        &self.children[symbol as usize]
    }

    /// Goes on to the code that [`Lzw::find`] gave.
    #[inline(always)]
    pub(crate) fn extend(&mut self, code: u32) {
        self.node = code;
    }

    /// Writes the current string, remembers it with `symbol` after it, and starts the next one with `symbol`.
    #[inline(always)]
    pub(crate) fn start(&mut self, symbol: u8) {
        self.put(self.node);
        if self.next < MAX_CODES {
            let key = self.node << 8 | symbol as u32;
            let mut slot = Self::slot(key);
            while self.slots[slot] != FREE {
                slot = (slot + 1) % SLOTS;
            }
            self.slots[slot] = key << 12 | self.next;
            insert(
                &mut self.children[(self.node & (MAX_CODES - 1)) as usize],
                symbol,
            );
            self.children[(self.next & (MAX_CODES - 1)) as usize] = [0; 4];
            self.next += 1;
            // A decoder knows this string one code later, and widens its codes then.
            if self.next > 1 << self.code_size && self.code_size < 12 {
                self.code_size += 1;
            }
        } else {
            self.put(1 << self.minimum);
            self.forget();
        }
        self.node = symbol as u32;
    }

    /// Takes one more symbol, whatever it is.
    #[inline(always)]
    pub(crate) fn push(&mut self, symbol: u8) {
        match self.find(symbol) {
            Some(code) => self.extend(code),
            None => self.start(symbol),
        }
    }

    /// Ends the image: all its bytes, still to be cut into sub-blocks.
    pub(crate) fn finish(&mut self) -> &[u8] {
        self.put(self.node);
        // The decoder adds a string for the last code as well, and may widen its codes once more for the end code.
        if self.next == 1 << self.code_size && self.code_size < 12 {
            self.code_size += 1;
        }
        self.put((1 << self.minimum) + 1);
        let len = (self.bit_count as usize).div_ceil(8);
        self.bytes
            .extend_from_slice(&self.bits.to_le_bytes()[..len]);
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes by the letter of appendix F, with no cleverness shared with the encoder.
    fn decode(minimum: u32, bytes: &[u8]) -> Vec<u8> {
        let (clear, end) = (1usize << minimum, (1usize << minimum) + 1);
        let mut table: Vec<Vec<u8>> = Vec::new();
        let (mut out, mut size, mut position) = (Vec::new(), minimum + 1, 0usize);
        let mut previous: Option<usize> = None;
        loop {
            let mut code = 0;
            for bit in 0..size as usize {
                code |= (bytes[(position + bit) / 8] as usize >> ((position + bit) % 8) & 1) << bit;
            }
            position += size as usize;
            if code == clear {
                table = (0..clear).map(|s| vec![s as u8]).collect();
                table.extend([Vec::new(), Vec::new()]);
                size = minimum + 1;
                previous = None;
                continue;
            }
            if code == end {
                assert_eq!(
                    position.div_ceil(8),
                    bytes.len(),
                    "nothing after the end code"
                );
                return out;
            }
            if let Some(previous) = previous
                && table.len() < 4096
            {
                let first = table.get(code).unwrap_or(&table[previous])[0];
                let mut string = table[previous].clone();
                string.push(first);
                table.push(string);
            }
            out.extend_from_slice(&table[code]);
            if table.len() == 1 << size && size < 12 {
                size += 1;
            }
            previous = Some(code);
        }
    }

    fn round_trip(minimum: u32, symbols: &[u8]) {
        let mut lzw = Lzw::new();
        for _ in 0..2 {
            lzw.begin(minimum);
            for &symbol in symbols {
                lzw.push(symbol);
            }
            assert!(
                decode(minimum, lzw.finish()) == symbols,
                "{minimum} bits, {} symbols",
                symbols.len()
            );
        }
    }

    #[test]
    fn what_goes_in_comes_out() {
        let mut state = 1u32;
        let mut noise = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 16) % below) as u8
        };
        for minimum in 2..=8 {
            for len in (1..600).chain([3000, 5000, 20_000, 100_000]) {
                let below = 1 << minimum;
                round_trip(minimum, &(0..len).map(|_| noise(below)).collect::<Vec<_>>());
                round_trip(minimum, &(0..len).map(|_| noise(2)).collect::<Vec<_>>());
                round_trip(minimum, &vec![3; len]);
            }
        }
    }

    #[test]
    fn nothing_follows_the_last_code() {
        let mut lzw = Lzw::new();
        let (mut state, mut symbols) = (7u32, Vec::new());
        lzw.begin(8);
        while lzw.node != MAX_CODES - 1 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            symbols.push((state >> 24 & 3) as u8);
            lzw.push(symbols[symbols.len() - 1]);
        }
        assert_eq!(lzw.find(255), None);
        for symbol in [255, 0] {
            symbols.push(symbol);
            lzw.push(symbol);
        }
        assert!(decode(8, lzw.finish()) == symbols);
    }

    #[test]
    fn children_are_what_find_finds() {
        let mut lzw = Lzw::new();
        lzw.begin(4);
        for i in 0..60_000u32 {
            let symbol = (i.wrapping_mul(i) >> 7 & 15) as u8;
            for other in 0..16 {
                assert_eq!(lzw.find(other).is_some(), holds(lzw.children(), other));
            }
            lzw.push(symbol);
        }
    }
}
