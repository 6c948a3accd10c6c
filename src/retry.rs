//! Which statuses are retried, and after what wait. Pure, apart from [`random_fraction`]: the caller has
//! the clock and does the sleeping.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::Error;

/// The longest time that any setting or hint can ask for, because clocks and sockets overflow at much
/// longer ones.
pub(crate) const YEAR: Duration = Duration::from_secs(31_536_000);

/// A wait before a retry. It is passed to the function that you set with
/// [`ClientBuilder::on_retry`](crate::ClientBuilder::on_retry).
#[derive(Debug)]
pub struct Retry<'a> {
    pub(crate) delay: Duration,
    pub(crate) error: &'a Error,
}

impl Retry<'_> {
    /// Returns which retry of the request this is. The first is 1.
    pub fn number(&self) -> u32 {
        self.error.attempts()
    }

    /// Returns how long the wait will be.
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// Returns the error of the attempt that failed.
    pub fn error(&self) -> &Error {
        self.error
    }
}

/// When a request is sent again.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) max_retries: u32,
    pub(crate) base_delay: Duration,
    pub(crate) max_delay: Duration,
}

impl Policy {
    /// Returns the wait before retry `n` (counted from 0) of a request that failed with `error`, or
    /// `None` if it must not be sent again. `random_fraction` is in `0.0..1.0`.
    ///
    /// The wait has full jitter. After a rate limit without `Retry-After`, it is so long that three
    /// waits outlast Mode's window of 10 s.
    pub(crate) fn wait(&self, error: &Error, n: u32, random_fraction: f64) -> Option<Duration> {
        let hint = error.retry_after();
        if !error.is_retryable() || n >= self.max_retries || hint > Some(self.max_delay) {
            return None;
        }
        let (factor, share) = match (error.status(), hint) {
            (Some(429), None) => (8.0, 0.5 + random_fraction / 2.0),
            _ => (1.0, random_fraction),
        };
        let ceiling = self.base_delay.as_secs_f64() * factor * 2_f64.powi(n.min(200) as i32);
        let jittered = ceiling.min(self.max_delay.as_secs_f64()) * share;
        let wait = Duration::try_from_secs_f64(jittered).unwrap_or(self.max_delay);
        Some(wait.min(self.max_delay).max(hint.unwrap_or_default()))
    }
}

/// Returns whether a response with this status may be followed by a better one. After 501, 505 and 511,
/// a retry would fail the same way.
pub(crate) fn is_retried_status(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599) && !matches!(status, 501 | 505 | 511)
}

