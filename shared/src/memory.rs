//! The bytes that requests keep in memory, counted, so that all of them together stay within a bound.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// What requests may keep in memory together.
pub(crate) struct Memory {
    total: u64,
    /// What those without a signature may keep of it: the others must find room whatever strangers send.
    unsigned: u64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    all: u64,
    unsigned: u64,
}

/// Who asks for memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// A request without a signature.
    Anyone,
    /// A request of a configured key.
    Signed,
}

/// A part of the memory, which is given back when this is dropped.
pub(crate) struct Held {
    memory: Arc<Memory>,
    asker: Asker,
    bytes: u64,
}

impl Memory {
    /// `total` bytes, of which requests without a signature may take `unsigned`.
    pub(crate) fn new(total: u64, unsigned: u64) -> Self {
        Self {
            total,
            unsigned,
            kept: Mutex::default(),
        }
    }

    /// This many bytes of it, if they are free.
    pub(crate) fn hold(self: &Arc<Self>, asker: Asker, bytes: u64) -> Option<Held> {
        let mut held = Held {
            memory: Arc::clone(self),
            asker,
            bytes: 0,
        };
        held.grow(bytes).then_some(held)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // No change of the count can stop half way.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, asker: Asker, bytes: u64) -> bool {
        let mut kept = self.kept();
        let fits = |kept: u64, most: u64| bytes <= most.saturating_sub(kept);
        let is_unsigned = asker == Asker::Anyone;
        if !fits(kept.all, self.total) || is_unsigned && !fits(kept.unsigned, self.unsigned) {
            return false;
        }
        kept.all += bytes;
        if is_unsigned {
            kept.unsigned += bytes;
        }
        true
    }
}

impl Held {
    /// Takes more, so that it is `bytes` at least; false where that is not free, and nothing changes.
    pub(crate) fn grow(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let is_taken = self.memory.take(self.asker, more);
        if is_taken {
            self.bytes += more;
        }
        is_taken
    }

    /// `bytes`, and with them what they take of the memory, which comes back when the last of their clones and slices goes.
    pub(crate) fn keep(self, bytes: Bytes) -> Bytes {
        if bytes.is_empty() {
            return bytes;
        }
        Bytes::from_owner(Owner { bytes, _held: self })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut kept = self.memory.kept();
        kept.all -= self.bytes;
        if self.asker == Asker::Anyone {
            kept.unsigned -= self.bytes;
        }
    }
}

struct Owner {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_never_passes_the_bounds() {
        let memory = Arc::new(Memory::new(100, 60));
        let anyone = memory.hold(Asker::Anyone, 40).expect("40 of 60");
        assert!(memory.hold(Asker::Anyone, 21).is_none());
        let mut signed = memory.hold(Asker::Signed, 50).expect("50 of 60");
        assert!(memory.hold(Asker::Anyone, 11).is_none());
        assert!(!signed.grow(61));
        assert!(signed.grow(60) && signed.grow(10));
        assert!(memory.hold(Asker::Signed, 1).is_none());
        drop(anyone);
        assert!(memory.hold(Asker::Anyone, 40).is_some());
        drop(signed);
        assert_eq!(memory.kept().all, 0);
        assert_eq!(memory.kept().unsigned, 0);
    }

    #[test]
    fn bytes_hold_their_memory_to_the_last_slice() {
        let memory = Arc::new(Memory::new(10, 10));
        let held = memory.hold(Asker::Signed, 10).expect("all of it");
        let bytes = held.keep(Bytes::from_static(b"0123456789"));
        let last = bytes.slice(9..);
        drop(bytes);
        assert!(memory.hold(Asker::Signed, 1).is_none());
        drop(last);
        assert!(memory.hold(Asker::Signed, 10).is_some());
    }
}
