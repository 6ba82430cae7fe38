//! Combines the entries of the audit log into acts: an intent, and its outcome.

use std::collections::BTreeMap;

use event::Timestamp;
use serde_json::Value;

use super::args::Audit;

/// The members of entries that name what was changed.
const KINDS: [&str; 5] = ["breaker", "run", "runs", "letters", "letter"];
/// Acts that change nothing and therefore have no outcome.
const NOTES: [&str; 3] = ["ended", "show-revealed", "export-revealed"];

/// Which entries to show.
pub(super) struct Wanted<'a> {
    since: Option<Timestamp>,
    act: Option<&'a str>,
    subject: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    pub(super) fn of(args: &'a Audit, now: Timestamp) -> Self {
        Self {
            since: args.since.map(|since| since.time(now)),
            act: args.act.as_deref(),
            subject: args.subject.as_deref(),
        }
    }

    /// Whether an entry is shown. The time, the verb and the subject are the same in both entries
    /// of an act, so that both are shown or neither.
    pub(super) fn includes(&self, entry: &Value) -> bool {
        let at = entry["at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
        self.since.is_none_or(|since| at.is_none_or(|at| since <= at))
            && self.act.is_none_or(|act| entry["act"] == act)
            && self
                .subject
                .is_none_or(|part| subject(entry).is_some_and(|(_, name)| name.contains(part)))
    }
}

/// What was changed: its kind and its name.
pub(super) fn subject(entry: &Value) -> Option<(&'static str, &str)> {
    KINDS.into_iter().find_map(|kind| Some((kind, entry[kind].as_str()?)))
}

/// One act: its intent, its outcome, or both.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Act<'a> {
    intent: Option<&'a Value>,
    outcome: Option<&'a Value>,
}

/// How an act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    NotDone,
    /// The outcome says that it is not known.
    Unknown,
    /// There is no outcome. The act may have been done.
    Missing,
    /// An act that has no outcome.
    Noted,
}

impl<'a> Act<'a> {
    /// The intent, or the outcome if there is no intent.
    pub(super) fn entry(&self) -> &'a Value {
        self.intent.or(self.outcome).unwrap_or(&Value::Null)
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self.outcome.map(|entry| entry["phase"].as_str()) {
            Some(Some("done")) => Outcome::Done,
            Some(Some("not-done")) => Outcome::NotDone,
            Some(_) => Outcome::Unknown,
            None if NOTES.iter().any(|note| self.entry()["act"] == *note) => Outcome::Noted,
            None => Outcome::Missing,
        }
    }

    /// Why it was not done, or is not known.
    pub(super) fn reason(&self) -> Option<&'a Value> {
        self.outcome.map(|entry| &entry["reason"]).filter(|reason| reason.is_string())
    }
}

/// The acts of these entries, in the order of their times.
pub(super) fn acts(entries: &[Value]) -> Vec<Act<'_>> {
    let mut acts: BTreeMap<&str, Act<'_>> = BTreeMap::new();
    for entry in entries {
        let key = entry["key"].as_str().unwrap_or_default();
        if let Some(act) = key.strip_suffix("-outcome.json") {
            acts.entry(act).or_default().outcome = Some(&entry["entry"]);
        } else {
            let act = key.strip_suffix("-intent.json").unwrap_or(key);
            acts.entry(act).or_default().intent = Some(&entry["entry"]);
        }
    }
    acts.into_values().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_is_chosen_by_time_act_and_subject() {
        let entry =
            json!({ "at": "2026-11-29T03:00:00.000Z", "act": "pause", "run": "20261129T02-abc" });
        let before = "2026-11-29T02:00:00Z".parse().unwrap();
        let after = "2026-11-29T04:00:00Z".parse().unwrap();
        for (since, act, subject, expected) in [
            (None, None, None, true),
            (Some(before), None, None, true),
            (Some(after), None, None, false),
            (None, Some("pause"), None, true),
            (None, Some("resume"), None, false),
            (None, None, Some("T02-a"), true),
            (None, None, Some("weather"), false),
        ] {
            let wanted = Wanted { since, act, subject };
            assert_eq!(wanted.includes(&entry), expected, "{act:?} {subject:?}");
        }
    }
}
