//! What an environment tells of its queue while a breaker holds calls back, for whoever decides whether the
//! queue is polled ([`breaker::polling`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use breaker::polling::{BatchSummary, Observation};
use event::Timestamp;

/// The same is told at most once in so long.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);

/// What was seen in this invocation, and what was told before.
#[derive(Default)]
pub(super) struct EvidenceCollector(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// Dependencies whose breakers kept a call from being made, in this invocation.
    held_back: BTreeSet<String>,
    /// Whether a limit of our own kept one from being made.
    is_limited: bool,
    told_at: BTreeMap<Observation, Timestamp>,
}

impl EvidenceCollector {
    pub(super) fn note_held_back(&self, dependency: &str) {
        self.locked().held_back.insert(dependency.to_owned());
    }

    /// A limit of our own, or a dependency that is back and gets a share of its calls: an event that waits for
    /// that may go on at any time.
    pub(super) fn note_limited(&self) {
        self.locked().is_limited = true;
    }

    /// What is to be told at the end of an invocation. `unavailable` are the dependencies whose breakers let
    /// no call through now: while there is none, nothing is told.
    pub(super) fn end_invocation(
        &self,
        batch: &BatchSummary,
        unavailable: &BTreeSet<String>,
        now: Timestamp,
    ) -> Vec<Observation> {
        let mut seen = self.locked();
        let held_back = std::mem::take(&mut seen.held_back);
        let is_limited = std::mem::take(&mut seen.is_limited);
        if unavailable.is_empty() || batch.records == 0 {
            return Vec::new();
        }
        let mut sightings = Vec::new();
        if batch.all_wait() && !is_limited {
            for dependency in held_back.intersection(unavailable) {
                sightings.push(Observation::AllWaited { dependency: dependency.clone() });
            }
        } else {
            sightings.push(Observation::WentOn);
        }
        seen.told_at.retain(|_, told_at| now < told_at.plus(INTERVAL));
        sightings.retain(|observation| !seen.told_at.contains_key(observation));
        for observation in &sightings {
            seen.told_at.insert(observation.clone(), now);
        }
        sightings
    }

    fn locked(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_767_225_600_000 + seconds * 1_000)
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    const ALL_WAIT: BatchSummary = BatchSummary { records: 10, waiting: 10 };
    const ONE_GOES_ON: BatchSummary = BatchSummary { records: 10, waiting: 9 };

    fn all_waited(dependency: &str) -> Observation {
        Observation::AllWaited { dependency: dependency.to_owned() }
    }

    #[test]
    fn a_batch_tells_what_it_waits_for_or_that_something_went_on() {
        let both = set(&["a", "b"]);
        let witness = EvidenceCollector::default();
        witness.note_held_back("b");
        witness.note_held_back("a");
        let told = witness.end_invocation(&ALL_WAIT, &both, at(0));
        assert_eq!(told, [all_waited("a"), all_waited("b")]);

        let witness = EvidenceCollector::default();
        witness.note_held_back("a");
        assert_eq!(witness.end_invocation(&ONE_GOES_ON, &both, at(0)), [Observation::WentOn]);

        // It waits for our own limits as well.
        let witness = EvidenceCollector::default();
        witness.note_held_back("a");
        witness.note_limited();
        assert_eq!(witness.end_invocation(&ALL_WAIT, &both, at(0)), [Observation::WentOn]);
    }

    #[test]
    fn an_invocation_tells_nothing_of_the_one_before() {
        let witness = EvidenceCollector::default();
        witness.note_held_back("a");
        witness.note_limited();
        witness.end_invocation(&ALL_WAIT, &set(&[]), at(0));
        witness.note_held_back("b");
        let told = witness.end_invocation(&ALL_WAIT, &set(&["a", "b"]), at(1));
        assert_eq!(told, [all_waited("b")]);
    }

    #[test]
    fn nothing_is_told_while_every_breaker_lets_calls_through() {
        let witness = EvidenceCollector::default();
        witness.note_held_back("a");
        assert_eq!(witness.end_invocation(&ALL_WAIT, &set(&[]), at(0)), []);
        assert_eq!(witness.end_invocation(&ONE_GOES_ON, &set(&[]), at(1)), []);
        assert_eq!(witness.end_invocation(&BatchSummary::default(), &set(&["a"]), at(2)), []);
    }

    #[test]
    fn the_same_is_told_once_in_ten_seconds() {
        let (witness, unavailable) = (EvidenceCollector::default(), set(&["a"]));
        let mut told_at = Vec::new();
        for second in 0..=20 {
            witness.note_held_back("a");
            if !witness.end_invocation(&ALL_WAIT, &unavailable, at(second)).is_empty() {
                told_at.push(second);
            }
        }
        assert_eq!(told_at, [0, 10, 20]);
        let told = witness.end_invocation(&ONE_GOES_ON, &unavailable, at(21));
        assert_eq!(told, [Observation::WentOn], "another thing");
    }
}
