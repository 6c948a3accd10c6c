//! [`Credentials`]: what they may consist of, and the header that they become.

use std::env;
use std::ffi::OsString;
use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::error::{Error, ErrorKind, Result};
use crate::input::MAX_HEADER;
use crate::redact::Redactor;

/// The token and the secret of a Mode API key.
///
/// Nothing shows them: `Debug` prints `Credentials { .. }`, and there is neither a `Display` nor a
/// `Serialize`.
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
    /// a control character (a trailing newline, for example), or if the token contains a `:`.
    ///
    /// A key that stands in a file usually ends with a newline, so trim it:
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
        check("token", &token)?;
        check("secret", &secret)?;
        Ok(Self { token, secret })
    }

    /// Reads the token from `MODE_API_TOKEN` and the secret from `MODE_API_SECRET`.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::MissingCredentials`] if a variable is unset or empty, and names every
    /// missing one at once. Returns [`ErrorKind::InvalidInput`] if a variable is not Unicode, and for
    /// the values that [`new()`](Self::new) refuses.
    ///
    /// ```no_run
    /// let credentials = mode_analytics::Credentials::from_env()?;
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn from_env() -> Result<Self> {
        let read = |variable| env::var_os(variable).filter(|value| !value.is_empty());
        let variables = ["MODE_API_TOKEN", "MODE_API_SECRET"];
        let [Some(token), Some(secret)] = variables.map(read) else {
            let missing = variables
                .into_iter()
                .filter(|variable| read(variable).is_none());
            let names: Vec<&str> = missing.collect();
            let text = format!("missing credentials: set {}", names.join(" and "));
            return Err(Error::new(ErrorKind::MissingCredentials, text).with_advice(""));
        };
        Ok(Self {
            token: checked("token", "MODE_API_TOKEN", token)?,
            secret: checked("secret", "MODE_API_SECRET", secret)?,
        })
    }

    /// The value of the `Authorization` header.
    pub(crate) fn basic(&self) -> String {
        let pair = format!("{}:{}", self.token, self.secret);
        format!("Basic {}", BASE64_STANDARD.encode(pair))
    }

    /// What blanks these credentials in a text.
    pub(crate) fn redactor(&self) -> Redactor {
        Redactor::new(&self.token, &self.secret)
    }
}

fn check(name: &str, value: &str) -> Result<()> {
    let fault = if value.is_empty() {
        "is empty"
    } else if value.ends_with(['\n', '\r']) {
        "ends with a newline: trim it"
    } else if value.len() > MAX_HEADER {
        "is longer than 8192 bytes"
    } else if value.contains(char::is_control) {
        "contains a control character"
    } else if name == "token" && value.contains(':') {
        "must not contain `:`"
    } else {
        return Ok(());
    };
    Err(Error::invalid_input(format!("the {name} {fault}")))
}

/// Checks what stands in an environment variable, and names the variable if it is refused.
fn checked(name: &str, variable: &str, value: OsString) -> Result<String> {
    let value = value
        .into_string()
        .map_err(|_| Error::invalid_input(format!("{variable} is not Unicode")))?;
    check(name, &value).map_err(|error| error.with_advice(format!("correct {variable}")))?;
    Ok(value)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
