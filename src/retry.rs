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
    pub(crate) fn wait(&self, error: &Error, n: u32, dice: f64, rest: Duration) -> Option<Duration> {
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
        let (factor, share) = if outlast_window { (8.0, 0.5 + dice / 2.0) } else { (1.0, dice) };
        let ceiling = self.base_delay.as_secs_f64() * factor * 2_f64.powi(n.min(200) as i32);
        let wait = ceiling.min(self.max_delay.as_secs_f64()) * share;
        Duration::try_from_secs_f64(wait).unwrap_or(self.max_delay).min(self.max_delay)
    }
}

pub(crate) fn is_retried_status(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

pub(crate) fn is_broken_connection(kind: Io) -> bool {
    use Io::{BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, TimedOut, UnexpectedEof};
    matches!(kind, ConnectionRefused | ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof | TimedOut)
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
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let [weekday, day, month, year, time, "GMT"] = text.split(' ').collect::<Vec<_>>()[..] else { return None };
    let [hour, minute, second] = time.split(':').collect::<Vec<_>>()[..] else { return None };
    let (day, year) = (number(day, 2)?, number(year, 4)?);
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    let month = MONTHS.iter().position(|name| *name == month)?;

    let leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if year < 1970 || day == 0 || day > *month_days.get(month)? || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum::<u64>()
        + month_days.iter().take(month).sum::<u64>()
        + (day - 1);
    let matches = WEEKDAYS.iter().cycle().nth((days % 7) as usize) == Some(&weekday);
    matches.then(|| Duration::from_secs(((days * 24 + hour) * 60 + minute) * 60 + second))
}

fn number(text: &str, width: usize) -> Option<u64> {
    (text.len() == width && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}
