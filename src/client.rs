//! [`Client`]: one method for each endpoint, and the deadline and the retries that they share.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::input;
use crate::json;
use crate::listing::{Listing, Rows};
use crate::model::{Account, Membership, MembershipCounts, Verification};
use crate::retry::{self, Retry};
use crate::transport::Transport;

/// The end of a listing's path, for its full form and for its lite form.
const FULL: &str = "";
const LITE: &str = "/lite";
const WORKSPACE_ADVICE: &str = "check the workspace name, the one in app.mode.com/<workspace>";

/// A blocking client for the Mode REST API.
///
/// A clone is cheap and shares the connections, so one client serves all threads of a program. Every
/// method makes one *call*: all the requests that it takes, with their retries and waits, end within
/// [`ClientBuilder::timeout`](crate::ClientBuilder::timeout).
///
/// ```no_run
/// use mode_analytics::Client;
///
/// let client = Client::from_env()?;
/// for member in client.memberships("acme")? {
///     println!("{:?}: {}", member.member_username, member.state);
/// }
/// # Ok::<(), mode_analytics::Error>(())
/// ```
///
/// # Errors
///
/// Every method can return these kinds of error:
///
/// * by the status of the response: [`BadRequest`](ErrorKind::BadRequest),
///   [`Unauthorized`](ErrorKind::Unauthorized), [`Forbidden`](ErrorKind::Forbidden),
///   [`NotFound`](ErrorKind::NotFound), [`RateLimited`](ErrorKind::RateLimited),
///   [`Server`](ErrorKind::Server) and [`UnexpectedStatus`](ErrorKind::UnexpectedStatus);
/// * if no complete response arrives: [`Transport`](ErrorKind::Transport), [`Tls`](ErrorKind::Tls) and
///   [`Timeout`](ErrorKind::Timeout);
/// * if the response cannot be used: [`TooLarge`](ErrorKind::TooLarge) and
///   [`Decode`](ErrorKind::Decode);
/// * if nothing can be sent: [`InvalidInput`](ErrorKind::InvalidInput), because a proxy variable cannot
///   be used, or because the base URL is https and the crate was built without `rustls`.
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Transport>);

impl Client {
    /// Returns whether the key works, and for which workspace: `GET /api/verify`.
    ///
    /// This is the cheapest check, and it works with every sort of key. The
    /// [`workspace`](Verification::workspace) that it returns is the argument for
    /// [`memberships()`](Self::memberships). (The route is in Mode's OpenAPI file, but without a
    /// schema for its response; other open-source clients use it.) If a server answers with any other
    /// JSON object, all fields are `None`: only a workspace shows that Mode itself has answered.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::Unauthorized`] if the token or the secret is wrong, and the errors that
    /// [every method](Self#errors) can return.
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::from_env()?;
    /// let verification = client.verify()?;
    /// println!("{:?}", verification.workspace);
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn verify(&self) -> Result<Verification> {
        self.fetch("/api/verify", self.start()?, |body| json::read(&body?))
    }

    /// Returns the user that the key belongs to: `GET /api/account`.
    ///
    /// Mode refuses this route to workspace keys and member keys, with status 400 and the message
    /// "This endpoint is unsupported for use with Api Keys". In that case, the user is looked up in
    /// three more requests, as in other clients: what the key opens, the record of the key, and the
    /// member in that record.
    ///
    /// # Errors
    ///
    /// Returns the original [`ErrorKind::BadRequest`] if the key does not belong to a member, which
    /// is normal for a workspace key; use [`verify()`](Self::verify) instead. Any other failure on
    /// the way is returned as it is, as are the errors that [every method](Self#errors) can return.
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::from_env()?;
    /// println!("this is {}", client.account()?.username);
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn account(&self) -> Result<Account> {
        let deadline = self.start()?;
        let refused = match self.fetch("/api/account", deadline, |body| json::read(&body?)) {
            Err(error) if error.status() == Some(400) => error,
            other => return other,
        };
        let mut path = String::from("/api/verify");
        for link in ["self", "member"] {
            let Linked { links } =
                self.fetch(&path, deadline, |body| json::read_with_values(&body?))?;
            let href = links.pointer(&format!("/{link}/href"));
            let is_usable = |href: &&str| input::check_path(href, &self.0.redactor).is_ok();
            let Some(href) = href.and_then(Value::as_str).filter(is_usable) else {
                let advice = "this key does not belong to a member: verify() says what it opens";
                return Err(refused.with_advice(advice));
            };
            path = href.into();
        }
        self.fetch(&path, deadline, |body| json::read(&body?))
    }

