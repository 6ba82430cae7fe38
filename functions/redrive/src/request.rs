//! The requests to this function.
//!
//! The operators' function makes requests for operators who signed a request to its URL, and says who they are. A
//! caller that may invoke this function directly, such as a script, is trusted. The account's CloudTrail says who that
//! was. A schedule only requests that runs continue and rules are carried out.

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
    /// The operator. Without one, the caller has invoked this function directly.
    #[serde(default = "direct_caller")]
    pub(crate) operator: Operator,
    /// The id of the operator's request to the operators' function; `None` for a direct invocation.
    #[serde(default)]
    pub(crate) request_id: Option<String>,
}

fn direct_caller() -> Operator {
    Operator {
        arn: "invoked directly".to_owned(),
        source_ip: String::new(),
        user_agent: String::new(),
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verb {
    /// Counts the letters and messages of each stage.
    List(Nothing),
    /// Groups letters by their cause.
    Groups(Chosen),
    /// Returns a page of letters.
    Letters(PageOf),
    /// Returns one letter with its message.
    Show(Shown),
    /// Returns a page of letters with their messages.
    Export(PageOf),
    /// Finds in which sinks events are that were sent.
    Reconcile(SentEvents),
    /// Returns a page of letters with the events that they belong to.
    Events(EventsOf),
    /// Writes a plan of letters.
    Plan(Planned),
    /// Begins a run of a plan.
    Redrive(Begun),
    /// Returns one run.
    Status(OfRun),
    /// Returns the newest runs, the newest first.
    History(Nothing),
    Pause(ActOnRun),
    Resume(ActOnRun),
    Cancel(ActOnRun),
    /// Pauses every run, and halts the rules of contracts.
    Stop(Why),
    /// Allows the rules to act again.
    StartTriage(Why),
    /// Notes that a group is known.
    Acknowledge(Acknowledged),
    /// Stops notifications of a group for a while.
    Mute(Muted),
    Unmute(Unmuted),
    Discard(ActOnLetters),
    Restore(ActOnLetters),
    Release(ActOnLetters),
    /// Plans and sends all letters of a stage in this invocation, for scripts.
    Move(Moved),
    /// Returns the audit entries of a day.
    Audit(AuditOf),
    /// Continues a run. Without one, as the schedule requests it, continues all runs and carries out the rules of
    /// contracts.
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
    /// The `next` of the page before; `None` for the first page.
    pub(crate) after: Option<String>,
    /// The most letters of the page.
    pub(crate) limit: Option<usize>,
    /// The reason for showing personal data, which is recorded; `None` masks them.
    pub(crate) reveal: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SentEvents {
    pub(crate) dataset: String,
    /// The payload of each event, as JSON text.
    pub(crate) events: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EventsOf {
    /// Without a state, it selects letters in all states.
    pub(crate) select: Selection,
    /// The `next` of the page before; `None` for the first page.
    pub(crate) after: Option<String>,
    /// The most letters of the page.
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
    /// The stage that the letters go to. `None` sends each back to the stage at which it failed.
    pub(crate) to: Option<String>,
    /// A JSON Patch (RFC 6902) for the payload of each letter.
    pub(crate) patch: Option<Value>,
    /// Whether to include letters whose events were taken in longer ago than their keys are remembered.
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
    /// Whether to change the letters. Otherwise they are only counted.
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
    /// The day in UTC, such as `2026-11-29`.
    pub(crate) day: String,
    /// The `next` of the page before; `None` for the first page.
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
    /// Reads the payload of an invocation.
    ///
    /// # Errors
    /// When it is not a request.
    pub(crate) fn read(payload: Value) -> Result<Self, Problem> {
        serde_json::from_value(payload).map_err(|error| {
            let example = r#"{"do": {"list": {}}}"#;
            Problem::malformed(format!("expected a request such as {example}: {error}"))
        })
    }
}

/// Checks the reason of an act.
///
/// # Errors
/// When the reason is empty, too long, or has a character that a terminal must not show.
pub(crate) fn check_reason(text: &str) -> Result<&str, Problem> {
    runtime::check_reason(text).map_err(Problem::malformed)
}

impl Verb {
    /// The name of the verb in requests and in logs.
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
