//! What a function's answer says about each message of its batch.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>: an empty or
//! null answer is a success; an answer with an identifier that is empty, null, unknown or missing
//! under its key fails the whole batch.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

/// What becomes of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every message is done.
    Done,
    /// Every message is done, but the answer lacks `batchItemFailures`: Lambda takes it so, and
    /// failures reported in any other way are lost.
    DoneUnsaid,
    /// The messages with these ids failed; the others are done.
    Partial(HashSet<String>),
    /// Every message failed, for this reason.
    Failed(&'static str),
}

/// Says once of a mapping that its function's responses lack `batchItemFailures`.
#[derive(Default)]
pub(super) struct Unsaid(AtomicBool);

impl Unsaid {
    pub(super) fn note(&self, mapping: &str, function: &str) {
        if !self.0.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                mapping.name = mapping,
                function.name = function,
                "a response lacks batchItemFailures: its whole batch is taken as done",
            );
        }
    }
}

/// Reads the answer of a function whose mapping has `ReportBatchItemFailures`, to a batch of the
/// messages `ids`.
pub(super) fn classify(answer: &[u8], ids: &HashSet<&str>) -> Verdict {
    if answer.is_empty() {
        return Verdict::Done;
    }
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else {
        return Verdict::Failed("the response is not JSON");
    };
    let object = match &answer {
        Value::Null => return Verdict::Done,
        Value::String(text) if text.is_empty() => return Verdict::Done,
        Value::Array(list) if list.is_empty() => return Verdict::Done,
        Value::Object(object) if object.is_empty() => return Verdict::Done,
        Value::Object(object) => object,
        _ => return Verdict::Failed("the response is not an object"),
    };
    let items = match object.get("batchItemFailures") {
        None => return Verdict::DoneUnsaid,
        Some(Value::Null) => return Verdict::Done,
        Some(Value::Array(items)) => items,
        Some(_) => return Verdict::Failed("batchItemFailures is not a list"),
    };
    let mut failed = HashSet::new();
    for item in items {
        match item.get("itemIdentifier") {
            None => return Verdict::Failed("an item of batchItemFailures has no itemIdentifier"),
            Some(Value::String(id)) if ids.contains(id.as_str()) => {
                failed.insert(id.clone());
            }
            Some(Value::String(id)) if id.is_empty() => {
                return Verdict::Failed("an itemIdentifier is empty");
            }
            Some(Value::String(_)) => {
                return Verdict::Failed("an itemIdentifier is no message of the batch");
            }
            Some(_) => return Verdict::Failed("an itemIdentifier is not a string"),
        }
    }
    if failed.is_empty() { Verdict::Done } else { Verdict::Partial(failed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(answer: &str, expected: &str) {
        let verdict = match classify(answer.as_bytes(), &HashSet::from(["a", "b", "c"])) {
            Verdict::Done => "done".to_owned(),
            Verdict::DoneUnsaid => "done, unsaid".to_owned(),
            Verdict::Partial(ids) => {
                let mut ids: Vec<_> = ids.into_iter().collect();
                ids.sort();
                ids.join(" ")
            }
            Verdict::Failed(_) => "failed".to_owned(),
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
        check(r#"{"statusCode":200}"#, "done, unsaid");
        check(r#"{"batchitemfailures":[{"itemIdentifier":"a"}]}"#, "done, unsaid");
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
