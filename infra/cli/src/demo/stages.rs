//! The counts of each stage, from the line that each of its invocations logs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use emulation::lambda::{LogLine, LogSink, Origin};
use serde_json::{Map, Value};

use crate::logs;

/// How many lines are kept to explain a failure.
const KEPT_LINES: usize = 12;

/// Counts of one stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) invocations: u64,
    pub(super) events_in: u64,
    pub(super) events_out: u64,
    pub(super) duplicates: u64,
    pub(super) retried: u64,
    /// Events that continued without an enricher's answer. An event that is retried counts again.
    pub(super) degraded: u64,
}

/// Takes the functions' lines while they work.
#[derive(Default)]
pub(super) struct StageLog {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stages: BTreeMap<String, Stage>,
    notable: VecDeque<String>,
    /// Why a function could not start: the last error, or line that is not a log line, outside of
    /// invocations.
    not_started: BTreeMap<String, String>,
}

/// The message of a function that cannot start.
const CANNOT_START: &str = "the function cannot start";

impl LogSink for StageLog {
    fn line(&self, line: &LogLine<'_>) {
        let fields = logs::parse_fields(line);
        let mut state = self.locked();
        if let Some(fields) = &fields
            && let Some(name) = fields.get("stage").and_then(Value::as_str)
            && fields.contains_key("events.in")
        {
            let stage = state.stages.entry(name.to_owned()).or_default();
            stage.invocations += 1;
            stage.events_in += number(fields, "events.in");
            stage.events_out += number(fields, "events.out");
            stage.duplicates += number(fields, "events.duplicate");
            stage.retried += number(fields, "events.retried");
            stage.degraded += number(fields, "events.degraded");
            return;
        }
        let level = fields.as_ref().and_then(|fields| fields.get("level")).and_then(Value::as_str);
        // Functions write lines that are not JSON when they break.
        let is_plain = fields.is_none() && line.origin == Origin::Function;
        let is_start = line.request_id.is_none() && line.origin == Origin::Function;
        if is_start && (is_plain || level == Some("ERROR")) {
            let reason = reason(fields.as_ref()).unwrap_or_else(|| line.text.to_owned());
            state.not_started.insert(logs::short_name(line.function).to_owned(), reason);
            return;
        }
        // A line about a dead letter adds nothing to the letter.
        let is_of_letter = fields.as_ref().is_some_and(|it| it.contains_key("failure.code"));
        if !is_of_letter && (is_plain || matches!(level, Some("WARN" | "ERROR"))) {
            if state.notable.len() == KEPT_LINES {
                state.notable.pop_front();
            }
            state.notable.push_back(logs::format_line(line));
        }
    }
}

impl StageLog {
    pub(super) fn stages(&self) -> BTreeMap<String, Stage> {
        self.locked().stages.clone()
    }

    /// How many events have passed the stage that is the furthest of these, by its own count.
    pub(super) fn written(&self, stages: &BTreeSet<String>) -> u64 {
        let state = self.locked();
        let counts = stages.iter().filter_map(|name| state.stages.get(name));
        counts.map(|stage| stage.events_out).max().unwrap_or_default()
    }

    /// The functions that could not start, and why.
    pub(super) fn not_started(&self) -> BTreeMap<String, String> {
        self.locked().not_started.clone()
    }

    /// The last warnings, errors, and lines that are not logs.
    pub(super) fn notable(&self) -> Vec<String> {
        self.locked().notable.iter().cloned().collect()
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a function cannot start, by its log line.
fn reason(fields: Option<&Map<String, Value>>) -> Option<String> {
    let fields = fields.filter(|fields| fields.get("message") == Some(&CANNOT_START.into()))?;
    fields.get("failure.reason").and_then(Value::as_str).map(str::to_owned)
}

fn number(fields: &Map<String, Value>, name: &str) -> u64 {
    fields.get(name).and_then(Value::as_u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &[(Origin, &str)]) -> StageLog {
        log_in(Some("r"), lines)
    }

    fn log_in(request_id: Option<&str>, lines: &[(Origin, &str)]) -> StageLog {
        let log = StageLog::default();
        for (origin, text) in lines {
            let (function, stream) = ("sluicegate-Sink", "s");
            log.line(&LogLine { function, stream, request_id, origin: *origin, text });
        }
        log
    }

    #[test]
    fn invocations_of_a_stage_add_up() {
        let line = r#"{"level":"INFO","message":"batch done","stage":"sink","batch.received":10,"events.in":10,"events.out":8,"events.duplicate":1,"events.retried":1,"events.degraded":3}"#;
        let log = log(&[(Origin::Function, line), (Origin::Function, line)]);
        let expected = Stage {
            invocations: 2,
            events_in: 20,
            events_out: 16,
            duplicates: 2,
            retried: 2,
            degraded: 6,
        };
        assert_eq!(log.stages(), BTreeMap::from([("sink".to_owned(), expected)]));
        for stages in [&["sink"][..], &["lake", "sink"]] {
            let stages = stages.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(log.written(&stages), 16);
        }
        assert!(log.notable().is_empty());
    }

    #[test]
    fn why_a_function_does_not_start_is_kept() {
        let line = r#"{"level":"ERROR","message":"the function cannot start","failure.reason":"TABLES has no table"}"#;
        let log = log_in(None, &[(Origin::Function, line)]);
        let expected = [("Sink".to_owned(), "TABLES has no table".to_owned())];
        assert_eq!(log.not_started(), BTreeMap::from(expected));
        assert!(log.notable().is_empty(), "it is told once");
    }

    #[test]
    fn what_explains_a_failure_is_kept_and_bounded() {
        let log = log(&[
            (Origin::Platform, "START"),
            (Origin::Function, r#"{"level":"INFO","message":"started"}"#),
            (Origin::Function, r#"{"level":"WARN","message":"slow"}"#),
            (Origin::Function, r#"{"level":"WARN","message":"dead","failure.code":"decode.json"}"#),
            (Origin::Function, "QUEUE_URL is not set"),
        ]);
        assert_eq!(log.notable(), ["Sink WARN slow", "Sink QUEUE_URL is not set"]);
        for _ in 0..100 {
            log.line(&LogLine {
                function: "f",
                stream: "s",
                request_id: Some("r"),
                origin: Origin::Function,
                text: "x",
            });
        }
        assert_eq!(log.notable().len(), KEPT_LINES);
    }
}
