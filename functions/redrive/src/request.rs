//! What is asked, and by whom.
//!
//! The operators' function asks on behalf of whoever signed a request to its URL, and says who that is. Whoever may
//! invoke this function directly, as a script does, is believed: who that is, is for the account's own log of calls
//! (CloudTrail) to tell. A schedule asks for nothing but that runs go on and rules are carried out.

use event::{FailureFingerprint, Timestamp};
use letters::{LetterId, Pace, PlanId, RunId, Selection};
use runtime::Operator;
use serde::Deserialize;
use serde_json::Value;

use crate::problem::Problem;

/// One request: `{"do": {"groups": {}}, "operator": {…}}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) r#do: Verb,
    /// Who asks; whoever invokes this function directly, if it does not say.
    #[serde(default = "whoever_invoked")]
    pub(crate) operator: Operator,
    /// The request's id, where it came in by another door than this function's own.
    #[serde(default)]
    pub(crate) request_id: Option<String>,
}

fn whoever_invoked() -> Operator {
    Operator {
        arn: "invoked directly".to_owned(),
        source_ip: String::new(),
        user_agent: String::new(),
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verb {
    /// What is in each queue and in the store.
    List(Nothing),
    /// Letters by what failed.
    Groups(Chosen),
    /// Letters, a page of them.
    Letters(PageOf),
    /// One letter, with its message.
    Show(Shown),
    /// Letters with their messages, a page of them.
    Export(PageOf),
    /// Where events are that were sent, as their sinks tell.
    Reconcile(SentEvents),
    /// Letters by what tells which event each is of, a page of them.
    Events(EventsOf),
    /// Writes down which letters are meant.
    Plan(Planned),
    /// Begins to send what is planned.
    Redrive(Begun),
    /// One run.
    Status(OfRun),
    /// All runs, the newest first.
    History(Nothing),
    Pause(ActOnRun),
    Resume(ActOnRun),
    Cancel(ActOnRun),
    /// Pauses every run, and halts the rules of contracts.
    Stop(Why),
    /// Lets the rules act again.
    StartTriage(Why),
    /// Says of a group that it is known.
    Acknowledge(Acknowledged),
    /// Lets nobody be told of a group for a while.
    Mute(Muted),
    Unmute(Unmuted),
    Discard(ActOnLetters),
    Restore(ActOnLetters),
    Release(ActOnLetters),
    /// Plans and sends everything of a stage in this invocation: for scripts.
    Move(Moved),
    /// What the audit log has of a day.
    Audit(AuditOf),
    /// Goes on with a run, or, as the schedule asks, with all of them, and carries out the rules of contracts.
    Work(Worked),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Chosen {
    pub(crate) select: Selection,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PageOf {
    pub(crate) select: Selection,
    /// As the page before it said.
    pub(crate) after: Option<String>,
    /// Letters at most.
    pub(crate) limit: Option<usize>,
    /// With personal data as it is, for a reason that is written down.
    pub(crate) reveal: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SentEvents {
    pub(crate) dataset: String,
    /// A payload each, as JSON text.
    pub(crate) events: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EventsOf {
    /// Letters in all states, if it names none.
    pub(crate) select: Selection,
    /// As the page before it said.
    pub(crate) after: Option<String>,
    /// Letters at most.
    pub(crate) limit: Option<usize>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shown {
    pub(crate) letter: LetterId,
    #[serde(default)]
    pub(crate) reveal: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Planned {
    pub(crate) select: Selection,
    /// The stage that they go to; each back to where it failed, if it is not given.
    pub(crate) to: Option<String>,
    /// A JSON Patch (RFC 6902) of each payload.
    pub(crate) patch: Option<Value>,
    /// Letters, too, whose events were taken in longer ago than their keys are remembered.
    pub(crate) even_if_forgotten: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begun {
    pub(crate) plan: PlanId,
    pub(crate) why: String,
    #[serde(default)]
    pub(crate) pace: Pace,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfRun {
    pub(crate) run: RunId,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActOnRun {
    pub(crate) run: RunId,
    pub(crate) why: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    pub(crate) why: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acknowledged {
    pub(crate) group: FailureFingerprint,
    pub(crate) why: String,
    #[serde(default)]
    pub(crate) until: Option<Timestamp>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Muted {
    pub(crate) group: FailureFingerprint,
    pub(crate) why: String,
    pub(crate) until: Timestamp,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unmuted {
    pub(crate) group: FailureFingerprint,
    pub(crate) why: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActOnLetters {
    #[serde(default)]
    pub(crate) select: Selection,
    pub(crate) why: String,
    /// Otherwise it is only counted what would be changed.
    #[serde(default)]
    pub(crate) apply: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Moved {
    pub(crate) stage: String,
    #[serde(default)]
    pub(crate) why: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditOf {
    /// In UTC, as `2026-11-29`.
    pub(crate) day: String,
    /// As the page before it said.
    #[serde(default)]
    pub(crate) after: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Worked {
    #[serde(default)]
    pub(crate) run: Option<RunId>,
}

impl Request {
    /// # Errors
    /// When it is none.
    pub(crate) fn read(payload: Value) -> Result<Self, Problem> {
        serde_json::from_value(payload).map_err(|error| {
            let example = r#"{"do": {"list": {}}}"#;
            Problem::malformed(format!("expected a request such as {example}: {error}"))
        })
    }
}

/// # Errors
/// When it is no reason.
pub(crate) fn check_reason(text: &str) -> Result<&str, Problem> {
    runtime::check_reason(text).map_err(Problem::malformed)
}

impl Verb {
    /// As it is logged.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::List(_) => "list",
            Self::Groups(_) => "groups",
            Self::Letters(_) => "letters",
            Self::Show(_) => "show",
            Self::Export(_) => "export",
            Self::Reconcile(_) => "reconcile",
            Self::Events(_) => "events",
            Self::Plan(_) => "plan",
            Self::Redrive(_) => "redrive",
            Self::Status(_) => "status",
            Self::History(_) => "history",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::Cancel(_) => "cancel",
            Self::Stop(_) => "stop",
            Self::StartTriage(_) => "start-triage",
            Self::Acknowledge(_) => "acknowledge",
            Self::Mute(_) => "mute",
            Self::Unmute(_) => "unmute",
            Self::Discard(_) => "discard",
            Self::Restore(_) => "restore",
            Self::Release(_) => "release",
            Self::Move(_) => "move",
            Self::Audit(_) => "audit",
            Self::Work(_) => "work",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_of_many_digits_is_asked_for_as_it_is_written() {
        let asked = r#"{"do":{"groups":{"select":{"value":{"pointer":"/a","value":1.00000000000000000001}}}}}"#;
        let request = Request::read(serde_json::from_str(asked).unwrap()).unwrap();
        let Verb::Groups(chosen) = request.r#do else { panic!("{request:?}") };
        let value = chosen.select.value.unwrap().value;
        assert_eq!(value.to_string(), "1.00000000000000000001");
    }

    #[test]
    fn every_sample_is_a_request() {
        let mut samples = 0;
        for path in testkit::samples_of("redrive") {
            let request = Request::read(serde_json::from_str(&testkit::sample(path)).unwrap());
            let request = request.unwrap();
            let Verb::Move(moved) = &request.r#do else { panic!("{path}: {request:?}") };
            assert_eq!(moved.stage, "sink");
            samples += 1;
        }
        assert_eq!(samples, 1);
    }

    #[test]
    fn what_is_not_understood_is_told_by_name() {
        for (bad, about) in [
            (json!({}), "do"),
            (json!({ "do": { "purge": {} } }), "purge"),
            (json!({ "do": { "discard": { "select": {} } } }), "why"),
            (json!({ "do": { "groups": { "select": { "stage": "sink" } } } }), "stage"),
        ] {
            let detail = Request::read(bad).unwrap_err().detail;
            assert!(detail.contains(about), "{detail}");
        }
        for bad in ["", "  ", "a\nb", &"x".repeat(501)] {
            assert!(check_reason(bad).is_err());
        }
    }
}
