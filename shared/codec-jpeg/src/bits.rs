//! Bits of entropy-coded segments: read with the stuffed zero bytes taken out, written with them put in
//! (T.81, F.1.2.3). Never looks past a marker.

use raster::Kernel;

/// Reads the entropy-coded data of one scan, most significant bit first. Markers end it until [`BitReader::restart`].
#[derive(Clone, Copy)]
pub(crate) struct BitReader<'a> {
    data: &'a [u8],
    position: usize,
    /// The next bits, from the top; below the `count` valid ones there may already be some of the next byte.
    pub(crate) bits: u64,
    pub(crate) count: u32,
    /// Zero bits that were appended because the data had ended.
    padding: u32,
}

/// True where no byte of `word` is 0xFF.
const fn no_marker(word: u64) -> bool {
    (word & 0x8080_8080_8080_8080 & (!word).wrapping_sub(0x0101_0101_0101_0101)) == 0
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            position: 0,
            bits: 0,
            count: 0,
            padding: 0,
        }
    }

    /// Makes at least 56 bits ready, zeros where the data has ended.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        if let Some(chunk) = self.data.get(self.position..self.position + 8) {
            let word = u64::from_be_bytes(chunk.try_into().expect("the slice has 8 bytes"));
            if no_marker(word) {
                self.bits |= word >> self.count;
                let bytes = (63 - self.count) >> 3;
                self.position += bytes as usize;
                self.count += bytes * 8;
                return;
            }
        }
        *self = self.refill_slowly();
    }

    /// By value, so that a reader in the registers of a loop stays there.
    #[cold]
    #[inline(never)]
    fn refill_slowly(mut self) -> Self {
        while self.count < 56 {
            let byte = match self.data.get(self.position) {
                Some(0xFF) if self.data.get(self.position + 1) == Some(&0) => {
                    self.position += 2;
                    0xFF
                }
                Some(0xFF) | None => {
                    self.padding += 8;
                    0
                }
                Some(&byte) => {
                    self.position += 1;
                    byte
                }
            };
            self.bits |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    /// Makes at least 32 bits ready.
    #[inline(always)]
    pub(crate) fn need_32(&mut self) {
        if self.count < 32 {
            self.refill();
        }
    }

    #[inline(always)]
    pub(crate) fn skip(&mut self, bits: u32) {
        self.bits <<= bits;
        self.count -= bits;
    }

    /// The next `bits` bits, 0 to 16 of them, which must be ready.
    #[inline(always)]
    pub(crate) fn take(&mut self, bits: u32) -> u32 {
        // Two shifts, since one by 64 is not defined.
        let value = (self.bits >> 1 >> (63 - bits)) as u32;
        self.skip(bits);
        value
    }

    /// True where more bits were taken than there are.
    #[inline(always)]
    pub(crate) fn overrun(&self) -> bool {
        self.padding > self.count
    }

    /// Goes on after the next marker, which should be `RSTn` with n = `number`. Where the marker is a near one,
    /// intervals were lost or doubled: a later one is left for its turn, an earlier one is passed over.
    pub(crate) fn restart(&mut self, number: u8) -> Restart {
        let unread = self.count.saturating_sub(self.padding);
        (self.bits, self.count, self.padding) = (0, 0, 0);
        let mut found = Restart::Whole;
        if unread >= 8 {
            found = Restart::Padded;
        }
        loop {
            let Some(at) = next_marker(self.data, self.position) else {
                self.position = self.data.len();
                return Restart::Missing;
            };
            // Fill bytes belong to the marker.
            if self.data[self.position..at]
                .iter()
                .any(|&byte| byte != 0xFF)
                && found == Restart::Whole
            {
                found = Restart::Padded;
            }
            self.position = at;
            match (self.data[at + 1] & 7).wrapping_sub(number) & 7 {
                0 => {
                    self.position += 2;
                    return found;
                }
                6 | 7 => {
                    self.position += 2;
                    found = Restart::Found;
                }
                _ => return Restart::Missing,
            }
        }
    }
}

/// What [`BitReader::restart`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    /// The marker stood directly after what was read.
    Whole,
    /// The marker is the next one, after bytes that belong to nothing: webcams and scanners pad so.
    Padded,
    /// The marker is there, after others that were passed over.
    Found,
    Missing,
}

/// Where the next marker (0xFF and neither 0 nor another 0xFF) at or after `from` begins, if there is one.
pub(crate) fn next_marker(data: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        while let Some(chunk) = data.get(at..at + 8) {
            if !no_marker(u64::from_be_bytes(
                chunk.try_into().expect("the slice has 8 bytes"),
            )) {
                break;
            }
            at += 8;
        }
        at += data.get(at..)?.iter().position(|&byte| byte == 0xFF)?;
        match data.get(at + 1)? {
            0 => at += 2,
            0xFF => at += 1,
            _ => return Some(at),
        }
    }
}

/// Tokens that are written between two checks for room: 8 bytes for each are made ready before, the most that it can
/// take with all its zeros stuffed. A larger number checks more seldom, and clears more that is not used.
const PIECE: usize = 512;

/// Appends the bits of `tokens` to `out`, the last byte filled with ones.
///
/// A token is `index | len << 11 | bits << 16`: the Huffman code at `index`, then the `len` <= 16 low bits of `bits`.
/// A code is `code | len << 16`.
pub(crate) fn write_tokens(kernel: Kernel, tokens: &[u32], codes: &[u32; 2048], out: &mut Vec<u8>) {
    match kernel {
        Kernel::Portable => write_tokens_body(tokens, codes, out),
        #[cfg(target_arch = "x86_64")]
        Kernel::X86V3(_) => {
            // SAFETY: this kernel is only made where its instructions were detected.
            #[allow(unsafe_code)]
            unsafe {
                write_tokens_x86_v3(tokens, codes, out);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn write_tokens_x86_v3(tokens: &[u32], codes: &[u32; 2048], out: &mut Vec<u8>) {
    write_tokens_body(tokens, codes, out);
}

#[inline(always)]
fn write_tokens_body(tokens: &[u32], codes: &[u32; 2048], out: &mut Vec<u8>) {
    // Fewer than 32 bits wait here between tokens, and a token adds at most 32.
    let (mut bits, mut count) = (0u64, 0u32);
    for piece in tokens.chunks(PIECE) {
        let start = out.len();
        out.resize(start + PIECE * 8 + 8, 0);
        let room = &mut out[start..];
        let mut at = 0;
        for &token in piece {
            let code = codes[(token & 2047) as usize];
            let extra = token >> 11 & 31;
            let len = (code >> 16) + extra;
            bits = bits << len | u64::from(code & 0xFFFF) << extra | u64::from(token >> 16);
            count += len;
            if count >= 32 {
                count -= 32;
                let word = (bits >> count) as u32;
                if no_marker(u64::from(word)) {
                    room[at..at + 4].copy_from_slice(&word.to_be_bytes());
                    at += 4;
                } else {
                    for byte in word.to_be_bytes() {
                        room[at] = byte;
                        at += 1;
                        // The room is already zero.
                        at += usize::from(byte == 0xFF);
                    }
                }
            }
        }
        out.truncate(start + at);
    }
    while count > 0 {
        let take = count.min(8);
        count -= take;
        let byte = ((bits >> count) as u32) << (8 - take) | ((1 << (8 - take)) - 1);
        out.push(byte as u8);
        if byte as u8 == 0xFF {
            out.push(0);
        }
    }
}
