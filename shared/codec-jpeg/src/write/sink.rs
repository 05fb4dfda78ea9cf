//! Where the symbols and bits of a scan go: they are counted, or kept as tokens until the counts have made a table.

/// Tokens that one block may make at most, with those of the run of ended blocks before it; room for them is made
/// before each block.
const BLOCK_TOKENS: usize = 160;
/// The number of the table that a token of bits alone names: no symbol of it has a code.
const NO_TABLE: u32 = 4;

/// Takes the symbols and bits of a scan, in order. Tables are numbered from 0 to 3.
pub(crate) trait Sink {
    /// Makes room for the tokens of one block.
    fn reserve(&mut self);
    /// A symbol, and `len` <= 16 bits after it.
    fn symbol(&mut self, table: u32, symbol: u32, bits: u32, len: u32);
    /// `len` <= 16 bits.
    fn bits(&mut self, bits: u32, len: u32);
    /// Takes the place of a symbol that is not known yet.
    fn hold(&mut self) -> usize;
    /// Puts a symbol into its place.
    fn settle(&mut self, place: usize, symbol: u32, bits: u32, len: u32);
}

/// How often each symbol of each table occurs, and how many bits are not symbols.
#[derive(Clone)]
pub(crate) struct Counts {
    pub(crate) symbols: [[u32; 256]; 4],
    pub(crate) bits: u64,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            symbols: [[0; 256]; 4],
            bits: 0,
        }
    }
}

impl Counts {
    #[inline(always)]
    fn count(&mut self, table: u32, symbol: u32, len: u32) {
        self.symbols[(table & 3) as usize][(symbol & 255) as usize] += 1;
        self.bits += u64::from(len);
    }
}

impl Sink for Counts {
    #[inline(always)]
    fn reserve(&mut self) {}

    #[inline(always)]
    fn symbol(&mut self, table: u32, symbol: u32, _bits: u32, len: u32) {
        self.count(table, symbol, len);
    }

    #[inline(always)]
    fn bits(&mut self, _bits: u32, len: u32) {
        self.bits += u64::from(len);
    }

    #[inline(always)]
    fn hold(&mut self) -> usize {
        0
    }

    #[inline(always)]
    fn settle(&mut self, _place: usize, symbol: u32, _bits: u32, len: u32) {
        self.count(0, symbol, len);
    }
}

/// Counts, and the tokens to be written.
#[derive(Default)]
pub(crate) struct Tokens {
    pub(crate) counts: Counts,
    kept: Vec<u32>,
    len: usize,
}

impl Tokens {
    pub(crate) fn clear(&mut self) {
        self.counts = Counts::default();
        self.len = 0;
    }

    /// The tokens, as [`write_tokens`](crate::bits::write_tokens) takes them: the index of a symbol is
    /// `table << 8 | symbol`.
    pub(crate) fn tokens(&self) -> &[u32] {
        &self.kept[..self.len]
    }

    #[inline(always)]
    fn push(&mut self, token: u32) {
        self.kept[self.len] = token;
        self.len += 1;
    }
}

impl Sink for Tokens {
    #[inline(always)]
    fn reserve(&mut self) {
        if self.kept.len() - self.len < BLOCK_TOKENS {
            let more = (self.kept.len() / 2).max(1 << 14);
            self.kept.resize(self.kept.len() + more, 0);
        }
    }

    #[inline(always)]
    fn symbol(&mut self, table: u32, symbol: u32, bits: u32, len: u32) {
        self.counts.count(table, symbol, len);
        self.push(table << 8 | symbol | len << 11 | bits << 16);
    }

    #[inline(always)]
    fn bits(&mut self, bits: u32, len: u32) {
        self.counts.bits += u64::from(len);
        self.push(NO_TABLE << 8 | len << 11 | bits << 16);
    }

    #[inline(always)]
    fn hold(&mut self) -> usize {
        self.len += 1;
        self.len - 1
    }

    #[inline(always)]
    fn settle(&mut self, place: usize, symbol: u32, bits: u32, len: u32) {
        self.counts.count(0, symbol, len);
        self.kept[place] = symbol | len << 11 | bits << 16;
    }
}
