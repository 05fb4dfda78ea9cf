//! Who may work at once, and with how much memory: two rights and a part of the memory, which a request takes one after the
//! other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use pipeline::Fault;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;
use crate::memory::{Full, Held, Memory, Since};

/// Bounds what is processed at once, by two rights that a request takes one after the other.
///
/// With an entry it may open its sources and hold their bytes; with a seat as well it may process them. There is a seat for
/// each of `limits.concurrency` requests and there are twice as many entries, so that some requests read while others
/// process. At most `limits.queue` requests wait for an entry, and they hold nothing: the memory of sources is bounded by the
/// entries, however many wait.
///
/// Beside these rights sources, work and results take their bytes of one memory, and wait where there is no room.
pub(crate) struct Gate {
    entries: Arc<Semaphore>,
    seats: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue: usize,
    pub(crate) memory: Arc<Memory>,
}

/// The right to hold sources; given back when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Entry {
    _permit: Arc<OwnedSemaphorePermit>,
}

/// The right to process; given back when dropped.
pub(crate) struct Seat {
    _permit: OwnedSemaphorePermit,
}

impl Gate {
    pub(crate) fn new(seats: usize, queue: usize, memory: Arc<Memory>) -> Self {
        Self {
            entries: Arc::new(Semaphore::new(seats * 2)),
            seats: Arc::new(Semaphore::new(seats)),
            waiting: AtomicUsize::new(0),
            queue,
            memory,
        }
    }

    /// An entry, unless too many wait for one already.
    pub(crate) async fn enter(&self, deadline: Instant) -> Result<Entry, Error> {
        if let Ok(permit) = Arc::clone(&self.entries).try_acquire_owned() {
            return Ok(Entry::new(permit));
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.queue {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::Overload);
        }
        let _waiting = Waiting(&self.waiting);
        let permit = acquire(&self.entries, deadline).await?;
        Ok(Entry::new(permit))
    }

    /// Memory for sources of so many bytes together, of one that keeps some already or does not.
    pub(crate) async fn memory_of_sources(
        &self,
        since: Since,
        bytes: u64,
        deadline: Instant,
    ) -> Result<Held, Error> {
        let held = self.memory.wait(since, bytes, deadline).await;
        held.map_err(|Full| Error::Overload)
    }

    /// Memory for work that takes `bytes` at most, beside what is `kept` for it already.
    pub(crate) async fn memory_beside(
        &self,
        kept: u64,
        bytes: u64,
        deadline: Instant,
    ) -> Result<Held, Error> {
        let (found, max) = (kept.saturating_add(bytes), self.memory.total());
        if found > max {
            let fault = Fault::TooMuchMemory { found, max };
            return Err(Error::Pipeline(pipeline::Error::Source { index: 0, fault }));
        }
        let held = self.memory.wait(Since::Begun(kept), bytes, deadline).await;
        held.map_err(|Full| Error::Overload)
    }

    /// A seat for one that has entered. Nobody waits for an entry, or for bytes, while holding a seat.
    pub(crate) async fn seat(&self, _entry: &Entry, deadline: Instant) -> Result<Seat, Error> {
        let permit = acquire(&self.seats, deadline).await?;
        Ok(Seat { _permit: permit })
    }
}

impl Entry {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        let permit = Arc::new(permit);
        Self { _permit: permit }
    }
}

async fn acquire(
    semaphore: &Arc<Semaphore>,
    deadline: Instant,
) -> Result<OwnedSemaphorePermit, Error> {
    let acquired = Arc::clone(semaphore).acquire_owned();
    tokio::time::timeout_at(deadline.into(), acquired)
        .await
        .map_err(|_| Error::Overload)?
        .map_err(|closed| Error::Internal(Box::new(closed)))
}

/// Takes a request off the count of those that wait, also where it is dropped while it does.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
