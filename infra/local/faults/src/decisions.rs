//! The decisions about requests, queues and functions.

use std::time::Duration;

use super::dice::Dice;
use super::fault::{Fault, FaultTarget, Point};
use super::plan::Rule;
use super::{Adversary, lock, matches_resource, millis};

/// The maximum number of calls of an environment that is killed at a call. It gets no answer to the last.
const CALLS: u64 = 10;

/// The faults of one request.
#[derive(Debug, Default)]
pub struct RequestFaults {
    /// How long the request is delayed.
    pub delay: Duration,
    /// What else happens to it.
    pub fault: Option<RequestFault>,
}

/// What happens to a request instead of, or in addition to, its operation.
#[derive(Clone, Copy, Debug)]
pub enum RequestFault {
    /// It is refused with a throttling error.
    Throttled,
    /// It is refused with a server error.
    Failed,
    /// Its connection is closed before the operation.
    Reset,
    /// Its connection is closed after the operation.
    AnswerLost,
    /// Some entries of a batch fail; the dice decide which.
    Partial(Dice),
    /// The answer leaves out some entries; the dice decide which, and which of those are done.
    Unlisted(Dice),
    /// A write conflicts with another; the dice decide which action of a transaction does.
    Conflict(Dice),
    /// It is refused because its credentials have expired.
    Expired,
}

/// The faults of one message that is sent to a standard queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendFaults {
    /// How much later the message arrives.
    pub late_ms: u64,
    /// How much older the message seems when the queue decides the order.
    pub displaced_ms: u64,
}

/// When an environment is killed during an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedKill {
    /// As soon as the function has received its event.
    OnReceipt,
    /// When its call of this number, from 1, has taken effect.
    OnCall(u64),
    /// When it has responded, before the caller receives the response.
    OnResponse,
}

impl Adversary {
    /// Decides the faults of a request. `caller` is the function, or another caller, that sends it.
    pub fn request_faults(&self, caller: &str, service: &str, operation: &str) -> RequestFaults {
        let drawn = self.draw_faults(
            || format!("{caller}/{service}.{operation}"),
            |rule| {
                rule.fault.target() == FaultTarget::Requests
                    && matches_operation(&rule.on, service, operation)
                    && rule.from.as_ref().is_none_or(|from| matches_resource(from, caller))
                    && applies_to(rule.fault, service, operation)
            },
        );
        let mut faults = RequestFaults::default();
        for (active, mut dice) in drawn {
            let rule = &active.rule;
            let fault = match rule.fault {
                Fault::Slow => {
                    faults.delay += random_part(&mut dice, rule.amount());
                    continue;
                }
                Fault::Throttle => RequestFault::Throttled,
                Fault::Error => RequestFault::Failed,
                Fault::Reset => RequestFault::Reset,
                Fault::LostAnswer => RequestFault::AnswerLost,
                Fault::Partial => RequestFault::Partial(dice),
                Fault::Unlisted => RequestFault::Unlisted(dice),
                Fault::Conflict => RequestFault::Conflict(dice),
                Fault::ExpiredCredentials => RequestFault::Expired,
                Fault::Twice
                | Fault::Late
                | Fault::Disorder
                | Fault::Short
                | Fault::Kill
                | Fault::ClockSkew
                | Fault::HostAway
                | Fault::HostSlow
                | Fault::HostFailing
                | Fault::HostNonsense => continue,
            };
            faults.fault.get_or_insert(fault);
        }
        faults
    }

    /// Decides the faults of a message that is sent to a standard queue.
    pub fn send_faults(&self, queue: &str) -> SendFaults {
        let drawn = self.draw_faults(
            || format!("send {queue}"),
            |rule| {
                matches!(rule.fault, Fault::Late | Fault::Disorder)
                    && matches_resource(&rule.on, queue)
            },
        );
        let mut send_faults = SendFaults::default();
        for (active, mut dice) in drawn {
            let rule = &active.rule;
            if rule.fault == Fault::Late {
                send_faults.late_ms = millis(random_part(&mut dice, rule.amount()));
            } else {
                send_faults.displaced_ms = dice.below(60_000);
            }
        }
        send_faults
    }

    /// Decides the maximum number of messages that a receive from a standard queue returns, of the
    /// number that was asked for.
    pub fn limit_receive(&self, queue: &str, asked: usize) -> usize {
        let drawn = self.draw_faults(
            || format!("receive {queue}"),
            |rule| rule.fault == Fault::Short && matches_resource(&rule.on, queue),
        );
        let Some((_, mut dice)) = drawn.into_iter().next() else { return asked };
        let fewer = dice.below(u64::try_from(asked).unwrap_or(u64::MAX).saturating_sub(1));
        usize::try_from(fewer).unwrap_or(asked).saturating_add(1).min(asked)
    }

