//! Processing off the runtime, within the bounds of the gate, each request with a deadline and a cancel flag.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pipeline::{Plan, Prepared, ResultInfo};
use raster::{Stopped, Watch};
use rules::Rule;
use tokio::sync::mpsc;

use crate::error::Error;
use crate::gate::{Entry, Gate, Seat};
use crate::memory::{Full, Held, Memory, Since};
use crate::storage::{self, ByteStream};

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

/// What work holds until it ends, whoever has left meanwhile: the right to it, and its memory.
pub(crate) struct Rights {
    _entry: Entry,
    _seat: Seat,
    held: Held,
}

/// What a rule makes of its sources; it cannot fail on input any more.
pub(crate) struct Made {
    pub(crate) info: ResultInfo,
    pub(crate) media_type: &'static str,
    ready: Ready,
}

enum Ready {
    /// Bytes that hold their memory.
    Whole(Bytes),
    /// Encoded as it is written.
    Animation(Prepared, Rights),
}

impl Made {
    /// The bytes, where they are at hand.
    pub(crate) fn bytes(&self) -> Option<&Bytes> {
        match &self.ready {
            Ready::Whole(bytes) => Some(bytes),
            Ready::Animation(..) => None,
        }
    }
}

/// Makes of `sources` (the object, then every image of the rule in its order) what `rule` says, or all of it that can fail on
/// input. The work begins when there is room for what it takes of memory at most.
///
/// # Errors
///
/// - `TooMuchMemory` where the work and its sources take more than all requests may together: that is known before it
///   begins, and does not wait;
/// - [`Error::Overload`] where other work takes the memory until the deadline;
/// - those of the work.
pub(crate) async fn prepare(
    gate: &Gate,
    entry: &Entry,
    sources: Vec<Bytes>,
    rule: Rule,
    limits: pipeline::Limits,
    options: pipeline::Options,
    timer: &Timer,
) -> Result<Made, Error> {
    let seat = gate.seat(entry, timer.deadline).await?;
    let (own, held) = (entry.clone(), kept(&sources));
    let known = sources.clone();
    let plan = run(move || {
        let _held = (own, seat);
        Ok(Plan::new(&known, &rule, &limits, &options)?)
    })
    .await?;
    let held = gate
        .memory_beside(held, plan.memory_bytes(), timer.deadline)
        .await?;
    let seat = gate.seat(entry, timer.deadline).await?;
    let rights = Rights {
        _entry: entry.clone(),
        _seat: seat,
        held,
    };
    let guard = timer.guard();
    let watch = timer.clone();
    let made = run(move || {
        let prepared = plan.prepare(&watch)?;
        drop(plan);
        let (info, media_type) = (prepared.info(), prepared.media_type());
        let ready = match prepared.bytes() {
            None => Ready::Animation(prepared, rights),
            // It has its memory from before.
            Some(bytes) if sources.iter().any(|source| is_same(source, bytes)) => {
                Ready::Whole(bytes.clone())
            }
            Some(bytes) => {
                // Without what its buffer has grown to beyond it.
                let bytes = Bytes::copy_from_slice(bytes);
                drop(prepared);
                let mut held = rights.held;
                held.shrink(bytes.len() as u64);
                Ready::Whole(held.keep(bytes))
            }
        };
        Ok(Made {
            info,
            media_type,
            ready,
        })
    })
    .await;
    guard.release();
    made
}

/// Whether two are the same bytes of memory.
fn is_same(one: &Bytes, other: &Bytes) -> bool {
    one.as_ptr() == other.as_ptr() && one.len() == other.len()
}

/// What sources take; those that are there twice share theirs.
fn kept(sources: &[Bytes]) -> u64 {
    let first = |n: &usize| {
        let before = &sources[..*n];
        !before.iter().any(|source| is_same(source, &sources[*n]))
    };
    let distinct = (0..sources.len()).filter(first);
    distinct.map(|n| sources[n].len() as u64).sum()
}

