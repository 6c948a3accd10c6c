//! [`Credentials`]: validation, the Basic header, and keeping them out of every text.

use std::fmt;

use base64::alphabet::{BCRYPT, BIN_HEX, CRYPT, IMAP_MUTF7, STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::error::{Error, ErrorKind, Result};

/// The longest text that may become part of a header.
pub(crate) const MAX_HEADER: usize = 8192;

/// The token and secret of a Mode API key.
///
/// Nothing shows them: `Debug` prints `Credentials { .. }`, and there is no `Display` and no `Serialize`.
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
    /// [`ErrorKind::InvalidInput`] where either is empty, longer than 8192 bytes, or has a control character (a trailing
    /// newline, say), or the token has a `:`.
    pub fn new(token: impl Into<String>, secret: impl Into<String>) -> Result<Self> {
        let (token, secret) = (token.into(), secret.into());
        for (name, value) in [("token", &token), ("secret", &secret)] {
            let fault = if value.is_empty() {
                "is empty"
            } else if value.ends_with(['\n', '\r']) {
                "ends with a newline: trim it"
            } else if value.len() > MAX_HEADER {
                "is longer than 8192 bytes"
            } else if value.contains(char::is_control) {
                "contains a control character"
            } else {
                continue;
            };
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("the {name} {fault}"),
            ));
        }
        if token.contains(':') {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "the token must not contain `:`",
            ));
        }
        Ok(Self { token, secret })
    }

    /// Reads `MODE_API_TOKEN` and `MODE_API_SECRET`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MissingCredentials`] where one is unset or empty, naming every missing one at once;
    /// [`ErrorKind::InvalidInput`] where one is not Unicode, and as in [`new()`](Self::new).
    ///
    /// ```no_run
    /// let credentials = mode_analytics::Credentials::from_env()?;
    /// # Ok::<(), mode_analytics::Error>(())
    /// ```
    pub fn from_env() -> Result<Self> {
        let read = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .ok_or(name)
        };
        let (token, secret) = match (read("MODE_API_TOKEN"), read("MODE_API_SECRET")) {
            (Ok(token), Ok(secret)) => (token, secret),
            (token, secret) => {
                let names: Vec<&str> = [token.err(), secret.err()].into_iter().flatten().collect();
                let text = format!("missing credentials: set {}", names.join(" and "));
                return Err(Error::new(ErrorKind::MissingCredentials, text));
            }
        };
        match (token.into_string(), secret.into_string()) {
            (Ok(token), Ok(secret)) => Self::new(token, secret),
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                "MODE_API_TOKEN or MODE_API_SECRET is not Unicode",
            )),
        }
    }

    /// The value of the `Authorization` header.
    pub(crate) fn basic(&self) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(self.pair()))
    }

    fn pair(&self) -> String {
        format!("{}:{}", self.token, self.secret)
    }

    /// Makes a text from outside fit to print: blanks the credentials (also in base64, whatever its alphabet), keeps at
    /// most 300 characters, and escapes those that control a terminal, reverse the text or cannot be seen.
    pub(crate) fn clean(&self, text: &str) -> String {
        let plain = [self.token.clone(), self.secret.clone(), self.pair()];
        let encoded = [STANDARD, URL_SAFE, CRYPT, BCRYPT, IMAP_MUTF7, BIN_HEX].map(|alphabet| {
            let engine = GeneralPurpose::new(&alphabet, NO_PAD);
            plain.each_ref().map(|text| engine.encode(text))
        });
        // One or two characters hide nowhere: blanking them would only spoil the text.
        let needles = plain
            .iter()
            .chain(encoded.as_flattened())
            .filter(|needle| needle.len() > 2);
        let mut is_hidden = vec![false; text.len()];
        for needle in needles {
            let places = text.as_bytes().windows(needle.len()).enumerate();
            for (start, _) in places.filter(|(_, bytes)| *bytes == needle.as_bytes()) {
                is_hidden
                    .iter_mut()
                    .skip(start)
                    .take(needle.len())
                    .for_each(|hidden| *hidden = true);
            }
        }
        let mut blanked = String::with_capacity(text.len());
        let mut was_hidden = false;
        for (at, c) in text.char_indices() {
            let hidden = is_hidden.get(at) == Some(&true);
            match (hidden, was_hidden) {
                (true, false) => blanked.push_str("[redacted]"),
                (true, true) => {}
                (false, _) => blanked.push(c),
            }
            was_hidden = hidden;
        }

        let escape = |c: char| {
            if is_unprintable(c) {
                c.escape_unicode().to_string()
            } else {
                c.to_string()
            }
        };
        blanked.chars().take(300).map(escape).collect()
    }
}

fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
