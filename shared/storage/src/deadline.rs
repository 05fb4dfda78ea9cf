//! How long the work at hand may still take. No call of a [`Storage`](crate::Storage) has an argument for it, so it goes
//! along with the task, and an implementation that waits for others asks for it here.

use std::future::Future;
use std::time::{Duration, Instant};

tokio::task_local! {
    static DEADLINE: Deadline;
}

#[derive(Clone, Copy)]
struct Deadline {
    /// When calls of the work give up.
    work: Instant,
    /// When whatever runs the work is ended, and with it every answer on its way.
    end: Option<Instant>,
}

/// What a call may take where no deadline is set.
const DEFAULT: Duration = Duration::from_secs(30);

/// Runs `work`; every storage call within it gives up at `deadline`, and so does whoever reads on after the work the bytes
/// of an object that was opened in it.
pub async fn within<F: Future>(deadline: Instant, work: F) -> F::Output {
    let end = Some(deadline);
    let deadline = Deadline {
        work: deadline,
        end,
    };
    DEADLINE.scope(deadline, work).await
}

/// As [`within`], but the bytes of an object that was opened in the work may be read after it, until `end` if there is one:
/// an answer on its way to a slow client is no work any more.
pub async fn within_until<F: Future>(
    deadline: Instant,
    end: Option<Instant>,
    work: F,
) -> F::Output {
    let deadline = Deadline {
        work: deadline,
        end,
    };
    DEADLINE.scope(deadline, work).await
}

/// The deadline of the work at hand, if it has one.
pub fn of_work() -> Option<Instant> {
    DEADLINE.try_with(|deadline| deadline.work).ok()
}

/// When bytes that are opened by the work at hand, and read after it, have to end; `None` for never.
pub fn end() -> Option<Instant> {
    DEADLINE.try_with(|deadline| deadline.end).ok().flatten()
}

/// When a storage call that begins now has to end: with the work at hand, or after 30 s where there is none.
pub fn current() -> Instant {
    of_work().unwrap_or_else(|| Instant::now() + DEFAULT)
}
