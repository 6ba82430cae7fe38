#![doc = include_str!("../README.md")]

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

pub use self::decisions::{Arrival, Doom, Trouble};
pub use self::dice::Dice;
pub use self::hosts::HostTrouble;
use clock::Clock;

/// Streams of a rule; all beyond share one more, so that invented callers cost no memory.
const MAX_STREAMS: usize = 4_096;
/// What is remembered of what was done.
const REMEMBERED: usize = 10_000;

/// The adversary of one emulation; clones share its rules. Without rules it does nothing.
#[derive(Clone)]
pub struct Adversary {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    rules: RwLock<Arc<Vec<Arc<InForce>>>>,
    next_number: AtomicU64,
    history: Mutex<VecDeque<Done>>,
    tally: Mutex<BTreeMap<Fault, u64>>,
    /// How many more calls environments may make, by their session tokens.
    calls_left: Mutex<HashMap<String, u64>>,
}

/// A rule, and where it stands.
struct InForce {
    number: u64,
    seed: u64,
    rule: Rule,
    /// On the emulation's clock; `None` for as long as it runs.
    until_ms: Option<u64>,
    streams: Mutex<HashMap<String, Progress>>,
    done: AtomicU64,
}

#[derive(Clone, Copy, Default)]
struct Progress {
    occasions: u64,
    done: u64,
}

/// A rule as it is told.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// What [`Adversary::remove`] takes.
    pub number: u64,
    pub seed: u64,
    #[serde(flatten)]
    pub rule: Rule,
    /// How often it has struck.
    pub done: u64,
    /// How much longer it is in force; as long as the emulation runs, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_ms: Option<u64>,
}

/// One fault that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// `SinkFunction/dynamodb.PutItem`, `send SinkQueue`, `invoke SinkFunction`.
    pub stream: String,
    /// Counted by occasions of its rule in its stream, from 0.
    pub number: u64,
    pub fault: Fault,
}

impl fmt::Debug for Adversary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adversary").field("rules", &self.rules().len()).finish_non_exhaustive()
    }
}

impl Adversary {
    /// With the rules of a plan in force from now on.
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

    /// Puts more rules in force, behind those that are; answers their numbers.
    pub fn add(&self, plan: &Plan) -> Vec<u64> {
        let now_ms = self.inner.clock.now_ms();
        let in_force = |rule: &Rule| {
            let lasts = rule.lasts.map(|Span(lasts)| millis(lasts));
            Arc::new(InForce {
                number: self.inner.next_number.fetch_add(1, Ordering::Relaxed),
                seed: plan.seed,
                rule: rule.clone(),
                until_ms: lasts.map(|lasts_ms| now_ms.saturating_add(lasts_ms)),
                streams: Mutex::default(),
                done: AtomicU64::new(0),
            })
        };
        let added: Vec<_> = plan.rules.iter().map(in_force).collect();
        let numbers = added.iter().map(|each| each.number).collect();
        self.change(|rules| rules.extend(added));
        numbers
    }

    /// Takes a rule out of force; false if there is none of that number.
    pub fn remove(&self, number: u64) -> bool {
        let mut is_found = false;
        self.change(|rules| {
            is_found = rules.iter().any(|each| each.number == number);
            rules.retain(|each| each.number != number);
        });
        is_found
    }

    /// Takes all rules out of force, and spares what was doomed.
    pub fn clear(&self) {
        self.change(Vec::clear);
        locked(&self.inner.calls_left).clear();
    }

    /// The rules in force, in their order.
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        let now_ms = self.inner.clock.now_ms();
        let rules = self.rules();
        let told = rules.iter().filter(|each| each.is_in_force(now_ms)).map(|each| Status {
            number: each.number,
            seed: each.seed,
            rule: each.rule.clone(),
            done: each.done.load(Ordering::Relaxed),
            left_ms: each.until_ms.map(|until_ms| until_ms.saturating_sub(now_ms)),
        });
        told.collect()
    }

    /// The last faults that were done, in their order.
    #[must_use]
    pub fn history(&self) -> Vec<Done> {
        locked(&self.inner.history).iter().cloned().collect()
    }

    /// How often each fault was done so far.
    #[must_use]
    pub fn tally(&self) -> BTreeMap<Fault, u64> {
        locked(&self.inner.tally).clone()
    }

    fn rules(&self) -> Arc<Vec<Arc<InForce>>> {
        Arc::clone(&self.inner.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<InForce>>)) {
        let mut rules = self.inner.rules.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = rules.as_ref().clone();
        change(&mut next);
        *rules = Arc::new(next);
    }

    /// The rules that fit an occasion and strike now, each with its dice. The stream is named only where
    /// a rule fits: without rules, a request costs a lock and a comparison.
    fn strikes(
        &self,
        stream: impl FnOnce() -> String,
        fits: impl Fn(&Rule) -> bool,
    ) -> Vec<(Arc<InForce>, Dice)> {
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
        let mut strikes = Vec::new();
        for each in fitting {
            if let Some((number, dice)) = each.strike(&stream) {
                let fault = each.rule.fault;
                self.note(Done { stream: stream.clone(), number, fault });
                strikes.push((Arc::clone(each), dice));
            }
        }
        strikes
    }

    fn note(&self, done: Done) {
        tracing::debug!(stream = done.stream, fault = %done.fault, "the adversary struck");
        *locked(&self.inner.tally).entry(done.fault).or_default() += 1;
        let mut history = locked(&self.inner.history);
        if history.len() == REMEMBERED {
            history.pop_front();
        }
        history.push_back(done);
    }
}

impl InForce {
    fn is_in_force(&self, now_ms: u64) -> bool {
        self.until_ms.is_none_or(|until_ms| now_ms < until_ms)
    }

    /// Whether it strikes at the next occasion in a stream: the occasion's number and its dice.
    fn strike(&self, stream: &str) -> Option<(u64, Dice)> {
        let mut streams = locked(&self.streams);
        let is_known = streams.contains_key(stream);
        let name = if is_known || streams.len() < MAX_STREAMS { stream } else { "" };
        let progress = streams.entry(name.to_owned()).or_default();
        let number = progress.occasions;
        progress.occasions += 1;
        // Each rule draws for itself, and so does each fault of one plan.
        let mut dice = Dice::new(self.seed ^ self.number, stream, number);
        let rule = &self.rule;
        let strikes = number >= rule.after
            && rule.times.is_none_or(|times| progress.done < times)
            && dice.happens(rule.chance);
        if !strikes {
            return None;
        }
        progress.done += 1;
        self.done.fetch_add(1, Ordering::Relaxed);
        Some((number, dice))
    }
}

/// Whether `on` names a resource: by its name, by what comes after the stack's, or all of them.
fn names(on: &str, name: &str) -> bool {
    on == "*" || on == name || name.strip_suffix(on).is_some_and(|stack| stack.ends_with('-'))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
