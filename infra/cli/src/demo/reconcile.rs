//! What became of every event: counted from the input, the table and the dead letters, whatever the
//! functions say of themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::dead::DeadLetters;
use super::input::{Event, Expected};

/// The balance. Events are those of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    /// All events.
    pub(crate) events: u64,
    /// Accepted by the contract, each key and payload once.
    pub(crate) accepted: u64,
    /// Accepted, and the same as an earlier one.
    pub(crate) repeated: u64,
    /// Refused by the contract, or unreadable.
    pub(crate) rejected: u64,
    /// Keys in the table.
    pub(crate) written: u64,
    /// Events in dead-letter queues: the rejected, and `accepted_dead`.
    pub(crate) dead_lettered: u64,
    /// Accepted, not written, and in a dead-letter queue.
    pub(crate) accepted_dead: u64,
    /// Events that are nowhere.
    pub(crate) lost: u64,
    /// Keys whose record was written more than once.
    pub(crate) duplicated: u64,
    /// Keys in the table that no event has.
    pub(crate) strange: u64,
}

impl Balance {
    /// Whether every promise was kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.lost == 0 && self.duplicated == 0 && self.accepted == self.written + self.accepted_dead
    }
}

/// `written` are the keys in the table, `duplicated` those of them that were written more than once.
pub(super) fn reconcile(
    events: &[Event],
    written: &BTreeSet<String>,
    duplicated: u64,
    dead: &DeadLetters,
) -> Balance {
    let mut balance = Balance {
        events: number(events.len()),
        written: number(written.len()),
        duplicated,
        ..Balance::default()
    };
    // For each key, whether each of its payloads is a dead letter.
    let mut accepted = BTreeMap::<&str, BTreeMap<&str, bool>>::new();
    let mut rejected = BTreeMap::<&[u8], Vec<&Event>>::new();
    for event in events {
        match &event.expected {
            Expected::Accepted { key, fingerprint } => {
                let is_dead = dead.has_envelope(key, fingerprint)
                    || dead.raw(event) > 0
                    || dead.has_object_of(event);
                let payloads = accepted.entry(key).or_default();
                balance.repeated += u64::from(payloads.contains_key(fingerprint.as_str()));
                *payloads.entry(fingerprint).or_default() |= is_dead;
            }
            Expected::Rejected(_) => rejected.entry(&event.bytes).or_default().push(event),
        }
    }
    for (key, payloads) in &accepted {
        let (all, dead) =
            (number(payloads.len()), number(payloads.values().filter(|is_dead| **is_dead).count()));
        let in_table = u64::from(written.contains(*key));
        balance.accepted += all;
        balance.accepted_dead += dead.min(all.saturating_sub(in_table));
        balance.lost += all.saturating_sub(in_table + dead);
    }
    for same in rejected.values() {
        let letters = same.first().map_or(0, |event| dead.raw(event));
        let with_object = same.iter().filter(|event| dead.has_object_of(event)).count();
        let found = (letters + with_object).min(same.len());
        balance.rejected += number(same.len());
        balance.dead_lettered += number(found);
        balance.lost += number(same.len() - found);
    }
    balance.dead_lettered += balance.accepted_dead;
    let strange = written.iter().filter(|key| !accepted.contains_key(key.as_str()));
    balance.strange = number(strange.count());
    balance
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use event::Code;

    use super::*;

    fn event(bytes: &str, expected: Expected) -> Event {
        Event { bytes: bytes.into(), header: None, expected, object: Some("o.ndjson".to_owned()) }
    }

    /// An accepted event with the key and the payload that its text names: `key/payload`.
    fn accepted(text: &str) -> Event {
        let (key, fingerprint) = text.split_once('/').unwrap();
        let (key, fingerprint) = (key.to_owned(), fingerprint.to_owned());
        event(text, Expected::Accepted { key, fingerprint })
    }

    fn rejected(text: &str) -> Event {
        event(text, Expected::Rejected(Code::DecodeJson))
    }

    #[track_caller]
    fn check(events: &[Event], written: &[&str], dead: &DeadLetters, expected: Balance) -> Balance {
        let written = written.iter().map(|&key| key.to_owned()).collect();
        let balance = reconcile(events, &written, 0, dead);
        assert_eq!(balance, expected);
        balance
    }

    #[test]
    fn what_is_written_or_dead_is_not_lost() {
        let events = [accepted("a/1"), accepted("b/1"), accepted("c/1"), rejected("{")];
        let dead =
            DeadLetters::default().with_envelope("b", "1").with_body("c/1").with_body(" {\n");
        let expected = Balance {
            events: 4,
            accepted: 3,
            rejected: 1,
            written: 1,
            dead_lettered: 3,
            accepted_dead: 2,
            ..Balance::default()
        };
        assert!(check(&events, &["a"], &dead, expected).is_kept());
    }

    #[test]
    fn what_is_nowhere_is_lost_accepted_or_not() {
        let events = [accepted("a/1"), rejected("{"), rejected("{")];
        let dead = DeadLetters::default().with_body("{");
        let expected = Balance {
            events: 3,
            accepted: 1,
            rejected: 2,
            dead_lettered: 1,
            lost: 2,
            ..Balance::default()
        };
        assert!(!check(&events, &[], &dead, expected).is_kept());
    }

    #[test]
    fn a_repeated_event_is_written_once_and_a_conflict_is_kept_as_a_dead_letter() {
        let events = [accepted("a/1"), accepted("a/1"), accepted("a/2")];
        let kept = DeadLetters::default().with_envelope("a", "2");
        let expected = Balance {
            events: 3,
            accepted: 2,
            repeated: 1,
            written: 1,
            dead_lettered: 1,
            accepted_dead: 1,
            ..Balance::default()
        };
        assert!(check(&events, &["a"], &kept, expected).is_kept());
        let dropped = Balance { dead_lettered: 0, accepted_dead: 0, lost: 1, ..expected };
        assert!(!check(&events, &["a"], &DeadLetters::default(), dropped).is_kept());
    }

    #[test]
    fn an_event_that_is_written_and_dead_counts_as_written() {
        let dead = DeadLetters::default().with_envelope("a", "1");
        let expected = Balance { events: 1, accepted: 1, written: 1, ..Balance::default() };
        assert!(check(&[accepted("a/1")], &["a"], &dead, expected).is_kept());
    }

    #[test]
    fn a_dead_object_holds_all_its_events() {
        let body = r#"{"Records":[{"s3":{"object":{"key":"o.ndjson"}}}]}"#;
        let dead = DeadLetters::default().with_body(body);
        let expected = Balance {
            events: 2,
            accepted: 1,
            rejected: 1,
            dead_lettered: 2,
            accepted_dead: 1,
            ..Balance::default()
        };
        assert!(check(&[accepted("a/1"), rejected("{")], &[], &dead, expected).is_kept());
    }

    #[test]
    fn a_key_that_no_event_has_and_a_second_write_break_the_promise() {
        let expected =
            Balance { events: 1, accepted: 1, written: 2, strange: 1, ..Balance::default() };
        let events = [accepted("a/1")];
        assert!(!check(&events, &["a", "z"], &DeadLetters::default(), expected).is_kept());
        let written = BTreeSet::from(["a".to_owned()]);
        assert!(!reconcile(&events, &written, 1, &DeadLetters::default()).is_kept());
    }
}
