//! The bytes that requests keep in memory, counted, so that all of them together stay within a bound.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::oneshot;

/// How many requests may pass one that waits, since they ask for less than it.
const MOST_PASSES: usize = 16;

/// What requests may keep in memory together.
pub(crate) struct Memory {
    bounds: Bounds,
    state: Mutex<State>,
}

/// The bounds of the memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// What all may keep.
    pub(crate) total: u64,
    /// What bodies of requests may keep of it.
    pub(crate) bodies: u64,
    /// What those without a signature may keep of that: the others must find room whatever strangers send.
    pub(crate) unsigned: u64,
    /// How many may wait for memory.
    pub(crate) queue: usize,
}

#[derive(Default)]
struct State {
    kept: Kept,
    /// Those that have begun, and need more to go on; then those that keep nothing yet.
    begun: VecDeque<Waiting>,
    new: VecDeque<Waiting>,
}

#[derive(Default)]
struct Kept {
    all: u64,
    bodies: u64,
    unsigned: u64,
}

struct Waiting {
    bytes: u64,
    /// What it keeps meanwhile.
    own: u64,
    /// How many have passed it.
    passed: usize,
    tell: oneshot::Sender<Held>,
}

/// What memory is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// The body of a request without a signature.
    UnsignedBody,
    /// The body of a request of a configured key.
    SignedBody,
    /// Sources, the work on them, and results.
    Work,
}

/// Whether whoever asks keeps some already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// It keeps so many bytes at least, which come back when it has got more: it goes before those that keep none.
    Begun(u64),
    /// It keeps none.
    New,
}

/// A part of the memory, which is given back when this is dropped.
pub(crate) struct Held {
    memory: Arc<Memory>,
    what: For,
    bytes: u64,
}

/// There is no memory, and too many wait for some, or it did not come in time.
#[derive(Debug)]
pub(crate) struct Full;

impl Memory {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::default(),
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.bounds.total
    }

    /// What may ever be held for this, if nothing else is.
    pub(crate) fn most(&self, what: For) -> u64 {
        let Bounds {
            total,
            bodies,
            unsigned,
            ..
        } = self.bounds;
        match what {
            For::Work => total,
            For::SignedBody => total.min(bodies),
            For::UnsignedBody => total.min(bodies).min(unsigned),
        }
    }

    /// This many bytes of it, if they are free.
    pub(crate) fn hold(self: &Arc<Self>, what: For, bytes: u64) -> Option<Held> {
        let mut state = self.state();
        let is_taken = state.may_pass(Since::New) && self.bounds.take(&mut state.kept, what, bytes);
        if !is_taken {
            return None;
        }
        state.pass(Since::New);
        drop(state);
        Some(Held {
            memory: Arc::clone(self),
            what,
            bytes,
        })
    }

    /// This many bytes for work, as soon as they are free.
    pub(crate) async fn wait(
        self: &Arc<Self>,
        since: Since,
        bytes: u64,
        deadline: Instant,
    ) -> Result<Held, Full> {
        let told = {
            let mut state = self.state();
            if state.may_pass(since) && self.bounds.take(&mut state.kept, For::Work, bytes) {
                state.pass(since);
                return Ok(self.held(bytes));
            }
            let (queue, own) = match since {
                Since::Begun(own) => (&mut state.begun, own),
                Since::New => (&mut state.new, 0),
            };
            queue.retain(|waiting| !waiting.tell.is_closed());
            if bytes > self.bounds.total || queue.len() >= self.bounds.queue {
                return Err(Full);
            }
            let (tell, told) = oneshot::channel();
            queue.push_back(Waiting {
                bytes,
                own,
                passed: 0,
                tell,
            });
            told
        };
        self.serve();
        // When it leaves, those after it may have what it waits for.
        let _leaves = Leaves(self);
        match tokio::time::timeout_at(deadline.into(), told).await {
            Ok(Ok(held)) => Ok(held),
            Ok(Err(_)) | Err(_) => Err(Full),
        }
    }

    fn held(self: &Arc<Self>, bytes: u64) -> Held {
        Held {
            memory: Arc::clone(self),
            what: For::Work,
            bytes,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No change of the state can stop half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives what is free to those that wait for it.
    fn serve(self: &Arc<Self>) {
        loop {
            let mut state = self.state();
            let next = state.next(&self.bounds);
            let refused = match next {
                None => state.stuck(),
                Some(_) => None,
            };
            drop(state);
            drop(refused);
            let Some(Waiting { bytes, tell, .. }) = next else {
                return;
            };
            // Whoever has left meanwhile gives it back at once, and the next is served by that.
            let _ = tell.send(self.held(bytes));
        }
    }
}

impl Bounds {
    fn take(&self, kept: &mut Kept, what: For, bytes: u64) -> bool {
        let fits = |kept: u64, most: u64| bytes <= most.saturating_sub(kept);
        let is_body = what != For::Work;
        let is_unsigned = what == For::UnsignedBody;
        if !fits(kept.all, self.total)
            || is_body && !fits(kept.bodies, self.bodies)
            || is_unsigned && !fits(kept.unsigned, self.unsigned)
        {
            return false;
        }
        kept.all += bytes;
        kept.bodies += if is_body { bytes } else { 0 };
        kept.unsigned += if is_unsigned { bytes } else { 0 };
        true
    }
}

impl State {
    /// Those that wait and go before one that comes now.
    fn before(&mut self, since: Since) -> impl Iterator<Item = &mut Waiting> {
        let new = match since {
            Since::Begun(_) => None,
            Since::New => Some(self.new.iter_mut()),
        };
        let all = self.begun.iter_mut().chain(new.into_iter().flatten());
        all.filter(|waiting| !waiting.tell.is_closed())
    }

    /// Whether one that comes now may have what is free, before those that wait.
    fn may_pass(&mut self, since: Since) -> bool {
        self.before(since)
            .all(|waiting| waiting.passed < MOST_PASSES)
    }

    fn pass(&mut self, since: Since) {
        for waiting in self.before(since) {
            waiting.passed += 1;
        }
    }

    /// The first of those that wait for which there is room, taken off its queue; none after one that was passed too often.
    fn next(&mut self, bounds: &Bounds) -> Option<Waiting> {
        for queue in [&mut self.begun, &mut self.new] {
            queue.retain(|waiting| !waiting.tell.is_closed());
            for n in 0..queue.len() {
                if bounds.take(&mut self.kept, For::Work, queue[n].bytes) {
                    for passed in queue.iter_mut().take(n) {
                        passed.passed += 1;
                    }
                    return queue.remove(n);
                }
                if queue[n].passed >= MOST_PASSES {
                    return None;
                }
            }
        }
        None
    }
}

impl State {
    /// Where all that is kept is kept by those that wait for more, none would ever get it: the last of them, which is told
    /// that there is none.
    fn stuck(&mut self) -> Option<Waiting> {
        let own: u64 = self.begun.iter().map(|waiting| waiting.own).sum();
        if own < self.kept.all {
            return None;
        }
        self.begun.pop_back()
    }
}

/// Serves the others when one that waits goes.
struct Leaves<'a>(&'a Arc<Memory>);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.serve();
    }
}

