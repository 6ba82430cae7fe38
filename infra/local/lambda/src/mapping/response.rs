//! Reads the response of a function to find out which messages of its batch failed.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>. An empty or null
//! response means success. A response with an identifier that is empty, null, unknown or missing fails
//! the whole batch.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

/// The result of an invocation with a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BatchResult {
    /// Every message is done.
    Done,
    /// Every message is done, because the response lacks `batchItemFailures`. Lambda treats such a
    /// response as a success, so failures that are reported in another way are lost.
    DoneWithoutReport,
    /// The messages with these ids failed; the others are done.
    Partial(HashSet<String>),
    /// Every message failed, for this reason.
    Failed(&'static str),
}

/// Logs a warning once for each mapping whose function's responses lack `batchItemFailures`.
#[derive(Default)]
pub(super) struct MissingReportWarning(AtomicBool);

impl MissingReportWarning {
    pub(super) fn log_once(&self, mapping: &str, function: &str) {
        if !self.0.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                mapping.name = mapping,
                function.name = function,
                "a response lacks batchItemFailures, so its whole batch counts as done",
            );
        }
    }
}

/// Reads the response to a batch of the messages `ids`, for a mapping with `ReportBatchItemFailures`.
pub(super) fn classify(answer: &[u8], ids: &HashSet<&str>) -> BatchResult {
    if answer.is_empty() {
        return BatchResult::Done;
    }
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else {
        return BatchResult::Failed("the response is not JSON");
    };
    let object = match &answer {
        Value::Null => return BatchResult::Done,
        Value::String(text) if text.is_empty() => return BatchResult::Done,
        Value::Array(list) if list.is_empty() => return BatchResult::Done,
        Value::Object(object) if object.is_empty() => return BatchResult::Done,
        Value::Object(object) => object,
        _ => return BatchResult::Failed("the response is not an object"),
    };
    let items = match object.get("batchItemFailures") {
        None => return BatchResult::DoneWithoutReport,
        Some(Value::Null) => return BatchResult::Done,
        Some(Value::Array(items)) => items,
        Some(_) => return BatchResult::Failed("batchItemFailures is not a list"),
    };
    let mut failed = HashSet::new();
    for item in items {
        match item.get("itemIdentifier") {
            None => {
                return BatchResult::Failed("an item of batchItemFailures has no itemIdentifier");
            }
            Some(Value::String(id)) if ids.contains(id.as_str()) => {
                failed.insert(id.clone());
            }
            Some(Value::String(id)) if id.is_empty() => {
                return BatchResult::Failed("an itemIdentifier is empty");
            }
            Some(Value::String(_)) => {
                return BatchResult::Failed("an itemIdentifier is no message of the batch");
            }
            Some(_) => return BatchResult::Failed("an itemIdentifier is not a string"),
        }
    }
    if failed.is_empty() { BatchResult::Done } else { BatchResult::Partial(failed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(answer: &str, expected: &str) {
        let verdict = match classify(answer.as_bytes(), &HashSet::from(["a", "b", "c"])) {
            BatchResult::Done => "done".to_owned(),
            BatchResult::DoneWithoutReport => "done, missing_report_warning".to_owned(),
            BatchResult::Partial(ids) => {
                let mut ids: Vec<_> = ids.into_iter().collect();
                ids.sort();
                ids.join(" ")
            }
            BatchResult::Failed(_) => "failed".to_owned(),
        };
        assert_eq!(verdict, expected, "{answer}");
    }

    #[test]
    fn an_empty_answer_is_a_success() {
        for answer in ["", "null", "{}", "[]", r#""""#] {
            check(answer, "done");
        }
        check(r#"{"batchItemFailures":null}"#, "done");
        check(r#"{"batchItemFailures":[]}"#, "done");
        check(r#"{"batchItemFailures":[],"more":1}"#, "done");
    }

    #[test]
    fn an_object_that_says_something_else_is_taken_as_success_but_noted() {
        check(r#"{"statusCode":200}"#, "done, missing_report_warning");
        check(r#"{"batchitemfailures":[{"itemIdentifier":"a"}]}"#, "done, missing_report_warning");
    }

    #[test]
    fn named_messages_fail_and_the_others_are_done() {
        check(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#, "b");
        check(
            r#"{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}"#,
            "a c",
        );
    }

    #[test]
    fn a_malformed_answer_fails_the_whole_batch() {
        for answer in [
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":7}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"d"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"d"}]}"#,
            r#"{"batchItemFailures":[{"itemidentifier":"a"}]}"#,
            r#"{"batchItemFailures":["a"]}"#,
            r#"{"batchItemFailures":{"itemIdentifier":"a"}}"#,
            r#"{"batchItemFailures":"a"}"#,
            r#"["a"]"#,
            r#""a""#,
            "7",
            "true",
            "{",
        ] {
            check(answer, "failed");
        }
    }
}
