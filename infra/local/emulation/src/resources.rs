//! Creates the template's resources, in an order in which each finds the resources that it needs.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::persistence::Checkpoints;
use super::{MappingSource, RunningMapping, StartError};
use clock::Clock;
use dynamodb::{DynamoDb, DynamoDbError};
use lambda::mapping::Mapping;
use lambda::mapping::stream::StreamServices;
use lambda::{HttpApi, Lambda};
use s3::{S3, notify};
use sqs::snapshot::Snapshot;
use sqs::{NewMessage, Sqs};
use state::StateError;
use template::{Bucket, Queue, Stack, Table, role_id};

/// Creates the queues with their saved messages. A dead-letter queue is created before the queues
/// that name it.
pub(super) fn create_queues(
    sqs: &Sqs,
    queues: &[Queue],
    kept: &mut Snapshot,
) -> Result<(), StartError> {
    let mut left: Vec<&Queue> = queues.iter().collect();
    while !left.is_empty() {
        let (mut later, mut now): (Vec<&Queue>, Vec<&Queue>) = left.iter().partition(|queue| {
            let target = dead_letter_target(queue);
            left.iter().any(|other| Some(&other.arn) == target.as_ref())
        });
        if now.is_empty() {
            // The queues name each other in a circle. SQS refuses the first one.
            now = std::mem::take(&mut later);
        }
        for queue in now {
            sqs.create_queue_from(kept, &queue.name, &queue.attributes, &queue.tags)
                .map_err(|source| StartError::Queue { name: queue.name.clone(), source })?;
        }
        left = later;
    }
    Ok(())
}

/// The ARN of a queue's dead-letter queue.
fn dead_letter_target(queue: &Queue) -> Option<String> {
    let policy: Value = serde_json::from_str(queue.attributes.get("RedrivePolicy")?).ok()?;
    Some(policy.get("deadLetterTargetArn")?.as_str()?.to_owned())
}

/// Creates the buckets. Objects that are written to them are announced as the template declares.
pub(super) fn create_buckets(
    s3: &S3,
    sqs: &Sqs,
    buckets: &[Bucket],
    region: &str,
) -> Result<(), StartError> {
    for bucket in buckets {
        s3.create_bucket(&bucket.name)
            .map_err(|source| StartError::Bucket { name: bucket.name.clone(), source })?;
    }
    let (buckets, sqs, region) = (buckets.to_vec(), sqs.clone(), region.to_owned());
    s3.on_created(Box::new(move |event| {
        let Some(bucket) = buckets.iter().find(|bucket| bucket.name == event.bucket) else {
            return;
        };
        for (index, notification) in bucket.notifications.iter().enumerate() {
            if !notify::is_due(notification, &event) {
                continue;
            }
            let id = format!("{}-{index}", bucket.logical_id);
            let body = notify::message(&event, &region, &id);
            let message = NewMessage { body, ..NewMessage::default() };
            if let Err(error) = sqs.send(&notification.queue_arn, message) {
                tracing::warn!(bucket = bucket.name, %error, "an object could not be announced");
            }
        }
    }));
    Ok(())
}

/// Creates the tables that do not exist. A table that an earlier run saved must have the keys and
/// indexes that the template declares.
pub(super) fn create_tables(
    dynamodb: &DynamoDb,
    tables: &[Table],
    kept: Option<&Path>,
    checkpoints: &mut Checkpoints,
) -> Result<(), StartError> {
    let names = dynamodb.table_names().map_err(StartError::DynamoDb)?;
    for Table { name, create_table, ttl_attribute, .. } in tables {
        let ttl_attribute = ttl_attribute.as_deref();
        let Some(folder) = kept.filter(|_| names.contains(name)) else {
            let created = dynamodb.create_table(create_table, ttl_attribute);
            let begin = created.and_then(|()| dynamodb.stream(name, "").latest());
            checkpoints.add_table(name, begin.map_err(|source| table_error(name, source))?);
            continue;
        };
        let difference = dynamodb.difference(name, create_table);
        if let Some(part) = difference.map_err(|source| table_error(name, source))? {
            let (folder, table) = (folder.to_path_buf(), name.clone());
            return Err(StateError::Table { folder, table, part }.into());
        }
        let set = dynamodb.expire_by(name, ttl_attribute);
        set.map_err(|source| table_error(name, source))?;
    }
    Ok(())
}

