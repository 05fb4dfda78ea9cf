//! Who waits for which lock within the process, in queues that take no thread.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tokio::sync::Semaphore;

/// How many locks each space has. Keys share them by a hash; with more, fewer writers wait for a key that is not theirs.
const SLOTS: usize = 64;
/// How many calls of this process may have a lock or wait for it; one more is told that the storage is busy.
pub(super) const SEATS: usize = 64;

/// What a lock is for. Who has one of an upload may wait for one of a key, but never the other way around, so that
/// two locks are never waited for in a circle.
#[derive(Clone, Copy, Debug)]
pub(super) enum Space {
    Key,
    Upload,
}

/// All locks of the process.
#[derive(Debug)]
pub(super) struct Locks {
    keys: Vec<Queue>,
    uploads: Vec<Queue>,
}

#[derive(Debug)]
pub(super) struct Queue {
    /// A permit for each call that has the lock or waits for it: [`SEATS`] in all.
    pub(super) seats: Arc<Semaphore>,
    /// The one permit of the call that has the lock.
    pub(super) turn: Arc<Semaphore>,
}

impl Locks {
    pub(super) fn new() -> Self {
        let queue = || Queue {
            seats: Arc::new(Semaphore::new(SEATS)),
            turn: Arc::new(Semaphore::new(1)),
        };
        let queues = || std::iter::repeat_with(queue).take(SLOTS).collect();
        Self {
            keys: queues(),
            uploads: queues(),
        }
    }

    /// The queue for the lock `slot` of `space`.
    pub(super) fn queue(&self, space: Space, slot: usize) -> &Queue {
        match space {
            Space::Key => &self.keys[slot],
            Space::Upload => &self.uploads[slot],
        }
    }
}

/// The number of the lock of `what`, a key or an upload id, below [`SLOTS`].
pub(super) fn slot(what: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    // Keys that one file system takes for one must share a lock.
    what.to_lowercase().hash(&mut hasher);
    (hasher.finish() % SLOTS as u64) as usize
}
