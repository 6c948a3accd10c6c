//! The layout of `snapshot.json` and of the embedded file. Both `build.rs` and the program compile this file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many members a workspace has, in total and in each state.
#[derive(Debug, Serialize, Deserialize)]
pub struct Counts {
    pub workspace: String,
    /// When Mode was asked, in seconds since 1970.
    pub fetched_at: u64,
    pub total: usize,
    pub active: usize,
    pub by_state: BTreeMap<String, usize>,
}