impl Held {
    /// Takes more, so that it is `bytes` at least; false where that is not free, and nothing changes.
    pub(crate) fn grow(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let mut state = self.memory.state();
        let is_taken = self.memory.bounds.take(&mut state.kept, self.what, more);
        drop(state);
        if is_taken {
            self.bytes += more;
        }
        is_taken
    }

    /// Gives back what it has over `bytes`.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        drop(self.split(self.bytes.saturating_sub(bytes)));
    }

    /// Parts with `bytes` of it, or all that it has.
    pub(crate) fn split(&mut self, bytes: u64) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self {
            memory: Arc::clone(&self.memory),
            what: self.what,
            bytes,
        }
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
        if self.bytes == 0 {
            return;
        }
        let mut state = self.memory.state();
        let kept = &mut state.kept;
        kept.all -= self.bytes;
        if self.what != For::Work {
            kept.bodies -= self.bytes;
        }
        if self.what == For::UnsignedBody {
            kept.unsigned -= self.bytes;
        }
        drop(state);
        self.memory.serve();
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
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;

    fn memory(total: u64, bodies: u64, unsigned: u64) -> Arc<Memory> {
        Arc::new(Memory::new(Bounds {
            total,
            bodies,
            unsigned,
            queue: 3,
        }))
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[test]
    fn what_is_kept_never_passes_the_bounds() {
        let memory = memory(100, 90, 60);
        let anyone = memory.hold(For::UnsignedBody, 40).expect("40 of 60");
        assert!(memory.hold(For::UnsignedBody, 21).is_none());
        let mut signed = memory.hold(For::SignedBody, 50).expect("50 of 50");
        assert!(memory.hold(For::SignedBody, 1).is_none());
        assert!(memory.hold(For::Work, 11).is_none());
        let work = memory.hold(For::Work, 10).expect("10 of 10");
        assert!(!signed.grow(51));
        drop(anyone);
        assert!(signed.grow(90) && !signed.grow(91));
        signed.shrink(20);
        assert!(memory.hold(For::UnsignedBody, 60).is_some());
        drop((signed, work));
        let kept = &memory.state().kept;
        assert_eq!((kept.all, kept.bodies, kept.unsigned), (0, 0, 0));
    }

    #[test]
    fn bytes_hold_their_memory_to_the_last_slice() {
        let memory = memory(10, 10, 10);
        let mut held = memory.hold(For::Work, 10).expect("all of it");
        let bytes = held.split(9).keep(Bytes::from_static(b"012345678"));
        let last = bytes.slice(8..);
        drop(bytes);
        assert!(memory.hold(For::Work, 1).is_none());
        drop(last);
        assert!(memory.hold(For::Work, 9).is_some());
        drop(held);
        assert!(memory.hold(For::Work, 10).is_some());
    }

    #[tokio::test]
    async fn what_does_not_fit_waits_in_a_bounded_queue() {
        let memory = memory(100, 0, 0);
        let first = memory.hold(For::Work, 80).expect("free");
        let wait = |bytes| memory.wait(Since::New, bytes, soon());
        assert!(wait(101).await.is_err(), "it never fits");
        let mut waiting: Vec<_> = [30, 40, 50].map(|bytes| Box::pin(wait(bytes))).into();
        for one in &mut waiting {
            assert!(one.now_or_never().is_none());
        }
        assert!(wait(60).await.is_err(), "three wait already");
        drop(first);
        // In their order, and each when there is room.
        let last = waiting.remove(2);
        let first = waiting.remove(0).await.expect("30 of 100");
        let second = waiting.remove(0).await.expect("40 of 70");
        let last = std::pin::pin!(last);
        drop(first);
        let last = last.await.expect("50 of 60");
        drop((second, last));
        assert_eq!(memory.state().kept.all, 0);
    }

    #[tokio::test]
    async fn small_ones_pass_a_large_one_a_number_of_times() {
        let memory = memory(100, 0, 0);
        let first = memory.hold(For::Work, 50).expect("free");
        let mut large = Box::pin(memory.wait(Since::New, 60, soon()));
        assert!((&mut large).now_or_never().is_none());
        for _ in 0..MOST_PASSES {
            let small = memory.wait(Since::New, 10, soon()).now_or_never();
            assert!(small.is_some_and(|small| small.is_ok()));
        }
        let mut small = Box::pin(memory.wait(Since::New, 10, soon()));
        assert!(
            (&mut small).now_or_never().is_none(),
            "now it waits as well"
        );
        drop(first);
        assert!(large.await.is_ok() && small.await.is_ok());
    }

    #[tokio::test]
    async fn who_has_begun_goes_before_who_has_not() {
        let memory = memory(100, 0, 0);
        let first = memory.hold(For::Work, 100).expect("free");
        let mut new = Box::pin(memory.wait(Since::New, 60, soon()));
        assert!((&mut new).now_or_never().is_none());
        let mut begun = Box::pin(memory.wait(Since::Begun(0), 60, soon()));
        assert!((&mut begun).now_or_never().is_none());
        drop(first);
        let begun = begun.await.expect("60 of 100");
        assert!((&mut new).now_or_never().is_none());
        drop(begun);
        assert!(new.await.is_ok());
    }

    /// Each keeps a part of what the others wait for.
    #[tokio::test]
    async fn one_of_those_that_wait_for_each_other_gives_way() {
        let memory = memory(100, 0, 0);
        let one = memory.hold(For::Work, 30).expect("free");
        let two = memory.hold(For::Work, 30).expect("free");
        let other = memory.hold(For::Work, 10).expect("free");
        let mut first = Box::pin(memory.wait(Since::Begun(30), 60, soon()));
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(memory.wait(Since::Begun(30), 60, soon()));
        assert!((&mut second).now_or_never().is_none());
        // Work is under way: they wait for it.
        drop(other);
        assert!((&mut first).now_or_never().is_none());
        assert!(second.await.is_err());
        drop(two);
        assert!(first.await.is_ok());
        drop(one);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_leaves_or_is_late_holds_nobody_up() {
        let memory = memory(100, 0, 0);
        let first = memory.hold(For::Work, 60).expect("free");
        let mut large = Box::pin(memory.wait(Since::New, 90, soon()));
        assert!((&mut large).now_or_never().is_none());
        for _ in 0..MOST_PASSES {
            assert!(memory.wait(Since::New, 1, soon()).await.is_ok());
        }
        let mut small = Box::pin(memory.wait(Since::New, 10, soon()));
        assert!((&mut small).now_or_never().is_none());
        drop(large);
        assert!(small.await.is_ok());
        assert!(
            memory.wait(Since::New, 90, soon()).await.is_err(),
            "in time"
        );
        drop(first);
        assert_eq!(memory.state().kept.all, 0);
    }
}
