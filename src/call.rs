//! One call of the SDK: its deadline, and the loop that sends a request again.

use std::thread;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::retry::{self, Retry};
use crate::transport::Transport;

/// One call. All requests that are made for it share its deadline.
pub(crate) struct Call<'a> {
    transport: &'a Transport,
    deadline: Instant,
}

impl<'a> Call<'a> {
    pub(crate) fn start(transport: &'a Transport) -> Result<Self> {
        transport.check()?;
        let deadline = Instant::now() + transport.settings.timeout;
        Ok(Self {
            transport,
            deadline,
        })
    }

    /// GETs `path`, with retries, and reads the body of the response. What cannot be read is not
    /// asked for again.
    pub(crate) fn get<T>(&self, path: &str, mut read: impl FnMut(&[u8]) -> Result<T>) -> Result<T> {
        let settings = &self.transport.settings;
        let mut attempts = 0_u32;
        loop {
            let time_left = self.time_left();
            let retries = attempts;
            attempts = attempts.saturating_add(u32::from(!time_left.is_zero()));
            let body = self.transport.attempt(path, time_left);
            let mut error = match body.and_then(|body| read(&body)) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let path = path.split('?').next().unwrap_or_default();
            error.0.request = format!("GET {}: ", self.transport.redactor.clean(path));
            error.0.attempts = attempts;
            let fraction = retry::random_fraction();
            let wait = settings.policy.wait(&error, retries, fraction);
            let Some(delay) = wait.filter(|delay| *delay < self.time_left()) else {
                return Err(error);
            };
            if let Some(on_retry) = &settings.on_retry {
                let error = &error;
                on_retry(&Retry { delay, error });
            }
            // `on_retry` took time, too.
            if delay >= self.time_left() {
                return Err(error);
            }
            thread::sleep(delay);
        }
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}
