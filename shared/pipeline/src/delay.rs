//! Milliseconds between frames -> the hundredths of a second that a GIF counts in.

use codec_gif::Centiseconds;

/// The delays of `count` frames that are `duration` milliseconds apart; at most 655350.
///
/// - From 20 ms up, the tick of frame n is `round(n x duration / 10)`, and each delay the difference of two: the
///   whole animation keeps its length to half a tick.
/// - Below that it is 2 ticks (11 to 19 ms) or 1 tick each: viewers slow frames of 0 and 1 ticks down, so that delays
///   that go back and forth between 1 and 2 would stumble.
pub(crate) fn delays(duration: u32, count: usize) -> impl Iterator<Item = Centiseconds> {
    let tick = move |frame: u64| (frame * u64::from(duration) + 5) / 10;
    (0..count as u64).map(move |frame| {
        Centiseconds(match duration {
            0..=10 => 1,
            11..=19 => 2,
            _ => (tick(frame + 1) - tick(frame)).min(u64::from(u16::MAX)) as u16,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn gives(duration: u32, expected: &[u16]) {
        let found: Vec<u16> = delays(duration, expected.len()).map(|d| d.0).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn adds_up_to_what_was_asked_for() {
        gives(50, &[5, 5, 5]);
        gives(20, &[2, 2, 2]);
        gives(33, &[3, 4, 3, 3, 4, 3, 3, 3, 4, 3]);
        gives(25, &[3, 2, 3, 2]);
        gives(655_350, &[65535, 65535]);
        gives(655_345, &[65535, 65534, 65535]);
        for duration in 20..2000 {
            let sum: u64 = delays(duration, 20).map(|d| u64::from(d.0)).sum();
            assert!((sum * 10).abs_diff(u64::from(duration) * 20) <= 5);
        }
    }

    #[test]
    fn short_delays_are_even() {
        gives(1, &[1, 1, 1]);
        gives(10, &[1, 1, 1]);
        gives(11, &[2, 2, 2]);
        gives(19, &[2, 2, 2]);
    }
}
