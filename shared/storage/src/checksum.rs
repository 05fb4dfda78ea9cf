//! The checksum that the API tells of stored bytes.

use crc::{CRC_64_XZ, Crc, Table};

/// Tables of the CRC that the catalog of CRCs calls CRC-64/XZ.
pub(super) static CRC64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// CRC-64/XZ, which `x-cos-hash-crc64ecma` carries in decimal.
pub fn crc64(bytes: &[u8]) -> u64 {
    CRC64.checksum(bytes)
}
