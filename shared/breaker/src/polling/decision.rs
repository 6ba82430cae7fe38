//! What to do about the event source mapping of one queue. This module only decides.
//!
//! | polling | mapping | what else | step |
//! | --- | --- | --- | --- |
//! | running | enabled | all events would wait for a long time | disable |
//! | running | anything else | | leave alone: somebody else disabled it |
//! | paused, and not due | enabled | Lambda has not disabled it yet | disable again |
//! | paused, and not due | enabled | Lambda had disabled it | leave alone: somebody enabled it |
//! | paused, and not due | disabled | | note that Lambda has disabled it |
//! | paused, and due | not enabled | | enable |
//! | paused, and due | enabled | no late request can disable it any more | running |

use std::collections::BTreeMap;
use std::time::Duration;

use event::Timestamp;

use super::{Pause, Phase, Polling, PollingRecord};
use crate::{NextCall, Settings, Snapshot};

/// How long a change of a mapping may take until it has an effect, in both directions. Lambda documents "up to 90
/// seconds to stop and restart polling" for its streams, and gives no limit for queues.
/// <https://docs.aws.amazon.com/lambda/latest/dg/msk-starting-positions.html>
pub const TAKES_EFFECT: Duration = Duration::from_secs(90);

/// A pause is worthwhile if nothing can be called for this long: the change takes effect, something is saved, and the
/// mapping is enabled in time.
const LEAST_WAIT: Duration = Duration::from_secs(150);

/// For this long before a pause no record may have gone on.
const QUIET: Duration = Duration::from_secs(120);

/// The longest pause. After it the queue is polled again, because it may hold events by now that wait for nothing. It
/// is as long as the longest delay of SQS, so that a parked event does not wait longer than it would have.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const LONGEST_PAUSE: Duration = Duration::from_secs(900);

/// A request to Lambda takes effect within this time or never. The function that sends it runs for at most 30 s.
const LATEST_EFFECT: Duration = Duration::from_secs(120);

/// For how long a mapping is left alone that somebody enabled during a pause.
pub const LEFT_ALONE: Duration = Duration::from_secs(3_600);

/// A mapping as Lambda describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Its state.
    pub state: MappingState,
    /// Whether its queue is a FIFO queue, which cannot delay single messages.
    pub is_fifo: bool,
}

/// The states of a mapping: <https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingState {
    /// It polls its queue.
    Enabled,
    /// It was enabled and may not poll yet.
    Enabling,
    /// It does not poll its queue.
    Disabled,
    /// It was disabled and may still poll.
    Disabling,
    /// It is being created, updated or deleted, or is in a state that is not known here.
    Other,
}

/// When each dependency may be called next.
pub trait NextCalls {
    /// When this dependency may be called next; [`NextCall::Now`] if it is not known.
    fn next_call(&self, dependency: &str) -> NextCall;
}

/// What the store of breakers held at a time.
pub struct KnownBreakers<'a> {
    /// What the store held, by dependency.
    pub snapshots: &'a BTreeMap<String, Snapshot>,
    /// The settings by dependency. A dependency without settings has the defaults.
    pub settings: &'a BTreeMap<String, Settings>,
    /// The present time.
    pub now: Timestamp,
}

impl NextCalls for KnownBreakers<'_> {
    fn next_call(&self, dependency: &str) -> NextCall {
        let snapshot = self.snapshots.get(dependency);
        let Some(record) = snapshot.and_then(|snapshot| snapshot.record.as_ref()) else {
            return NextCall::Now;
        };
        let settings = self.settings.get(dependency).cloned().unwrap_or_default();
        record.next_call(&settings, self.now)
    }
}

/// What to do. The write comes first and is conditional on the version that was read. If it fails, nothing else is
/// done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Leave,
    /// Write this.
    Write(Polling),
    /// Write this pause, and ask Lambda to disable the mapping.
    WriteAndDisable(Pause),
    /// Write this pause, and ask Lambda to enable the mapping.
    WriteAndEnable(Pause),
}

