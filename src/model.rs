//! What Mode's responses contain: [`Account`], [`Verification`], [`Membership`] and related types.

use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Number;

use crate::json::{Object, Text};

/// The user that a key belongs to. [`Client::account()`](crate::Client::account) returns it.
///
/// ```no_run
/// # let client = mode_analytics::Client::from_env()?;
/// let account = client.account()?;
/// println!("{} <{:?}>", account.username, account.email);
/// # Ok::<(), mode_analytics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Account {
    /// The user name, as in `https://app.mode.com/<username>`.
    pub username: String,
    /// The user's full name.
    pub name: Option<String>,
    /// Mode's number for the user. Mode writes it as a number or as a string.
    #[serde(default, deserialize_with = "number_or_text")]
    pub id: Option<String>,
    /// Mode's token for the user: an identifier, not a secret.
    pub token: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// When the account was created, as Mode writes it (RFC 3339).
    pub created_at: Option<String>,
}

/// What a key gives access to. [`Client::verify()`](crate::Client::verify) returns it.
///
/// ```no_run
/// # let client = mode_analytics::Client::from_env()?;
/// let verification = client.verify()?;
/// println!("{:?}", verification.api_key_scope);
/// # Ok::<(), mode_analytics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Verification {
    /// The name of the workspace, in the form that
    /// [`Client::memberships()`](crate::Client::memberships) expects.
    ///
    /// Every response that other clients have recorded contains it. It is `None` if a response does
    /// not contain it, or if it is `null`. Then name the workspace yourself, and check the base URL:
    /// the response may not be Mode's.
    pub workspace: Option<String>,
    /// Mode's token for the workspace: an identifier, not a secret.
    pub workspace_token: Option<String>,
    /// The sort of key: `workspace` or `member`. Some responses do not contain it.
    pub api_key_scope: Option<String>,
}

/// One member of a workspace.
///
/// To test your own code, deserialize the rows that you need:
///
/// ```
/// use mode_analytics::Membership;
///
/// let row = r#"{"member_username": "ada", "state": "active"}"#;
/// let ada: Membership = serde_json::from_str(row)?;
/// assert!(ada.is_active());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Object<MembershipFields>")]
#[non_exhaustive]
pub struct Membership {
    /// The user name, which the lite listing calls `username`. A member who was invited may not have
    /// one yet.
    pub member_username: Option<String>,
    /// The state of the membership. `active` is the only state that Mode documents.
    pub state: MembershipState,
    /// Mode's token for the member: an identifier, not a secret.
    pub member_token: Option<String>,
    /// The member's full name. Only the lite listing has it.
    pub name: Option<String>,
    /// The e-mail address. Only the lite listing has it.
    pub email: Option<String>,
    /// Whether the member administers the workspace.
    pub admin: Option<bool>,
    /// Whether the member was invited.
    pub invited: Option<bool>,
    /// Whether the membership is managed by the company's directory, through SCIM.
    pub managed_by_scim: Option<bool>,
    /// When the membership became active, as Mode writes it (RFC 3339).
    pub activated_at: Option<String>,
}

impl Membership {
    /// Returns whether the state is exactly `active`.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == MembershipState::ACTIVE
    }
}

/// The state of a membership, as Mode writes it.
///
/// Only [`ACTIVE`](Self::ACTIVE) is documented. An unknown state is data, never an error. In JSON it
/// is a plain string.
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
    /// The state `active`.
    pub const ACTIVE: Self = Self(Cow::Borrowed("active"));

    /// Returns the text as Mode wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for MembershipState {
    fn from(text: &str) -> Self {
        match text {
            // The common state needs no allocation.
            "active" => Self::ACTIVE,
            _ => text.to_owned().into(),
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

impl PartialEq<MembershipState> for str {
    fn eq(&self, other: &MembershipState) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<MembershipState> for &str {
    fn eq(&self, other: &MembershipState) -> bool {
        *self == other.as_str()
    }
}

impl AsRef<str> for MembershipState {
    fn as_ref(&self) -> &str {
        self.as_str()
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

/// How many members a workspace has, in total and in each state.
///
/// [`Client::membership_counts()`](crate::Client::membership_counts) returns it. If you have the rows
/// already, collect them:
///
/// ```
/// use mode_analytics::{Membership, MembershipCounts};
///
/// let rows = r#"[{"state": "active"}, {"state": "invited"}]"#;
/// let rows: Vec<Membership> = serde_json::from_str(rows)?;
/// let counts: MembershipCounts = rows.iter().collect();
/// assert_eq!((counts.total, counts.active, counts.by_state["invited"]), (2, 1, 1));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MembershipCounts {
    /// The number of all members.
    pub total: usize,
    /// The number of members whose state is exactly `active`.
    pub active: usize,
    /// The number of members in each state that occurs, including `active`.
    pub by_state: BTreeMap<String, usize>,
}

impl MembershipCounts {
    pub(crate) fn add(&mut self, state: &str) {
        self.total += 1;
        self.active += usize::from(state == MembershipState::ACTIVE.as_str());
        match self.by_state.get_mut(state) {
            Some(members) => *members += 1,
            None => drop(self.by_state.insert(state.to_owned(), 1)),
        }
    }
}

impl<M: Borrow<Membership>> FromIterator<M> for MembershipCounts {
    fn from_iter<I: IntoIterator<Item = M>>(rows: I) -> Self {
        let mut counts = Self::default();
        let rows = rows.into_iter();
        rows.for_each(|row| counts.add(row.borrow().state.as_str()));
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

/// Mode's number for a user. `json.rs` shows what its errors say after ", expected ".
#[derive(Deserialize)]
#[serde(untagged, expecting = "wrong, expected a whole number or a string")]
enum NumberOrText {
    Number(Number),
    Text(String),
}

fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::deserialize(deserializer)? {
        None => Ok(None),
        Some(NumberOrText::Text(text)) => Ok(Some(text)),
        Some(NumberOrText::Number(it)) if it.is_i64() || it.is_u64() => Ok(Some(it.to_string())),
        Some(_) => Err(D::Error::custom("a fraction, expected a whole number")),
    }
}
