//! Cost allocation tags: `TagQueue`, `UntagQueue`, `ListQueueTags`.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_TagQueue.html>

use serde_json::{Value, json};

use super::empty_answer;
use super::input::Input;
use crate::errors::Fault;
use crate::service::{Service, check_tags};

pub(super) fn add(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let shared = service.find_queue(&input.required("QueueUrl")?)?;
    let mut state = shared.lock_existing()?;
    let mut tags = state.tags.clone();
    tags.extend(input.string_map("Tags")?);
    check_tags(&tags)?;
    state.tags = tags;
    Ok(empty_answer())
}

pub(super) fn remove(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let shared = service.find_queue(&input.required("QueueUrl")?)?;
    let mut state = shared.lock_existing()?;
    for key in input.strings("TagKeys")? {
        state.tags.remove(&key);
    }
    Ok(empty_answer())
}

pub(super) fn list(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let shared = service.find_queue(&input.required("QueueUrl")?)?;
    let state = shared.lock_existing()?;
    Ok(if state.tags.is_empty() { empty_answer() } else { json!({ "Tags": state.tags }) })
}
