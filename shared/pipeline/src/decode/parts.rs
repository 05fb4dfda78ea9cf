//! Parts of a file in memory, read one after the other as if nothing lay between them: for decoders that would stop at
//! what is not used, or read a header differently from the probe.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// What is left to read.
pub(super) struct Parts<'a> {
    parts: std::vec::IntoIter<&'a [u8]>,
    now: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(super) fn new(parts: Vec<&'a [u8]>) -> Self {
        Self {
            parts: parts.into_iter(),
            now: &[],
        }
    }
}

impl BufRead for Parts<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.now.is_empty() {
            match self.parts.next() {
                Some(part) => self.now = part,
                None => break,
            }
        }
        Ok(self.now)
    }

    fn consume(&mut self, count: usize) {
        self.now = &self.now[count..];
    }
}

impl Read for Parts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

/// The PNG decoder asks for a reader that can, and never does.
impl Seek for Parts<'_> {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
