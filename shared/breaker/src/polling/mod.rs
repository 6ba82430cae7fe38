//! Whether a queue is polled. If each event of a queue would wait for dependencies whose breakers are open, polling
//! receives the events, calls nothing and sends them back. That costs money and achieves nothing.
//!
//! A stage writes [`Evidence`] while a breaker holds calls back: either that each record of a batch waited, and for
//! which dependencies, or that some record went on. A function that runs every minute reads the evidence together with
//! the breakers and takes the [`next_step`]. It disables the queue's event source mapping, and enables it again in time
//! for the next probe.
//!
//! Lambda has no other switch for this: `MaximumConcurrency` and provisioned pollers both have a minimum of two
//! (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>).
//!
//! A mapping that stays disabled would stop its stage. Therefore a [`Pause`] is written before the mapping is disabled,
//! and is removed after the mapping is known to be enabled. Whatever is lost in between, the next run finds the pause
//! and can finish it. A mapping that is disabled without a pause was disabled by somebody else, and is left alone.

mod decision;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use event::Timestamp;

pub use decision::{
    KnownBreakers, LEFT_ALONE, LONGEST_PAUSE, Mapping, MappingState, NextCalls, Step, TAKES_EFFECT,
    next_step, resume_due_at,
};
pub use store::{ChangeOutcome, EvidenceStore, PollingStore};

/// Evidence that is older than this does not count.
pub const RECENT: Duration = Duration::from_secs(120);

/// What came of a batch, at the end of an invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchSummary {
    /// How many records the batch had.
    pub records: usize,
    /// How many of them wait because a dependency is unavailable, parked or hidden.
    pub waiting: usize,
}

impl BatchSummary {
    /// Whether there were records and all of them wait.
    #[must_use]
    pub fn all_wait(&self) -> bool {
        self.records > 0 && self.waiting == self.records
    }
}

/// One thing that an environment has seen of its queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Observation {
    /// Each record of a batch waited, and some of them for this dependency.
    AllWaited {
        /// The name of the dependency's breaker.
        dependency: String,
    },
    /// A record of a batch did not wait for a dependency.
    WentOn,
}

/// What the environments of a stage have seen last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// For each dependency, when a batch last ended of which each record waited, some of them for this dependency.
    pub waited_at: BTreeMap<String, Timestamp>,
    /// When a batch last ended of which a record went on while a breaker held calls back.
    pub went_on_at: Option<Timestamp>,
}

impl Evidence {
    /// Adds an observation. A later time is never replaced by an earlier one.
    pub fn add(&mut self, observation: &Observation, at: Timestamp) {
        match observation {
            Observation::AllWaited { dependency } => {
                let seen = self.waited_at.entry(dependency.clone()).or_insert(at);
                *seen = at.max(*seen);
            }
            Observation::WentOn => self.went_on_at = self.went_on_at.max(Some(at)),
        }
    }

    /// The dependencies that whole batches waited for within [`RECENT`].
    #[must_use]
    pub fn waits_for(&self, now: Timestamp) -> BTreeSet<String> {
        let recent = self.waited_at.iter().filter(|(_, at)| now <= at.plus(RECENT));
        recent.map(|(dependency, _)| dependency.clone()).collect()
    }
}

/// What the store holds of one stage's queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PollingRecord {
    /// What the stage's environments have seen.
    pub evidence: Evidence,
    /// Raised by 1 with each change of `polling`, and not by evidence; 0 if it was never written.
    pub version: u64,
    /// What was decided.
    pub polling: Polling,
}

/// What was decided about the polling of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Polling {
    /// The queue is polled, as far as this function decides it.
    #[default]
    Running,
    /// The mapping is disabled, or is about to be disabled or enabled.
    Paused(Pause),
    /// Somebody enabled a mapping that was disabled here. It is not paused until a time.
    LeftAlone {
        /// When it may be paused again.
        until: Timestamp,
    },
}

/// A mapping that is being disabled, is disabled, or is being enabled again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When the pause began.
    pub since: Timestamp,
    /// When Lambda was last asked to disable the mapping.
    pub asked_at: Timestamp,
    /// The dependencies that its events wait for. If there are none, because they could not be read, the pause ends at
    /// once.
    pub waits_for: BTreeSet<String>,
    /// How far the pause has come.
    pub phase: Phase,
}

/// How far a pause has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Lambda is asked to disable the mapping, and may not have received the request.
    Disabling,
    /// Lambda has disabled the mapping.
    Disabled,
    /// Lambda is asked to enable the mapping, and may not have received the request.
    Enabling,
}

impl Phase {
    /// All phases, in their order.
    pub const ALL: [Self; 3] = [Self::Disabling, Self::Disabled, Self::Enabling];

    /// The name in stored records. It never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabling => "disabling",
            Self::Disabled => "disabled",
            Self::Enabling => "enabling",
        }
    }
}

impl PollingRecord {
    /// Whether there may be something to do. If not, Lambda need not be asked for the state of the mapping.
    #[must_use]
    pub fn needs_attention(&self, now: Timestamp) -> bool {
        match &self.polling {
            Polling::Paused(_) => true,
            Polling::LeftAlone { until } if now < *until => false,
            Polling::Running | Polling::LeftAlone { .. } => {
                !self.evidence.waits_for(now).is_empty()
            }
        }
    }
}
