//! [`Client`] and [`ClientBuilder`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::credentials::{Credentials, MAX_HEADER};
use crate::error::{Error, ErrorKind, Result};
use crate::json::{self, Linked, Links, Object};
use crate::listing::{Listing, Rows};
use crate::model::{Account, Membership, MembershipCounts, Verification};
use crate::path;
use crate::retry::{Policy, Retry};
use crate::transport::{Call, Origin, Settings, Transport};

/// A client for the Mode REST API. Blocking, and safe to share: a clone is cheap and uses the same connections.
///
/// Every method makes one *call*: its requests, their retries, waits, further pages and fallbacks together end within
/// [`ClientBuilder::timeout`].
///
/// ```no_run
/// use mode_analytics::{Client, Credentials};
///
/// let client = Client::new(Credentials::from_env()?);
/// let workspace = client.verify()?.workspace.expect("the key opens a workspace");
/// for person in client.memberships(&workspace)? {
///     println!("{:?}: {}", person.member_username, person.state);
/// }
/// # Ok::<(), mode_analytics::Error>(())
/// ```
///
/// # Errors
///
/// What every method can return: [`Unauthorized`](ErrorKind::Unauthorized), [`Forbidden`](ErrorKind::Forbidden),
/// [`NotFound`](ErrorKind::NotFound), [`BadRequest`](ErrorKind::BadRequest), [`RateLimited`](ErrorKind::RateLimited),
/// [`Server`](ErrorKind::Server) and [`UnexpectedStatus`](ErrorKind::UnexpectedStatus) by the answer's status;
/// [`Transport`](ErrorKind::Transport), [`Tls`](ErrorKind::Tls) and [`Timeout`](ErrorKind::Timeout) where there is no
/// complete answer; [`TooLarge`](ErrorKind::TooLarge) and [`Decode`](ErrorKind::Decode) where it is of no use; and
/// [`InvalidInput`](ErrorKind::InvalidInput) where the crate was built without TLS and the base URL is https.
#[derive(Clone)]
pub struct Client(Arc<Transport>);

impl Client {
    /// Where Mode is.
    pub const DEFAULT_BASE_URL: &'static str = "https://app.mode.com";

    /// A client with all the defaults of [`ClientBuilder`].
    ///
    /// Built without the feature `rustls` it cannot reach Mode: the first call says so with
    /// [`ErrorKind::InvalidInput`].
    pub fn new(credentials: Credentials) -> Self {
        let ClientBuilder {
            credentials,
            settings,
            ..
        } = Self::builder(credentials);
        Self(Arc::new(Transport::new(
            credentials,
            Origin::mode(Self::DEFAULT_BASE_URL),
            settings,
        )))
    }

    /// Makes a client from the environment: [`ClientBuilder::from_env()`], built.
    ///
    /// # Errors
    ///
    /// The errors of [`ClientBuilder::from_env()`] and [`ClientBuilder::build()`].
    ///
    /// ```no_run
    /// let client = mode_analytics::Client::from_env()?;
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn from_env() -> Result<Self> {
        ClientBuilder::from_env()?.build()
    }

