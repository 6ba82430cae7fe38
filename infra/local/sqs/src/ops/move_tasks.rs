//! `StartMessageMoveTask`, `ListMessageMoveTasks`, `CancelMessageMoveTask`.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html>

use serde_json::{Value, json};

use super::input::Input;
use crate::errors::Fault;
use crate::limits;
use crate::move_tasks::{Status, Task};
use crate::service::Service;

pub(super) fn start(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let source_arn = input.required("SourceArn")?;
    let destination_arn = input.string("DestinationArn")?;
    let per_second = input.integer("MaxNumberOfMessagesPerSecond")?;
    let task = service.start_move_task(&source_arn, destination_arn, per_second)?;
    Ok(json!({ "TaskHandle": task.handle() }))
}

pub(super) fn list(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let source_arn = input.required("SourceArn")?;
    let max = input.integer("MaxResults")?.unwrap_or(1);
    if !(1..=limits::LISTED_MOVE_TASKS).contains(&max) {
        return Err(Fault::invalid("MaxResults", max, "Must be between 1 and 10, if provided."));
    }
    let tasks = service.move_tasks(&source_arn, usize::try_from(max).unwrap_or(1))?;
    Ok(json!({ "Results": tasks.iter().map(task_json).collect::<Vec<Value>>() }))
}

pub(super) fn cancel(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let moved = service.cancel_move_task(&input.required("TaskHandle")?)?;
    Ok(json!({ "ApproximateNumberOfMessagesMoved": moved }))
}

fn task_json(task: &Task) -> Value {
    let (status, reason) = match task.status {
        Status::Running => ("RUNNING", None),
        Status::Completed => ("COMPLETED", None),
        Status::Cancelled => ("CANCELLED", None),
        Status::Failed { reason } => ("FAILED", Some(reason)),
    };
    let mut members = json!({
        "Status": status,
        "SourceArn": task.source_arn,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "StartedTimestamp": task.started_ms,
    });
    let optional = [
        ("TaskHandle", (task.status == Status::Running).then(|| task.handle().into())),
        ("DestinationArn", task.destination_arn.as_deref().map(Value::from)),
        ("MaxNumberOfMessagesPerSecond", task.per_second.map(Value::from)),
        ("FailureReason", reason.map(Value::from)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            members[name] = value;
        }
    }
    members
}
