//! A scripted Mode on `127.0.0.1`, for tests, demos and benches of a client.
//!
//! * [`FakeMode`] is the server: it answers by script and records what it was asked.
//! * [`Reply`] is one response, well-behaved or not: cut, dripped, chunked, reset, never sent.
//! * [`Request`] is one request, as it came.
//! * [`Workspace`] is a whole workspace of made-up people, served in one call.
//!
//! ```
//! use fake_mode::{FakeMode, Reply};
//! use std::io::{Read, Write};
//!
//! let mode = FakeMode::start();
//! mode.on("/api/verify", Reply::json(200, r#"{"workspace":"acme"}"#));
//!
//! let mut client = std::net::TcpStream::connect(mode.addr())?;
//! client.write_all(b"GET /api/verify HTTP/1.1\r\nConnection: close\r\n\r\n")?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//!
//! assert!(answer.ends_with(r#"{"workspace":"acme"}"#));
//! assert_eq!(mode.targets(), ["/api/verify"]);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Nothing here can hang a test run: a socket on which nothing moves for a minute is given up, and dropping the
//! server ends every wait and every connection at once.

mod connection;
mod reply;
mod request;
mod server;
#[cfg(test)]
mod tests;
mod workspace;

pub use reply::{Framing, Reply};
pub use request::Request;
pub use server::FakeMode;
pub use workspace::{Shape, Workspace};
