//! What to do about one queue's mapping, by what is known of it. Nothing is done here.
//!
//! | polling | mapping | what else | step |
//! | --- | --- | --- | --- |
//! | running | enabled | all events would wait for long | disable |
//! | running | anything else | | leave: it is somebody else's doing |
//! | paused, and not due | enabled | Lambda has not taken it yet | disable again |
//! | paused, and not due | enabled | Lambda had taken it | leave alone: somebody enabled it |
//! | paused, and not due | disabled | | note that Lambda has taken it |
//! | paused, and due | not enabled | | enable |
//! | paused, and due | enabled | no late request can disable it | running |

use std::collections::BTreeMap;
use std::time::Duration;

use event::Timestamp;

use super::{Pause, Phase, Polling, PollingRecord};
use crate::{NextCall, Settings, Snapshot};

/// How long a change of a mapping may take until it has an effect, each way: "up to 90 seconds to stop and
/// restart polling", as Lambda says of its streams and promises of no queue.
/// <https://docs.aws.amazon.com/lambda/latest/dg/msk-starting-positions.html>
pub const TAKES_EFFECT: Duration = Duration::from_secs(90);

/// A pause is worth it if nothing can be called for so long: the change takes effect, something is saved,
/// and the mapping is enabled in time.
const LEAST_WAIT: Duration = Duration::from_secs(150);

/// Nothing may have gone on for so long before a pause.
const QUIET: Duration = Duration::from_secs(120);

/// The longest pause, after which the queue is looked into: it may hold events by now that wait for
/// nothing. As long as SQS's longest delay, so that no parked event waits for longer than it would have.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const LONGEST_PAUSE: Duration = Duration::from_secs(900);

/// A request that Lambda was sent takes effect within so long, or never: the function that sends it lives
/// for 30 s.
const LATEST_EFFECT: Duration = Duration::from_secs(120);

/// How long a mapping is left alone that somebody enabled during a pause.
pub const LEFT_ALONE: Duration = Duration::from_secs(3_600);

/// A mapping, as Lambda tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub state: MappingState,
    /// Whether its queue is a FIFO queue, which has no delay for a message.
    pub is_fifo: bool,
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingState {
    Enabled,
    Enabling,
    Disabled,
    Disabling,
    /// It is being created, updated or deleted, or is in a state that is not known here.
    Other,
}

/// When each dependency may be called next; [`NextCall::Now`] of one that is not known.
pub trait NextCalls {
    fn next_call(&self, dependency: &str) -> NextCall;
}

/// What the store of breakers held at a time.
pub struct KnownBreakers<'a> {
    pub snapshots: &'a BTreeMap<String, Snapshot>,
    /// By dependency; of one that is not there, the defaults.
    pub settings: &'a BTreeMap<String, Settings>,
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

/// What is to be done. What it writes is written first, and on the version that was read: nothing else
/// happens if that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Leave,
    Write(Polling),
    WriteAndDisable(Pause),
    WriteAndEnable(Pause),
}

/// What is to be done about one queue now.
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

/// When a pause is over: so long before one of its dependencies may be called that the mapping polls by
/// then, and at the latest after [`LONGEST_PAUSE`].
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

/// Whether all events of a queue would wait, and for long enough. On a FIFO queue each receive counts, so
/// that any wait is long enough.
fn is_pause_wanted(
    record: &PollingRecord,
    mapping: Mapping,
    next_calls: &dyn NextCalls,
    now: Timestamp,
) -> bool {
    let waits_for = record.evidence.waits_for(now);
    let is_quiet = record.evidence.went_on_at.is_none_or(|at| at.plus(QUIET) <= now);
    let least = if mapping.is_fifo { Duration::ZERO } else { LEAST_WAIT };
    let is_long = |dependency: &String| match next_calls.next_call(dependency) {
        NextCall::Now => false,
        NextCall::At(at) => at > now.plus(least),
        NextCall::AfterRelease => true,
    };
    is_quiet && !waits_for.is_empty() && waits_for.iter().all(is_long)
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
            // What Lambda tells right after a change may be of before it.
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
