//! The checksum that the API tells of stored bytes.

use crc::{CRC_64_XZ, Crc, Table};

/// Tables of the CRC that the catalog of CRCs calls CRC-64/XZ.
pub(super) static CRC64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// CRC-64/XZ, which `x-cos-hash-crc64ecma` carries in decimal.
pub fn crc64(bytes: &[u8]) -> u64 {
    CRC64.checksum(bytes)
}

/// The sum of bytes of which the first have the sum `crc64`, and the rest are these.
pub fn crc64_of_more(crc64: u64, rest: &[u8]) -> u64 {
    // What the register held before the last step, in the bit order in which the digest is given it.
    let register = (crc64 ^ CRC_64_XZ.xorout).reverse_bits();
    let mut digest = CRC64.digest_with_initial(register);
    digest.update(rest);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_goes_on_where_it_ended() {
        let bytes = b"123456789";
        for at in 0..=bytes.len() {
            let (first, rest) = bytes.split_at(at);
            assert_eq!(crc64_of_more(crc64(first), rest), 0x995d_c9bb_df19_39fa);
        }
    }
}
