//! Whether rules act by themselves, and which round of them was the last.
//!
//! One item, and every write of it is conditional on the version that was read. A round of rules is begun by a write,
//! with a name that no other round has: of two invocations, one alone has written it.
//!
//! Halting comes before the runs are paused, and whoever begins a run by a rule looks here once more afterwards. So a
//! run that a halt did not find is paused by whoever began it.

use std::collections::BTreeMap;
use std::time::Duration;

use event::Timestamp;
use serde::{Deserialize, Serialize};

/// The version in which it is written.
pub const CONTROL_FORMAT: u32 = 1;

/// What is kept of triage, besides the runs that it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriageControl {
    pub control_format: u32,
    /// Of each write; a write is conditional on the one before it. 0 is what was never written.
    pub version: u64,
    /// Who has halted it; nothing is done by rules then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halt: Option<Halt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Round>,
    /// What is not done again before a time, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub quiet_until: BTreeMap<String, Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    pub by: String,
    pub why: String,
    pub since: Timestamp,
}

/// One look of the rules at all letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// A name that no other round has.
    pub name: String,
    pub began_at: Timestamp,
    /// When another may begin: while it goes on, when the time of its invocation is over.
    pub next_at: Timestamp,
}

/// There is one round a minute at most, by the minutes of the clock: a schedule that is a second early one time and late
/// the next still has each of its own.
const MINUTE_MS: i64 = 60_000;

/// Names that are kept; of more than these nothing new is done until some of them are over.
const MOST_QUIET: usize = 1_000;

impl Default for TriageControl {
    fn default() -> Self {
        Self {
            control_format: CONTROL_FORMAT,
            version: 0,
            halt: None,
            round: None,
            quiet_until: BTreeMap::new(),
        }
    }
}

impl TriageControl {
    /// The version that must be there for a write to follow this one.
    #[must_use]
    pub fn expected(&self) -> Option<u64> {
        (self.version > 0).then_some(self.version)
    }

    fn next(&self) -> Self {
        Self { version: self.version + 1, ..self.clone() }
    }

    /// With a new round, whose invocation ends at `ends_at`; `None` while it is halted, or another round counts.
    #[must_use]
    pub fn begin_round(&self, name: &str, now: Timestamp, ends_at: Timestamp) -> Option<Self> {
        let is_taken = self.round.as_ref().is_some_and(|round| now < round.next_at);
        if is_taken || self.halt.is_some() {
            return None;
        }
        let next_at = ends_at.max(next_minute(now));
        let round = Round { name: name.to_owned(), began_at: now, next_at };
        let mut next = Self { round: Some(round), ..self.next() };
        next.quiet_until.retain(|_, until| now < *until);
        Some(next)
    }

    /// Without waiting for the end of the round's invocation; `None` where it is not this round any more.
    #[must_use]
    pub fn end_round(&self, name: &str) -> Option<Self> {
        let mut next = self.next();
        let round = next.round.as_mut().filter(|round| round.name == name)?;
        round.next_at = next_minute(round.began_at);
        Some(next)
    }

    /// `None`: it is halted already.
    #[must_use]
    pub fn with_halt(&self, by: &str, why: &str, now: Timestamp) -> Option<Self> {
        let halt = Halt { by: by.to_owned(), why: why.to_owned(), since: now };
        self.halt.is_none().then(|| Self { halt: Some(halt), ..self.next() })
    }

    /// `None`: it is not halted.
    #[must_use]
    pub fn started(&self) -> Option<Self> {
        self.halt.is_some().then(|| Self { halt: None, ..self.next() })
    }

    #[must_use]
    pub fn is_quiet(&self, name: &str, now: Timestamp) -> bool {
        self.quiet_until.get(name).is_some_and(|until| now < *until)
    }

    /// With something that is not done again for so long; `None`: it is not to be done now.
    #[must_use]
    pub fn quieten(&self, name: &str, now: Timestamp, time: Duration) -> Option<Self> {
        let has_room = self.quiet_until.len() < MOST_QUIET || self.quiet_until.contains_key(name);
        if self.is_quiet(name, now) || !has_room {
            return None;
        }
        let mut next = self.next();
        next.quiet_until.insert(name.to_owned(), now.plus(time));
        Some(next)
    }
}

fn next_minute(now: Timestamp) -> Timestamp {
    let minute = now.unix_ms().div_euclid(MINUTE_MS) + 1;
    Timestamp::from_unix_ms(minute * MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(seconds * 1_000)
    }

    #[test]
    fn there_is_one_round_a_minute_and_none_beside_one_that_goes_on() {
        let first = TriageControl::default().begin_round("a", at(61), at(361)).unwrap();
        for seconds in [61, 119, 120, 360] {
            assert_eq!(first.begin_round("b", at(seconds), at(900)), None, "{seconds}");
        }
        assert!(first.begin_round("b", at(361), at(900)).is_some(), "its invocation is over");
        let ended = first.end_round("a").unwrap();
        assert_eq!(ended.begin_round("b", at(119), at(900)), None, "of the same minute");
        assert!(ended.begin_round("b", at(120), at(900)).is_some());
        assert_eq!(first.end_round("b"), None, "another's round");
    }

    #[test]
    fn while_it_is_halted_no_round_begins() {
        let halted = TriageControl::default().with_halt("ann", "storm", at(0)).unwrap();
        assert_eq!(halted.begin_round("a", at(600), at(900)), None);
        assert_eq!(halted.with_halt("ben", "again", at(1)), None, "who halted it first is told");
        let started = halted.started().unwrap();
        assert!(started.begin_round("a", at(600), at(900)).is_some());
        assert_eq!((started.started(), started.version), (None, 2));
    }

    #[test]
    fn what_was_done_is_quiet_for_its_time_and_what_is_remembered_is_bounded() {
        let hour = Duration::from_secs(3_600);
        let mut control = TriageControl::default().quieten("one", at(0), hour).unwrap();
        assert_eq!(control.quieten("one", at(3_599), hour), None);
        assert!(control.quieten("one", at(3_600), hour).is_some());
        for number in 1..MOST_QUIET {
            control = control.quieten(&number.to_string(), at(0), hour).unwrap();
        }
        assert_eq!(control.quieten("more", at(0), hour), None);
        let later = control.begin_round("a", at(3_600), at(3_900)).unwrap();
        assert!(later.quieten("more", at(3_600), hour).is_some());
    }
}
