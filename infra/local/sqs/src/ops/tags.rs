//! Cost allocation tags: `TagQueue`, `UntagQueue`, `ListQueueTags`.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_TagQueue.html>

use serde_json::{Value, json};

use super::input::Input;
use super::nothing;
use crate::errors::Fault;
use crate::service::{Service, check_tags};

pub(super) fn add(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let cell = service.cell(&input.required("QueueUrl")?)?;
    let mut state = cell.open()?;
    let mut tags = state.tags.clone();
    tags.extend(input.string_map("Tags")?);
    check_tags(&tags)?;
    state.tags = tags;
    Ok(nothing())
}

pub(super) fn remove(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let cell = service.cell(&input.required("QueueUrl")?)?;
    let mut state = cell.open()?;
    for key in input.strings("TagKeys")? {
        state.tags.remove(&key);
    }
    Ok(nothing())
}

pub(super) fn list(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let cell = service.cell(&input.required("QueueUrl")?)?;
    let state = cell.open()?;
    Ok(if state.tags.is_empty() { nothing() } else { json!({ "Tags": state.tags }) })
}
