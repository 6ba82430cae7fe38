//! A plan: the exact letters that a run redrives, as they were when it was made.
//!
//! A plan is objects that are added once: pages of letters first, the header last, so that a plan without a header is
//! none. The header names each page by its digest, and the plan's id holds the digest of the header: whatever is edited
//! by hand is found.

use std::collections::BTreeMap;

use event::{Timestamp, hex_sha256};
use serde::{Deserialize, Serialize};

use crate::{LetterId, Selection};

/// The version in which a plan is written.
pub const PLAN_FORMAT: u32 = 1;

/// Letters of a page. A run reads a page at a time.
pub const LETTERS_IN_PAGE: usize = 1_000;

/// For how long a plan can be begun after it was made, in milliseconds: what it forecast is history then.
const FRESH_MS: i64 = 24 * 60 * 60 * 1_000;

/// One plan: when it was made, and the first digits of its header's digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanId(pub String);

/// What is true of a whole plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanHeader {
    pub plan_format: u32,
    /// The stack whose letters these are.
    pub stack: String,
    pub made_at: Timestamp,
    /// Letters that were collected later are not in it.
    pub cut_off: Timestamp,
    pub by: String,
    pub selection: Selection,
    /// The stage that they go to; `None`: each back to where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What is changed in each payload, as a JSON Patch (RFC 6902).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<serde_json::Value>,
    /// Whether letters are sent, too, whose events were taken in longer ago than their keys are remembered: such an
    /// event may take effect twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub even_if_forgotten: bool,
    pub letters: u64,
    pub bytes: u64,
    /// How many letters are of each stage, and of which datasets they are, as far as that is known.
    pub stages: BTreeMap<String, u64>,
    pub datasets: Vec<String>,
    /// The services that these letters' events wait for, by the names of their breakers.
    pub depends_on: Vec<String>,
    /// Below `plans/`: the folder of its pages.
    pub folder: String,
    /// The SHA-256 of each page, in hexadecimal, in their order.
    pub pages: Vec<String>,
}

/// A letter of a plan: one line of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedLetter {
    pub id: LetterId,
    /// What has another version by then was changed by others, and is left out.
    pub version: u64,
}

/// Why a plan cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPlan {
    #[error("there is no plan `{0}` here; `dlq plan` makes one")]
    Unknown(String),
    #[error("plan `{0}` was changed after it was made: nothing was sent; make a new one")]
    Changed(String),
    #[error("plan `{plan}` is of the stack `{of}`, and this is `{here}`")]
    OtherStack { plan: String, of: String, here: String },
    #[error("plan `{plan}` was made at {made_at}, more than a day ago: make a new one")]
    Stale { plan: String, made_at: Timestamp },
    #[error("plan `{0}` is of a newer version of Sluicegate")]
    Newer(String),
}

/// A time as ids of plans and runs begin with it, so that they sort by it: `20261129T101500Z`.
#[must_use]
pub fn compact_time(at: Timestamp) -> String {
    let text = at.to_string();
    let mut time: String = text.chars().filter(|c| c.is_ascii_alphanumeric()).take(15).collect();
    time.push('Z');
    time
}

impl PlanId {
    /// The id of a plan with this header: `20261129T101500Z-` and 16 hexadecimal digits of its SHA-256.
    #[must_use]
    pub fn of(header: &[u8], made_at: Timestamp) -> Self {
        let mut digest = hex_sha256(header);
        digest.truncate(16);
        Self(format!("{}-{digest}", compact_time(made_at)))
    }

    /// Whether it may be one: it becomes part of an object's key.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=64).contains(&self.0.len()) && self.0.chars().all(is_plain)
    }

    /// The key of its header.
    #[must_use]
    pub fn header_key(&self) -> String {
        format!("plans/{}.json", self.0)
    }
}

impl PlanHeader {
    /// The header in these bytes, which its plan's id must fit.
    ///
    /// # Errors
    /// What keeps it from being used.
    pub fn read(id: &PlanId, bytes: &[u8], stack: &str) -> Result<Self, BadPlan> {
        let changed = || BadPlan::Changed(id.0.clone());
        let header: Self = serde_json::from_slice(bytes).map_err(|_| changed())?;
        if header.plan_format > PLAN_FORMAT {
            return Err(BadPlan::Newer(id.0.clone()));
        }
        if PlanId::of(bytes, header.made_at) != *id {
            return Err(changed());
        }
        if header.stack != stack {
            let here = stack.to_owned();
            return Err(BadPlan::OtherStack { plan: id.0.clone(), of: header.stack, here });
        }
        Ok(header)
    }

    /// # Errors
    /// [`BadPlan::Stale`], when it is too old to be begun.
    pub fn check_fresh(&self, id: &PlanId, now: Timestamp) -> Result<(), BadPlan> {
        if now.unix_ms() - self.made_at.unix_ms() <= FRESH_MS {
            return Ok(());
        }
        Err(BadPlan::Stale { plan: id.0.clone(), made_at: self.made_at })
    }

    /// The letters in the bytes of a page.
    ///
    /// # Errors
    /// [`BadPlan::Changed`], when it is not as it was written.
    pub fn read_page(
        &self,
        id: &PlanId,
        page: usize,
        bytes: &[u8],
    ) -> Result<Vec<PlannedLetter>, BadPlan> {
        let changed = || BadPlan::Changed(id.0.clone());
        if self.pages.get(page).is_none_or(|digest| *digest != hex_sha256(bytes)) {
            return Err(changed());
        }
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).map_err(|_| changed())).collect()
    }
}
