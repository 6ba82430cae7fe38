//! Checks that need several resources at once. AWS makes the same checks when it creates them.

use std::collections::BTreeSet;
use std::fmt::Display;

use serde_json::Value as Json;

use super::model::{Bucket, EventSourceMapping, Function, Queue, Role, StreamMapping};
use super::report::Report;
use super::resources::{Located, Parts};
use iam::Decision;

/// The visibility timeout of a queue that declares none, in seconds.
const DEFAULT_VISIBILITY_TIMEOUT: u64 = 30;
/// The largest batch size of a mapping from a FIFO queue.
const MAX_FIFO_BATCH: u32 = 10;

/// Attaches the policies that are resources of their own to their roles.
pub(super) fn attach_policies(parts: &mut Parts, report: &Report) {
    for attached in std::mem::take(&mut parts.attached) {
        for (name, line) in &attached.roles {
            let role = parts.roles.iter_mut().find(|role| role.item.name == *name);
            match role {
                Some(role) => role.item.rights.attach(attached.policy.clone()),
                None => report.problem(*line, format!("{name} is no role of this template")),
            }
        }
    }
}

pub(super) fn check(parts: &Parts, report: &Report) {
    // A policy that could not be read is already reported. It is missing here, and the checks would
    // report what it allows as not allowed.
    if report.is_empty() {
        rights(parts, report);
    }
    for function in &parts.functions {
        if role_of(parts, &function.item).is_none() {
            let Function { logical_id, role, .. } = &function.item;
            let message = format!("{logical_id}: its role {role} is no role of this template");
            report.problem(function.line, message);
        }
    }
    for queue in &parts.queues {
        dead_letter_queue(queue, parts, report);
    }
    for bucket in &parts.buckets {
        notifications(bucket, parts, report);
    }
    routes(parts, report);
    let mut pairs = BTreeSet::new();
    for mapping in &parts.mappings {
        event_source_mapping(mapping, parts, report);
        let item = &mapping.item;
        if !pairs.insert((&item.function, &item.queue_arn)) {
            let message = format!(
                "{}: {} already has a mapping from this queue",
                item.logical_id, item.function
            );
            report.problem(mapping.line, message);
        }
    }
    let mut pairs = BTreeSet::new();
    for mapping in &parts.stream_mappings {
        stream_mapping(mapping, parts, report);
        let StreamMapping { logical_id, function, stream_arn, .. } = &mapping.item;
        if !pairs.insert((function, stream_arn)) {
            let message =
                format!("{logical_id}: {function} already has a mapping from this stream");
            report.problem(mapping.line, message);
        }
    }
}

/// SAM refuses two routes with the same method and path.
fn routes(parts: &Parts, report: &Report) {
    let mut keys = BTreeSet::new();
    for route in &parts.routes {
        let key = route.item.key();
        if !keys.insert(key.clone()) {
            let message = format!("{}: there is another route {key}", route.item.logical_id);
            report.problem(route.line, message);
        }
    }
}

fn is_fifo(queue: &Queue) -> bool {
    queue.attributes.contains_key("FifoQueue")
}

fn by_name<'a>(parts: &'a Parts, function: &str) -> Option<&'a Function> {
    parts.functions.iter().map(|known| &known.item).find(|known| known.name == function)
}

fn by_arn<'a>(parts: &'a Parts, arn: &str) -> Option<&'a Queue> {
    parts.queues.iter().map(|queue| &queue.item).find(|queue| queue.arn == arn)
}

fn role_of<'a>(parts: &'a Parts, function: &Function) -> Option<&'a Role> {
    parts.roles.iter().map(|role| &role.item).find(|role| role.arn == function.role)
}

/// Lambda refuses a mapping if its function's role may not do what the mapping does with its
/// source.
fn rights(parts: &Parts, report: &Report) {
    for Located { item, line } in &parts.mappings {
        for action in EventSourceMapping::ACTIONS {
            let needed = Right { function: &item.function, action, resource: &item.queue_arn };
            needed.check(parts, &item.logical_id, *line, report);
        }
    }
    for Located { item, line } in &parts.stream_mappings {
        for action in StreamMapping::ACTIONS {
            let needed = Right { function: &item.function, action, resource: &item.stream_arn };
            needed.check(parts, &item.logical_id, *line, report);
        }
        if let Some(queue) = &item.on_failure {
            let action = "sqs:SendMessage";
            let needed = Right { function: &item.function, action, resource: queue };
            needed.check(parts, &item.logical_id, *line, report);
        }
    }
}

/// An action that a mapping takes as its function's role.
struct Right<'a> {
    /// The name of the function.
    function: &'a str,
    action: &'a str,
    resource: &'a str,
}

impl Right<'_> {
    fn check(&self, parts: &Parts, mapping: &str, line: usize, report: &Report) {
        let Self { function, action, resource } = self;
        let function = by_name(parts, function);
        let Some(role) = function.and_then(|function| role_of(parts, function)) else { return };
        if role.rights.decide(action, resource) != Decision::Allowed {
            let name = &role.logical_id;
            let rule = format!("the function's role {name} has no right to {action} on {resource}");
            report.problem(line, format!("{mapping}: {rule}"));
        }
    }
}

