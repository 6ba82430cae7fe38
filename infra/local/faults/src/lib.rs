#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod decisions;
mod dice;
mod fault;
mod hosts;
mod plan;
mod span;
mod storm;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;

pub use self::fault::{Fault, Nonsense, Point};
pub use self::plan::{Plan, PlanError, Rule};
pub use self::span::Span;

pub use self::decisions::{PlannedKill, RequestFault, RequestFaults, SendFaults};
pub use self::dice::Dice;
pub use self::hosts::{HostFault, HostFaults};
use clock::Clock;

/// The maximum number of streams that a rule counts separately. All further streams share one, so that
/// invented callers cannot use up memory.
const MAX_STREAMS: usize = 4_096;
/// The maximum length of the history of injected faults.
const MAX_HISTORY: usize = 10_000;

/// Injects the faults of one emulation. Clones share its rules. Without rules it does nothing.
#[derive(Clone)]
pub struct Adversary {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    rules: RwLock<Arc<Vec<Arc<ActiveRule>>>>,
    next_number: AtomicU64,
    history: Mutex<VecDeque<InjectedFault>>,
    tally: Mutex<BTreeMap<Fault, u64>>,
    /// How many more calls each environment may make, by session token.
    calls_left: Mutex<HashMap<String, u64>>,
}

/// A rule in force, with what it has done so far.
struct ActiveRule {
    number: u64,
    seed: u64,
    rule: Rule,
    /// When the rule ends, on the emulation's clock; `None` means never.
    until_ms: Option<u64>,
    streams: Mutex<HashMap<String, Progress>>,
    done: AtomicU64,
}

#[derive(Clone, Copy, Default)]
struct Progress {
    occasions: u64,
    done: u64,
}

/// A rule in force, as the emulation reports it.
#[derive(Clone, Debug, Serialize)]
pub struct RuleStatus {
    /// The number by which [`Adversary::remove`] identifies it.
    pub number: u64,
    /// The seed of its plan.
    pub seed: u64,
    /// The rule as the plan states it.
    #[serde(flatten)]
    pub rule: Rule,
    /// How often its fault was injected.
    pub done: u64,
    /// How much longer it is in force, in milliseconds; `None` means that it does not end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_ms: Option<u64>,
}

/// One fault that was injected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectedFault {
    /// The stream, such as `SinkFunction/dynamodb.PutItem`, `send SinkQueue` or `invoke SinkFunction`.
    pub stream: String,
    /// The number of the occasion in the stream, from 0, as its rule counts them.
    pub number: u64,
    /// The fault.
    pub fault: Fault,
}

impl fmt::Debug for Adversary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adversary").field("rules", &self.rules().len()).finish_non_exhaustive()
    }
}

impl Adversary {
    /// Creates an adversary, with the rules of a plan in force from now on.
    #[must_use]
    pub fn new(clock: Clock, plan: &Plan) -> Self {
        let inner = Inner {
            clock,
            rules: RwLock::default(),
            next_number: AtomicU64::new(1),
            history: Mutex::default(),
            tally: Mutex::default(),
            calls_left: Mutex::default(),
        };
        let adversary = Self { inner: Arc::new(inner) };
        adversary.add(plan);
        adversary
    }

    /// Puts more rules in force, after those that already are, and returns their numbers.
    pub fn add(&self, plan: &Plan) -> Vec<u64> {
        let now_ms = self.inner.clock.now_ms();
        let mut added = Vec::new();
        let mut numbers = Vec::new();
        for rule in &plan.rules {
            let number = self.inner.next_number.fetch_add(1, Ordering::Relaxed);
            numbers.push(number);
            added.push(Arc::new(ActiveRule {
                number,
                seed: plan.seed,
                rule: rule.clone(),
                until_ms: rule.lasts.map(|Span(lasts)| now_ms.saturating_add(millis(lasts))),
                streams: Mutex::default(),
                done: AtomicU64::new(0),
            }));
        }
        self.change(|rules| rules.extend(added));
        numbers
    }

    /// Removes a rule. Returns false if there is none of that number.
    pub fn remove(&self, number: u64) -> bool {
        let mut is_found = false;
        self.change(|rules| {
            is_found = rules.iter().any(|each| each.number == number);
            rules.retain(|each| each.number != number);
        });
        is_found
    }

