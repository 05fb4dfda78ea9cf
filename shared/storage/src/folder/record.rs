//! What is known of a file beside its bytes, and which state of the file it is known of.
//!
//! A record stands under the file's [`Stamp`]. It is written before the file takes its place and removed after the file
//! has left it, so the one rename that replaces the file replaces both: nobody sees new bytes with old metadata.

use std::fs::Metadata;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::date::tellable;
use crate::object::{Attributes, ETag, ObjectInfo};

use super::digest::Sums;

/// Tells one state of a file from another: when its bytes were written, to the nanosecond, and how many they are.
///
/// It outlives a copy of the folder that keeps times, which an inode number would not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stamp {
    nanos: i128,
    pub(super) size: u64,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> io::Result<Self> {
        let nanos = match metadata.modified()?.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        };
        Ok(Self {
            nanos,
            size: metadata.len(),
        })
    }

    /// The name of a record of this state.
    pub(super) fn name(&self) -> String {
        format!("{}-{}.json", self.nanos, self.size)
    }

    /// When, in whole seconds, as near as a header can say it.
    pub(super) fn last_modified(&self) -> SystemTime {
        tellable(self.nanos.div_euclid(1_000_000_000))
    }

    /// Whether a later write could still leave the same stamp: clocks of file systems are coarse, and may be ahead.
    pub(super) fn is_fresh(&self) -> bool {
        const SECOND: i128 = 1_000_000_000;
        // No clock is ahead by a day: such a date was set by hand, and no write will leave it.
        const AHEAD: i128 = 24 * 3600 * SECOND;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let age = now.map_or(0, |now| now.as_nanos() as i128) - self.nanos;
        (-AHEAD..2 * SECOND).contains(&age)
    }

    #[cfg(test)]
    pub(super) fn for_test(nanos: i128, size: u64) -> Self {
        Self { nanos, size }
    }
}

/// What is known of one state of a file.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    /// Without quotes.
    pub(super) etag: String,
    /// CRC-64/XZ.
    pub(super) crc64: u64,
    /// What the client said; nothing where a file was put here by hand and only its sums are kept.
    pub(super) attributes: Option<Attributes>,
    /// Whether it was begun by an append.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) appendable: bool,
}

impl Record {
    /// Of a file that was put here by hand.
    pub(super) fn of_sums(sums: &Sums) -> Self {
        Self {
            etag: sums.etag().opaque().to_owned(),
            crc64: sums.crc64,
            attributes: None,
            appendable: false,
        }
    }

    /// The object that the record and its state make; `guess` stands in where no client said anything.
    pub(super) fn into_info(self, stamp: Stamp, guess: impl FnOnce() -> Attributes) -> ObjectInfo {
        ObjectInfo {
            size: stamp.size,
            etag: ETag::new(&self.etag),
            // Of parts it is the MD5 of their MD5s, and how many they are after a hyphen.
            etag_is_md5: !self.etag.contains('-'),
            last_modified: stamp.last_modified(),
            attributes: self.attributes.unwrap_or_else(guess),
            crc64: Some(self.crc64),
            version: None,
            appendable: self.appendable,
        }
    }
}
