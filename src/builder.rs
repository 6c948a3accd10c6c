//! [`ClientBuilder`], which makes a [`Client`]. Every setter states its default.

use std::{env, fmt, sync::Arc, time::Duration};

use crate::client::Client;
use crate::connection::{self, Route};
use crate::credentials::Credentials;
use crate::error::{Error, Result};
use crate::input::{self, Origin};
use crate::retry::{Policy, Retry, YEAR};
use crate::transport::{Settings, Transport};

const LACKS_TLS: &str = "https needs mode-analytics's feature `rustls`, which is off";

impl Client {
    /// The base URL that is used unless you set another.
    pub const DEFAULT_BASE_URL: &'static str = "https://app.mode.com";

    /// Creates a client with the default settings of [`ClientBuilder`].
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ClientBuilder::build()`]. With the default settings, the only causes are a
    /// proxy variable that cannot be used and a build without the feature `rustls`.
    ///
    /// ```no_run
    /// use mode_analytics::{Client, Credentials};
    ///
    /// let client = Client::new(Credentials::new("token", "secret")?)?;
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn new(credentials: Credentials) -> Result<Self> {
        Self::builder(credentials).build()
    }

    /// Creates a client from environment variables, by calling [`ClientBuilder::from_env()`] and then
    /// [`ClientBuilder::build()`].
    ///
    /// # Errors
    ///
    /// Returns the errors of these two functions.
    ///
    /// ```no_run
    /// let client = mode_analytics::Client::from_env()?;
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn from_env() -> Result<Self> {
        ClientBuilder::from_env()?.build()
    }

    /// Returns a builder with the default settings.
    ///
    /// ```
    /// use std::time::Duration;
    /// use mode_analytics::{Client, Credentials};
    ///
    /// let client = Client::builder(Credentials::new("token", "secret")?)
    ///     .base_url("http://127.0.0.1:8080")
    ///     .timeout(Duration::from_secs(15))
    ///     .max_retries(1)
    ///     .build()?;
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn builder(credentials: Credentials) -> ClientBuilder {
        ClientBuilder {
            credentials,
            base_url: Self::DEFAULT_BASE_URL.into(),
            settings: Settings {
                timeout: Duration::from_secs(60),
                attempt_timeout: Duration::from_secs(30),
                policy: Policy {
                    max_retries: 3,
                    base_delay: Duration::from_millis(500),
                    max_delay: Duration::from_secs(30),
                },
                max_response_bytes: 256 * 1024 * 1024,
                user_agent: concat!("mode-analytics-rust/", env!("CARGO_PKG_VERSION")).into(),
                #[cfg(feature = "platform-verifier")]
                system_roots: false,
                on_retry: Arc::new(|_| {}),
            },
        }
    }
}

/// The settings of a [`Client`].
///
/// [`Client::builder()`] starts with the defaults, and [`ClientBuilder::from_env()`] starts with what
/// it finds in the environment. A timeout of more than a year counts as a year.
#[derive(Clone)]
#[must_use = "a builder does nothing before `build()`"]
pub struct ClientBuilder {
    credentials: Credentials,
    base_url: String,
    settings: Settings,
}

impl ClientBuilder {
    /// Returns a builder with the credentials in `MODE_API_TOKEN` and `MODE_API_SECRET` and, if it is set
    /// and not empty, with the base URL in `MODE_BASE_URL`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Credentials::from_env()`], and
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `MODE_BASE_URL` is not a valid base URL.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use mode_analytics::ClientBuilder;
    ///
    /// let client = ClientBuilder::from_env()?.timeout(Duration::from_secs(15)).build()?;
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn from_env() -> Result<Self> {
        let builder = Client::builder(Credentials::from_env()?);
        let url = env::var_os("MODE_BASE_URL").unwrap_or_default();
        if url.is_empty() {
            return Ok(builder);
        }
        // A value that is not Unicode is not a URL either.
        let url = url.to_string_lossy();
        let checked = Origin::parse(&url).map(|_| builder.base_url(url));
        checked.map_err(|error| error.with_advice("correct or unset MODE_BASE_URL"))
    }

