//! Makes text from outside safe to print. Pure.

use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine as _};

/// How many characters of a text from outside are kept at most.
const MAX_CHARACTERS: usize = 300;
/// What credentials are replaced with.
const REDACTED: &str = "[redacted]";

/// Replaces the credentials in a text: as they are, and in base64 and base64url. Other encodings, such
/// as percent-encoding and hex, are not recognized.
pub(crate) struct Redactor(Vec<String>);

impl Redactor {
    pub(crate) fn new(token: &str, secret: &str) -> Self {
        let pair = format!("{token}:{secret}");
        // The header, which a server may encode once more.
        let basic = BASE64_STANDARD_NO_PAD.encode(&pair);
        // A server may repeat a credential without the spaces around it.
        let plain = [token, secret, &pair, &basic, token.trim(), secret.trim()];
        let mut spellings: Vec<String> = plain.map(String::from).into();
        spellings.extend(plain.map(|text| BASE64_STANDARD_NO_PAD.encode(text)));
        spellings.extend(plain.map(|text| BASE64_URL_SAFE_NO_PAD.encode(text)));
        // Replacing one or two bytes would hide nothing and only spoil the text.
        spellings.retain(|spelling| spelling.len() > 2);
        spellings.sort_by_key(String::len);
        Self(spellings)
    }

    /// Replaces the credentials, cuts the text to 300 characters, and escapes those that control a
    /// terminal, reverse the text or are invisible.
    pub(crate) fn clean(&self, text: &str) -> String {
        let escape = |c: char| {
            let escaped = is_unprintable(c).then(|| c.escape_unicode().to_string());
            escaped.unwrap_or_else(|| c.into())
        };
        let mut replaced = String::from(text);
        // One spelling may be a part of another, so the longest is replaced first.
        for spelling in self.0.iter().rev() {
            replaced = replaced.replace(spelling, REDACTED);
            // The server may have cut the text in the middle of a spelling.
            let mut ends = (3..spelling.len()).rev();
            let cut = ends.find_map(|end| replaced.strip_suffix(spelling.get(..end)?));
            if let Some(rest) = cut {
                replaced = format!("{rest}{REDACTED}");
            }
        }
        let mut characters = replaced.chars();
        let kept = characters.by_ref().take(MAX_CHARACTERS).map(escape);
        let kept: String = kept.collect();
        kept + characters.next().map_or("", |_| "…")
    }
}

fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c as u32,
            0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff
            | 0xffa0 | 0xfff0..=0xfffb | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// How many rounds a random test takes. `RANDOM_ROUNDS` sets another number.
    pub(crate) fn random_rounds(usual: usize) -> usize {
        std::env::var("RANDOM_ROUNDS").map_or(usual, |rounds| rounds.parse().unwrap())
    }

    #[test]
    fn no_spelling_is_left_and_nothing_else_changes() {
        const ALPHABET: [char; 5] = ['a', 'b', 'B', ':', 'é'];
        let mut random = fastrand::Rng::with_seed(5);
        for round in 0..random_rounds(1_000) {
            let mut text = |most| -> String {
                let characters = 0..random.usize(1..=most);
                characters
                    .map(|_| ALPHABET[random.usize(..ALPHABET.len())])
                    .collect()
            };
            let (token, secret, mut body) = (text(6), text(9), text(30));
            let redactor = Redactor::new(&token, &secret);
            for spelling in &redactor.0 {
                // Alone, all of it is replaced, although others may be a part of it.
                let alone = redactor.clean(&format!("<{spelling}>"));
                assert_eq!(alone, "<[redacted]>", "round {round}: {token} {secret}");
            }
            for _ in 0..random.usize(..3) {
                body += random.choice(&redactor.0).map_or("", |spelling| spelling);
                body.push(ALPHABET[random.usize(..ALPHABET.len())]);
            }
            let cleaned = redactor.clean(&body);
            let is_spelled = |text: &str| redactor.0.iter().any(|it| text.contains(&**it));
            let context = format!("round {round}: {token} {secret} in {body}: {cleaned}");
            assert!(!cleaned.split(REDACTED).any(is_spelled), "{context}");
            let starts = |it: &str, end| it.get(..end).is_some_and(|start| body.ends_with(start));
            let is_start = |it: &String| (3..it.len()).any(|end| starts(it, end));
            let is_cut = redactor.0.iter().any(is_start);
            assert!(cleaned == body || is_spelled(&body) || is_cut, "{context}");
            // What is left stands in the body, in this order.
            let mut rest = &*body;
            for kept in cleaned.split(REDACTED) {
                let at = rest.find(kept).expect(&context);
                rest = &rest[at + kept.len()..];
            }
        }
    }
}
