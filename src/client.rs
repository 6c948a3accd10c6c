//! [`Client`]: one method for each endpoint, and the deadline and the retries that they share.

use std::{fmt, sync::Arc, thread, time::Instant};

use serde::{Deserialize, de::DeserializeOwned};

use crate::error::{Error, ErrorKind, Result};
use crate::input;
use crate::json::{self, Links, Object};
use crate::listing::Progress;
use crate::model::{Account, Linked, Membership, MembershipCounts, Verification};
use crate::retry::{self, Retry};
use crate::transport::Transport;

/// The end of a listing's path, for its full form and for its lite form.
const FULL: &str = "";
const LITE: &str = "/lite";
const NO_MEMBER_ADVICE: &str = "no member was found: verify() says what the key gives access to";
const FOREIGN_LINK_ADVICE: &str = "a link to the member does not stay below /api/ at the base URL";
const WORKSPACE_ADVICE: &str = "check the workspace name, the one in app.mode.com/<workspace>";

/// A blocking client for the Mode REST API.
///
/// A clone is cheap and shares the connections, so one client serves all threads of a program. Every
/// method makes one *call*: all the requests that it takes, with their retries and waits, end within
/// [`ClientBuilder::timeout`](crate::ClientBuilder::timeout).
///
/// # Errors
///
/// Besides the errors that it describes, every method can return those for any other status, for a
/// connection that fails, and for a response that cannot be used: [`ErrorKind`] lists them.
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Transport>);

impl Client {
    /// Checks the key and returns what it gives access to: `GET /api/verify`.
    ///
    /// This is the cheapest check, and it works with every kind of key. The
    /// [`workspace`](Verification::workspace) that it returns is the argument for
    /// [`memberships()`](Self::memberships).
    ///
    /// The route is in Mode's OpenAPI file, but without a schema for its response; other open-source
    /// clients use it.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::Unauthorized`] if the token or the secret is wrong, and
    /// [`ErrorKind::Decode`] if the response does not name a workspace, since it may then not come from
    /// Mode. [Every method](Self#errors) can return further errors.
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::from_env()?;
    /// println!("the key works, for the workspace {}", client.verify()?.workspace);
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn verify(&self) -> Result<Verification> {
        self.object("/api/verify", self.deadline())
    }

    /// Returns the user that the key belongs to: `GET /api/account`.
    ///
    /// Mode refuses this route to workspace keys and member keys, with status 400 and the message
    /// "This endpoint is unsupported for use with Api Keys". In that case, up to three more requests look
    /// the user up, as other clients do: `/api/verify`, the record of the key, and the member that the
    /// record links to. A link is followed only if it is a path below `/api/` at the base URL.
    ///
    /// # Errors
    ///
    /// Returns the original error, usually [`ErrorKind::BadRequest`], if no member is found: a workspace
    /// key may have none, so use [`verify()`](Self::verify) instead. Other failures are returned
    /// unchanged. [Every method](Self#errors) can return further errors.
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::from_env()?;
    /// println!("this is {}", client.account()?.username);
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn account(&self) -> Result<Account> {
        let deadline = self.deadline();
        let refused = match self.object("/api/account", deadline) {
            Err(error) if error.status() == Some(400) => error,
            other => return other,
        };
        let mut path = String::from("/api/verify");
        for link in [|links: Links| links.own, |links: Links| links.member] {
            let Linked { links } = self.object(&path, deadline)?;
            let Some(href) = json::href(links, link) else {
                return Err(refused.with_advice(NO_MEMBER_ADVICE));
            };
            let Some(next) = self.0.route.origin.path_of_link(&href) else {
                return Err(refused.with_advice(FOREIGN_LINK_ADVICE));
            };
            path = next;
        }
        self.object(&path, deadline)
    }

    /// Returns all members of a workspace: `GET /api/{workspace}/memberships`, with all of its pages.
    ///
    /// You get every member once, or an error, with the exceptions that the README names under *When the
    /// listing is whole*: if somebody joins, leaves or accepts an invitation between two requests, not every
    /// server gives a sign of it. An empty `Vec` means that the workspace has no members. `workspace` is the
    /// name in `https://app.mode.com/<workspace>`.
    ///
    /// Other clients have seen Mode answer this route with 404 for some keys, although the key and
    /// the workspace are fine. In that case, the members come from the
    /// [lite listing](Self::memberships_lite).
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::InvalidInput`] if `workspace` does not consist of 1 to 255 ASCII letters,
    /// digits, `-`, `_` and `.`, or if it is `.`, `..`, `account` or `verify`: the last two are reserved by
    /// Mode's API.
    /// Returns [`ErrorKind::NotFound`] if neither listing exists. Returns [`ErrorKind::Decode`] if
    /// the response contains no listing, if a row has no `state` or a field of the wrong type, if
    /// fewer members arrive than the server counts (or fewer pages, if it counts only those), or if its
    /// counters change while the pages are read. [Every method](Self#errors) can return further errors.
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::from_env()?;
    /// println!("{} members", client.memberships("acme")?.len());
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn memberships(&self, workspace: &str) -> Result<Vec<Membership>> {
        self.list(workspace, FULL)
    }

    /// Returns all members of a workspace with their names and e-mail addresses:
    /// `GET /api/{workspace}/memberships/lite`.
    ///
    /// Mode's reference does not list this route; other open-source clients have seen it. Its rows have
    /// no `invited`, `managed_by_scim` or `activated_at`.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`memberships()`](Self::memberships), but there is no other route to
    /// fall back to.
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
    /// It makes the same requests as [`memberships()`](Self::memberships), but it keeps only the states,
    /// and other fields are not checked.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`memberships()`](Self::memberships), except those about a field other
    /// than `state`.
    ///
    /// ```no_run
    /// # let client = mode_analytics::Client::from_env()?;
    /// println!("Active Users Count: {}", client.membership_counts("acme")?.active);
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn membership_counts(&self, workspace: &str) -> Result<MembershipCounts> {
        let rows: Vec<Object<State>> = self.list(workspace, FULL)?;
        let states = rows.into_iter().map(|Object(row)| row.state);
        Ok(MembershipCounts::of(states))
    }

