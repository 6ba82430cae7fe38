//! `DeleteMessage` and `ChangeMessageVisibility`, for single messages and in batches.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>

use serde_json::{Value, json};

use super::input::Input;
use super::{batch, empty_answer};
use crate::errors::{Code, Fault};
use crate::service::Service;
use crate::shared_queue::SharedQueue;

pub(super) fn delete(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let shared = service.find_queue(&input.required("QueueUrl")?)?;
    delete_one(service, &shared, &mut input)?;
    Ok(empty_answer())
}

pub(super) fn delete_batch(service: &Service, input: Input) -> Result<Value, Fault> {
    each(service, input, "DeleteMessageBatchRequestEntry", delete_one)
}

pub(super) fn change_visibility(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let shared = service.find_queue(&input.required("QueueUrl")?)?;
    change_one(service, &shared, &mut input)?;
    Ok(empty_answer())
}

pub(super) fn change_visibility_batch(service: &Service, input: Input) -> Result<Value, Fault> {
    each(service, input, "ChangeMessageVisibilityBatchRequestEntry", change_one)
}

fn delete_one(service: &Service, shared: &SharedQueue, input: &mut Input) -> Result<(), Fault> {
    let handle = input.required("ReceiptHandle")?;
    service.delete(shared, &handle)
}

fn change_one(service: &Service, shared: &SharedQueue, input: &mut Input) -> Result<(), Fault> {
    let handle = input.required("ReceiptHandle")?;
    let seconds = input.integer("VisibilityTimeout")?;
    let seconds = seconds.ok_or_else(|| Fault::missing("VisibilityTimeout"))?;
    service.change_visibility(shared, &handle, seconds)
}

fn each(
    service: &Service,
    mut input: Input,
    entry_type: &str,
    one: impl Fn(&Service, &SharedQueue, &mut Input) -> Result<(), Fault>,
) -> Result<Value, Fault> {
    let shared = service.find_queue(&input.required("QueueUrl")?)?;
    let mut results = Vec::new();
    for (id, mut entry) in batch::entries(&mut input, entry_type)? {
        match one(service, &shared, &mut entry) {
            Err(fault) if fault.code == Code::Serialization => return Err(fault),
            other => results.push((id, other.map(|()| json!({})))),
        }
    }
    Ok(batch::answer(results))
}
