//! Decides whether a failed record is given up, parked or hidden, and for how long. `settle` acts on it.
//!
//! A hidden message is in flight, and SQS delivers no more messages once a standard queue has 120,000 of them. A few
//! hundred events a second that are hidden for ten minutes each would stop the queue. A delayed message is not in
//! flight. So a wait of more than a minute is parked: a copy is sent with a delay, and the received message is
//! deleted. A copy has a receive count of its own, so that SQS never moves a waiting message, however long it waits.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>

use std::time::Duration;

use event::{Code, Failure, FailureKind, Parked, Timestamp};

use crate::Record;
use crate::backoff::{parking_delay, retry_delay};

/// The longest time for which a record is hidden if it can be parked instead.
const LONGEST_HIDDEN: Duration = Duration::from_secs(60);

/// The longest that a message can be hidden, counted from its receive, is 12 hours:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(11 * 60 * 60);

/// What becomes of a record that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It becomes a dead letter with this failure.
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
    /// Since when it has waited for an unavailable dependency.
    pub(super) unavailable_since: Option<Timestamp>,
    /// No try may come before this time, if the wait is longer than the delay.
    pub(super) not_before: Option<Timestamp>,
}

/// The failure of a record that is not tried yet, because a service asked for a longer wait than SQS's longest delay,
/// which is 15 minutes.
pub(super) fn before_due(record: &Record, now: Timestamp) -> Option<Failure> {
    waits_until(record, now)?;
    record.parked.as_ref().map(Parked::failure)
}

fn waits_until(record: &Record, now: Timestamp) -> Option<Timestamp> {
    record.parked.as_ref()?.not_before.filter(|&until| until > now)
}

/// Decides what becomes of a failed record, which is tried at most `max_receive_count` times.
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

/// Whether no further attempt is allowed. A wait for an unavailable dependency is not an attempt. If the record cannot
/// be parked, SQS counts the wait all the same, and would move the record without a reason.
fn is_last_attempt(record: &Record, failure: &Failure, max_receive_count: u32) -> bool {
    match failure.kind {
        FailureKind::Unavailable { .. } if record.can_be_parked() => false,
        FailureKind::Permanent
        | FailureKind::Transient
        | FailureKind::Throttled { .. }
        | FailureKind::Unavailable { .. } => record.receive_count >= max_receive_count,
    }
}

/// Waits for as long as the number of attempts says, or for as long as was asked, if that is longer.
fn retry(record: &Record, asked: Duration, now: Timestamp) -> Next {
    let usual = retry_delay(record.receive_count, &record.message_id);
    let wait = asked.max(usual).min(LONGEST_WAIT);
    if wait <= LONGEST_HIDDEN || !record.can_be_parked() {
        return Next::Hide(wait);
    }
    // The usual wait already has jitter.
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
    // A record that may be tried at once and has to wait again each time is tried less and less often.
    let least = (now.since(since) / 10).min(LONGEST_HIDDEN);
    // It comes back at the latest when it has waited long enough to be given up.
    let wait = until.since(now).max(least).min(since.plus(longest_wait).since(now));
    Next::Park(Parking {
        delay: parking_delay(wait, &record.message_id, parks(record)),
        attempts: record.receive_count.saturating_sub(1),
        unavailable_since: Some(since),
        // An operator may close the breaker sooner, so that the breaker is asked after each delay.
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
