//! How long the work at hand may still take. A storage call has no argument for it, so it goes along with the task.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

tokio::task_local! {
    static DEADLINE: Instant;
}

/// What an operation may take where no deadline is set.
const DEFAULT: Duration = Duration::from_secs(30);

/// Runs `work`; every storage call within it gives up at `deadline`.
pub async fn within<F: Future>(deadline: std::time::Instant, work: F) -> F::Output {
    DEADLINE.scope(Instant::from_std(deadline), work).await
}

/// When a storage call that begins now has to end.
pub(crate) fn current() -> Instant {
    set().unwrap_or_else(|| Instant::now() + DEFAULT)
}

/// The deadline of the work at hand, if it has one.
pub(crate) fn set() -> Option<Instant> {
    DEADLINE.try_with(|deadline| *deadline).ok()
}