    /// Returns all members of a workspace: `GET /api/{workspace}/memberships`, with all of its pages.
    ///
    /// You get the whole listing or an error, never a part of it. An empty `Vec` means that the
    /// workspace has no members. `workspace` is the name in `https://app.mode.com/<workspace>`.
    ///
    /// Other clients have seen Mode answer this route with 404 for some keys, although the key and
    /// the workspace are fine. In that case, the members come from the
    /// [lite listing](Self::memberships_lite).
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::InvalidInput`] if `workspace` does not consist of 1 to 255 ASCII letters,
    /// digits, `-`, `_` and `.`, or if it is `account` or `verify`, which are reserved by Mode's API.
    /// Returns [`ErrorKind::NotFound`] if neither listing exists. Returns [`ErrorKind::Decode`] if
    /// the response contains no listing, if a row has no `state` or a field of the wrong type, or if
    /// fewer members arrive than the server counts. [Every method](Self#errors) can return further
    /// errors.
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::from_env()?;
    /// let members = client.memberships("acme")?;
    /// let active = members.iter().filter(|member| member.is_active());
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn memberships(&self, workspace: &str) -> Result<Vec<Membership>> {
        self.list(workspace, FULL)
    }

    /// Returns all members of a workspace with their names and e-mail addresses:
    /// `GET /api/{workspace}/memberships/lite`.
    ///
    /// Mode's reference does not list this route; other open-source clients have seen it. Its rows do
    /// not have [`invited`](Membership::invited), [`managed_by_scim`](Membership::managed_by_scim) and
    /// [`activated_at`](Membership::activated_at).
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`memberships()`](Self::memberships). There is no other route to fall
    /// back to.
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::from_env()?;
    /// for member in client.memberships_lite("acme")? {
    ///     println!("{:?} <{:?}>", member.name, member.email);
    /// }
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn memberships_lite(&self, workspace: &str) -> Result<Vec<Membership>> {
        self.list(workspace, LITE)
    }

    /// Returns how many members a workspace has, in total and in each state.
    ///
    /// It makes the same requests as [`memberships()`](Self::memberships), but it does not build
    /// rows, and fields other than `state` are not checked.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`memberships()`](Self::memberships), except that the types of
    /// fields other than `state` do not matter.
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::from_env()?;
    /// println!("Active Users Count: {}", client.membership_counts("acme")?.active);
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn membership_counts(&self, workspace: &str) -> Result<MembershipCounts> {
        self.list(workspace, FULL)
    }

    /// Returns the response to any other GET, one page at a time.
    ///
    /// `path` is sent verbatim, with its query, for example `/api/acme/groups?page=2`. Prefer a type of
    /// your own to `serde_json::Value`: if another crate in the program switches on serde_json's feature
    /// `raw_value`, a malicious response that is read into a `Value` can overflow the stack.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::InvalidInput`] if `path` does not start with `/api/`, has an empty, `.`
    /// or `..` segment (percent-encoded or not), is longer than 8192 characters, or contains a space,
    /// `"`, `#`, `<`, `>`, `` ` ``, `\` or anything that is not printable ASCII. Returns
    /// [`ErrorKind::Decode`] if the response body does not deserialize into `T`. [Every
    /// method](Self#errors) can return further errors.
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::from_env()?;
    /// let groups: serde_json::Value = client.get("/api/acme/groups?page=2")?;
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        input::check_path(path, &self.0.redactor)?;
        self.fetch(path, self.start()?, |body| json::read_foreign(&body?))
    }

    /// Reads all pages of a listing. If the full form does not exist, reads the lite form instead.
    fn list<R: Rows>(&self, workspace: &str, form: &str) -> Result<R> {
        let base = input::memberships(workspace, &self.0.redactor)?;
        let deadline = self.start()?;
        let is_missing = |error: &Error| error.status() == Some(404);
        let mut listing = Listing::default();
        let mut path = format!("{base}{form}");
        let mut first = self.fetch(&path, deadline, |page| listing.add(page));
        if form == FULL && first.as_ref().is_err_and(is_missing) {
            path = format!("{base}{LITE}");
            first = match self.fetch(&path, deadline, |page| listing.add(page)) {
                Err(error) if is_missing(&error) => first,
                lite => lite,
            };
        }
        let mut next = first.map_err(|error| match error.kind() {
            ErrorKind::NotFound => error.with_advice(WORKSPACE_ADVICE),
            _ => error,
        })?;
        while let Some(number) = next {
            let path = format!("{path}?page={number}");
            next = self.fetch(&path, deadline, |page| listing.add(page))?;
        }
        Ok(listing.rows)
    }

    /// Starts a call. Returns its deadline, which all of its requests share.
    fn start(&self) -> Result<Instant> {
        self.0.check()?;
        Ok(Instant::now() + self.0.settings.timeout)
    }

    /// GETs `path`, with retries. `read` gets the body of the response, or the error of the attempt, and
    /// decides with what it returns. A request whose response cannot be read is not sent again.
    fn fetch<T, F>(&self, path: &str, deadline: Instant, mut read: F) -> Result<T>
    where
        F: FnMut(Result<Vec<u8>>) -> Result<T>,
    {
        let settings = &self.0.settings;
        let time_left = || deadline.saturating_duration_since(Instant::now());
        let mut attempts = 0_u32;
        loop {
            let retries = attempts;
            let attempt_limit = time_left();
            attempts = attempts.saturating_add(u32::from(!attempt_limit.is_zero()));
            let mut failure = match read(self.0.attempt(path, attempt_limit)) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let path = path.split('?').next().unwrap_or_default();
            let request = format!("GET {}: ", self.0.redactor.clean(path));
            failure.0.text.insert_str(0, &request);
            failure.0.attempts = attempts;
            let fraction = retry::random_fraction();
            let wait = settings.policy.wait(&failure, retries, fraction);
            let Some(delay) = wait.filter(|delay| *delay < time_left()) else {
                return Err(failure);
            };
            let error = &failure;
            (settings.on_retry)(&Retry { delay, error });
            // `on_retry` may have taken time.
            if delay >= time_left() {
                return Err(failure);
            }
            thread::sleep(delay);
        }
    }
}

/// An object with links.
#[derive(Deserialize)]
struct Linked {
    #[serde(default, rename = "_links")]
    links: Value,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.0.origin.url)
            .finish_non_exhaustive()
    }
}