    /// Starts a client whose settings differ from the defaults.
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
                on_retry: None,
                system_roots: false,
            },
        }
    }

    /// Whether the key works, and where: `GET /api/verify`. The cheapest check, and it works with every sort of key.
    ///
    /// Its [`workspace`](Verification::workspace) is the value for [`memberships()`](Self::memberships). (The route is
    /// what other open-source clients use; Mode's reference does not list it.)
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unauthorized`] where token or secret is wrong; otherwise [as every method](Self#errors).
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::new(mode_analytics::Credentials::from_env()?);
    /// let opened = client.verify()?;
    /// println!("{:?} with scope {:?}", opened.workspace, opened.api_key_scope);
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn verify(&self) -> Result<Verification> {
        self.0.start()?.get("/api/verify", object)
    }

    /// Who the key belongs to: `GET /api/account`.
    ///
    /// Mode refuses that route to workspace and member keys with status 400 ("This endpoint is unsupported for use with
    /// Api Keys", says its reference). The person is then looked up in three more requests: what the key opens, the
    /// key's record, the member it belongs to.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadRequest`], the first answer's, where the key belongs to no person, as a workspace key may: ask
    /// [`verify()`](Self::verify) instead. A failure on the way is returned as it is; otherwise
    /// [as every method](Self#errors).
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::new(mode_analytics::Credentials::from_env()?);
    /// println!("this is {}", client.account()?.username);
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn account(&self) -> Result<Account> {
        let call = self.0.start()?;
        let refused = match call.get("/api/account", object) {
            Err(error) if error.status() == Some(400) => error,
            other => return other,
        };
        let mut path = String::from("/api/verify");
        for link in [|links: Links| links.this, |links: Links| links.member] {
            match call
                .get(&path, object::<Linked>)?
                .href(link)
                .filter(|href| path::check(href).is_ok())
            {
                Some(href) => path = href,
                None => {
                    return Err(refused.with_hint(
                        "no person stands behind this key: verify() tells what it opens",
                    ));
                }
            }
        }
        call.get(&path, object)
    }

    /// Everyone in a workspace: `GET /api/{workspace}/memberships`, and its further pages where the server has any.
    ///
    /// The whole listing or an error, never a part of it. An empty `Vec` means that the workspace has nobody. With
    /// some keys Mode answers this route with 404; the people then come from the
    /// [lite listing](Self::memberships_lite). `workspace` is the name in `https://app.mode.com/<workspace>`; `account`
    /// and `verify` are routes of Mode's and no names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] where `workspace` is not a name of 1 to 255 ASCII letters, digits, `-`, `_` and
    /// `.`;
    /// [`ErrorKind::NotFound`] where neither listing is there; [`ErrorKind::Decode`] where the answer holds no listing,
    /// a row has no `state` or a field of a wrong type, or fewer rows arrive than the server counts; otherwise
    /// [as every method](Self#errors).
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::new(mode_analytics::Credentials::from_env()?);
    /// let active = client.memberships("acme")?.into_iter().filter(|person| person.is_active());
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn memberships(&self, workspace: &str) -> Result<Vec<Membership>> {
        self.list(workspace)
    }

    /// Everyone in a workspace, with name and e-mail: `GET /api/{workspace}/memberships/lite`.
    ///
    /// Other open-source clients have seen this route; Mode's reference does not list it. Rows have no
    /// [`invited`](Membership::invited), [`managed_by_scim`](Membership::managed_by_scim) or
    /// [`activated_at`](Membership::activated_at).
    ///
    /// # Errors
    ///
    /// As [`memberships()`](Self::memberships), without a fallback.
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::new(mode_analytics::Credentials::from_env()?);
    /// for person in client.memberships_lite("acme")? {
    ///     println!("{:?} <{:?}>", person.name, person.email);
    /// }
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn memberships_lite(&self, workspace: &str) -> Result<Vec<Membership>> {
        let path = path::memberships(workspace)? + LITE;
        let call = self.0.start()?;
        let mut listing = Listing::default();
        let next = call.get(&path, |body| listing.add(body))?;
        further_pages(&call, &path, listing, next)
    }

    /// How many people a workspace has, in all and by state: the same requests as
    /// [`memberships()`](Self::memberships), but no rows are built, and of a row only its `state` is looked at.
    ///
    /// # Errors
    ///
    /// As [`memberships()`](Self::memberships), but a wrong type in a field other than `state` is none.
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::new(mode_analytics::Credentials::from_env()?);
    /// println!("Active Users Count: {}", client.membership_counts("acme")?.active);
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn membership_counts(&self, workspace: &str) -> Result<MembershipCounts> {
        self.list(workspace)
    }

    /// Any other GET, one page of it. `path` is sent verbatim, with its query: `/api/acme/groups?page=2`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] where `path` does not start with `/api/`, has an empty, `.` or `..` segment (also
    /// percent-encoded), is longer than 8192 characters, or has anything but printable ASCII without space, `"`, `#`,
    /// `<`, `>`, `` ` `` and `\`; [`ErrorKind::Decode`] where the answer is no `T`; otherwise
    /// [as every method](Self#errors).
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::new(mode_analytics::Credentials::from_env()?);
    /// let groups: serde_json::Value = client.get("/api/acme/groups?page=2")?;
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        path::check(path)?;
        self.0.start()?.get(path, |body| json::read(body))
    }

    fn list<R: Rows>(&self, workspace: &str) -> Result<R> {
        let mut path = path::memberships(workspace)?;
        let call = self.0.start()?;
        let mut listing = Listing::default();
        let mut first = call.get(&path, |body| listing.add(body));
        if is_missing(&first) {
            path.push_str(LITE);
            let lite = call.get(&path, |body| listing.add(body));
            first = if is_missing(&lite) { first } else { lite };
        }
        further_pages(&call, &path, listing, first?)
    }
}

const LITE: &str = "/lite";

fn is_missing<T>(answer: &Result<T>) -> bool {
    answer
        .as_ref()
        .is_err_and(|error| error.status() == Some(404))
}

/// Asks for the pages from `next` on. Where the server does not count them, a 404 is the end.
fn further_pages<R: Rows>(
    call: &Call<'_>,
    path: &str,
    mut listing: Listing<R>,
    mut next: Option<u64>,
) -> Result<R> {
    while let Some(page) = next {
        let answer = call.get(&format!("{path}?page={page}"), |body| listing.add(body));
        next = match answer {
            Err(error) if error.status() != Some(404) => return Err(error),
            Err(error) if listing.is_counted() => {
                return Err(error.with_hint("a page that the server counts is missing"));
            }
            answer => answer.unwrap_or_default(),
        };
    }
    Ok(listing.rows)
}

fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    json::read(body).map(|Object(fields)| fields)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.0.origin.url)
            .finish_non_exhaustive()
    }
}

/// The settings of a [`Client`], begun with [`Client::builder()`].
///
/// A timeout above a year counts as a year.
#[derive(Clone)]
#[must_use = "a builder does nothing before `build()`"]
pub struct ClientBuilder {
    credentials: Credentials,
    base_url: String,
    settings: Settings,
}

