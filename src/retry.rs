//! What is retried and after how long. Pure: the clock, the dice and the sleeping are the caller's.

use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind as Io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::Error;

/// A wait before a retry, as [`ClientBuilder::on_retry`](crate::ClientBuilder::on_retry) is told of it.
#[derive(Debug)]
pub struct Retry<'a> {
    pub(crate) attempt: u32,
    pub(crate) delay: Duration,
    pub(crate) error: &'a Error,
}

impl Retry<'_> {
    /// Which retry of the request this is; 1 is the first.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How long the wait will be.
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// What the attempt before it ended with.
    pub fn error(&self) -> &Error {
        self.error
    }
}

/// When to try again.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) max_retries: u32,
    pub(crate) base_delay: Duration,
    pub(crate) max_delay: Duration,
}

impl Policy {
    /// The wait before retry `n` (from 0) of a request that failed with `error`, or `None` where there is to be none.
    /// `dice` is in `0.0..1.0`, `rest` is what is left of the call's time.
    pub(crate) fn wait(
        &self,
        error: &Error,
        n: u32,
        dice: f64,
        rest: Duration,
    ) -> Option<Duration> {
        let hint = error.retry_after();
        if !error.is_retryable() || n >= self.max_retries || hint > Some(self.max_delay) {
            return None;
        }
        let jittered = self.backoff(n, error.status() == Some(429) && hint.is_none(), dice);
        let wait = jittered.max(hint.unwrap_or_default());
        (wait < rest).then_some(wait)
    }

    /// Full jitter; for a rate limit that names no time, waits that outlast Mode's window of 10 seconds.
    fn backoff(&self, n: u32, outlast_window: bool, dice: f64) -> Duration {
        let (factor, share) = if outlast_window {
            (8.0, 0.5 + dice / 2.0)
        } else {
            (1.0, dice)
        };
        let ceiling = self.base_delay.as_secs_f64() * factor * 2_f64.powi(n.min(200) as i32);
        let wait = ceiling.min(self.max_delay.as_secs_f64()) * share;
        Duration::try_from_secs_f64(wait)
            .unwrap_or(self.max_delay)
            .min(self.max_delay)
    }
}

pub(crate) fn is_retried_status(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

pub(crate) fn is_broken_connection(kind: Io) -> bool {
    use Io::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, TimedOut, UnexpectedEof,
    };
    matches!(
        kind,
        ConnectionRefused
            | ConnectionReset
            | ConnectionAborted
            | BrokenPipe
            | UnexpectedEof
            | TimedOut
    )
}

/// A number in `0.0..1.0`. The standard library's only source of randomness is the seed of its hash maps.
pub(crate) fn dice() -> f64 {
    (RandomState::new().hash_one(()) >> 11) as f64 / (1_u64 << 53) as f64
}

