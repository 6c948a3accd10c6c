//! Makes text from outside safe to print. Pure.

use base64::engine::GeneralPurpose;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine as _};

/// How many characters of a text from outside are kept at most.
const MAX_CHARACTERS: usize = 300;
/// What stands in the place of credentials.
const BLANK: &str = "[redacted]";

/// Knows every spelling of the credentials, and blanks them.
pub(crate) struct Redactor(Vec<String>);

impl Redactor {
    pub(crate) fn new(token: &str, secret: &str) -> Self {
        let pair = format!("{token}:{secret}");
        // A message may come without the blanks around it.
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
            } else if !blanked.ends_with(BLANK) {
                blanked.push_str(BLANK);
            }
        }
        blanked
    }
}

fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}
