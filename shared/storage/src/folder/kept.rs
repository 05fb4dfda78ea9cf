//! The sums in memory: those that are kept, and those that are being made.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::key::ObjectKey;

use super::digest::Sums;
use super::record::Stamp;

/// Bytes of memory that the kept sums may take, keys and entries together, roughly.
const KEPT_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of memory that one kept entry takes beside the bytes of its key, roughly.
const ENTRY_BYTES: usize = 160;

/// One state of one file.
pub(super) type Name = (ObjectKey, Stamp);

/// What came of summing up a file.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Sums(Sums),
    /// The file was replaced meanwhile, or another call has made its sums: whoever asked looks at the key again.
    LookAgain,
    Failed(io::ErrorKind, String),
}

/// The sums in memory, and those that are being made.
#[derive(Debug, Default)]
pub(super) struct Summing {
    pub(super) kept: Mutex<Kept>,
    pub(super) running: Mutex<HashMap<Name, watch::Receiver<Option<Outcome>>>>,
    /// How many files were read to their end.
    #[cfg(test)]
    pub(super) made: std::sync::atomic::AtomicUsize,
}

/// Two generations: when the young one is full, it takes the place of the old one, whose sums are forgotten.
#[derive(Debug, Default)]
pub(super) struct Kept {
    young: HashMap<Name, Sums>,
    young_bytes: usize,
    old: HashMap<Name, Sums>,
}

impl Kept {
    pub(super) fn get(&mut self, name: &Name) -> Option<Sums> {
        if let Some(sums) = self.young.get(name) {
            return Some(*sums);
        }
        let sums = self.old.remove(name)?;
        self.insert(name.clone(), sums);
        Some(sums)
    }

    pub(super) fn insert(&mut self, name: Name, sums: Sums) {
        let bytes = ENTRY_BYTES + name.0.as_str().len();
        if self.young_bytes + bytes > KEPT_BYTES / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if self.young.insert(name, sums).is_none() {
            self.young_bytes += bytes;
        }
    }
}

/// A panic elsewhere leaves no half-made entry.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::digest::Digest;

    /// Whatever is asked for, what is kept stays within its bytes, and what is asked for often stays.
    #[test]
    fn sums_in_memory_are_bounded() {
        let mut kept = Kept::default();
        let mut digest = Digest::new();
        digest.update(b"x");
        let sums = digest.finish();
        let name = |index: usize| {
            let key = ObjectKey::new(format!("{index:01000}")).expect("a key");
            (key, Stamp::for_test(index as i128, 1))
        };
        for index in 0..40_000 {
            kept.insert(name(index), sums);
            assert!(kept.get(&name(0)).is_some(), "asked for all the time");
        }
        let held = kept.young.len() + kept.old.len();
        assert!(held * (1000 + ENTRY_BYTES) <= KEPT_BYTES, "{held} kept");
        assert!(held > 1000, "{held} kept");
        assert!(kept.get(&name(1)).is_none(), "long forgotten");
    }
}