/// How long a `Retry-After` asks to wait: seconds, or a date (the preferred form of RFC 9110). Others are no hint.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = UNIX_EPOCH.checked_add(imf_fixdate(value)?)?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT` as the time since 1970.
fn imf_fixdate(text: &str) -> Option<Duration> {
    const WEEKDAYS: [&str; 7] = ["Thu,", "Fri,", "Sat,", "Sun,", "Mon,", "Tue,", "Wed,"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let [weekday, day, month, year, time, "GMT"] = text.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let [hour, minute, second] = time.split(':').collect::<Vec<_>>()[..] else {
        return None;
    };
    let (day, year) = (number(day, 2)?, number(year, 4)?);
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    let month = MONTHS.iter().position(|name| *name == month)?;

    let leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = [
        31,
        if leap(year) { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    if year < 1970
        || day == 0
        || day > *month_days.get(month)?
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let days = (1970..year)
        .map(|year| if leap(year) { 366 } else { 365 })
        .sum::<u64>()
        + month_days.iter().take(month).sum::<u64>()
        + (day - 1);
    let matches = WEEKDAYS.iter().cycle().nth((days % 7) as usize) == Some(&weekday);
    matches.then(|| Duration::from_secs(((days * 24 + hour) * 60 + minute) * 60 + second))
}

fn number(text: &str, width: usize) -> Option<u64> {
    (text.len() == width && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
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
        let keys = crate::Credentials::new("token", "secret").unwrap();
        Error::from_status(status, hint, b"", &keys)
    }

    #[test]
    fn backoff_is_full_jitter_below_a_doubling_ceiling() {
        let wait = |n, dice| {
            defaults()
                .wait(&failed(503, None), n, dice, Duration::MAX)
                .unwrap()
        };
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
        let wait = |n, dice| {
            defaults()
                .wait(&failed(429, None), n, dice, Duration::MAX)
                .unwrap()
        };
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
                for (dice, status) in ENDS.into_iter().flat_map(|dice| [(dice, 429), (dice, 503)]) {
                    // The longest waits leave no time for another attempt.
                    let wait =
                        policy(base, cap).wait(&failed(status, None), n, dice, Duration::MAX);
                    assert!(wait.unwrap_or(cap) <= cap);
                    assert!(!base.is_zero() || wait == Some(Duration::ZERO));
                }
            }
        }
    }

    #[test]
    fn a_hint_is_a_lower_bound_up_to_the_longest_wait() {
        let seconds = Duration::from_secs;
        let wait = |status, hint, dice| {
            defaults().wait(&failed(status, Some(hint)), 2, dice, Duration::MAX)
        };
        for status in [429, 503] {
            assert_eq!(wait(status, seconds(3), 0.5), Some(seconds(3)));
            assert_eq!(wait(status, Duration::ZERO, 0.0), Some(Duration::ZERO));
            assert_eq!(wait(status, Duration::ZERO, 0.5), Some(seconds(1)));
            assert_eq!(wait(status, seconds(30), 0.0), Some(seconds(30)));
            assert_eq!(
                wait(status, seconds(30) + Duration::from_nanos(1), 0.0),
                None
            );
        }
    }

    #[test]
    fn there_is_no_wait_without_retries_time_or_sense() {
        let wait = |status, n, rest| {
            let policy = Policy {
                max_retries: 2,
                ..defaults()
            };
            policy.wait(&failed(status, Some(Duration::from_secs(1))), n, 0.0, rest)
        };
        let second = Duration::from_secs(1);
        assert_eq!(wait(503, 1, Duration::MAX), Some(second));
        assert_eq!(wait(503, 2, Duration::MAX), None);
        assert_eq!(wait(503, 0, second), None);
        assert_eq!(wait(503, 0, second + Duration::from_nanos(1)), Some(second));
        assert_eq!(wait(501, 0, Duration::MAX), None);
        let other = Error::new(ErrorKind::Transport, "");
        assert_eq!(defaults().wait(&other, 0, 0.0, Duration::MAX), None);
        assert!(
            defaults()
                .wait(&other.retryable(), 0, 0.0, Duration::MAX)
                .is_some()
        );
    }

    #[test]
    fn dice_are_spread_over_zero_to_one() {
        let thrown: Vec<f64> = (0..1000).map(|_| dice()).collect();
        assert!(thrown.iter().all(|dice| (0.0..1.0).contains(dice)));
        let mean = thrown.iter().sum::<f64>() / 1000.0;
        assert!(
            (0.4..0.6).contains(&mean) && thrown.iter().any(|dice| *dice < 0.1),
            "{mean}"
        );
    }

    #[test]
    fn broken_connections_are_those_of_the_design() {
        use Io::*;
        let all = [
            BrokenPipe,
            ConnectionAborted,
            ConnectionRefused,
            ConnectionReset,
            TimedOut,
            UnexpectedEof,
        ];
        assert!(all.into_iter().all(is_broken_connection));
        for kind in [
            InvalidData,
            HostUnreachable,
            NetworkUnreachable,
            NotFound,
            PermissionDenied,
            Other,
            WouldBlock,
        ] {
            assert!(!is_broken_connection(kind), "{kind:?}");
        }
    }

    #[test]
    fn a_near_date_is_the_time_until_then() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_770);
        let hint = |value| retry_after(value, now);
        assert_eq!(
            hint("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            hint("\t Sun, 06 Nov 1994 08:49:37 GMT "),
            Some(Duration::from_secs(7))
        );
        assert_eq!(hint("Sun, 06 Nov 1994 08:49:30 GMT"), Some(Duration::ZERO));
        assert_eq!(hint("Sat, 05 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        // The other two forms of HTTP are obsolete.
        assert_eq!(hint("Sunday, 06-Nov-94 08:49:37 GMT"), None);
        assert_eq!(hint("Sun Nov  6 08:49:37 1994"), None);
    }

    /// What `httpdate` makes of a date of the preferred form.
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

            let mut damaged = text.clone().into_bytes();
            let place = random.usize(0..damaged.len());
            damaged[place] = *random.choice(b"0123456789 :,+-GMTanJSu").unwrap();
            let damaged = String::from_utf8(damaged).unwrap();
            assert_eq!(imf_fixdate(&damaged), oracle(&damaged), "{damaged}");
            let (short, long) = (&text[..place], format!("{text}{}", &text[place..=place]));
            assert_eq!(
                (imf_fixdate(short), imf_fixdate(&long)),
                (None, None),
                "{text}"
            );
        }
        assert_eq!(
            imf_fixdate("Thu, 01 Jan 1970 00:00:00 GMT"),
            Some(Duration::ZERO)
        );
        assert_eq!(imf_fixdate("Wed, 31 Dec 1969 23:59:59 GMT"), None);
        let days = [
            "29 Feb 2023",
            "29 Feb 2024",
            "30 Feb 2024",
            "29 Feb 2000",
            "29 Feb 1900",
            "29 Feb 2100",
            "31 Apr 2024",
        ];
        for (weekday, day) in ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
            .into_iter()
            .flat_map(|w| days.map(|d| (w, d)))
        {
            for time in ["00:00:00", "23:59:59", "24:00:00", "23:60:00", "23:59:60"] {
                let text = format!("{weekday}, {day} {time} GMT");
                assert_eq!(imf_fixdate(&text), oracle(&text), "{text}");
            }
        }
    }
}
