//! Work on several threads, with results in order.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Calls `f` for each of `items` on up to `threads` threads, the caller's among them, and gives the results in the
/// order of the items. Items are begun in their order.
///
/// Each thread has a workspace of its own, which `f` may leave anything in: with it, memory is reused from item to
/// item.
///
/// # Errors
///
/// The error of the first item that has one, for any number of threads; items after it may not have been begun.
///
/// # Panics
///
/// With the panic of an item, once all threads have ended.
pub fn map<T: Sync, W: Default, R: Send, E: Send>(
    threads: usize,
    items: &[T],
    f: impl Fn(&T, &mut W) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    if threads < 2 || items.len() < 2 {
        let mut workspace = W::default();
        return items.iter().map(|item| f(item, &mut workspace)).collect();
    }
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut workspace = W::default();
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else {
                return done;
            };
            let result = f(item, &mut workspace);
            if result.is_err() {
                // Nothing more is begun; what comes before this item has been.
                next.store(items.len(), Ordering::Relaxed);
            }
            done.push((index, result));
        }
    };
    let mut done = thread::scope(|scope| {
        // Where the system gives no more threads, those that are there do the work.
        let others: Vec<_> = (1..threads.min(items.len()))
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, worker).ok())
            .collect();
        let mut done = worker();
        for other in others {
            match other.join() {
                Ok(theirs) => done.extend(theirs),
                Err(panic) => resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|&(index, _)| index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order() {
        let items: Vec<usize> = (0..100).collect();
        for threads in [0, 1, 2, 3, 200] {
            let squares = map(threads, &items, |&item, calls: &mut usize| {
                *calls += 1;
                // A workspace is one thread's, and items are begun in their order.
                assert!(*calls <= item + 1);
                Ok::<_, ()>(item * item)
            });
            let squares = squares.expect("no item fails");
            assert!(
                squares
                    .iter()
                    .enumerate()
                    .all(|(n, square)| *square == n * n)
            );
            assert_eq!(squares.len(), items.len());
        }
    }

    #[test]
    fn the_first_error_in_order_is_told() {
        let items: Vec<u32> = (0..1000).collect();
        for threads in [1, 2, 8] {
            let failed = map(threads, &items, |&item, ()| {
                if item == 300 {
                    // Later items fail sooner.
                    thread::sleep(std::time::Duration::from_millis(20));
                }
                if item < 300 { Ok(()) } else { Err(item) }
            });
            assert_eq!(failed, Err(300));
        }
    }

    #[test]
    fn a_panic_is_passed_on() {
        for threads in [1, 4] {
            let ended = std::panic::catch_unwind(|| {
                map(threads, &[0, 1, 2, 3, 4, 5], |&item, ()| {
                    assert!(item != 3, "item {item}");
                    Ok::<_, ()>(())
                })
            });
            let panic = ended.expect_err("item 3 panics");
            let text = panic.downcast_ref::<String>().map(String::as_str);
            assert_eq!(text, Some("item 3"));
        }
    }
}