/// The rules are in
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>.
fn dead_letter_queue(queue: &Located<Queue>, parts: &Parts, report: &Report) {
    let Queue { logical_id, attributes, .. } = &queue.item;
    let policy = attributes.get("RedrivePolicy");
    let policy = policy.and_then(|text| serde_json::from_str::<Json>(text).ok());
    let Some(arn) = policy.as_ref().and_then(|policy| policy["deadLetterTargetArn"].as_str())
    else {
        return;
    };
    let path = format!("{logical_id}.Properties.RedrivePolicy.deadLetterTargetArn");
    match by_arn(parts, arn) {
        None => {
            report.problem(queue.line, format!("{path} is {arn}, no queue of this template"));
        }
        Some(target) if is_fifo(target) != is_fifo(&queue.item) => {
            let message = format!(
                "{path}: a FIFO queue's dead-letter queue is FIFO, a standard one's is not"
            );
            report.problem(queue.line, message);
        }
        Some(_) => {}
    }
}

fn notifications(bucket: &Located<Bucket>, parts: &Parts, report: &Report) {
    for notification in &bucket.item.notifications {
        let arn = &notification.queue_arn;
        let path = format!("{}.Properties.NotificationConfiguration", bucket.item.logical_id);
        match by_arn(parts, arn) {
            None => {
                report.problem(bucket.line, format!("{path}: {arn} is no queue of this template"));
            }
            Some(queue) if is_fifo(queue) => {
                report.problem(bucket.line, format!("{path}: S3 does not send to FIFO queues"));
            }
            Some(_) => {}
        }
    }
}

/// The rules are in <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>.
fn event_source_mapping(mapping: &Located<EventSourceMapping>, parts: &Parts, report: &Report) {
    let EventSourceMapping { logical_id, function, queue_arn, batch_size, window, .. } =
        &mapping.item;
    let problems = Problems { report, logical_id, line: mapping.line };
    let queue = by_arn(parts, queue_arn);
    if queue.is_none() {
        problems.add(format!("{queue_arn} is no queue of this template"));
    }
    let invoked = by_name(parts, function);
    if invoked.is_none() {
        problems.add(format!("{function} is no function of this template"));
    }
    let (Some(queue), Some(invoked)) = (queue, invoked) else { return };
    visibility_timeout(queue, invoked, problems);
    concurrency(&mapping.item, invoked, problems);
    if is_fifo(queue) {
        if *batch_size > MAX_FIFO_BATCH {
            problems
                .add(format!("BatchSize is {batch_size}: a FIFO queue allows {MAX_FIFO_BATCH}"));
        }
        if !window.is_zero() {
            problems.add("MaximumBatchingWindowInSeconds is not allowed on a FIFO queue");
        }
    }
}

/// The rules are in <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>.
fn stream_mapping(mapping: &Located<StreamMapping>, parts: &Parts, report: &Report) {
    let StreamMapping { logical_id, function, stream_arn, on_failure, .. } = &mapping.item;
    let problems = Problems { report, logical_id, line: mapping.line };
    if !parts.tables.iter().any(|table| table.stream_arn.as_ref() == Some(stream_arn)) {
        problems.add(format!("{stream_arn} is no stream of this template"));
    }
    if by_name(parts, function).is_none() {
        problems.add(format!("{function} is no function of this template"));
    }
    match on_failure.as_deref().map(|arn| (arn, by_arn(parts, arn))) {
        Some((arn, None)) => problems.add(format!("{arn} is no queue of this template")),
        Some((_, Some(queue))) if is_fifo(queue) => {
            problems.add(format!("{}: a FIFO queue cannot be told of failures", queue.logical_id));
        }
        Some((_, Some(_))) | None => {}
    }
}

/// A mapping that may run more invocations than its function reserves is throttled all the time.
/// Lambda advises against it:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html#events-sqs-max-concurrency>.
fn concurrency(mapping: &EventSourceMapping, function: &Function, problems: Problems<'_>) {
    if let (Some(most), Some(reserved)) =
        (mapping.maximum_concurrency, function.reserved_concurrency)
        && most > reserved
    {
        let name = &function.logical_id;
        problems
            .add(format!("MaximumConcurrency is {most}: {name} reserves {reserved} executions"));
    }
}

fn visibility_timeout(queue: &Queue, function: &Function, problems: Problems<'_>) {
    let declared = queue.attributes.get("VisibilityTimeout").and_then(|text| text.parse().ok());
    let visible_after: u64 = declared.unwrap_or(DEFAULT_VISIBILITY_TIMEOUT);
    let timeout = function.timeout.as_secs();
    if visible_after < timeout {
        problems.add(format!(
            "{}'s visibility timeout of {visible_after} seconds is less than {}'s timeout of \
             {timeout} seconds",
            queue.logical_id, function.logical_id
        ));
    }
}

/// Reports problems of one resource, at its line and with its logical id.
#[derive(Clone, Copy)]
struct Problems<'a> {
    report: &'a Report,
    logical_id: &'a str,
    line: usize,
}

impl Problems<'_> {
    fn add(self, message: impl Display) {
        self.report.problem(self.line, format!("{}: {message}", self.logical_id));
    }
}