/// What to do about one queue now.
#[must_use]
pub fn next_step(
    record: &PollingRecord,
    mapping: Mapping,
    next_calls: &dyn NextCalls,
    now: Timestamp,
) -> Step {
    match &record.polling {
        Polling::LeftAlone { until } if now < *until => Step::Leave,
        Polling::Running | Polling::LeftAlone { .. } => {
            let is_wanted = is_pause_wanted(record, mapping, next_calls, now);
            if !is_wanted || mapping.state != MappingState::Enabled {
                return Step::Leave;
            }
            Step::WriteAndDisable(Pause {
                since: now,
                asked_at: now,
                waits_for: record.evidence.waits_for(now),
                phase: Phase::Disabling,
            })
        }
        Polling::Paused(pause) if is_due(pause, next_calls, now) => {
            resume(pause, mapping.state, now)
        }
        Polling::Paused(pause) => stay_paused(pause, mapping.state, now),
    }
}

/// When a pause is over: early enough that the mapping polls again when one of its dependencies may be called, and
/// after [`LONGEST_PAUSE`] at the latest.
#[must_use]
pub fn resume_due_at(pause: &Pause, next_calls: &dyn NextCalls) -> Timestamp {
    let mut due_at =
        if pause.waits_for.is_empty() { pause.since } else { pause.since.plus(LONGEST_PAUSE) };
    for dependency in &pause.waits_for {
        let call_at = match next_calls.next_call(dependency) {
            NextCall::Now => pause.since,
            NextCall::At(at) => at.minus(TAKES_EFFECT).max(pause.since),
            NextCall::AfterRelease => continue,
        };
        due_at = due_at.min(call_at);
    }
    due_at
}

fn is_due(pause: &Pause, next_calls: &dyn NextCalls, now: Timestamp) -> bool {
    pause.phase == Phase::Enabling || resume_due_at(pause, next_calls) <= now
}

/// Whether all events of a queue would wait, and for long enough. In a FIFO queue any wait is long enough, because each
/// receive counts as an attempt.
fn is_pause_wanted(
    record: &PollingRecord,
    mapping: Mapping,
    next_calls: &dyn NextCalls,
    now: Timestamp,
) -> bool {
    let waits_for = record.evidence.waits_for(now);
    let is_quiet = record.evidence.went_on_at.is_none_or(|at| at.plus(QUIET) <= now);
    let least = if mapping.is_fifo { Duration::ZERO } else { LEAST_WAIT };
    let waits_until = now.plus(least);
    is_quiet
        && !waits_for.is_empty()
        && waits_for.iter().all(|dependency| match next_calls.next_call(dependency) {
            NextCall::Now => false,
            NextCall::At(at) => at > waits_until,
            NextCall::AfterRelease => true,
        })
}

fn resume(pause: &Pause, state: MappingState, now: Timestamp) -> Step {
    match state {
        MappingState::Enabled | MappingState::Enabling => {
            if pause.asked_at.plus(LATEST_EFFECT) <= now {
                Step::Write(Polling::Running)
            } else {
                Step::Leave
            }
        }
        MappingState::Disabled | MappingState::Disabling | MappingState::Other => {
            Step::WriteAndEnable(Pause { phase: Phase::Enabling, ..pause.clone() })
        }
    }
}

fn stay_paused(pause: &Pause, state: MappingState, now: Timestamp) -> Step {
    match (state, pause.phase) {
        (MappingState::Enabled | MappingState::Enabling, Phase::Disabling) => {
            Step::WriteAndDisable(Pause { asked_at: now, ..pause.clone() })
        }
        (MappingState::Enabled | MappingState::Enabling, _) => {
            // Right after a change, Lambda may still describe the mapping as it was before.
            if pause.asked_at.plus(LATEST_EFFECT) <= now {
                Step::Write(Polling::LeftAlone { until: now.plus(LEFT_ALONE) })
            } else {
                Step::Leave
            }
        }
        (MappingState::Disabled | MappingState::Disabling, Phase::Disabling) => {
            Step::Write(Polling::Paused(Pause { phase: Phase::Disabled, ..pause.clone() }))
        }
        (MappingState::Disabled | MappingState::Disabling | MappingState::Other, _) => Step::Leave,
    }
}

#[cfg(test)]
mod tests;
