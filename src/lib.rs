//! A blocking client for the [Mode](https://mode.com) REST API, without an async runtime.
//!
//! From a synchronous program or a build script, it answers three questions with one call each: *does my
//! key work*, *who is in the workspace*, and *how many of them are active*. You get a complete result, or
//! an error that says what to do.
//!
//! ```no_run
//! fn main() -> Result<(), mode_analytics::Error> {
//!     // Reads MODE_API_TOKEN and MODE_API_SECRET.
//!     let client = mode_analytics::Client::from_env()?;
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
//! * [`Verification`] and [`Account`] say what a key gives access to and whose it is.
//! * [`Membership`] is one member of a workspace, and [`MembershipCounts`] the number of members in each
//!   state.
//! * [`Error`] says what went wrong, and [`ErrorKind`] is what to match on. [`Retry`] describes a wait
//!   before a retry.
//!
//! # Check a key
//!
//! [`Client::verify()`] works for every kind of key and returns the workspace that the key gives access
//! to. [`Client::account()`] returns the user behind the key, if there is one.
//!
//! ```no_run
//! # let client = mode_analytics::Client::from_env()?;
//! println!("the key works, for the workspace {}", client.verify()?.workspace);
//! # Ok::<(), mode_analytics::Error>(())
//! ```
//!
//! # List and count the members
//!
//! [`Client::memberships()`] returns all members of a workspace as a `Vec`.
//! [`Client::memberships_lite()`] adds their names and e-mail addresses. [`Client::membership_counts()`]
//! counts them, and [`Client::get()`] is for any other GET.
//!
//! ```no_run
//! # let client = mode_analytics::Client::from_env()?;
//! for member in client.memberships_lite("acme")? {
//!     println!("{:?} <{:?}>", member.name, member.email);
//! }
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
//! use mode_analytics::ErrorKind;
//!
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
//! # Test your own code
//!
//! Build rows with serde (here with the crate `serde_json`), and errors from their kind. To test over HTTP,
//! point [`ClientBuilder::base_url()`] at your own server, which may speak plain http on loopback.
//!
//! ```
//! let row = r#"{"member_username": "ada", "state": "active"}"#;
//! let ada: mode_analytics::Membership = serde_json::from_str(row).unwrap();
//! assert!(ada.is_active());
//!
//! let error = mode_analytics::Error::from(mode_analytics::ErrorKind::RateLimited);
//! assert!(error.is_retryable());
//! ```
//!
//! # Behind a proxy
//!
//! These rules apply to an https base URL. Other programs may follow other rules:
//!
//! * The proxy is named by the first of `https_proxy`, `HTTPS_PROXY`, `all_proxy` and `ALL_PROXY` that is
//!   set and not blank. `http_proxy` and the settings of the operating system are not read.
//! * In `no_proxy` or `NO_PROXY`, entries are separated by commas or whitespace. `*` matches every host;
//!   `mode.com`, `.mode.com` and `*.mode.com` all match `mode.com` and every host below it.
//!   Networks such as `10.0.0.0/8`, and ports, are not recognized.
//! * The user name and the password of the proxy go into its URL, percent-encoded. Only Basic
//!   authentication is supported.
//! * The proxy sees `CONNECT app.mode.com:443` and the `User-Agent`, but neither your key nor the responses.
//! * The variables are read when the client is built. If one applies but its proxy cannot be used, you
//!   get [`ErrorKind::InvalidInput`], never a direct connection.
//! * A SOCKS proxy needs the feature `socks-proxy`.
//! * If the base URL is on loopback, the variables are ignored.
//!
//! If the proxy re-signs traffic with a certificate of its own, or if your company has a certificate
//! authority, enable the feature `platform-verifier` and call `ClientBuilder::system_roots()`. With the
//! built-in roots, revocation is not checked. Client certificates are not supported.
//!
//! # Inside an async program
//!
//! Nothing here conflicts with your runtime, but each call blocks its thread, so inside a task use
//! `spawn_blocking`:
//!
//! ```
//! # mod tokio {
//! #     pub mod task {
//! #         pub async fn spawn_blocking<T>(f: impl FnOnce() -> T) -> std::io::Result<T> {
//! #             Ok(f())
//! #         }
//! #     }
//! # }
//! # async fn count(client: mode_analytics::Client) -> Result<(), Box<dyn std::error::Error>> {
//! let client = client.clone(); // cheap: a clone shares the connections
//! let task = move || client.membership_counts("acme");
//! let counts = tokio::task::spawn_blocking(task).await??;
//! # Ok(())
//! # }
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
//! | `platform-verifier` | no | adds `ClientBuilder::system_roots()`, which trusts what the operating system trusts; implies `rustls` |
//! | `socks-proxy` | no | accepts a SOCKS proxy in the proxy variables |
//!
//! If another crate in the program enables ureq's feature `cookies`, the HTTP client sends back the
//! cookies that Mode sets; this crate cannot prevent it.
//!
//! # Platforms
//!
//! | platform | what was done | what it needs |
//! |---|---|---|
//! | `x86_64-unknown-linux-gnu` | run | a C compiler |
//! | `x86_64-unknown-linux-musl` | run | `musl-tools`, or `CC_x86_64_unknown_linux_musl=gcc` |
//! | a static program in an empty folder (`FROM scratch`) | run, up to the TLS handshake | nothing; to look up names, `/etc/resolv.conf` |
//! | `i686-unknown-linux-gnu` | run | a C compiler for that target |
//! | `aarch64-` and `armv7-unknown-linux-gnu…`, `s390x-unknown-linux-gnu` | run, in an emulator | a C compiler for that target |
//! | `x86_64-pc-windows-gnu` | run, under Wine | MinGW |
//! | `x86_64-pc-windows-msvc` | neither run nor compiled | the Build Tools for Visual Studio |
//! | `aarch64-apple-darwin` | only compiled, without default features | Xcode's command line tools |
//! | `wasm32-*` | only compiled | **not supported**: there are no threads |
//!
//! Without default features, no C is compiled (Rust still needs a linker), but there is no https.
//!
//! # Logging
//!
//! The HTTP client writes to the [`log`](https://docs.rs/log) facade. Up to the level `debug`, it does not
//! log the credentials, unless a server repeats them in a standard header of its response. At `trace`, it
//! logs every byte that is sent, including the `Authorization` header, as a hex dump: a search for the key
//! finds nothing, though it is there. A filter such as `RUST_LOG=trace,ureq=debug,ureq_proto=debug`
//! prevents that.
#![cfg_attr(doctest, doc = include_str!("../README.md"))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// Whatever a server sends, nothing here may panic.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]
#![cfg_attr(not(test), deny(clippy::panic, clippy::unreachable, clippy::todo))]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod builder;
mod client;
mod connection;
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
pub use model::{Account, Membership, MembershipCounts, Verification};
pub use retry::Retry;
