//! What is asked of the adversary, and what it says.

use std::time::Duration;

use super::dice::Dice;
use super::fault::{Fault, Point, Realm};
use super::plan::Rule;
use super::{Adversary, locked, millis, names};

/// A killed environment may make so many calls at most, the last without an answer.
const CALLS: u64 = 10;

/// What becomes of a request.
#[derive(Debug, Default)]
pub struct Fate {
    /// Before it is looked at.
    pub delay: Duration,
    pub trouble: Option<Trouble>,
}

#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    Throttled,
    Failed,
    Reset,
    AnswerLost,
    /// The dice decide which entries fail.
    Partial(Dice),
    /// The dice decide which entries are left out of the answer, and which of those are done.
    Unlisted(Dice),
    /// The dice decide which action meets another.
    Conflict(Dice),
    Expired,
}

/// How a message comes into a standard queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    pub late_ms: u64,
    /// How much older than it is its queue takes it for, when it decides what comes first.
    pub displaced_ms: u64,
}

/// How an environment, or an invocation, ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doom {
    Taken,
    /// With its so many-th call.
    Call(u64),
    Answer,
}

impl Adversary {
    /// Of a request: `caller` is the function that sends it, or whoever else.
    pub fn request(&self, caller: &str, service: &str, operation: &str) -> Fate {
        let stream = || format!("{caller}/{service}.{operation}");
        let fits = |rule: &Rule| {
            rule.fault.realm() == Realm::Requests
                && is_on(&rule.on, service, operation)
                && rule.from.as_ref().is_none_or(|from| names(from, caller))
                && can_befall(rule.fault, service, operation)
        };
        let mut fate = Fate::default();
        for (struck, mut dice) in self.strikes(stream, fits) {
            let rule = &struck.rule;
            let trouble = match rule.fault {
                Fault::Slow => {
                    fate.delay += share(&mut dice, rule.amount());
                    continue;
                }
                Fault::Throttle => Trouble::Throttled,
                Fault::Error => Trouble::Failed,
                Fault::Reset => Trouble::Reset,
                Fault::LostAnswer => Trouble::AnswerLost,
                Fault::Partial => Trouble::Partial(dice),
                Fault::Unlisted => Trouble::Unlisted(dice),
                Fault::Conflict => Trouble::Conflict(dice),
                Fault::ExpiredCredentials => Trouble::Expired,
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
            fate.trouble.get_or_insert(trouble);
        }
        fate
    }

    /// Of a message that is sent to a standard queue.
    pub fn arrival(&self, queue: &str) -> Arrival {
        let stream = || format!("send {queue}");
        let fits = |rule: &Rule| {
            matches!(rule.fault, Fault::Late | Fault::Disorder) && names(&rule.on, queue)
        };
        let mut arrival = Arrival::default();
        for (struck, mut dice) in self.strikes(stream, fits) {
            let rule = &struck.rule;
            if rule.fault == Fault::Late {
                arrival.late_ms = millis(share(&mut dice, rule.amount()));
            } else {
                arrival.displaced_ms = dice.below(60_000);
            }
        }
        arrival
    }

    /// How many messages a receive from a standard queue gives at most, of those asked for.
    pub fn at_most(&self, queue: &str, asked: usize) -> usize {
        let stream = || format!("receive {queue}");
        let fits = |rule: &Rule| rule.fault == Fault::Short && names(&rule.on, queue);
        let Some((_, mut dice)) = self.strikes(stream, fits).into_iter().next() else {
            return asked;
        };
        let fewer = dice.below(u64::try_from(asked).unwrap_or(u64::MAX).saturating_sub(1));
        usize::try_from(fewer).unwrap_or(asked).saturating_add(1).min(asked)
    }

    /// In how many milliseconds a delivered message of a standard queue is delivered again.
    pub fn redelivery_after_ms(&self, queue: &str) -> Option<u64> {
        let stream = || format!("deliver {queue}");
        let fits = |rule: &Rule| rule.fault == Fault::Twice && names(&rule.on, queue);
        let (struck, mut dice) = self.strikes(stream, fits).into_iter().next()?;
        let rule = &struck.rule;
        Some(millis(share(&mut dice, rule.amount())))
    }

    /// Whether an environment is killed before it asks for work.
    pub fn dies_at_start(&self, function: &str) -> bool {
        let stream = || format!("start {function}");
        let fits = |rule: &Rule| is_kill(rule, function, &[Point::Start]);
        !self.strikes(stream, fits).is_empty()
    }

    /// By how many milliseconds an environment's clock is wrong.
    pub fn clock_offset_ms(&self, function: &str) -> i64 {
        let stream = || format!("clock {function}");
        let fits = |rule: &Rule| rule.fault == Fault::ClockSkew && names(&rule.on, function);
        let Some((struck, mut dice)) = self.strikes(stream, fits).into_iter().next() else {
            return 0;
        };
        let rule = &struck.rule;
        let offset_ms = i64::try_from(millis(share(&mut dice, rule.amount()))).unwrap_or(0);
        if dice.below(2) == 0 { offset_ms } else { -offset_ms }
    }

    /// Of an invocation. A rule without a point means any but the start.
    pub fn doom(&self, function: &str) -> Option<Doom> {
        let stream = || format!("invoke {function}");
        let points = [Point::Taken, Point::Call, Point::Answer];
        let fits = |rule: &Rule| is_kill(rule, function, &points);
        let (struck, mut dice) = self.strikes(stream, fits).into_iter().next()?;
        let rule = &struck.rule;
        let point = rule.at.unwrap_or_else(|| match dice.below(3) {
            0 => Point::Taken,
            1 => Point::Call,
            _ => Point::Answer,
        });
        match point {
            Point::Start => None,
            Point::Taken => Some(Doom::Taken),
            Point::Call => Some(Doom::Call(1 + dice.below(CALLS))),
            Point::Answer => Some(Doom::Answer),
        }
    }

    /// Lets the environment with this session token make so many calls and no more.
    pub fn limit_calls(&self, token: &str, calls: u64) {
        locked(&self.inner.calls_left).insert(token.to_owned(), calls);
    }

    pub fn lift_limit(&self, token: &str) {
        locked(&self.inner.calls_left).remove(token);
    }

    /// Counts a call of an environment: true if it was its last.
    pub fn is_last_call(&self, token: &str) -> bool {
        let mut calls_left = locked(&self.inner.calls_left);
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
    rule.fault == Fault::Kill && is_point && names(&rule.on, function)
}

/// `sqs`, or `sqs.SendMessage`.
fn is_on(on: &str, service: &str, operation: &str) -> bool {
    match on.split_once('.') {
        None => on == "*" || on == service,
        Some((named, of_it)) => named == service && of_it == operation,
    }
}

/// Whether a service can do this at all.
fn can_befall(fault: Fault, service: &str, operation: &str) -> bool {
    const WRITES: [&str; 4] = ["TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem"];
    match fault {
        Fault::Partial if service == "dynamodb" => operation == "BatchGetItem",
        Fault::Partial | Fault::Unlisted => service == "sqs" && operation.ends_with("Batch"),
        Fault::Conflict => service == "dynamodb" && WRITES.contains(&operation),
        _ => true,
    }
}

/// Some of an amount of time, up to all of it.
fn share(dice: &mut Dice, amount: Duration) -> Duration {
    Duration::from_millis(dice.below(millis(amount).saturating_add(1)))
}