fn table_error(name: &str, source: DynamoDbError) -> StartError {
    StartError::Table { name: name.to_owned(), source }
}

/// The services that all mappings use.
pub(super) struct Services<'a> {
    pub(super) clock: &'a Clock,
    pub(super) sqs: &'a Sqs,
    pub(super) lambda: &'a Lambda,
}

pub(super) fn start_mappings(
    stack: &Stack,
    services: &Services<'_>,
) -> Result<Vec<RunningMapping>, StartError> {
    let &Services { clock, sqs, lambda } = services;
    let mut mappings = Vec::new();
    for declared in &stack.mappings {
        let queue = stack.queues.iter().find(|queue| queue.arn == declared.queue_arn);
        let timeout = visibility(queue.map_or(&Default::default(), |queue| &queue.attributes));
        let mapping =
            Mapping::start(declared, timeout, clock.clone(), sqs.clone(), lambda.clone())?;
        let name = declared.queue_arn.rsplit(':').next().unwrap_or_default().to_owned();
        mappings.push(RunningMapping {
            logical_id: declared.logical_id.clone(),
            source: MappingSource::Queue(name),
            function: declared.function.clone(),
            mapping,
        });
    }
    Ok(mappings)
}

/// Starts the stream mappings. A mapping with a checkpoint continues there.
pub(super) fn start_stream_mappings(
    stack: &Stack,
    services: &Services<'_>,
    dynamodb: &DynamoDb,
    region: &str,
    checkpoints: &Checkpoints,
) -> Result<Vec<RunningMapping>, StartError> {
    let &Services { clock, sqs, lambda } = services;
    let mut mappings = Vec::new();
    for declared in &stack.stream_mappings {
        // The table and the function exist, because the template was checked.
        let arn = Some(&declared.stream_arn);
        let table = stack.tables.iter().find(|table| table.stream_arn.as_ref() == arn);
        let table = table.map(|table| table.name.clone()).unwrap_or_default();
        let function = stack.functions.iter().find(|each| each.name == declared.function);
        let function_arn = function.map(|function| function.arn.as_str()).unwrap_or_default();
        let mapping = Mapping::start_stream(
            declared,
            function_arn,
            checkpoints.of(&declared.logical_id, &table),
            clock.clone(),
            StreamServices {
                source: dynamodb.stream(&table, region),
                target: lambda.clone(),
                failures: sqs.clone(),
            },
        )?;
        mappings.push(RunningMapping {
            logical_id: declared.logical_id.clone(),
            source: MappingSource::Stream(table),
            function: declared.function.clone(),
            mapping,
        });
    }
    Ok(mappings)
}

/// The HTTP APIs by their logical ids.
pub(super) fn http_apis(stack: &Stack, account: &str) -> BTreeMap<String, HttpApi> {
    stack.http_apis.iter().map(|api| (api.logical_id.clone(), HttpApi::new(api, account))).collect()
}

/// The answer to a health check: the services with the names of the template's resources.
pub(super) fn health(stack: &Stack) -> Value {
    let functions: Vec<_> = stack.functions.iter().map(|function| &function.name).collect();
    let queues: Vec<_> = stack.queues.iter().map(|queue| &queue.name).collect();
    let tables: Vec<_> = stack.tables.iter().map(|table| &table.name).collect();
    let buckets: Vec<_> = stack.buckets.iter().map(|bucket| &bucket.name).collect();
    json!({
        "status": "running",
        "services": {
            "dynamodb": { "tables": tables },
            "lambda": { "functions": functions },
            "s3": { "buckets": buckets },
            "sqs": { "queues": queues },
        },
    })
}

/// The visibility timeout of a queue, which its mapping needs. SQS's default is 30 seconds.
fn visibility(attributes: &BTreeMap<String, String>) -> Duration {
    let seconds = attributes.get("VisibilityTimeout").and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(30))
}

/// The sender that SQS records in the messages of each function, by the function's access key id.
/// It consists of the unique id of the role and the name that Lambda gives the role session.
pub(super) fn senders(stack: &Stack) -> BTreeMap<String, String> {
    let mut senders = BTreeMap::new();
    for function in &stack.functions {
        let role = function.role.rsplit('/').next().unwrap_or_default();
        senders.insert(function.name.clone(), format!("{}:{}", role_id(role), function.name));
    }
    senders
}
