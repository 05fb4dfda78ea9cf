//! The least rate of a client: how many bytes must move while it is waited for.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// The rate that a client must keep up, on the whole of each such time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) bytes_per_second: u64,
    pub(super) over: Duration,
}

impl Rate {
    /// Bytes that must move in the whole time.
    fn least(self) -> u128 {
        u128::from(self.bytes_per_second) * self.over.as_millis() / 1000
    }
}

/// Measures a client. Only the time counts in which it is waited for: who is fast, and served slowly, is not cut off.
pub(super) struct Pace {
    rate: Rate,
    /// Bytes that moved, and the time waited for them, since the rate was last found to be kept.
    moved: u128,
    waited: Duration,
    /// Since when the client is waited for, and the end of the time that it has.
    wait: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            moved: 0,
            waited: Duration::ZERO,
            wait: None,
        }
    }

    /// The client has moved this many bytes; it is not waited for any more.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.moved += bytes as u128;
        if let Some((since, _)) = self.wait.take() {
            self.waited += since.elapsed();
        }
    }

    /// The client is waited for: ready when it is slower than the rate.
    pub(super) fn poll_slow(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let left = self.rate.over.saturating_sub(self.waited);
            let (_, end) = self.wait.get_or_insert_with(|| {
                let now = Instant::now();
                (now, Box::pin(tokio::time::sleep_until(now + left)))
            });
            ready!(end.as_mut().poll(context));
            if self.moved < self.rate.least() {
                return Poll::Ready(());
            }
            *self = Self::new(self.rate);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const RATE: Rate = Rate {
        bytes_per_second: 8192,
        over: Duration::from_secs(30),
    };

    /// Whether a client is cut off that moves `bytes` every `every`, in an hour of which it is waited for.
    async fn is_cut(bytes: usize, every: Duration) -> bool {
        let mut pace = Pace::new(RATE);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_hours(1) {
            let slow = poll_fn(|context| pace.poll_slow(context));
            if tokio::time::timeout(every, slow).await.is_ok() {
                assert!(begun.elapsed() >= RATE.over);
                return true;
            }
            pace.moved(bytes);
        }
        false
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_that_of_the_whole_time() {
        let seconds = Duration::from_secs;
        for (bytes, every, expected) in [
            (0, seconds(1), true),
            (1, Duration::from_millis(100), true),
            (8_000, seconds(1), true),
            (8_500, seconds(1), false),
            (125_000, seconds(10), false),
            // Bytes that come at the very end of the time are counted in the next.
            (250_000, seconds(20), false),
            (1 << 20, seconds(31), true),
        ] {
            assert_eq!(
                is_cut(bytes, every).await,
                expected,
                "{bytes} every {every:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_beginning_is_no_credit() {
        let mut pace = Pace::new(RATE);
        pace.moved(1 << 30);
        let slow = poll_fn(|context| pace.poll_slow(context));
        let begun = Instant::now();
        slow.await;
        assert_eq!(
            begun.elapsed().as_secs(),
            60,
            "the time of its bytes, and one more"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_waited_for_is_not_measured() {
        let mut pace = Pace::new(RATE);
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_mins(1)).await;
            pace.moved(1);
        }
        let begun = Instant::now();
        poll_fn(|context| pace.poll_slow(context)).await;
        assert_eq!(begun.elapsed().as_secs(), 30);
    }
}