    /// Sets the base URL, which is an origin such as `https://app.mode.com` (the default), without a
    /// path, a query or a user name.
    ///
    /// Plain `http` is accepted only for `localhost` and for loopback addresses. With a loopback
    /// host, https or not, the proxy variables are ignored.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// Sets the longest time that one call may take, with all of its attempts, waits and pages.
    /// Default: 60 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout.min(YEAR);
        self
    }

    /// Sets the longest time that one attempt may take, from looking up the host name to the last
    /// byte of the response. Default: 30 s. Connecting may take at most 10 s of it.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.settings.attempt_timeout = timeout.min(YEAR);
        self
    }

    /// Sets how many times a request may be sent again after its first attempt. Default: 3. With 0, it
    /// is never sent again.
    ///
    /// A request is sent again after status 408, 429, or 5xx except 501, 505 and 511; after a failure to
    /// reach the server or to receive its whole response, such as an unknown host name or a lost
    /// connection; and after an attempt timed out. It is not sent again after a TLS failure, or after a
    /// refusal by this system or by a proxy.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.settings.policy.max_retries = retries;
        self
    }

    /// Sets the base from which the waits between attempts are computed. Default: 500 ms.
    ///
    /// The wait before retry *n* (the first is 1) is random, between zero and `delay` · 2ⁿ⁻¹. After a 429
    /// without `Retry-After`, the bound is eight times as high and the wait is at least half of it, so
    /// that with the defaults three waits together last longer than Mode's window of 10 seconds. A
    /// `Retry-After` makes the wait longer if need be.
    pub fn retry_base_delay(mut self, delay: Duration) -> Self {
        self.settings.policy.base_delay = delay;
        self
    }

    /// Sets the longest single wait, and the longest `Retry-After` that is obeyed. Default: 30 s.
    ///
    /// If the server asks for more than that, or for more than is left of [`timeout`](Self::timeout),
    /// the error is returned at once, and [`Error::retry_after()`](crate::Error::retry_after) says
    /// how long to wait.
    pub fn max_retry_delay(mut self, delay: Duration) -> Self {
        self.settings.policy.max_delay = delay;
        self
    }

    /// Sets the largest size that the body of one response may have, in bytes after decompression.
    /// Default: 256 MiB. A listing of 100,000 members takes about 85 MB.
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_response_bytes = bytes;
        self
    }

    /// Sets the `User-Agent` header. Default: `mode-analytics-rust/<version>`.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.settings.user_agent = user_agent.into();
        self
    }

    /// Trusts the certificates that the operating system trusts, instead of the built-in ones from
    /// Mozilla. Default: off. Needs the feature `platform-verifier`.
    ///
    /// You need it if your company has a certificate authority of its own, or a proxy that re-signs
    /// traffic. On Linux, this setting reads `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    #[cfg(feature = "platform-verifier")]
    pub fn system_roots(mut self) -> Self {
        self.settings.system_roots = true;
        self
    }

    /// Calls `f` before each wait. Default: nothing is called. Time spent in `f` counts towards
    /// [`timeout`](Self::timeout).
    ///
    /// ```no_run
    /// # use mode_analytics::ClientBuilder;
    /// let client = ClientBuilder::from_env()?
    ///     .on_retry(|retry| eprintln!("{:?}; in {:.1?}", retry.error(), retry.delay()))
    ///     .build()?;
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn on_retry(mut self, f: impl Fn(&Retry<'_>) + Send + Sync + 'static) -> Self {
        self.settings.on_retry = Arc::new(f);
        self
    }

    /// Checks the settings and creates the client. Nothing is sent.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidInput`](crate::ErrorKind::InvalidInput)
    ///
    /// * if the base URL is not an origin, is neither https nor on loopback, or is https in a build
    ///   without the feature `rustls`;
    /// * if a timeout is zero;
    /// * if the user agent is empty, is longer than 8192 characters, or contains anything but
    ///   printable ASCII, space and tab;
    /// * if a proxy variable applies to the base URL but cannot be used.
    pub fn build(self) -> Result<Client> {
        let origin = Origin::parse(&self.base_url)?;
        if origin.url.starts_with("https:") && !cfg!(feature = "rustls") {
            return Err(Error::invalid_input(LACKS_TLS));
        }
        if self.settings.timeout.is_zero() || self.settings.attempt_timeout.is_zero() {
            return Err(Error::invalid_input("a timeout must not be zero"));
        }
        input::check_user_agent(&self.settings.user_agent)?;
        let route = Route {
            proxy: connection::proxy_for(&origin)?,
            origin,
            redactor: self.credentials.redactor(),
        };
        let transport = Transport::new(self.credentials.basic(), route, self.settings);
        Ok(Client(Arc::new(transport)))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").finish_non_exhaustive()
    }
}