/// Returns a number in `0.0..1.0`. The standard library's only source of randomness is the seed of
/// its hash maps.
pub(crate) fn random_fraction() -> f64 {
    (RandomState::new().hash_one(()) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Returns how long a `Retry-After` asks to wait, which is at most a year. Its value may be a number of
/// seconds, or a date in the form that RFC 9110 prefers. Anything else is no hint, and neither is zero
/// or a date in the past, because the clock of the server may be behind.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let is_number = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let wait = if is_number {
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let date = UNIX_EPOCH.checked_add(imf_fixdate(value)?)?;
        date.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(YEAR)).filter(|wait| !wait.is_zero())
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT` as the time since 1970. It is not checked whether there is such
/// a day or hour: a date that does not exist is read as another one.
fn imf_fixdate(text: &str) -> Option<Duration> {
    // A year that starts in March has its leap day at its end.
    const MONTHS: [&str; 12] = [
        "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb",
    ];
    let parts: Vec<&str> = text.split([' ', ':']).collect();
    let [_, day, month, year, hour, minute, second, "GMT"] = parts[..] else {
        return None;
    };
    let number = |text: &str| text.parse::<u16>().ok().map(i64::from);
    let (day, year) = (number(day)?, number(year)?);
    let (hour, minute, second) = (number(hour)?, number(minute)?, number(second)?);
    let month = MONTHS.iter().position(|name| *name == month)? as i64;
    let year = year - i64::from(month > 9);
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    // 1 January 1970 is day 719,469 of this count.
    let hours = (days - 719_469) * 24 + hour;
    let seconds = (hours * 60 + minute) * 60 + second;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    const ENDS: [f64; 3] = [0.0, 0.5, 1.0 - f64::EPSILON];

    fn policy(base: Duration, cap: Duration) -> Policy {
        Policy {
            max_retries: u32::MAX,
            base_delay: base,
            max_delay: cap,
        }
    }

    fn defaults() -> Policy {
        policy(Duration::from_millis(500), Duration::from_secs(30))
    }

    fn failed(status: u16, hint: Option<Duration>) -> Error {
        Error::of_status(ErrorKind::Server, status, String::new(), String::new())
            .retryable(is_retried_status(status))
            .with_retry_after(hint)
    }

    #[test]
    fn backoff_is_full_jitter_below_a_doubling_ceiling() {
        let wait = |n, fraction| defaults().wait(&failed(503, None), n, fraction).unwrap();
        for (n, ceiling) in [
            (0, 0.5),
            (1, 1.0),
            (2, 2.0),
            (5, 16.0),
            (6, 30.0),
            (7, 30.0),
            (u32::MAX - 1, 30.0),
        ] {
            assert_eq!(wait(n, 0.0), Duration::ZERO);
            assert_eq!(wait(n, 0.5), Duration::from_secs_f64(ceiling / 2.0));
            assert!(wait(n, ENDS[2]) <= Duration::from_secs_f64(ceiling));
        }
    }

    #[test]
    fn three_waits_after_hintless_429s_outlast_the_window() {
        let wait = |n, fraction| defaults().wait(&failed(429, None), n, fraction).unwrap();
        assert_eq!(
            (0..3).map(|n| wait(n, 0.0)).sum::<Duration>(),
            Duration::from_secs(14)
        );
        assert!((0..3).all(|n| wait(n, ENDS[2]) <= Duration::from_secs(4 << n)));
        assert_eq!(
            (wait(0, 0.5), wait(1, 0.5)),
            (Duration::from_secs(3), Duration::from_secs(6))
        );
        assert_eq!(wait(u32::MAX - 1, 0.0), Duration::from_secs(15));
    }

    #[test]
    fn delays_stay_in_bounds_for_any_settings() {
        let durations = [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_millis(500),
            Duration::MAX,
        ];
        for (base, cap) in durations
            .into_iter()
            .flat_map(|base| durations.map(|cap| (base, cap)))
        {
            for n in (0..300).chain([1 << 31, u32::MAX - 1]) {
                for (fraction, status) in ENDS
                    .into_iter()
                    .flat_map(|fraction| [(fraction, 429), (fraction, 503)])
                {
                    let wait = policy(base, cap).wait(&failed(status, None), n, fraction);
                    let wait = wait.unwrap();
                    assert!(wait <= cap);
                    assert!(!base.is_zero() || wait.is_zero());
                }
            }
        }
    }

    #[test]
    fn a_hint_is_a_lower_bound_up_to_the_longest_wait() {
        let seconds = Duration::from_secs;
        let wait =
            |status, hint, fraction| defaults().wait(&failed(status, Some(hint)), 2, fraction);
        for status in [429, 503] {
            assert_eq!(wait(status, seconds(3), 0.5), Some(seconds(3)));
            let short = Duration::from_millis(1);
            assert_eq!(wait(status, short, 0.0), Some(short));
            assert_eq!(wait(status, short, 0.5), Some(seconds(1)));
            assert_eq!(wait(status, seconds(30), 0.0), Some(seconds(30)));
            assert_eq!(
                wait(status, seconds(30) + Duration::from_nanos(1), 0.0),
                None
            );
        }
    }

    #[test]
    fn there_is_no_wait_without_retries_or_sense() {
        let policy = Policy {
            max_retries: 2,
            ..defaults()
        };
        let wait = |status, n| policy.wait(&failed(status, Some(Duration::from_secs(1))), n, 0.0);
        let second = Duration::from_secs(1);
        assert_eq!(wait(503, 1), Some(second));
        assert_eq!(wait(503, 2), None);
        assert_eq!(wait(501, 0), None);
        let other = Error::new(ErrorKind::Decode, "");
        assert_eq!(defaults().wait(&other, 0, 0.0), None);
        assert!(defaults().wait(&other.retryable(true), 0, 0.0).is_some());
    }

    #[test]
    fn random_fractions_are_spread_over_zero_to_one() {
        let drawn: Vec<f64> = (0..1000).map(|_| random_fraction()).collect();
        assert!(drawn.iter().all(|fraction| (0.0..1.0).contains(fraction)));
        let mean = drawn.iter().sum::<f64>() / 1000.0;
        assert!(
            (0.4..0.6).contains(&mean) && drawn.iter().any(|fraction| *fraction < 0.1),
            "{mean}"
        );
    }

    #[test]
    fn all_statuses_that_may_change_are_retried() {
        let retried: Vec<u16> = (100..=599).filter(|it| is_retried_status(*it)).collect();
        let servers = (500..=599).filter(|status| ![501, 505, 511].contains(status));
        let expected: Vec<u16> = [408, 429].into_iter().chain(servers).collect();
        assert_eq!(retried, expected);
    }

    #[test]
    fn numbers_are_at_most_a_year_and_zero_is_no_hint() {
        let hint = |value| retry_after(value, UNIX_EPOCH);
        for value in ["0", "00", "", "-1", "+1", "1.5", "1s", "\u{661}", "0x1"] {
            assert_eq!(hint(value), None, "{value:?}");
        }
        assert_eq!(hint("007"), Some(Duration::from_secs(7)));
        for value in ["31536000", "31536001", "99999999999999999999999"] {
            assert_eq!(hint(value), Some(YEAR), "{value}");
        }
        assert_eq!(hint("Fri, 31 Dec 9999 23:59:59 GMT"), Some(YEAR));
    }

    #[test]
    fn a_near_date_is_the_time_until_then() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_770);
        let hint = |value| retry_after(value, now);
        assert_eq!(
            hint("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(7))
        );
        // The clock of the server may be behind.
        assert_eq!(hint("Sun, 06 Nov 1994 08:49:30 GMT"), None);
        assert_eq!(hint("Sat, 05 Nov 1994 08:49:37 GMT"), None);
        // The two other forms that HTTP defines are obsolete.
        assert_eq!(hint("Sunday, 06-Nov-94 08:49:37 GMT"), None);
        assert_eq!(hint("Sun Nov  6 08:49:37 1994"), None);
    }

    /// What `httpdate` makes of a date in the preferred form.
    fn oracle(text: &str) -> Option<Duration> {
        let is_preferred = text.len() == 29 && text.ends_with(" GMT") && !text.starts_with(' ');
        let date = is_preferred.then(|| httpdate::parse_http_date(text).ok())??;
        date.duration_since(UNIX_EPOCH).ok()
    }

    #[test]
    fn dates_are_read_as_httpdate_reads_them() {
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..5_000 {
            let seconds = random.u64(0..253_402_300_800);
            let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(
                imf_fixdate(&text),
                Some(Duration::from_secs(seconds)),
                "{text}"
            );

            // Here, more may be read than by the library, but what it reads must be the same.
            let mut damaged = text.clone().into_bytes();
            let place = random.usize(0..damaged.len());
            damaged[place] = *random.choice(b"0123456789 :,+-GMTanJSu").unwrap();
            let damaged = String::from_utf8(damaged).unwrap();
            let read = oracle(&damaged);
            assert!(read.is_none() || imf_fixdate(&damaged) == read, "{damaged}");
            assert_eq!(imf_fixdate(&text[..place]), None, "{text}");
        }
        assert_eq!(
            imf_fixdate("Thu, 01 Jan 1970 00:00:00 GMT"),
            Some(Duration::ZERO)
        );
        assert_eq!(imf_fixdate("Wed, 31 Dec 1969 23:59:59 GMT"), None);
        let others = [
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, -6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1000000 08:49:37 GMT",
            "Sun, 06 Jan 0 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
        ];
        for other in others {
            assert_eq!(imf_fixdate(other), None, "{other}");
        }
    }
}
