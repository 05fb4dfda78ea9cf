//! Times as the API can tell them. File systems and foreign servers keep others.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second of the year 9999, in seconds since 1970: headers and XML have four digits for a year.
const LAST: i128 = 253_402_300_799;

/// The time `seconds` after the begin of 1970, or the nearest one that headers can tell: 1970 to 9999.
pub fn tellable(seconds: i128) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.clamp(0, LAST) as u64)
}

/// `time` in whole seconds, or the nearest that headers can tell.
pub fn whole_seconds(time: SystemTime) -> SystemTime {
    // A time before 1970 is told as its begin.
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    tellable(i128::from(since.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_that_four_digits_can_say() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        for (seconds, expected) in [
            (i128::MIN, 0),
            (-1, 0),
            (0, 0),
            (1_700_000_000, 1_700_000_000),
            (LAST, LAST as u64),
            (LAST + 1, LAST as u64),
            (i128::MAX, LAST as u64),
        ] {
            assert_eq!(tellable(seconds), at(expected), "{seconds}");
        }
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(whole_seconds(before), UNIX_EPOCH);
        let fraction = at(5) + Duration::from_millis(999);
        assert_eq!(whole_seconds(fraction), at(5));
        assert_eq!(whole_seconds(at(LAST as u64 + 1)), at(LAST as u64));
    }
}