impl ClientBuilder {
    /// Starts a client with the settings that the environment holds: `MODE_API_TOKEN`, `MODE_API_SECRET` and, if it is
    /// set and not empty, `MODE_BASE_URL`.
    ///
    /// # Errors
    ///
    /// The errors of [`Credentials::from_env()`], and [`ErrorKind::InvalidInput`] if `MODE_BASE_URL` is not Unicode.
    pub fn from_env() -> Result<Self> {
        let builder = Client::builder(Credentials::from_env()?);
        match std::env::var_os("MODE_BASE_URL").filter(|url| !url.is_empty()) {
            None => Ok(builder),
            Some(url) => match url.into_string() {
                Ok(url) => Ok(builder.base_url(url)),
                Err(_) => Err(Error::new(
                    ErrorKind::InvalidInput,
                    "MODE_BASE_URL is not Unicode",
                )),
            },
        }
    }

    /// Where Mode is: an origin such as `https://app.mode.com` (the default), without path, query or user name. Plain
    /// `http` is accepted for `localhost` and loopback addresses only. With a loopback host, https or not, the proxy
    /// variables are ignored.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// The longest one call of the SDK may take: every attempt, wait, page and fallback together. Default: 60 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// The longest one request may take, from the name lookup to the last byte of the answer. Default: 30 s. Connecting
    /// is given 10 s of it at most.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.settings.attempt_timeout = timeout;
        self
    }

    /// How often a request may be sent again after its first attempt. Default: 3; 0 is never.
    ///
    /// Retried are the statuses 408, 429, 500, 502, 503 and 504, connections that are refused or break, and attempts
    /// that time out.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.settings.policy.max_retries = retries;
        self
    }

    /// The unit of the waits between attempts. Default: 500 ms.
    ///
    /// Before retry *n* (from 0) the wait is drawn from zero up to `delay` · 2ⁿ; after a 429 without `Retry-After`
    /// from the upper half of eight times that, so that three waits outlast Mode's 10-second window.
    pub fn retry_base_delay(mut self, delay: Duration) -> Self {
        self.settings.policy.base_delay = delay;
        self
    }

    /// The longest single wait, and the longest `Retry-After` that is obeyed. Default: 30 s.
    ///
    /// Where the server asks for more, or for more than is left of [`timeout`](Self::timeout), the error comes back at
    /// once, with [`Error::retry_after()`].
    pub fn max_retry_delay(mut self, delay: Duration) -> Self {
        self.settings.policy.max_delay = delay;
        self
    }

    /// The largest body of one answer, in bytes after decompression. Default: 256 MiB; 100,000 people take about 85.
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_response_bytes = bytes;
        self
    }

    /// The `User-Agent` header. Default: `mode-analytics-rust/<version>`.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.settings.user_agent = user_agent.into();
        self
    }

    /// Needs the feature `platform-verifier`.
    ///
    /// Trusts the certificates that the operating system trusts, instead of the bundled Mozilla ones: what a company's
    /// own CA or a proxy that re-signs traffic needs. On Linux, `SSL_CERT_FILE` and `SSL_CERT_DIR` are obeyed.
    #[cfg(feature = "platform-verifier")]
    pub fn system_roots(mut self) -> Self {
        self.settings.system_roots = true;
        self
    }

    /// Calls a function before every wait, so that none is hidden. Default: none. Its time counts as the call's.
    ///
    /// ```no_run
    /// # use mode_analytics::{Client, Credentials};
    /// let client = Client::builder(Credentials::new("token", "secret")?)
    ///     .on_retry(|retry| eprintln!("{:?}; retry {} in {:.1?}", retry.error(), retry.attempt(), retry.delay()))
    ///     .build()?;
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn on_retry(mut self, tell: impl Fn(&Retry<'_>) + Send + Sync + 'static) -> Self {
        self.settings.on_retry = Some(Arc::new(tell));
        self
    }

    /// Checks the settings and makes the client. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a base URL that is no origin, is not https and not loopback, or is https in a
    /// build without the feature `rustls`; for a timeout of zero; and for a user agent that is empty, longer than
    /// 8192 characters, or has anything but printable ASCII, space and tab.
    pub fn build(self) -> Result<Client> {
        let Self {
            credentials,
            base_url,
            settings,
        } = self;
        let origin = Origin::parse(&base_url)?;
        if settings.timeout.is_zero() || settings.attempt_timeout.is_zero() {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "a timeout of zero would fail every call",
            ));
        }
        if !matches!(settings.user_agent.len(), 1..=MAX_HEADER)
            || !settings
                .user_agent
                .bytes()
                .all(|b| matches!(b, b' '..=b'~' | b'\t'))
        {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "the user agent must be 1 to 8192 characters of printable ASCII",
            ));
        }
        let transport = Transport::new(credentials, origin, settings);
        transport.start()?;
        Ok(Client(Arc::new(transport)))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").finish_non_exhaustive()
    }
}
