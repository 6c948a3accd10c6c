//! A blocking client for the [Mode](https://mode.com) REST API.
//!
//! It lets a synchronous program or a build script ask Mode three things, in one line each: *does my
//! key work*, *who is in this workspace*, and *how many of them are active*. There is no async
//! runtime, and you get a complete result or an error that says what to do.
//!
//! ```no_run
//! use mode_analytics::Client;
//!
//! fn main() -> Result<(), mode_analytics::Error> {
//!     // Reads MODE_API_TOKEN and MODE_API_SECRET.
//!     let client = Client::from_env()?;
//!
//!     for member in client.memberships("acme")? {
//!         let name = member.member_username.as_deref().unwrap_or("-");
//!         println!("User: {name}, State: {}", member.state);
//!     }
//!     println!("Active Users Count: {}", client.membership_counts("acme")?.active);
//!     Ok(())
//! }
//! ```
//!
//! # The types
//!
//! * [`Client`] sends the requests: it has one method for each endpoint. [`ClientBuilder`] has its
//!   settings, each with a default.
//! * [`Credentials`] are the token and the secret of an API key.
//! * [`Verification`] and [`Account`] say what a key opens and whose it is.
//! * [`Membership`] is one member of a workspace, [`MembershipState`] the state of the membership,
//!   and [`MembershipCounts`] the number of members in each state.
//! * [`Error`] says what went wrong, and [`ErrorKind`] is for a `match`. [`Retry`] describes a wait
//!   before a retry.
//!
//! # Check a key
//!
//! [`Client::verify()`] works for every sort of key and returns the workspace that the key opens.
//! [`Client::account()`] returns the user behind the key, if there is one.
//!
//! ```no_run
//! # let client = mode_analytics::Client::from_env()?;
//! match client.verify()?.workspace {
//!     Some(workspace) => println!("the key works, for the workspace {workspace}"),
//!     None => println!("the response names no workspace: is this Mode?"),
//! }
//! # Ok::<(), mode_analytics::Error>(())
//! ```
//!
//! # List the members
//!
//! [`Client::memberships()`] returns all members of a workspace as a `Vec`.
//! [`Client::memberships_lite()`] adds their names and e-mail addresses. [`Client::get()`] is for any
//! other GET.
//!
//! ```no_run
//! # let client = mode_analytics::Client::from_env()?;
//! for member in client.memberships_lite("acme")? {
//!     println!("{:?} <{:?}>", member.name, member.email);
//! }
//! # Ok::<(), mode_analytics::Error>(())
//! ```
//!
//! # Count them
//!
//! [`Client::membership_counts()`] makes the same requests but does not build any rows.
//!
//! ```no_run
//! # let client = mode_analytics::Client::from_env()?;
//! let counts = client.membership_counts("acme")?;
//! println!("{} of {} are active", counts.active, counts.total);
//! # Ok::<(), mode_analytics::Error>(())
//! ```
//!
//! # Handle errors
//!
//! The text of an [`Error`] says what was requested, what came back and what to do; `{:?}` adds the
//! cause. Temporary failures are retried within a time limit, and [`ClientBuilder::on_retry()`] makes
//! the waits visible.
//!
//! ```no_run
//! # use mode_analytics::ErrorKind;
//! # let client = mode_analytics::Client::from_env()?;
//! match client.membership_counts("acme") {
//!     Ok(counts) => println!("{} are active", counts.active),
//!     Err(error) if error.kind() == ErrorKind::NotFound => eprintln!("no such workspace"),
//!     Err(error) if error.is_retryable() => eprintln!("try again later: {error}"),
//!     Err(error) => return Err(error),
//! }
//! # Ok::<(), mode_analytics::Error>(())
//! ```
//!
//! # Behind a proxy
//!
//! The first of `https_proxy`, `HTTPS_PROXY`, `all_proxy` and `ALL_PROXY` that is set and not empty
//! names the proxy. Hosts in `no_proxy` or `NO_PROXY` are reached directly: the entries are separated
//! by commas, `*` stands for all hosts, and `mode.com` also covers `app.mode.com`. The variables are
//! read once, when the client is made. If a variable applies but its proxy cannot be used, you get
//! [`ErrorKind::InvalidInput`], never a direct connection. A SOCKS proxy needs the feature
//! `socks-proxy`. If the base URL is on loopback, the variables are ignored.
//!
//! If the proxy re-signs traffic with a certificate of its own, switch on the feature
//! `platform-verifier` and call `ClientBuilder::system_roots()`.
//!
//! # Testing your own code
//!
//! Deserialize rows with serde, and make errors from their kind. To test against a whole server, set
//! [`ClientBuilder::base_url()`], which accepts plain http on loopback.
//!
//! ```
//! use mode_analytics::{Error, ErrorKind, Membership};
//!
//! let row = r#"{"member_username": "ada", "state": "active"}"#;
//! let ada: Membership = serde_json::from_str(row).unwrap();
//! assert!(ada.is_active());
//!
//! let error = Error::from(ErrorKind::RateLimited);
//! assert!(error.is_retryable());
//! ```
//!
//! # Inside an async program
//!
//! There is no runtime that could clash with yours, but a call blocks its thread, so inside a task it
//! would block the worker. Move the call to a thread for blocking work, for example with tokio's
//! `spawn_blocking`:
//!
//! ```ignore
//! let client = client.clone();
//! let task = move || client.membership_counts("acme");
//! let counts = tokio::task::spawn_blocking(task).await??;
//! ```
//!
//! # In a build script
//!
//! Set a short [`timeout`](ClientBuilder::timeout), and fall back to a committed file if Mode cannot
//! be reached. The folder `examples/embed-in-build` in the repository has a complete build script
//! that does this.
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `rustls` | yes | adds https, with Mozilla's root certificates built in; needs a C compiler for `ring` |
//! | `gzip` | yes | asks for compressed responses |
//! | `platform-verifier` | no | adds `ClientBuilder::system_roots()`, which trusts what the operating system trusts |
//! | `socks-proxy` | no | accepts a SOCKS proxy in the proxy variables |
//!
//! If another crate in the program switches on ureq's feature `cookies`, the HTTP client sends back
//! the cookies that Mode sets; this crate cannot prevent it.
//!
//! # Logging
//!
//! The HTTP client writes to the [`log`](https://docs.rs/log) facade. Up to the level `debug`, it
//! does not log the credentials. At `trace`, it logs every byte that is sent, including the
//! `Authorization` header, so keep `ureq_proto=debug` in your filter.
#![cfg_attr(doctest, doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// Whatever a server sends, nothing here may panic.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]
#![cfg_attr(not(test), deny(clippy::panic, clippy::unreachable))]
#![cfg_attr(not(test), deny(clippy::todo, clippy::unimplemented))]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod builder;
mod client;
mod credentials;
mod error;
mod input;
mod json;
mod listing;
mod model;
mod redact;
mod retry;
mod status;
mod transport;

pub use builder::ClientBuilder;
pub use client::Client;
pub use credentials::Credentials;
pub use error::{Error, ErrorKind, Result};
pub use model::{Account, Membership, MembershipCounts, MembershipState, Verification};
pub use retry::Retry;
