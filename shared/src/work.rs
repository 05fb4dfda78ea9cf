//! Processing off the runtime: a bounded number of requests at once, each with a deadline and a cancel flag.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pipeline::Prepared;
use raster::{Stopped, Watch};
use rules::Rule;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::error::Error;
use crate::storage::{self, ByteStream};

/// Bounds what is processed at once, by two rights that a request takes one after the other.
///
/// With an entry it may open its sources and hold their bytes; with a seat as well it may process them. There is a seat for
/// each of `limits.concurrency` requests and there are twice as many entries, so that some requests read while others
/// process. At most `limits.queue` requests wait for an entry, and they hold nothing: the memory of sources is bounded by the
/// entries, however many wait.
pub(crate) struct Gate {
    entries: Arc<Semaphore>,
    seats: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue: usize,
}

/// The right to hold sources; given back when dropped.
pub(crate) struct Entry {
    _permit: OwnedSemaphorePermit,
}

/// The right to process; given back when dropped.
pub(crate) struct Seat {
    _permit: OwnedSemaphorePermit,
}

impl Gate {
    pub(crate) fn new(seats: usize, queue: usize) -> Self {
        Self {
            entries: Arc::new(Semaphore::new(seats * 2)),
            seats: Arc::new(Semaphore::new(seats)),
            waiting: AtomicUsize::new(0),
            queue,
        }
    }

    /// An entry, unless too many wait for one already.
    pub(crate) async fn enter(&self, deadline: Instant) -> Result<Entry, Error> {
        if let Ok(permit) = Arc::clone(&self.entries).try_acquire_owned() {
            return Ok(Entry { _permit: permit });
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.queue {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::Overload);
        }
        let _waiting = Waiting(&self.waiting);
        let permit = acquire(&self.entries, deadline).await?;
        Ok(Entry { _permit: permit })
    }

    /// A seat for one that has entered. Nobody waits for an entry, or for bytes, while holding a seat.
    pub(crate) async fn seat(&self, _entry: &Entry, deadline: Instant) -> Result<Seat, Error> {
        let permit = acquire(&self.seats, deadline).await?;
        Ok(Seat { _permit: permit })
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

/// The clock and the cancel flag of one request.
#[derive(Clone)]
pub(crate) struct Timer {
    pub(crate) deadline: Instant,
    cancelled: Arc<AtomicBool>,
}

impl Timer {
    pub(crate) fn new(deadline: Instant) -> Self {
        Self {
            deadline,
            cancelled: Arc::default(),
        }
    }

    /// Of the work at hand, until its deadline.
    pub(crate) fn of_work() -> Self {
        Self::new(storage::deadline::current())
    }

    /// Cancels the work when dropped.
    pub(crate) fn guard(&self) -> Guard {
        Guard(Arc::clone(&self.cancelled))
    }
}

impl Watch for Timer {
    fn check(&self) -> Result<(), Stopped> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Stopped::Cancelled);
        }
        if Instant::now() >= self.deadline {
            return Err(Stopped::Deadline);
        }
        Ok(())
    }
}

/// Held by whoever waits for the result: when it goes, the work stops at its next row.
pub(crate) struct Guard(Arc<AtomicBool>);

impl Guard {
    /// Goes without a cancel: the result has come, and the request's next piece of work, which has the same flag, is to run.
    fn release(mut self) {
        self.0 = Arc::default();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `work` on a thread of its own; a panic in it is an error of this request alone.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panicked| Err(Error::Internal(Box::new(panicked))))
}

/// Prepares `rule` on `sources` (the object, then every image of the rule in its order); what is prepared cannot fail on
/// input any more.
pub(crate) async fn prepare(
    sources: Vec<Bytes>,
    rule: Rule,
    limits: pipeline::Limits,
    options: pipeline::Options,
    timer: &Timer,
) -> Result<Prepared, Error> {
    let guard = timer.guard();
    let watch = timer.clone();
    let prepared = run(move || {
        Ok(pipeline::prepare(
            &sources, &rule, &limits, &options, &watch,
        )?)
    })
    .await;
    guard.release();
    prepared
}

/// Writes a result into memory, at most `limit` bytes.
pub(crate) async fn to_bytes(
    prepared: Prepared,
    limit: u64,
    timer: &Timer,
) -> Result<Bytes, Error> {
    if let Some(bytes) = prepared.bytes() {
        if bytes.len() as u64 > limit {
            return Err(Error::answer_too_large(limit));
        }
        return Ok(bytes.clone());
    }
    let guard = timer.guard();
    let watch = timer.clone();
    let bytes = run(move || {
        let mut out = Bounded {
            bytes: Vec::new(),
            limit,
            exceeded: false,
        };
        match prepared.write(&watch, &mut out) {
            Ok(_) => Ok(out.bytes.into()),
            Err(_) if out.exceeded => Err(Error::answer_too_large(limit)),
            Err(error) => Err(error.into()),
        }
    })
    .await;
    guard.release();
    bytes
}

struct Bounded {
    bytes: Vec<u8>,
    limit: u64,
    exceeded: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + bytes.len()) as u64 > self.limit {
            self.exceeded = true;
            return Err(io::Error::other("the result is too large"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends a result as it is made. `entry` and `seat` are given back when the last byte is written.
pub(crate) fn stream(prepared: Prepared, timer: Timer, entry: Entry, seat: Seat) -> ByteStream {
    // Unbounded, as the result is: a slow reader must hold neither a seat nor the deadline's clock.
    let (sender, receiver) = mpsc::unbounded_channel::<Result<Bytes, storage::Error>>();
    let guard = timer.guard();
    tokio::task::spawn_blocking(move || {
        let _held = (entry, seat);
        let mut out = Sending {
            sender: sender.clone(),
            buffer: Vec::with_capacity(Sending::BLOCK_BYTES),
        };
        let written = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            prepared.write(&timer, &mut out)?;
            io::Write::flush(&mut out).map_err(pipeline::Error::Output)
        }));
        // The status has been sent: all that is left is to end the body before its end, so that nobody takes it
        // for whole.
        let broken = match written {
            Ok(Ok(()) | Err(pipeline::Error::Output(_))) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the encoder panicked".to_owned(),
        };
        tracing::error!(error = broken, "an answer broke off");
        let _ = sender.send(Err(storage::Error::Other(broken.into())));
    });
    ByteStream::new(futures_util::stream::unfold(
        (receiver, guard),
        |(mut receiver, guard)| async move {
            let item = receiver.recv().await?;
            Some((item, (receiver, guard)))
        },
    ))
}

/// Hands blocks of bytes to the runtime.
struct Sending {
    sender: mpsc::UnboundedSender<Result<Bytes, storage::Error>>,
    buffer: Vec<u8>,
}

impl Sending {
    const BLOCK_BYTES: usize = 32 << 10;

    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let block = std::mem::replace(&mut self.buffer, Vec::with_capacity(Self::BLOCK_BYTES));
        self.sender
            .send(Ok(block.into()))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

impl io::Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= Self::BLOCK_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

/// The moment at which a request's time is over.
pub(crate) fn deadline(seconds: u64, front: Option<Instant>) -> Instant {
    let own = Instant::now() + Duration::from_secs(seconds);
    front.map_or(own, |front| front.min(own))
}
