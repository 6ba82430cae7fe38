//! What becomes of a record that failed: whether it is given up, parked or hidden, and for how long.
//! Nothing is done here.
//!
//! A hidden message is in flight, and SQS gives out no more once a standard queue has 120,000 of those: a
//! few hundred events a second, each hidden for ten minutes, would stop it. A delayed message is not in
//! flight. So a wait of more than a minute is parked: a copy is sent with a delay, and the received message
//! is deleted. A copy has a receive count of its own, so that SQS never moves what waits, however long.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>

use std::time::Duration;

use event::{Code, Failure, FailureKind, Parked, Timestamp};

use crate::Record;
use crate::backoff::{parking_delay, retry_delay};

/// The longest that a record is hidden that can be parked.
const LONGEST_HIDDEN: Duration = Duration::from_secs(60);

/// The longest that a message can be hidden, counted from its receive, is 12 hours:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(11 * 60 * 60);

/// What becomes of a record that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is a dead letter, which says why.
    GiveUp(Failure),
    /// A copy of it waits in its queue.
    Park(Parking),
    /// It stays in its queue, hidden for so long.
    Hide(Duration),
}

/// How a copy waits, and what it carries of this try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parking {
    /// At most 15 minutes.
    pub(super) delay: Duration,
    pub(super) attempts: u32,
    /// Since when it has waited for an unavailable dependency, if it has.
    pub(super) unavailable_since: Option<Timestamp>,
    /// Until when it is to wait, where that is longer than the delay and no try may come before.
    pub(super) not_before: Option<Timestamp>,
}

/// Why a record is not even tried yet: it was woken before the time that a service had asked for, since SQS
/// delays no message for longer than 15 minutes.
pub(super) fn before_due(record: &Record, now: Timestamp) -> Option<Failure> {
    waits_until(record, now)?;
    record.parked.as_ref().map(Parked::failure)
}

fn waits_until(record: &Record, now: Timestamp) -> Option<Timestamp> {
    record.parked.as_ref()?.not_before.filter(|&until| until > now)
}

/// What becomes of a record that failed so, and is tried `max_receive_count` times at most.
pub(super) fn after_failure(
    record: &Record,
    failure: &Failure,
    max_receive_count: u32,
    now: Timestamp,
) -> Next {
    if let Some(until) = waits_until(record, now) {
        return Next::Park(Parking {
            delay: parking_delay(until.since(now), &record.message_id, parks(record)),
            attempts: record.receive_count.saturating_sub(1),
            unavailable_since: unavailable_since(record),
            not_before: Some(until),
        });
    }
    match failure.kind {
        FailureKind::Permanent => Next::GiveUp(failure.clone()),
        FailureKind::Transient
        | FailureKind::Throttled { .. }
        | FailureKind::Unavailable { .. }
            if is_last_attempt(record, failure, max_receive_count) =>
        {
            Next::GiveUp(failure.clone())
        }
        FailureKind::Transient => retry(record, Duration::ZERO, now),
        FailureKind::Throttled { retry_after } => {
            retry(record, retry_after.unwrap_or_default(), now)
        }
        FailureKind::Unavailable { until, longest_wait } => {
            wait_for_dependency(record, failure, until, longest_wait, now)
        }
    }
}

/// Whether no further attempt is allowed. A wait for an unavailable dependency is no attempt; where it
/// cannot be parked, SQS counts it all the same, and would move the record without a reason.
fn is_last_attempt(record: &Record, failure: &Failure, max_receive_count: u32) -> bool {
    match failure.kind {
        FailureKind::Unavailable { .. } if record.can_be_parked() => false,
        FailureKind::Permanent
        | FailureKind::Transient
        | FailureKind::Throttled { .. }
        | FailureKind::Unavailable { .. } => record.receive_count >= max_receive_count,
    }
}

/// As long as the number of its attempts says, or as was asked, if that is longer.
fn retry(record: &Record, asked: Duration, now: Timestamp) -> Next {
    let usual = retry_delay(record.receive_count, &record.message_id);
    let wait = asked.max(usual).min(LONGEST_WAIT);
    if wait <= LONGEST_HIDDEN || !record.can_be_parked() {
        return Next::Hide(wait);
    }
    // The usual wait is spread already.
    let delay =
        if wait == usual { wait } else { parking_delay(wait, &record.message_id, parks(record)) };
    Next::Park(Parking {
        delay,
        attempts: record.receive_count,
        unavailable_since: unavailable_since(record),
        not_before: (delay < wait).then(|| now.plus(wait)),
    })
}

fn wait_for_dependency(
    record: &Record,
    failure: &Failure,
    until: Timestamp,
    longest_wait: Duration,
    now: Timestamp,
) -> Next {
    if !record.can_be_parked() {
        return retry(record, until.since(now), now);
    }
    let since = unavailable_since(record).unwrap_or(now);
    if now.since(since) >= longest_wait {
        return Next::GiveUp(waited_too_long(failure, since, longest_wait));
    }
    // What may be tried at once, and waits again each time, comes round less often the longer that goes on.
    let least = (now.since(since) / 10).min(LONGEST_HIDDEN);
    // Woken at the latest when it has waited long enough to be given up.
    let wait = until.since(now).max(least).min(since.plus(longest_wait).since(now));
    Next::Park(Parking {
        delay: parking_delay(wait, &record.message_id, parks(record)),
        attempts: record.receive_count.saturating_sub(1),
        unavailable_since: Some(since),
        // An operator may close the breaker sooner: it is asked again after each delay.
        not_before: None,
    })
}

fn waited_too_long(failure: &Failure, since: Timestamp, longest_wait: Duration) -> Failure {
    let limit_s = longest_wait.as_secs();
    let reason = &failure.reason;
    let reason =
        format!("unavailable since {since}, longer than the {limit_s} s allowed: {reason}");
    let mut overdue = Failure::permanent(Code::DependencyUnavailable, reason);
    overdue.kind = failure.kind;
    overdue.at.clone_from(&failure.at);
    overdue
}

fn parks(record: &Record) -> u32 {
    record.parked.as_ref().map_or(0, |parked| parked.parks)
}

fn unavailable_since(record: &Record) -> Option<Timestamp> {
    record.parked.as_ref().and_then(|parked| parked.unavailable_since)
}

#[cfg(test)]
mod tests;
