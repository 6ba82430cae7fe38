//! The common parts of all batch operations: up to ten entries, each with an id and a result.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html>

use std::collections::HashSet;

use serde_json::{Value, json};

use super::input::Input;
use crate::errors::{Code, Fault};
use crate::limits;

/// Takes the entries out of a request.
///
/// # Errors
/// The whole batch is refused if it has no entries or too many, a bad id, or the same id twice.
pub(super) fn entries(input: &mut Input, entry_type: &str) -> Result<Vec<(String, Input)>, Fault> {
    let entries = input.structures("Entries")?;
    if entries.is_empty() {
        return Err(Fault::new(
            Code::EmptyBatchRequest,
            format!("There should be at least one {entry_type} in the request."),
        ));
    }
    if entries.len() > limits::BATCH_ENTRIES {
        return Err(Fault::new(
            Code::TooManyEntriesInBatchRequest,
            format!(
                "Maximum number of entries per request are {}. You have sent {}.",
                limits::BATCH_ENTRIES,
                entries.len()
            ),
        ));
    }
    let mut seen = HashSet::new();
    let mut named = Vec::with_capacity(entries.len());
    for mut entry in entries {
        let id = entry.string("Id")?.unwrap_or_default();
        if !is_valid_id(&id) {
            return Err(Fault::new(
                Code::InvalidBatchEntryId,
                "A batch entry id can only contain alphanumeric characters, hyphens and \
                 underscores. It can be at most 80 letters long.",
            ));
        }
        if !seen.insert(id.clone()) {
            return Err(Fault::new(Code::BatchEntryIdsNotDistinct, format!("Id {id} repeated.")));
        }
        named.push((id, entry));
    }
    Ok(named)
}

/// Builds the answer from the results of the entries. A list without entries is left out.
pub(super) fn answer(results: Vec<(String, Result<Value, Fault>)>) -> Value {
    let mut successful = Vec::new();
    let mut failed = Vec::new();
    for (id, result) in results {
        match result {
            Ok(mut value) => {
                value["Id"] = id.into();
                successful.push(value);
            }
            Err(fault) => failed.push(json!({
                "Id": id,
                "SenderFault": true,
                "Code": fault.code.query_code().unwrap_or(fault.code.name()),
                "Message": fault.message,
            })),
        }
    }
    let mut answer = json!({});
    for (name, list) in [("Successful", successful), ("Failed", failed)] {
        if !list.is_empty() {
            answer[name] = list.into();
        }
    }
    answer
}

fn is_valid_id(id: &str) -> bool {
    (1..=limits::BATCH_ENTRY_ID_CHARS).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
