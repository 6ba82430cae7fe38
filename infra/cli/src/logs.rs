//! Formats the log lines of functions as text.

use emulation::lambda::{LogLine, Origin};
use serde_json::{Map, Value};

/// Members that repeat what the line shows anyway, or that people do not need.
const LEFT_OUT: [&str; 5] = ["timestamp", "level", "message", "target", "span"];

/// `ingest INFO batch done  batch.received=10 events.in=10`: the function, then the level, the
/// message and the fields of its line. A line that is not JSON stays as it is.
pub(crate) fn format_line(line: &LogLine<'_>) -> String {
    let function = short_name(line.function);
    let Some(fields) = parse_fields(line) else {
        return format!("{function} {}", line.text);
    };
    format!("{function} {}", format_fields(&fields, |_, _| true))
}

/// The level, the message, and the fields that `keep` selects.
pub(crate) fn format_fields(
    fields: &Map<String, Value>,
    keep: impl Fn(&str, &Value) -> bool,
) -> String {
    let [level, message] = ["level", "message"]
        .map(|name| fields.get(name).and_then(Value::as_str).unwrap_or_default());
    let mut text = format!("{level} {message}");
    let others = fields.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
    for (name, value) in others.filter(|(name, value)| keep(name, value)) {
        match value {
            Value::String(value) => text.push_str(&format!(" {name}={value}")),
            value => text.push_str(&format!(" {name}={value}")),
        }
    }
    text
}

/// The members of a line that is a JSON object.
pub(crate) fn parse_fields(line: &LogLine<'_>) -> Option<Map<String, Value>> {
    let is_json = line.origin == Origin::Function && line.text.starts_with('{');
    is_json.then(|| serde_json::from_str(line.text).ok()).flatten()
}

/// Whether it is a line that CloudWatch makes metrics of.
pub(crate) fn is_of_metrics(line: &LogLine<'_>) -> bool {
    line.origin == Origin::Function && line.text.starts_with(r#"{"_aws":"#)
}

/// The name without the stack's: `IngestFunction` for `sluicegate-IngestFunction`.
pub(crate) fn short_name(function: &str) -> &str {
    function.split_once('-').map_or(function, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(origin: Origin, text_of_line: &str, expected: &str) {
        let line = LogLine {
            function: "sluicegate-SinkFunction",
            stream: "s",
            request_id: None,
            origin,
            text: text_of_line,
        };
        assert_eq!(format_line(&line), expected);
    }

    #[test]
    fn a_json_line_is_told_in_words_and_any_other_as_it_is() {
        let json = r#"{"timestamp":"t","level":"INFO","message":"batch done","events.in":2,"stage":"sink"}"#;
        check(Origin::Function, json, "SinkFunction INFO batch done events.in=2 stage=sink");
        check(Origin::Function, "oh no", "SinkFunction oh no");
        check(Origin::Function, "{oh no", "SinkFunction {oh no");
        check(Origin::Platform, "START", "SinkFunction START");
    }
}
