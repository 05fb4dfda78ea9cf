//! Work on several threads, with results in order.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `f` for each of `items` on up to `threads` threads, each with a workspace of its own, and gives the results
/// in the order of the items. Items are begun in their order.
///
/// # Errors
///
/// The error of the first item that has one; items after it may not have been begun.
pub(crate) fn map<T: Sync, W: Default, R: Send, E: Send>(
    threads: usize,
    items: &[T],
    f: impl Fn(&T, &mut W) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    if threads < 2 || items.len() < 2 {
        let mut workspace = W::default();
        return items.iter().map(|item| f(item, &mut workspace)).collect();
    }
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let work = || {
            let mut workspace = W::default();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else {
                    break;
                };
                let result = f(item, &mut workspace);
                if result.is_err() {
                    next.store(items.len(), Ordering::Relaxed);
                }
                let mut results = results
                    .lock()
                    .expect("no thread panics while it holds the lock");
                results.push((index, result));
            }
        };
        for _ in 1..threads.min(items.len()) {
            // Where the system gives no more threads, the others do the work.
            if std::thread::Builder::new()
                .spawn_scoped(scope, work)
                .is_err()
            {
                break;
            }
        }
        work();
    });
    let mut results = results
        .into_inner()
        .expect("no thread panics while it holds the lock");
    results.sort_by_key(|&(index, _)| index);
    results.into_iter().map(|(_, result)| result).collect()
}