    /// Returns the response to any other GET, one page at a time.
    ///
    /// `path` is sent verbatim, with its query, for example `/api/acme/groups?page=2`. Prefer a type of
    /// your own to `serde_json::Value`: if another crate in the program enables serde_json's feature
    /// `raw_value`, a malicious response that is read into a `Value` can overflow the stack.
    ///
    /// The error for a response that does not fit `T` says, where possible, what was expected, but never
    /// what was received. If `T` has its own implementation of `Deserialize`, what it writes after
    /// "expected" or "missing field" is shown.
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
        input::check_path(path, &self.0.route.redactor)?;
        self.fetch(path, None, self.deadline(), |body| json::read(&body?))
    }

    /// GETs what must be one JSON object.
    fn object<T: DeserializeOwned>(&self, path: &str, deadline: Instant) -> Result<T> {
        let object = self.fetch(path, None, deadline, |body| json::read(&body?));
        object.map(|Object(fields)| fields)
    }

    /// Reads all pages of a listing. If the full form does not exist, reads the lite form instead.
    fn list<R: DeserializeOwned>(&self, workspace: &str, form: &str) -> Result<Vec<R>> {
        let base = input::memberships(workspace, &self.0.route.redactor)?;
        let deadline = self.deadline();
        let (mut members, mut progress) = (Vec::new(), Progress::default());
        let mut add = |page| progress.add(&mut members, page);
        let mut path = format!("{base}{form}");
        let mut first = self.fetch(&path, None, deadline, &mut add);
        let status = first.as_ref().err().and_then(Error::status);
        if form == FULL && status == Some(404) {
            path = format!("{base}{LITE}");
            first = self.fetch(&path, None, deadline, &mut add);
        }
        let mut next = first.map_err(|error| match error.kind() {
            ErrorKind::NotFound => error.with_advice(WORKSPACE_ADVICE),
            _ => error,
        })?;
        while next.is_some() {
            next = self.fetch(&path, next, deadline, &mut add)?;
        }
        Ok(members)
    }

    /// When a call that starts now must end. All of its requests share it.
    fn deadline(&self) -> Instant {
        Instant::now() + self.0.settings.timeout
    }

    /// GETs `path`, or a further page of it, with retries. `read` gets the body of the response, or the
    /// last error, and its result is returned, unless the deadline has passed before the request was sent.
    /// If it cannot read the body, the request is not sent again.
    fn fetch<T>(
        &self,
        path: &str,
        page: Option<u64>,
        deadline: Instant,
        read: impl FnOnce(Result<Vec<u8>>) -> Result<T>,
    ) -> Result<T> {
        let policy = &self.0.settings.policy;
        let shown = self.0.route.redactor.clean(input::without_query(path));
        let query = page.map_or(String::new(), |page| format!("?page={page}"));
        let place = page.map_or(String::new(), |page| format!(", page {page}"));
        let (target, request) = (format!("{path}{query}"), format!("GET {shown}{place}"));
        let time_left = || deadline.saturating_duration_since(Instant::now());
        let mut attempts = 0;
        loop {
            let limit = time_left();
            if limit.is_zero() {
                let text = "the deadline passed before the request was sent";
                return Err(Error::new(ErrorKind::Timeout, text).with_request(&request, attempts));
            }
            attempts += 1;
            let result = self.0.attempt(&target, limit);
            let result = result.map_err(|error| error.with_request(&request, attempts));
            if let Err(error) = &result {
                let delay = policy.wait(error, attempts - 1, retry::random_fraction());
                if let Some(delay) = delay.filter(|delay| *delay < time_left()) {
                    (self.0.settings.on_retry)(&Retry { delay, error });
                    // `on_retry` may have taken time.
                    if delay < time_left() {
                        thread::sleep(delay);
                        continue;
                    }
                }
            }
            return read(result).map_err(|error| error.with_request(&request, attempts));
        }
    }
}

/// The only field of a row that counting looks at.
#[derive(Deserialize)]
struct State {
    state: String,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.0.route.origin.url)
    }
}
