//! The two sums of an object's bytes: MD5, which is its `ETag`, and CRC-64/XZ.

use std::io::{self, Read, Write};

use crc::Table;
use md5::{Digest as _, Md5};

use crate::checksum::CRC64;
use crate::object::ETag;

/// Sums up bytes as they pass.
pub(super) struct Digest {
    md5: Md5,
    crc: crc::Digest<'static, u64, Table<16>>,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    /// MD5.
    pub(super) md5: [u8; 16],
    /// CRC-64/XZ.
    pub(super) crc64: u64,
}

impl Sums {
    /// The tag of an object that was put in one piece.
    pub(super) fn etag(&self) -> ETag {
        etag(&self.md5, None)
    }
}

/// The tag of these MD5 bytes. Where they are the MD5 of the MD5s of parts, the number of parts follows after a hyphen.
pub(super) fn etag(md5: &[u8; 16], parts: Option<usize>) -> ETag {
    let md5 = u128::from_be_bytes(*md5);
    ETag::new(&match parts {
        Some(parts) => format!("{md5:032x}-{parts}"),
        None => format!("{md5:032x}"),
    })
}

impl Digest {
    /// The digest of no bytes yet.
    pub(super) fn new() -> Self {
        Self {
            md5: Md5::new(),
            crc: CRC64.digest(),
        }
    }

    /// Takes these bytes in.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.crc.update(bytes);
    }

    /// The sums of all.
    pub(super) fn finish(self) -> Sums {
        Sums {
            md5: self.md5.finalize().into(),
            crc64: self.crc.finalize(),
        }
    }

    /// Copies `from` to `to` to its end, taking in what passes.
    pub(super) fn copy(&mut self, from: &mut impl Read, to: &mut impl Write) -> io::Result<u64> {
        let mut buffer = vec![0; 256 * 1024];
        let mut total = 0;
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(total),
                Ok(count) => {
                    self.update(&buffer[..count]);
                    to.write_all(&buffer[..count])?;
                    total += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The MD5 of these bytes alone.
pub(super) fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_the_published_ones() {
        let mut digest = Digest::new();
        digest
            .copy(&mut &b"123456789"[..], &mut io::sink())
            .unwrap();
        let sums = digest.finish();
        // The check value of CRC-64/XZ, and RFC 1321's habit of digits.
        assert_eq!(sums.crc64, 0x995d_c9bb_df19_39fa);
        assert_eq!(sums.etag().as_str(), "\"25f9e794323b453885f5181f1b624d0b\"");
        assert_eq!(
            etag(&sums.md5, Some(3)).opaque(),
            "25f9e794323b453885f5181f1b624d0b-3"
        );
    }
}
