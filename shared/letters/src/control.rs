//! Whether the triage rules of contracts act by themselves, and which round of them was the last.
//!
//! The state is one item. Every write of it is conditional on the version that was read. A round of rules begins with a
//! write that names the round, and no two rounds have one name, so of two invocations only one begins it.
//!
//! An operator who halts the rules first writes the halt and then pauses the runs. An invocation that begins a run by a
//! rule reads this item again afterwards, and pauses the run if it finds a halt. A run that the operator did not see is
//! therefore paused too.

use std::collections::BTreeMap;
use std::time::Duration;

use event::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the stored form of [`TriageControl`].
pub const CONTROL_FORMAT: u32 = 1;

/// The stored state of triage, besides the runs that rules begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriageControl {
    /// The version of the stored form: [`CONTROL_FORMAT`] when it was written.
    pub control_format: u32,
    /// Raised by 1 with each write. A write is conditional on the version before it. It is 0 if the state was never
    /// written.
    pub version: u64,
    /// Who halted the rules. While it is set, no rule does anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halt: Option<Halt>,
    /// The last round of rules; absent before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Round>,
    /// Acts of rules that are not repeated before a time. The key is the name of the act, such as `notify: ` and a
    /// group.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub quiet_until: BTreeMap<String, Timestamp>,
}

/// A halt of all rules by an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// The ARN of the operator who halted the rules.
    pub by: String,
    /// The reason that the operator gave.
    pub why: String,
    /// When the rules were halted.
    pub since: Timestamp,
}

/// One pass of the rules over all letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// A name that no other round has.
    pub name: String,
    /// When the round began.
    pub began_at: Timestamp,
    /// When the next round may begin. While the round goes on, this is the end of its invocation.
    pub next_at: Timestamp,
}

/// At most one round begins in each minute of the clock. Minutes are counted by the clock and not from the last round,
/// so a schedule that is a second early once and late the next time still gets a round each time.
const MINUTE_MS: i64 = 60_000;

/// The most names in `quiet_until`. When there are as many, no new act is allowed until some of them have expired.
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
    /// The version that must be stored for the write of the next one to succeed; `None` if nothing may be stored yet.
    #[must_use]
    pub fn expected(&self) -> Option<u64> {
        (self.version > 0).then_some(self.version)
    }

    fn next(&self) -> Self {
        Self { version: self.version + 1, ..self.clone() }
    }

    /// The state with a new round, whose invocation ends at `ends_at`. `None` if the rules are halted, or the last
    /// round is not over.
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

    /// The state after the round has ended, so that the next round need not wait for the end of the invocation. `None`
    /// if the last round has another name.
    #[must_use]
    pub fn end_round(&self, name: &str) -> Option<Self> {
        let mut next = self.next();
        let round = next.round.as_mut().filter(|round| round.name == name)?;
        round.next_at = next_minute(round.began_at);
        Some(next)
    }

    /// The state with a halt; `None` if it is halted already.
    #[must_use]
    pub fn with_halt(&self, by: &str, why: &str, now: Timestamp) -> Option<Self> {
        let halt = Halt { by: by.to_owned(), why: why.to_owned(), since: now };
        self.halt.is_none().then(|| Self { halt: Some(halt), ..self.next() })
    }

    /// The state without its halt; `None` if it is not halted.
    #[must_use]
    pub fn without_halt(&self) -> Option<Self> {
        self.halt.is_some().then(|| Self { halt: None, ..self.next() })
    }

    /// Whether the act with this name must not be repeated yet.
    #[must_use]
    pub fn is_quiet(&self, name: &str, now: Timestamp) -> bool {
        self.quiet_until.get(name).is_some_and(|until| now < *until)
    }

    /// The state in which the act with this name is not repeated for `time`. `None` if it must not be done now: it was
    /// done too recently, or too many acts are remembered.
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
        assert_eq!(ended.begin_round("b", at(119), at(900)), None, "in the same minute");
        assert!(ended.begin_round("b", at(120), at(900)).is_some());
        assert_eq!(first.end_round("b"), None, "another's round");
    }

    #[test]
    fn while_it_is_halted_no_round_begins() {
        let halted = TriageControl::default().with_halt("ann", "storm", at(0)).unwrap();
        assert_eq!(halted.begin_round("a", at(600), at(900)), None);
        assert_eq!(halted.with_halt("ben", "again", at(1)), None, "the first halt stays");
        let started = halted.without_halt().unwrap();
        assert!(started.begin_round("a", at(600), at(900)).is_some());
        assert_eq!((started.without_halt(), started.version), (None, 2));
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
