//! The ledger of a run: what is stored of it besides its position in the plan.

use event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Pace, PlanId, Progress, Run, RunId};

/// The version of the stored form of a [`Ledger`].
pub const RUN_FORMAT: u32 = 1;

/// One run: what it does, who began it and why, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The version of the stored form: [`RUN_FORMAT`] when it was written.
    pub run_format: u32,
    /// The id of the run.
    pub id: RunId,
    /// The plan whose letters it sends.
    pub plan: PlanId,
    /// The ARN of the operator who began it, or the name under which rules act.
    pub by: String,
    /// The reason that was given when it began.
    pub why: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was done or cancelled; absent while it is not over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Its state, position and counts.
    pub run: Run,
    /// How fast it may go.
    pub pace: Pace,
    /// Where it is in its pace.
    pub progress: Progress,
    /// Why it waits or was paused. If an operator paused or cancelled it, this names the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What had been sent and had come back when an operator last resumed the run. It does not stop the run again.
    #[serde(default)]
    pub forgiven: Forgiven,
    /// How many of its letters have failed again. It has a counter of its own in the store, and is not part of the
    /// stored ledger.
    #[serde(skip)]
    pub came_back: u64,
}

/// The counts that an operator had seen when the run was resumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgiven {
    /// Letters that the run had sent.
    pub sent: u64,
    /// Letters that had failed again.
    pub came_back: u64,
}

impl Ledger {
    /// A run of a plan with `letters` letters that begins at `now`. A run without letters is done at once.
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

    /// The ledger after an operator, who knows how many letters came back, has resumed the run. The rates begin at
    /// their first step.
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
