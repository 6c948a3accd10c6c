//! A blocking mini-SDK for the [Mode Analytics](https://mode.com) REST API.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable))]
#![cfg_attr(not(test), deny(clippy::todo, clippy::unimplemented, clippy::indexing_slicing, clippy::string_slice))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod credentials;
mod error;
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
