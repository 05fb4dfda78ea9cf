//! Who waits for which lock within the process, in queues that take no thread.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tokio::sync::Semaphore;

/// Locks of each space: keys share them, by a hash.
const SLOTS: usize = 64;
/// Who has a lock or waits for it, within the process, at most.
pub(super) const PLACES: usize = 64;

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
    /// Of those who have the lock or wait for it.
    pub(super) places: Arc<Semaphore>,
    /// Of the one who has it.
    pub(super) turn: Arc<Semaphore>,
}

impl Locks {
    pub(super) fn new() -> Self {
        let queue = || Queue {
            places: Arc::new(Semaphore::new(PLACES)),
            turn: Arc::new(Semaphore::new(1)),
        };
        let queues = || std::iter::repeat_with(queue).take(SLOTS).collect();
        Self {
            keys: queues(),
            uploads: queues(),
        }
    }

    /// Who has the lock `slot` of `space`, or waits for it.
    pub(super) fn queue(&self, space: Space, slot: usize) -> &Queue {
        match space {
            Space::Key => &self.keys[slot],
            Space::Upload => &self.uploads[slot],
        }
    }
}

/// Which lock of a space `what` has.
pub(super) fn slot(what: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    // Keys that one file system takes for one must share a lock.
    what.to_lowercase().hash(&mut hasher);
    (hasher.finish() % SLOTS as u64) as usize
}
