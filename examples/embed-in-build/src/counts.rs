//! The layout of `snapshot.json` and of the embedded file. `build.rs` and the program both compile this.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many members a workspace has, in all and by state.
#[derive(Debug, Serialize, Deserialize)]
pub struct Counts {
    pub workspace: String,
    /// When Mode was asked, in seconds since 1970.
    pub fetched_at: u64,
    pub total: usize,
    pub active: usize,
    pub by_state: BTreeMap<String, usize>,
}
