//! Whether a queue is polled: while every event of a queue would wait for dependencies whose breakers are
//! open, receiving it, calling nothing and sending it back costs money and does nothing.
//!
//! A stage writes [`Evidence`] while a breaker holds calls back: that every record of a batch waited, and
//! for which dependencies, or that something went on. A function that runs every minute reads it with the
//! breakers and takes the [`next_step`]: it disables the queue's event source mapping, and enables it in
//! time for the next probe.
//!
//! Lambda has no other switch for this: `MaximumConcurrency` and provisioned pollers both have a minimum of
//! two (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>).
//!
//! A mapping that stays disabled would stop its stage, so a [`Pause`] is written before the mapping is
//! disabled and removed after it is known to be enabled. Whoever finds the pause can finish it, whatever
//! was lost in between. A mapping without a pause is somebody else's business.

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

/// Evidence that is older says nothing of now.
pub const RECENT: Duration = Duration::from_secs(120);

/// What a batch came to, at the end of an invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchSummary {
    pub records: usize,
    /// Those of them that wait because a dependency is unavailable, parked or hidden.
    pub waiting: usize,
}

impl BatchSummary {
    /// Whether there were records, and all of them wait.
    #[must_use]
    pub fn all_wait(&self) -> bool {
        self.records > 0 && self.waiting == self.records
    }
}

/// One thing that an environment has seen of its queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Observation {
    /// Every record of a batch waited, and some of them for this dependency.
    AllWaited { dependency: String },
    /// A record of a batch did not wait for a dependency.
    WentOn,
}

/// What all environments of a stage have seen last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// By dependency: when a batch last ended in which every record waited, and some of them for it.
    pub waited_at: BTreeMap<String, Timestamp>,
    /// When a batch last ended in which something went on while a breaker held calls back.
    pub went_on_at: Option<Timestamp>,
}

impl Evidence {
    /// Takes over what was seen. A later time is never replaced by an earlier one.
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
    pub evidence: Evidence,
    /// One more with each change of `polling`; evidence leaves it as it is. 0 of none.
    pub version: u64,
    pub polling: Polling,
}

/// Whether a queue is polled, as far as it is for us to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Polling {
    /// Not paused by us.
    #[default]
    Running,
    Paused(Pause),
    /// Somebody enabled a mapping that we had disabled: it is not paused until then.
    LeftAlone {
        until: Timestamp,
    },
}

/// A mapping that we disable, have disabled, or enable again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub since: Timestamp,
    /// When Lambda was last asked to disable the mapping.
    pub asked_at: Timestamp,
    /// The dependencies that its events wait for. None where that could not be read: it ends at once.
    pub waits_for: BTreeSet<String>,
    pub phase: Phase,
}

/// How far a pause has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Lambda is asked to disable the mapping, and may not have heard it.
    Disabling,
    /// Lambda has taken it.
    Disabled,
    /// Lambda is asked to enable the mapping, and may not have heard it.
    Enabling,
}

impl Phase {
    pub const ALL: [Self; 3] = [Self::Disabling, Self::Disabled, Self::Enabling];

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
    /// Whether there may be something to do: else Lambda need not be asked how the mapping is.
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