    /// Removes all rules, and cancels kills that were planned.
    pub fn clear(&self) {
        self.change(Vec::clear);
        lock(&self.inner.calls_left).clear();
    }

    /// The rules in force, in order.
    #[must_use]
    pub fn status(&self) -> Vec<RuleStatus> {
        let now_ms = self.inner.clock.now_ms();
        let mut statuses = Vec::new();
        for each in self.rules().iter().filter(|each| each.is_in_force(now_ms)) {
            statuses.push(RuleStatus {
                number: each.number,
                seed: each.seed,
                rule: each.rule.clone(),
                done: each.done.load(Ordering::Relaxed),
                left_ms: each.until_ms.map(|until_ms| until_ms.saturating_sub(now_ms)),
            });
        }
        statuses
    }

    /// The most recent faults that were injected, in order.
    #[must_use]
    pub fn history(&self) -> Vec<InjectedFault> {
        lock(&self.inner.history).iter().cloned().collect()
    }

    /// How often each fault was injected so far.
    #[must_use]
    pub fn tally(&self) -> BTreeMap<Fault, u64> {
        lock(&self.inner.tally).clone()
    }

    fn rules(&self) -> Arc<Vec<Arc<ActiveRule>>> {
        Arc::clone(&self.inner.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<ActiveRule>>)) {
        let mut rules = self.inner.rules.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = rules.as_ref().clone();
        change(&mut next);
        *rules = Arc::new(next);
    }

    /// Returns the rules that apply to an occasion and inject their fault now, each with its dice. The
    /// name of the stream is computed only if a rule applies. Without rules, a request costs only a lock
    /// and a comparison.
    fn draw_faults(
        &self,
        stream: impl FnOnce() -> String,
        fits: impl Fn(&Rule) -> bool,
    ) -> Vec<(Arc<ActiveRule>, Dice)> {
        let rules = self.rules();
        if rules.is_empty() {
            return Vec::new();
        }
        let now_ms = self.inner.clock.now_ms();
        let mut fitting =
            rules.iter().filter(|each| each.is_in_force(now_ms) && fits(&each.rule)).peekable();
        if fitting.peek().is_none() {
            return Vec::new();
        }
        let stream = stream();
        let mut drawn = Vec::new();
        for each in fitting {
            if let Some((number, dice)) = each.draw(&stream) {
                let fault = each.rule.fault;
                self.record(InjectedFault { stream: stream.clone(), number, fault });
                drawn.push((Arc::clone(each), dice));
            }
        }
        drawn
    }

    fn record(&self, done: InjectedFault) {
        tracing::debug!(stream = done.stream, fault = %done.fault, "a fault was injected");
        *lock(&self.inner.tally).entry(done.fault).or_default() += 1;
        let mut history = lock(&self.inner.history);
        if history.len() == MAX_HISTORY {
            history.pop_front();
        }
        history.push_back(done);
    }
}

impl ActiveRule {
    fn is_in_force(&self, now_ms: u64) -> bool {
        self.until_ms.is_none_or(|until_ms| now_ms < until_ms)
    }

    /// Decides whether the fault is injected at the next occasion in a stream. If so, returns the number
    /// of the occasion and its dice.
    fn draw(&self, stream: &str) -> Option<(u64, Dice)> {
        let mut streams = lock(&self.streams);
        let is_known = streams.contains_key(stream);
        let name = if is_known || streams.len() < MAX_STREAMS { stream } else { "" };
        let progress = streams.entry(name.to_owned()).or_default();
        let number = progress.occasions;
        progress.occasions += 1;
        // Each rule has its own sequence of draws.
        let mut dice = Dice::new(self.seed ^ self.number, stream, number);
        let rule = &self.rule;
        let occurs = number >= rule.after
            && rule.times.is_none_or(|times| progress.done < times)
            && dice.happens(rule.chance);
        if !occurs {
            return None;
        }
        progress.done += 1;
        self.done.fetch_add(1, Ordering::Relaxed);
        Some((number, dice))
    }
}

/// Whether `on` matches a resource. It may be the resource's name, the part after the stack's name, or
/// `*`.
fn matches_resource(on: &str, name: &str) -> bool {
    on == "*" || on == name || name.strip_suffix(on).is_some_and(|stack| stack.ends_with('-'))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
