//! A plan: the exact letters that a run redrives, as they were when it was made.
//!
//! A plan consists of objects that are written once. The pages of letters are written first and the header last, so
//! that a plan without a header does not exist. The header holds the digest of each page, and the plan's id holds the
//! digest of the header. If anything is edited later, a digest does not fit.

use std::collections::BTreeMap;

use event::{Timestamp, hex_sha256};
use serde::{Deserialize, Serialize};

use crate::{LetterId, Selection};

/// The version of the stored form of a plan.
pub const PLAN_FORMAT: u32 = 1;

/// The number of letters in each page but the last. A run reads one page at a time.
pub const LETTERS_IN_PAGE: usize = 1_000;

/// For how many milliseconds after it was made a run of a plan can begin. Later, its forecast does not hold any more.
const FRESH_MS: i64 = 24 * 60 * 60 * 1_000;

/// The id of a plan; see [`PlanId::of`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanId(pub String);

/// What holds for a whole plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanHeader {
    /// The version of the stored form: [`PLAN_FORMAT`] when it was written.
    pub plan_format: u32,
    /// The stack whose letters these are.
    pub stack: String,
    /// When the plan was made.
    pub made_at: Timestamp,
    /// Letters that were collected after this time are not in the plan.
    pub cut_off: Timestamp,
    /// The ARN of the operator who made it, or the name under which rules act.
    pub by: String,
    /// The letters that were asked for.
    pub selection: Selection,
    /// The stage that they go to; absent if each goes back to the stage that it failed at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The change of each payload, as a JSON Patch (RFC 6902); absent if payloads stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<serde_json::Value>,
    /// Whether letters are sent even if their events were taken in longer ago than their keys are remembered. Such an
    /// event may take effect twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub even_if_forgotten: bool,
    /// How many letters the plan has.
    pub letters: u64,
    /// The size of their messages' bodies in bytes, all together.
    pub bytes: u64,
    /// How many letters there are of each stage.
    pub stages: BTreeMap<String, u64>,
    /// The datasets of the letters' events, as far as they are known.
    pub datasets: Vec<String>,
    /// The services that the letters' events wait for, by the names of their breakers.
    pub depends_on: Vec<String>,
    /// The folder below `plans/` that holds the pages.
    pub folder: String,
    /// The SHA-256 of each page in hexadecimal, in their order.
    pub pages: Vec<String>,
}

/// A letter of a plan: one line of a page.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedLetter {
    /// The id of the letter.
    pub id: LetterId,
    /// The version of the letter when the plan was made. If it has another one when its turn comes, others have changed
    /// it, and it is left out.
    pub version: u64,
}

/// Why a plan cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPlan {
    /// The stack has no plan with this id.
    #[error("there is no plan `{0}` here; `dlq plan` makes one")]
    Unknown(String),
    /// The header or a page does not fit its digest, or cannot be read.
    #[error("plan `{0}` was changed after it was made: nothing was sent; make a new one")]
    Changed(String),
    /// The plan was made in another stack.
    #[error("plan `{plan}` is of the stack `{of}`, and this is `{here}`")]
    OtherStack {
        /// The id of the plan.
        plan: String,
        /// The stack that it was made in.
        of: String,
        /// This stack.
        here: String,
    },
    /// The plan was made more than a day ago.
    #[error("plan `{plan}` was made at {made_at}, more than a day ago: make a new one")]
    Stale {
        /// The id of the plan.
        plan: String,
        /// When it was made.
        made_at: Timestamp,
    },
    /// The plan with this id has a format that this version does not know.
    #[error("plan `{0}` is of a newer version of Sluicegate")]
    Newer(String),
}

/// A time as the ids of plans and runs begin with it, so that they sort by time: `20261129T101500Z`.
#[must_use]
pub fn compact_time(at: Timestamp) -> String {
    let text = at.to_string();
    let mut time: String = text.chars().filter(|c| c.is_ascii_alphanumeric()).take(15).collect();
    time.push('Z');
    time
}

impl PlanId {
    /// The id of the plan with this header: `20261129T101500Z-` and the first 16 hexadecimal digits of the header's
    /// SHA-256.
    #[must_use]
    pub fn of(header: &[u8], made_at: Timestamp) -> Self {
        let mut digest = hex_sha256(header);
        digest.truncate(16);
        Self(format!("{}-{digest}", compact_time(made_at)))
    }

    /// Whether this can be the id of a plan. It becomes part of an object's key, so that any other text is refused.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        (1..=64).contains(&self.0.len())
            && self.0.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    }

    /// The key of the object that holds the header.
    #[must_use]
    pub fn header_key(&self) -> String {
        format!("plans/{}.json", self.0)
    }
}

impl PlanHeader {
    /// Reads a header and checks it against the plan's id and this stack.
    ///
    /// # Errors
    /// [`BadPlan::Changed`], [`BadPlan::Newer`] or [`BadPlan::OtherStack`].
    pub fn read(id: &PlanId, bytes: &[u8], stack: &str) -> Result<Self, BadPlan> {
        let header: Self =
            serde_json::from_slice(bytes).map_err(|_| BadPlan::Changed(id.0.clone()))?;
        if header.plan_format > PLAN_FORMAT {
            return Err(BadPlan::Newer(id.0.clone()));
        }
        if PlanId::of(bytes, header.made_at) != *id {
            return Err(BadPlan::Changed(id.0.clone()));
        }
        if header.stack != stack {
            let here = stack.to_owned();
            return Err(BadPlan::OtherStack { plan: id.0.clone(), of: header.stack, here });
        }
        Ok(header)
    }

    /// Checks that a run of the plan may still begin.
    ///
    /// # Errors
    /// [`BadPlan::Stale`] if it was made more than 24 hours ago.
    pub fn check_fresh(&self, id: &PlanId, now: Timestamp) -> Result<(), BadPlan> {
        if now.unix_ms() - self.made_at.unix_ms() <= FRESH_MS {
            return Ok(());
        }
        Err(BadPlan::Stale { plan: id.0.clone(), made_at: self.made_at })
    }

    /// Reads the letters of a page.
    ///
    /// # Errors
    /// [`BadPlan::Changed`] if the page does not fit its digest in the header.
    pub fn read_page(
        &self,
        id: &PlanId,
        page: usize,
        bytes: &[u8],
    ) -> Result<Vec<PlannedLetter>, BadPlan> {
        if self.pages.get(page).is_none_or(|digest| *digest != hex_sha256(bytes)) {
            return Err(BadPlan::Changed(id.0.clone()));
        }
        let mut letters = Vec::with_capacity(LETTERS_IN_PAGE);
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let letter =
                serde_json::from_slice(line).map_err(|_| BadPlan::Changed(id.0.clone()))?;
            letters.push(letter);
        }
        Ok(letters)
    }
}