    /// Decides after how many milliseconds a delivered message of a standard queue is delivered again.
    pub fn redelivery_after_ms(&self, queue: &str) -> Option<u64> {
        let drawn = self.draw_faults(
            || format!("deliver {queue}"),
            |rule| rule.fault == Fault::Twice && matches_resource(&rule.on, queue),
        );
        let (active, mut dice) = drawn.into_iter().next()?;
        let rule = &active.rule;
        Some(millis(random_part(&mut dice, rule.amount())))
    }

    /// Decides whether an environment is killed before it asks for an invocation.
    pub fn kill_at_start(&self, function: &str) -> bool {
        let drawn = self.draw_faults(
            || format!("start {function}"),
            |rule| is_kill(rule, function, &[Point::Start]),
        );
        !drawn.is_empty()
    }

    /// Decides by how many milliseconds an environment's clock is wrong.
    pub fn clock_offset_ms(&self, function: &str) -> i64 {
        let drawn = self.draw_faults(
            || format!("clock {function}"),
            |rule| rule.fault == Fault::ClockSkew && matches_resource(&rule.on, function),
        );
        let Some((active, mut dice)) = drawn.into_iter().next() else { return 0 };
        let rule = &active.rule;
        let offset_ms = i64::try_from(millis(random_part(&mut dice, rule.amount()))).unwrap_or(0);
        if dice.below(2) == 0 { offset_ms } else { -offset_ms }
    }

    /// Decides whether an environment is killed during an invocation, and when. A rule without a point
    /// can mean any point but the start.
    pub fn plan_kill(&self, function: &str) -> Option<PlannedKill> {
        let drawn = self.draw_faults(
            || format!("invoke {function}"),
            |rule| is_kill(rule, function, &[Point::Taken, Point::Call, Point::Answer]),
        );
        let (active, mut dice) = drawn.into_iter().next()?;
        let rule = &active.rule;
        let point = rule.at.unwrap_or_else(|| match dice.below(3) {
            0 => Point::Taken,
            1 => Point::Call,
            _ => Point::Answer,
        });
        match point {
            Point::Start => None,
            Point::Taken => Some(PlannedKill::OnReceipt),
            Point::Call => Some(PlannedKill::OnCall(1 + dice.below(CALLS))),
            Point::Answer => Some(PlannedKill::OnResponse),
        }
    }

    /// Limits the number of calls of the environment with this session token.
    pub fn limit_calls(&self, token: &str, calls: u64) {
        lock(&self.inner.calls_left).insert(token.to_owned(), calls);
    }

    /// Removes the limit that [`Adversary::limit_calls`] set.
    pub fn remove_call_limit(&self, token: &str) {
        lock(&self.inner.calls_left).remove(token);
    }

    /// Counts a call of an environment. Returns true if it was the last that its limit allows.
    pub fn count_call(&self, token: &str) -> bool {
        let mut calls_left = lock(&self.inner.calls_left);
        let Some(left) = calls_left.get_mut(token) else { return false };
        *left = left.saturating_sub(1);
        let is_last = *left == 0;
        if is_last {
            calls_left.remove(token);
        }
        is_last
    }
}

fn is_kill(rule: &Rule, function: &str, points: &[Point]) -> bool {
    let is_point = match rule.at {
        Some(at) => points.contains(&at),
        None => !points.contains(&Point::Start),
    };
    rule.fault == Fault::Kill && is_point && matches_resource(&rule.on, function)
}

/// Whether `on`, such as `sqs` or `sqs.SendMessage`, matches an operation.
fn matches_operation(on: &str, service: &str, operation: &str) -> bool {
    match on.split_once('.') {
        None => on == "*" || on == service,
        Some((named, of_it)) => named == service && of_it == operation,
    }
}

/// Whether a fault is possible for an operation.
fn applies_to(fault: Fault, service: &str, operation: &str) -> bool {
    const WRITES: [&str; 4] = ["TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem"];
    match fault {
        Fault::Partial if service == "dynamodb" => operation == "BatchGetItem",
        Fault::Partial | Fault::Unlisted => service == "sqs" && operation.ends_with("Batch"),
        Fault::Conflict => service == "dynamodb" && WRITES.contains(&operation),
        _ => true,
    }
}

/// A random part of an amount of time, up to all of it.
fn random_part(dice: &mut Dice, amount: Duration) -> Duration {
    Duration::from_millis(dice.below(millis(amount).saturating_add(1)))
}
