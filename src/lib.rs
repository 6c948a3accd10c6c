//! Ask [Mode](https://mode.com) three things from a synchronous program or a build script: *does my key work*, *who is
//! in this workspace*, *how many of them are active*. One line each, no async runtime, and an answer that is whole or an
//! error.
//!
//! ```no_run
//! use mode_analytics::{Client, Credentials};
//!
//! fn main() -> Result<(), mode_analytics::Error> {
//!     // MODE_API_TOKEN and MODE_API_SECRET
//!     let client = Client::new(Credentials::from_env()?);
//!
//!     let workspace = client.verify()?.workspace.expect("the key opens a workspace");
//!     for person in client.memberships(&workspace)? {
//!         println!("User: {}, State: {}", person.member_username.as_deref().unwrap_or("-"), person.state);
//!     }
//!     println!("Active Users Count: {}", client.membership_counts(&workspace)?.active);
//!     Ok(())
//! }
//! ```
//!
//! # From question to answer
//!
//! 1. [`Client::verify()`]: does the key work, and for which workspace? Start here: it answers for every sort of key.
//!    [`Client::account()`] adds the person behind it, where there is one.
//! 2. [`Client::memberships()`]: everyone in the workspace, as a `Vec` of [`Membership`];
//!    [`Client::memberships_lite()`] with names and e-mail addresses.
//! 3. [`Client::membership_counts()`]: only how many, as [`MembershipCounts`].
//!
//! [`Client::get()`] is for any other GET. [`ClientBuilder`] has the settings, each with its default.
//!
//! # When it goes wrong
//!
//! Every call returns [`Error`], whose text says what was asked, what came back and what to do; `{:?}` adds the cause.
//! [`Error::kind()`] is for a `match`:
//!
//! ```no_run
//! # use mode_analytics::{Client, Credentials, ErrorKind};
//! # let client = Client::new(Credentials::from_env()?);
//! match client.membership_counts("acme") {
//!     Ok(counts) => println!("{} of {} are active", counts.active, counts.total),
//!     Err(error) if error.is_retryable() => eprintln!("try later: {error}"),
//!     Err(error) if error.kind() == ErrorKind::NotFound => eprintln!("no workspace acme for this key"),
//!     Err(error) => return Err(error),
//! }
//! # Ok::<(), mode_analytics::Error>(())
//! ```
//!
//! Passing faults are retried within a time limit; [`ClientBuilder::on_retry()`] makes the waits visible.
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `rustls` | yes | https, with Mozilla's root certificates built in (`ring` needs a C compiler) |
//! | `gzip` | yes | asks for compressed answers |
//! | `platform-verifier` | no | adds `ClientBuilder::system_roots()`: trust what the operating system trusts |
//! | `socks-proxy` | no | obeys a SOCKS proxy in the proxy variables; without it, where the first that is set names one, the connection is direct |
//!
//! # Networks
//!
//! The first that is set of `ALL_PROXY`, `HTTPS_PROXY` and `HTTP_PROXY` (or in lower case) names the proxy, except for the
//! hosts in `NO_PROXY` and a base URL on loopback. Redirects are not followed.
//!
//! # Logging
//!
//! The HTTP client writes to the [`log`](https://docs.rs/log) facade. Up to the level `debug` no credential is in it.
//! At `trace` it dumps every byte sent, the `Authorization` header included: keep `ureq_proto=debug` in the filter.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]
#![cfg_attr(
    not(test),
    deny(
        clippy::todo,
        clippy::unimplemented,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

mod client;
mod credentials;
mod error;
mod json;
mod listing;
mod model;
mod path;
mod retry;
mod transport;

pub use client::{Client, ClientBuilder};
pub use credentials::Credentials;
pub use error::{Error, ErrorKind, Result};
pub use model::{Account, Membership, MembershipCounts, MembershipState, Verification};
pub use retry::Retry;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
