//! Makes text from outside safe to print. Pure.

use base64::engine::GeneralPurpose;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine as _};

/// How many characters of a text from outside are kept at most.
const MAX_CHARACTERS: usize = 300;
/// What credentials are replaced with.
const REDACTED: &str = "[redacted]";

/// Knows every spelling of the credentials, and blanks them.
pub(crate) struct Redactor(Vec<String>);

impl Redactor {
    pub(crate) fn new(token: &str, secret: &str) -> Self {
        let pair = format!("{token}:{secret}");
        // A server may repeat a credential without the spaces around it.
        let plain = [token, secret, &pair, token.trim(), secret.trim()];
        let encode = |base64: GeneralPurpose| plain.map(|text| base64.encode(text));
        let encoded = [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD].map(encode);
        let mut spellings = [encoded.concat(), plain.map(String::from).into()].concat();
        // Blanking one or two characters would hide nothing and only spoil the text.
        spellings.retain(|spelling| spelling.len() > 2);
        Self(spellings)
    }

    /// Blanks the credentials, keeps at most 300 characters, and escapes those that control a
    /// terminal, reverse the text or are invisible.
    pub(crate) fn clean(&self, text: &str) -> String {
        let escape = |c: char| match is_unprintable(c) {
            true => c.escape_unicode().to_string(),
            false => c.to_string(),
        };
        let blanked = self.blank(text);
        blanked.chars().take(MAX_CHARACTERS).map(escape).collect()
    }

    /// Blanks matches that overlap or touch as one, so that no part of a secret is left over.
    fn blank(&self, text: &str) -> String {
        let mut blanked = String::with_capacity(text.len());
        let mut hidden_until = 0;
        for (at, c) in text.char_indices() {
            let rest = text.get(at..).unwrap_or_default();
            for spelling in &self.0 {
                // A text that was cut may end amid a spelling.
                let is_cut = rest.len() > 2 && spelling.starts_with(rest);
                if is_cut || rest.starts_with(spelling) {
                    hidden_until = hidden_until.max(at + spelling.len());
                }
            }
            if at >= hidden_until {
                blanked.push(c);
            } else if !blanked.ends_with(REDACTED) {
                blanked.push_str(REDACTED);
            }
        }
        blanked
    }
}

fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c as u32,
            0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff
            | 0xffa0 | 0xfff0..=0xfffb | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}
