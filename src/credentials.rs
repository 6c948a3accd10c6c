//! [`Credentials`]: what they may contain, and the header that they become.

use std::{env, fmt};

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::error::{Error, ErrorKind, Result};
use crate::input::MAX_HEADER;
use crate::redact::Redactor;

const TOKEN: &str = "MODE_API_TOKEN";
const SECRET: &str = "MODE_API_SECRET";

/// The token and the secret of a Mode API key.
///
/// Nothing prints them: `Debug` writes `Credentials { .. }`, and neither `Display` nor `Serialize` is
/// implemented.
///
/// ```
/// let credentials = mode_analytics::Credentials::new("token", "secret")?;
/// assert_eq!(format!("{credentials:?}"), "Credentials { .. }");
/// # Ok::<(), mode_analytics::Error>(())
/// ```
#[derive(Clone)]
pub struct Credentials {
    token: String,
    secret: String,
}

impl Credentials {
    /// Takes a token (the user name of HTTP Basic) and its secret (the password).
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::InvalidInput`] if either is empty, is longer than 8192 bytes or contains
    /// a control character (a trailing newline, for example) or U+FFFD (the replacement character), or
    /// if the token contains a `:`.
    ///
    /// A secret that is read from a file usually ends with a newline, so trim it:
    ///
    /// ```no_run
    /// use mode_analytics::Credentials;
    ///
    /// let secret = std::fs::read_to_string("/run/secrets/mode")?;
    /// let credentials = Credentials::new("5f3a9c01d2e4", secret.trim())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(token: impl Into<String>, secret: impl Into<String>) -> Result<Self> {
        let (token, secret) = (token.into(), secret.into());
        Self { token, secret }.checked("the token", "the secret")
    }

    /// Reads the token from `MODE_API_TOKEN` and the secret from `MODE_API_SECRET`.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::MissingCredentials`] if either variable is unset or empty; the error names
    /// both. Returns [`ErrorKind::InvalidInput`] if a variable is not Unicode, or if it has a value that
    /// [`new()`](Self::new) refuses.
    ///
    /// ```no_run
    /// let credentials = mode_analytics::Credentials::from_env()?;
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn from_env() -> Result<Self> {
        let read = |variable| env::var_os(variable).filter(|value| !value.is_empty());
        let (Some(token), Some(secret)) = (read(TOKEN), read(SECRET)) else {
            return Err(ErrorKind::MissingCredentials.into());
        };
        let [token, secret] = [token, secret].map(|value| value.to_string_lossy().into());
        Self { token, secret }.checked(TOKEN, SECRET)
    }

    /// Checks both. The arguments are what an error calls them.
    fn checked(self, token_name: &str, secret_name: &str) -> Result<Self> {
        check(token_name, &self.token)?;
        check(secret_name, &self.secret)?;
        // Basic ends the token at the first colon.
        if self.token.contains(':') {
            let text = format!("{token_name} must not contain `:`");
            return Err(Error::invalid_input(text));
        }
        Ok(self)
    }

    /// Returns the value of the `Authorization` header.
    pub(crate) fn basic(&self) -> String {
        let pair = format!("{}:{}", self.token, self.secret);
        format!("Basic {}", BASE64_STANDARD.encode(pair))
    }

    /// Returns a redactor, which replaces these credentials in a text.
    pub(crate) fn redactor(&self) -> Redactor {
        Redactor::new(&self.token, &self.secret)
    }
}

/// Refuses what is not fit to be the token or the secret.
fn check(name: &str, value: &str) -> Result<()> {
    let fault = match value {
        "" => "is empty",
        it if it.ends_with(['\n', '\r']) => "ends with a newline: trim it",
        it if it.len() > MAX_HEADER => "is longer than 8192 bytes",
        it if it.contains(char::is_control) => "contains a control character",
        it if it.contains(char::REPLACEMENT_CHARACTER) => "is not Unicode, or contains U+FFFD",
        _ => return Ok(()),
    };
    Err(Error::invalid_input(format!("{name} {fault}")))
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
