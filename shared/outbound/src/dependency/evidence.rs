//! Collects what an environment sees of its queue while a breaker holds calls back. It decides whether the queue is
//! polled ([`breaker::polling`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use breaker::polling::{BatchSummary, Observation};
use event::Timestamp;

/// The shortest time between two reports of the same observation.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);

/// What was seen in this invocation, and what was reported before.
#[derive(Default)]
pub(super) struct EvidenceCollector(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// The dependencies whose breakers held a call back in this invocation.
    held_back: BTreeSet<String>,
    /// Whether a limit of ours held a call back in this invocation.
    is_limited: bool,
    reported_at: BTreeMap<Observation, Timestamp>,
}

impl EvidenceCollector {
    pub(super) fn note_held_back(&self, dependency: &str) {
        self.locked().held_back.insert(dependency.to_owned());
    }

    /// Notes that a call waited for a limit of ours, or for its share of the calls to a dependency that has recovered.
    /// An event that waits for that may continue at any time.
    pub(super) fn note_limited(&self) {
        self.locked().is_limited = true;
    }

    /// The observations to report at the end of an invocation. `unavailable` are the dependencies whose breakers let no
    /// call through now. While there is none, nothing is reported.
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
        let mut observations = Vec::new();
        if batch.all_wait() && !is_limited {
            for dependency in held_back.intersection(unavailable) {
                observations.push(Observation::AllWaited { dependency: dependency.clone() });
            }
        } else {
            observations.push(Observation::WentOn);
        }
        seen.reported_at.retain(|_, reported_at| now < reported_at.plus(INTERVAL));
        observations.retain(|observation| !seen.reported_at.contains_key(observation));
        for observation in &observations {
            seen.reported_at.insert(observation.clone(), now);
        }
        observations
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
        let collector = EvidenceCollector::default();
        collector.note_held_back("b");
        collector.note_held_back("a");
        let reported = collector.end_invocation(&ALL_WAIT, &both, at(0));
        assert_eq!(reported, [all_waited("a"), all_waited("b")]);

        let collector = EvidenceCollector::default();
        collector.note_held_back("a");
        assert_eq!(collector.end_invocation(&ONE_GOES_ON, &both, at(0)), [Observation::WentOn]);

        // The batch waits for our own limits as well.
        let collector = EvidenceCollector::default();
        collector.note_held_back("a");
        collector.note_limited();
        assert_eq!(collector.end_invocation(&ALL_WAIT, &both, at(0)), [Observation::WentOn]);
    }

    #[test]
    fn an_invocation_tells_nothing_of_the_one_before() {
        let collector = EvidenceCollector::default();
        collector.note_held_back("a");
        collector.note_limited();
        collector.end_invocation(&ALL_WAIT, &set(&[]), at(0));
        collector.note_held_back("b");
        let reported = collector.end_invocation(&ALL_WAIT, &set(&["a", "b"]), at(1));
        assert_eq!(reported, [all_waited("b")]);
    }

    #[test]
    fn nothing_is_told_while_every_breaker_lets_calls_through() {
        let collector = EvidenceCollector::default();
        collector.note_held_back("a");
        assert_eq!(collector.end_invocation(&ALL_WAIT, &set(&[]), at(0)), []);
        assert_eq!(collector.end_invocation(&ONE_GOES_ON, &set(&[]), at(1)), []);
        assert_eq!(collector.end_invocation(&BatchSummary::default(), &set(&["a"]), at(2)), []);
    }

    #[test]
    fn the_same_is_told_once_in_ten_seconds() {
        let (collector, unavailable) = (EvidenceCollector::default(), set(&["a"]));
        let mut reported_at = Vec::new();
        for second in 0..=20 {
            collector.note_held_back("a");
            if !collector.end_invocation(&ALL_WAIT, &unavailable, at(second)).is_empty() {
                reported_at.push(second);
            }
        }
        assert_eq!(reported_at, [0, 10, 20]);
        let reported = collector.end_invocation(&ONE_GOES_ON, &unavailable, at(21));
        assert_eq!(reported, [Observation::WentOn], "another thing");
    }
}
