//! The status of queues, functions and mappings as JSON, which `sluicegate local status` shows.

use std::sync::{Arc, Weak};

use serde_json::{Value, json};

use super::{MappingSource, RunningMapping};
use lambda::mapping::{Activity, Counters};
use lambda::{EnvironmentState, Lambda};
use server::StatusSource;
use sqs::Sqs;
use template::{Function, Queue, Stack};

/// Reads the status anew for each request. It does not keep the mappings alive.
pub(super) fn source(
    stack: &Stack,
    sqs: &Sqs,
    lambda: &Lambda,
    mappings: &Arc<Vec<RunningMapping>>,
) -> StatusSource {
    let (stack, sqs, lambda) = (stack.clone(), sqs.clone(), lambda.clone());
    let mappings = Arc::downgrade(mappings);
    Box::new(move || status(&stack, &sqs, &lambda, &mappings))
}

fn status(
    stack: &Stack,
    sqs: &Sqs,
    lambda: &Lambda,
    mappings: &Weak<Vec<RunningMapping>>,
) -> Value {
    let mappings = mappings.upgrade();
    let mappings = mappings.iter().flat_map(|all| all.iter()).map(mapping);
    json!({
        "queues": queues(stack, sqs),
        "functions": stack.functions.iter().map(|each| function(each, lambda)).collect::<Vec<_>>(),
        "mappings": mappings.collect::<Vec<_>>(),
    })
}

/// The queues of the template in its order, and then those that were created since.
fn queues(stack: &Stack, sqs: &Sqs) -> Vec<Value> {
    let mut queues = Vec::new();
    for declared in &stack.queues {
        queues.extend(queue(&declared.name, Some(declared), sqs));
    }
    for name in sqs.queue_names() {
        if !stack.queues.iter().any(|declared| declared.name == name) {
            queues.extend(queue(&name, None, sqs));
        }
    }
    queues
}

/// `None` for a queue that was deleted.
fn queue(name: &str, declared: Option<&Queue>, sqs: &Sqs) -> Option<Value> {
    let depth = sqs.depth(name)?;
    let oldest_s = sqs.oldest_age(name).map(|age| age.as_secs());
    let policy = declared.and_then(|queue| queue.attributes.get("RedrivePolicy"));
    let policy: Option<Value> = policy.and_then(|text| serde_json::from_str(text).ok());
    let target = policy.as_ref().and_then(|policy| policy.get("deadLetterTargetArn")?.as_str());
    Some(json!({
        "name": name,
        "logical_id": declared.map(|queue| &queue.logical_id),
        "visible": depth.visible,
        "in_flight": depth.in_flight,
        "delayed": depth.delayed,
        "oldest_s": oldest_s,
        "dead_letter_queue": target.and_then(|arn| arn.rsplit(':').next()),
    }))
}

fn function(function: &Function, lambda: &Lambda) -> Value {
    let environments = lambda.environments(&function.name);
    let environments = environments.iter().map(|each| {
        let state = match each.state {
            EnvironmentState::Idle => "idle",
            EnvironmentState::Busy { .. } => "busy",
        };
        json!({
            "pid": each.pid,
            "state": state,
            "invocations": each.invocations,
            "peak_memory_mb": each.peak_memory_mb,
        })
    });
    json!({
        "name": function.name,
        "logical_id": function.logical_id,
        "memory_mb": function.memory_mb,
        "recursive_invocations_dropped": lambda.recursive_invocations_dropped(&function.name),
        "environments": environments.collect::<Vec<_>>(),
    })
}

fn mapping(running: &RunningMapping) -> Value {
    let activity = match running.mapping.activity() {
        Activity::Idle => "idle",
        Activity::WaitingUntil(_) => "waiting",
        Activity::Busy => "busy",
    };
    let table = match &running.source {
        MappingSource::Queue(_) => None,
        MappingSource::Stream(table) => Some(table),
    };
    let Counters {
        invocations,
        failed_invocations,
        throttles,
        records,
        failures,
        filtered,
        discarded,
        in_flight,
    } = running.mapping.counters();
    json!({
        "logical_id": running.logical_id,
        "queue": running.queue(),
        "table": table,
        "function": running.function,
        "state": running.mapping.state().as_str(),
        "activity": activity,
        "invocations": invocations,
        "failed_invocations": failed_invocations,
        "throttles": throttles,
        "records": records,
        "failures": failures,
        "filtered": filtered,
        "discarded": discarded,
        "in_flight": in_flight,
    })
}
