//! The legal transitions of a run: the ledger of one redrive.
//!
//! | state | event | next |
//! | --- | --- | --- |
//! | running or cancelling | a worker takes the lease, which nobody has or whose time is over | as it was |
//! | running or paused | the worker with the lease moves on | as it was; done at the end of the plan |
//! | any | the worker with the lease, between two parts, lets go of it | as it was |
//! | running | an operator, or the run itself, pauses it | paused |
//! | paused | an operator resumes it | running |
//! | running or paused | an operator cancels it | cancelling |
//! | cancelling | the worker with the lease moves on | cancelled |
//! | done | an operator cancels it | cancelled: what it has sent is given back by the stages that it has not passed |
//!
//! All else is [`IllegalRun`]. Pausing and cancelling leave the lease: a worker that is in the middle of a part
//! finishes it, so that what it has sent is counted, and takes no other. With the lease a worker says how far it will
//! claim letters (`reach`), before it claims the first. Where it crashed, letters up to there may be claimed and
//! unsent: whoever takes the lease of a cancelling run sends these, and no others.

use event::Timestamp;
use serde::{Deserialize, Serialize};

/// One run of a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

/// A run, as its ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Run {
    pub state: RunState,
    /// Of each write; a write is conditional on the one before it.
    pub version: u64,
    /// How many of the plan's letters have been gone through, in their order.
    pub position: u64,
    /// Up to which position letters may be claimed; never less than `position`.
    pub reach: u64,
    /// How many letters the plan has.
    pub size: u64,
    /// Of those gone through, how many were sent.
    pub sent: u64,
    /// Of those gone through, how many were left out: others had changed them since they were planned, or
    /// their queue refused them.
    pub skipped: u64,
    pub lease: Option<Lease>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    Running,
    Paused,
    /// An operator has cancelled it, and letters may be claimed by it.
    Cancelling,
    /// It sends nothing more, and stages give back what they have of it.
    Cancelled,
    Done,
}

/// Who works on a run, and until when nobody else does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lease {
    pub worker: String,
    pub ends_at: Timestamp,
}

/// Something that may change a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RunEvent {
    /// A worker begins a part, in which it claims so many letters at most.
    Take {
        lease: Lease,
        letters: u64,
    },
    /// A part of the plan was gone through.
    MoveOn {
        worker: String,
        sent: u64,
        skipped: u64,
    },
    /// A worker that will not begin another part.
    LetGo {
        worker: String,
    },
    Pause,
    Resume,
    Cancel,
}

/// The run, as it is, does not let that happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalRun {
    #[error("the run is {state}, and does not change so from there")]
    State { state: &'static str },
    #[error("another worker has the lease")]
    Leased,
}

impl Run {
    #[must_use]
    pub fn of_plan(size: u64) -> Self {
        let state = if size == 0 { RunState::Done } else { RunState::Running };
        Self { state, version: 1, position: 0, reach: 0, size, sent: 0, skipped: 0, lease: None }
    }

    /// Whether it is at its end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, RunState::Done | RunState::Cancelled)
    }
}

impl RunState {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Done => "done",
        }
    }
}

/// The run after an event, of the next version.
///
/// # Errors
/// [`IllegalRun`], when the table above has no such line.
pub fn step_run(run: &Run, event: RunEvent, now: Timestamp) -> Result<Run, IllegalRun> {
    let mut next = Run { version: run.version + 1, ..run.clone() };
    match (run.state, event) {
        (RunState::Running | RunState::Cancelling, RunEvent::Take { lease, letters }) => {
            let holder = run.lease.as_ref().filter(|held| now < held.ends_at);
            if holder.is_some_and(|held| held.worker != lease.worker) {
                return Err(IllegalRun::Leased);
            }
            next.lease = Some(lease);
            if run.state == RunState::Running {
                let reach = run.position.saturating_add(letters).min(run.size);
                next.reach = run.reach.max(reach);
            }
        }
        // What was sent before an operator stopped the run is counted.
        (
            RunState::Running | RunState::Paused | RunState::Cancelling,
            RunEvent::MoveOn { worker, sent, skipped },
        ) => {
            if run.lease.as_ref().is_none_or(|held| held.worker != worker) {
                return Err(IllegalRun::Leased);
            }
            next.position += sent + skipped;
            next.reach = next.reach.max(next.position);
            next.sent += sent;
            next.skipped += skipped;
            if run.state == RunState::Cancelling {
                next.state = RunState::Cancelled;
            } else if next.position >= next.size {
                next.state = RunState::Done;
            }
        }
        (_, RunEvent::LetGo { worker }) => {
            if next.lease.take_if(|held| held.worker == worker).is_none() {
                return Err(IllegalRun::Leased);
            }
        }
        (RunState::Running, RunEvent::Pause) => next.state = RunState::Paused,
        (RunState::Paused, RunEvent::Resume) => next.state = RunState::Running,
        (RunState::Running | RunState::Paused, RunEvent::Cancel) => {
            next.state = RunState::Cancelling;
        }
        (RunState::Done, RunEvent::Cancel) => next.state = RunState::Cancelled,
        (state, _) => return Err(IllegalRun::State { state: state.name() }),
    }
    Ok(next)
}