/// Runs `work` on a source when there is room for what takes `bytes` of memory at most.
pub(crate) async fn run_within<T: Send + 'static>(
    gate: &Gate,
    entry: &Entry,
    source: &Bytes,
    bytes: u64,
    timer: &Timer,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let held = gate
        .memory_beside(source.len() as u64, bytes, timer.deadline)
        .await?;
    let seat = gate.seat(entry, timer.deadline).await?;
    let rights = Rights {
        _entry: entry.clone(),
        _seat: seat,
        held,
    };
    // Where the client leaves, the work stops at its next look at the timer.
    let guard = timer.guard();
    let done = run(move || {
        let _rights = rights;
        Ok(work())
    })
    .await;
    guard.release();
    done
}

/// Writes a result into memory, at most `limit` bytes.
pub(crate) async fn to_bytes(
    gate: &Gate,
    made: Made,
    limit: u64,
    timer: &Timer,
) -> Result<Bytes, Error> {
    let (prepared, rights) = match made.ready {
        Ready::Whole(bytes) if bytes.len() as u64 > limit => {
            return Err(Error::answer_too_large(limit));
        }
        Ready::Whole(bytes) => return Ok(bytes),
        Ready::Animation(prepared, rights) => (prepared, rights),
    };
    let guard = timer.guard();
    let (watch, mut room) = (timer.clone(), Room::new(gate, timer));
    let bytes = run(move || {
        let _rights = rights;
        let mut held = room.take(0)?;
        let mut out = Bounded {
            bytes: Vec::new(),
            room,
            held: &mut held,
            limit,
            refused: None,
        };
        let written = prepared.write(&watch, &mut out);
        let (bytes, refused) = (out.bytes, out.refused);
        match (written, refused) {
            (_, Some(refused)) => Err(refused),
            (Ok(_), None) => Ok(held.keep(bytes.into())),
            (Err(error), None) => Err(error.into()),
        }
    })
    .await;
    guard.release();
    bytes
}

/// Takes memory for bytes as they are made, on a thread that may wait for it.
struct Room {
    memory: Arc<Memory>,
    runtime: tokio::runtime::Handle,
    deadline: Instant,
}

impl Room {
    fn new(gate: &Gate, timer: &Timer) -> Self {
        Self {
            memory: Arc::clone(&gate.memory),
            runtime: tokio::runtime::Handle::current(),
            deadline: timer.deadline,
        }
    }

    fn take(&mut self, bytes: usize) -> Result<Held, Error> {
        let since = Since::Begun(0);
        let wait = self.memory.wait(since, bytes as u64, self.deadline);
        self.runtime.block_on(wait).map_err(|Full| Error::Overload)
    }
}

struct Bounded<'a> {
    bytes: Vec<u8>,
    room: Room,
    /// For what `bytes` has room for.
    held: &'a mut Held,
    limit: u64,
    refused: Option<Error>,
}

impl Bounded<'_> {
    fn refuse(&mut self, error: Error) -> io::Error {
        let text = error.to_string();
        self.refused = Some(error);
        io::Error::other(text)
    }
}

