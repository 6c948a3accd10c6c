//! What Mode's responses contain: [`Account`], [`Verification`], [`Membership`] and related types.

use std::{borrow::Borrow, collections::BTreeMap};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::json::{self, Json, Links, Object};

/// The only state that Mode documents.
const ACTIVE: &str = "active";

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
/// println!("{}: {:?}", verification.workspace, verification.api_key_scope);
/// # Ok::<(), mode_analytics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Verification {
    /// The name of the workspace, in the form that
    /// [`Client::memberships()`](crate::Client::memberships) expects. It is never blank.
    #[serde(deserialize_with = "workspace")]
    pub workspace: String,
    /// Mode's token for the workspace: an identifier, not a secret.
    pub workspace_token: Option<String>,
    /// The kind of key: `workspace` or `member`. Some responses do not contain it.
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
    /// The state of the membership, as Mode writes it. `active` is the only state that Mode documents;
    /// any other is data, not an error.
    pub state: String,
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
    pub fn is_active(&self) -> bool {
        self.state == ACTIVE
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
    pub(crate) fn of(states: impl Iterator<Item = String>) -> Self {
        let mut counts = Self::default();
        for state in states {
            counts.total += 1;
            counts.active += usize::from(state == ACTIVE);
            *counts.by_state.entry(state).or_default() += 1;
        }
        counts
    }
}

impl<M: Borrow<Membership>> FromIterator<M> for MembershipCounts {
    fn from_iter<I: IntoIterator<Item = M>>(rows: I) -> Self {
        Self::of(rows.into_iter().map(|row| row.borrow().state.clone()))
    }
}

/// A row of either listing.
#[derive(Deserialize)]
struct MembershipFields {
    member_username: Option<String>,
    username: Option<String>,
    state: String,
    member_token: Option<String>,
    name: Option<String>,
    email: Option<String>,
    #[serde(default, deserialize_with = "json::scalar")]
    admin: Option<bool>,
    #[serde(default, deserialize_with = "json::scalar")]
    invited: Option<bool>,
    #[serde(default, deserialize_with = "json::scalar")]
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

/// An object, of which only the links are kept.
#[derive(Deserialize)]
pub(crate) struct Linked {
    #[serde(default, rename = "_links")]
    pub(crate) links: Json<Links>,
}

/// Reads the name of a workspace. A blank one counts as missing, because a program would put it into a
/// path.
fn workspace<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name: Option<String> = Option::deserialize(deserializer)?;
    let name = name.filter(|name| !name.trim().is_empty());
    name.ok_or_else(|| D::Error::missing_field("workspace"))
}
