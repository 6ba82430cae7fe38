//! What is kept of a run, besides where it is in its plan.

use event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Pace, PlanId, Progress, Run, RunId};

/// The version in which a run is written.
pub const RUN_FORMAT: u32 = 1;

/// One run: what it does, for whom and why, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    pub run_format: u32,
    pub id: RunId,
    pub plan: PlanId,
    /// Who began it, and why.
    pub by: String,
    pub why: String,
    pub started_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    pub run: Run,
    pub pace: Pace,
    pub progress: Progress,
    /// Why it waits, or was paused; who paused it says so here, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What had been sent, and had come back, when an operator let it go on last: that stops it no more.
    #[serde(default)]
    pub forgiven: Forgiven,
    /// How many of its letters have failed again. Counted apart from the rest: it is no part of what is written.
    #[serde(skip)]
    pub came_back: u64,
}

/// What an operator knew of when a run went on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgiven {
    pub sent: u64,
    pub came_back: u64,
}

impl Ledger {
    /// A run that begins now.
    #[must_use]
    pub fn begin(
        id: RunId,
        plan: PlanId,
        letters: u64,
        pace: Pace,
        by: &str,
        why: &str,
        now: Timestamp,
    ) -> Self {
        Self {
            run_format: RUN_FORMAT,
            id,
            plan,
            by: by.to_owned(),
            why: why.to_owned(),
            started_at: now,
            ended_at: (letters == 0).then_some(now),
            run: Run::of_plan(letters),
            progress: Progress::begin(&pace, now),
            pace,
            note: None,
            forgiven: Forgiven::default(),
            came_back: 0,
        }
    }

    /// As it goes on, once an operator has said so who knows what came back.
    #[must_use]
    pub fn resumed(&self, now: Timestamp) -> Self {
        Self {
            progress: self.progress.resumed(&self.run, now),
            forgiven: Forgiven { sent: self.run.sent, came_back: self.came_back },
            note: None,
            ..self.clone()
        }
    }
}
