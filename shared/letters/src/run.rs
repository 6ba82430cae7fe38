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
//! Any other combination is [`IllegalRun`]. Pausing and cancelling do not end the lease. A worker that is in the middle
//! of a part finishes it, so that the letters that it has sent are counted, and begins no other part. When a worker takes
//! the lease, and before it claims the first letter, it writes how far it will claim letters (`reach`). If it crashes,
//! letters up to there may be claimed and not sent. The worker that takes the lease of a cancelling run next sends these
//! letters and no others.

use event::Timestamp;
use serde::{Deserialize, Serialize};

/// The id of a run of a plan: the time at which it began, as [`compact_time`](crate::compact_time) writes it, and some
/// random digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

/// A run as its ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Run {
    /// Where the run is in its life.
    pub state: RunState,
    /// Raised by 1 with each write. A write is conditional on the version before it.
    pub version: u64,
    /// How many of the plan's letters, in their order, the run has finished with.
    pub position: u64,
    /// The position up to which letters may be claimed. It is never less than `position`.
    pub reach: u64,
    /// How many letters the plan has.
    pub size: u64,
    /// How many of the letters before `position` were sent.
    pub sent: u64,
    /// How many of the letters before `position` were left out, because others had changed them since they were planned
    /// or because their queue refused them.
    pub skipped: u64,
    /// The worker that works on the run; absent if no worker does. A lease that has ended counts as absent.
    pub lease: Option<Lease>,
}

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Workers send its letters.
    Running,
    /// It sends nothing until an operator resumes it.
    Paused,
    /// An operator has cancelled it, and some letters may still be claimed by it.
    Cancelling,
    /// It sends nothing any more, and stages give back the messages of it that they have not processed.
    Cancelled,
    /// It has gone through all letters of its plan.
    Done,
}

/// The right of one worker to work on a run until a given time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lease {
    /// The name of the worker.
    pub worker: String,
    /// When others may take the lease.
    pub ends_at: Timestamp,
}

/// Something that may change a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RunEvent {
    /// A worker takes or renews the lease and begins a part.
    Take {
        /// The lease that it takes.
        lease: Lease,
        /// The most letters that it claims in this part.
        letters: u64,
    },
    /// A worker has finished a part.
    MoveOn {
        /// The name of the worker.
        worker: String,
        /// How many letters of the part were sent.
        sent: u64,
        /// How many letters of the part were left out.
        skipped: u64,
    },
    /// A worker that will not begin another part gives up the lease.
    LetGo {
        /// The name of the worker.
        worker: String,
    },
    /// An operator, or the run's own pace, pauses it.
    Pause,
    /// An operator resumes it.
    Resume,
    /// An operator cancels it.
    Cancel,
}

/// Why an event cannot change a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalRun {
    /// The event is not legal in the run's state.
    #[error("the run is {state}, which does not allow this")]
    State {
        /// The name of that state.
        state: &'static str,
    },
    /// Another worker has the lease, or the worker of the event has lost it.
    #[error("another worker has the lease")]
    Leased,
}

impl Run {
    /// A run of a plan of `size` letters that has just begun. A run without letters is done at once.
    #[must_use]
    pub fn of_plan(size: u64) -> Self {
        let state = if size == 0 { RunState::Done } else { RunState::Running };
        Self { state, version: 1, position: 0, reach: 0, size, sent: 0, skipped: 0, lease: None }
    }

    /// Whether it is done or cancelled, so that it will send nothing any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, RunState::Done | RunState::Cancelled)
    }
}

impl RunState {
    /// The name in the stored ledger and in logs.
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

/// The run after an event, with the next version.
///
/// # Errors
/// [`IllegalRun`] if the table above has no such line.
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
        // Letters that were sent before an operator stopped the run are counted.
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