impl io::Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.bytes.len() + bytes.len();
        if len as u64 > self.limit {
            return Err(self.refuse(Error::answer_too_large(self.limit)));
        }
        let capacity = self.bytes.capacity();
        if len > capacity {
            // Both are there while one is copied to the other.
            let larger = len.max(2 * capacity).max(Sending::BLOCK_BYTES);
            let held = match self.room.take(larger) {
                Ok(held) => held,
                Err(error) => return Err(self.refuse(error)),
            };
            self.bytes.reserve_exact(larger - self.bytes.len());
            *self.held = held;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends an animation as it is made; what is not sent yet holds its memory. The rights to the work are given back when the
/// last byte is written.
pub(crate) fn stream(gate: &Gate, made: Made, timer: Timer) -> ByteStream {
    let (prepared, rights) = match made.ready {
        Ready::Whole(bytes) => return bytes.into(),
        Ready::Animation(prepared, rights) => (prepared, rights),
    };
    // Unbounded, as only memory bounds it: a slow reader must hold neither a seat nor the deadline's clock.
    let (sender, receiver) = mpsc::unbounded_channel::<Result<Bytes, storage::Error>>();
    let guard = timer.guard();
    let room = Room::new(gate, &timer);
    tokio::task::spawn_blocking(move || {
        let _held = rights;
        let mut out = Sending {
            sender: sender.clone(),
            room,
            buffer: Vec::with_capacity(Sending::BLOCK_BYTES),
        };
        let written = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            prepared.write(&timer, &mut out)?;
            io::Write::flush(&mut out).map_err(pipeline::Error::Output)
        }));
        // The status has been sent: all that is left is to end the body before its end, so that nobody takes it
        // for whole.
        let broken = match written {
            Ok(Ok(())) => return,
            // Nobody reads it any more.
            Ok(Err(pipeline::Error::Output(error)))
                if error.kind() == io::ErrorKind::BrokenPipe =>
            {
                return;
            }
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
    room: Room,
    buffer: Vec<u8>,
}

impl Sending {
    const BLOCK_BYTES: usize = 32 << 10;

    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let block = std::mem::replace(&mut self.buffer, Vec::with_capacity(Self::BLOCK_BYTES));
        let held = self.room.take(block.capacity());
        let block = held.map_err(io::Error::other)?.keep(block.into());
        self.sender
            .send(Ok(block))
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::FutureExt;

    use super::*;
    use crate::memory::{Bounds, For};

    /// A place and memory are those of the work, not of whoever asked for it.
    #[tokio::test]
    async fn work_keeps_its_place_and_memory_when_its_client_leaves() {
        let memory = Arc::new(Memory::new(Bounds {
            total: 100,
            bodies: 0,
            unsigned: 0,
            queue: 4,
        }));
        let gate = Gate::new(1, 4, Arc::clone(&memory));
        let deadline = Instant::now() + Duration::from_secs(20);
        let timer = Timer::new(deadline);
        let entry = gate.enter(deadline).await.expect("nobody is there");
        let (begins, begun) = tokio::sync::oneshot::channel();
        let (end, ends) = mpsc::channel::<()>();
        let source = Bytes::new();
        let mut work = Box::pin(run_within(&gate, &entry, &source, 60, &timer, move || {
            let _ = begins.send(());
            ends.recv()
        }));
        tokio::select! {
            _ = &mut work => panic!("it waits to be ended"),
            begun = begun => begun.expect("it has begun"),
        }
        drop(work);
        drop(entry);
        assert!(memory.hold(For::Work, 41).is_none());
        let next = gate.enter(deadline).await.expect("there are two");
        assert!(gate.seat(&next, deadline).now_or_never().is_none());
        // The other entry is the work's own.
        assert!(gate.enter(deadline).now_or_never().is_none());
        end.send(()).expect("it waits for this");
        assert!(gate.seat(&next, deadline).await.is_ok());
        assert!(gate.enter(deadline).await.is_ok());
        assert!(memory.wait(Since::New, 100, deadline).await.is_ok());
    }

    #[tokio::test]
    async fn what_never_fits_does_not_wait() {
        let memory = Arc::new(Memory::new(Bounds {
            total: 100,
            bodies: 0,
            unsigned: 0,
            queue: 4,
        }));
        let gate = Gate::new(1, 4, Arc::clone(&memory));
        let _all = memory.hold(For::Work, 100).expect("free");
        let deadline = Instant::now() + Duration::from_secs(20);
        let refused = gate.memory_beside(40, 61, deadline).now_or_never();
        let refused = refused
            .expect("at once")
            .err()
            .expect("refused")
            .to_string();
        assert!(
            refused.contains("101") && refused.contains("100"),
            "{refused}"
        );
        assert!(
            gate.memory_beside(40, 60, deadline)
                .now_or_never()
                .is_none()
        );
    }
}
