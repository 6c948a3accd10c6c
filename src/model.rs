//! The answers: [`Account`], [`Verification`], [`Membership`] and what belongs to it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use crate::json::{Object, Text, Words};

/// Who a key or token belongs to: the answer of [`Client::account()`](crate::Client::account).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Account {
    /// The user name, as in `https://app.mode.com/<username>`.
    pub username: String,
    /// The person's name.
    pub name: Option<String>,
    /// Mode's number for the user; Mode writes it as a number or as text.
    #[serde(default, deserialize_with = "number_or_text")]
    pub id: Option<String>,
    /// Mode's token for the user: an identifier, no secret.
    pub token: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// When the account was made, as Mode writes it (RFC 3339).
    pub created_at: Option<String>,
}

/// What a key opens: the answer of [`Client::verify()`](crate::Client::verify).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Verification {
    /// The workspace, as [`Client::memberships()`](crate::Client::memberships) takes it.
    pub workspace: Option<String>,
    /// Mode's token for the workspace: an identifier, no secret.
    pub workspace_token: Option<String>,
    /// `workspace` or `member`.
    pub api_key_scope: Option<String>,
}

/// One person in a workspace.
///
/// Deserializing is also how to make rows for your own tests:
///
/// ```
/// use mode_analytics::Membership;
///
/// let ada: Membership = serde_json::from_str(r#"{"member_username": "ada", "state": "active"}"#)?;
/// assert!(ada.is_active());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Object<MembershipFields>")]
#[non_exhaustive]
pub struct Membership {
    /// The user name (`username` in the lite listing); someone invited may have none yet.
    pub member_username: Option<String>,
    /// Where the membership stands; `active` is the only state that Mode documents.
    pub state: MembershipState,
    /// Mode's token for the member: an identifier, no secret.
    pub member_token: Option<String>,
    /// The person's name; only the lite listing has it.
    pub name: Option<String>,
    /// The e-mail address; only the lite listing has it.
    pub email: Option<String>,
    /// Whether the person administers the workspace.
    pub admin: Option<bool>,
    /// Whether the person was invited.
    pub invited: Option<bool>,
    /// Whether the membership is managed by the company's directory.
    pub managed_by_scim: Option<bool>,
    /// When the membership became active, as Mode writes it (RFC 3339).
    pub activated_at: Option<String>,
}

impl Membership {
    /// Whether the state is exactly `active`.
    pub fn is_active(&self) -> bool {
        self.state == MembershipState::ACTIVE
    }
}

/// The state of a membership: a text of Mode's, of which only [`ACTIVE`](Self::ACTIVE) is documented. An unknown one is
/// data, never an error. In JSON it is a plain string.
///
/// ```
/// use mode_analytics::MembershipState;
///
/// assert_eq!(MembershipState::from("active"), MembershipState::ACTIVE);
/// assert_eq!(MembershipState::from("banned").as_str(), "banned");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct MembershipState(Cow<'static, str>);

impl MembershipState {
    /// `active`.
    pub const ACTIVE: Self = Self(Cow::Borrowed("active"));

    /// The text as Mode wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for MembershipState {
    fn from(text: &str) -> Self {
        // The common state costs no allocation.
        if text == "active" {
            Self::ACTIVE
        } else {
            Self(Cow::Owned(text.to_owned()))
        }
    }
}

impl From<String> for MembershipState {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl PartialEq<str> for MembershipState {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for MembershipState {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for MembershipState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MembershipState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(|Text(text)| text.as_ref().into())
    }
}

/// How many people a workspace has, in all and by state.
///
/// [`Client::membership_counts()`](crate::Client::membership_counts) makes it from an answer; from rows at hand it is
/// collected:
///
/// ```
/// use mode_analytics::{Membership, MembershipCounts};
///
/// let rows: Vec<Membership> = serde_json::from_str(r#"[{"state": "active"}, {"state": "invited"}]"#)?;
/// let counts: MembershipCounts = rows.iter().collect();
/// assert_eq!((counts.total, counts.active, counts.by_state["invited"]), (2, 1, 1));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MembershipCounts {
    /// All of them.
    pub total: usize,
    /// Those whose state is exactly `active`.
    pub active: usize,
    /// How many are in each state; `active` is among them where there is one.
    pub by_state: BTreeMap<String, usize>,
}

impl MembershipCounts {
    pub(crate) fn add(&mut self, state: &str, people: usize) {
        self.total += people;
        if state == MembershipState::ACTIVE.as_str() {
            self.active += people;
        }
        match self.by_state.get_mut(state) {
            Some(count) => *count += people,
            None => {
                self.by_state.insert(state.to_owned(), people);
            }
        }
    }
}

impl<'a> FromIterator<&'a Membership> for MembershipCounts {
    fn from_iter<I: IntoIterator<Item = &'a Membership>>(rows: I) -> Self {
        let mut counts = Self::default();
        rows.into_iter()
            .for_each(|row| counts.add(row.state.as_str(), 1));
        counts
    }
}

/// A row of either listing.
#[derive(Deserialize)]
struct MembershipFields {
    member_username: Option<String>,
    username: Option<String>,
    state: MembershipState,
    member_token: Option<String>,
    name: Option<String>,
    email: Option<String>,
    admin: Option<bool>,
    invited: Option<bool>,
    managed_by_scim: Option<bool>,
    activated_at: Option<String>,
}

impl From<Object<MembershipFields>> for Membership {
    fn from(Object(row): Object<MembershipFields>) -> Self {
        Self {
            member_username: row.member_username.or(row.username),
            state: row.state,
            member_token: row.member_token,
            name: row.name,
            email: row.email,
            admin: row.admin,
            invited: row.invited,
            managed_by_scim: row.managed_by_scim,
            activated_at: row.activated_at,
        }
    }
}

fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::deserialize(deserializer)? {
        Some(Words {
            is_plain: false, ..
        }) => Err(D::Error::custom("neither a number nor a text")),
        id => Ok(id.map(|id| id.text)),
    }
}
