//! The operations that create, list, find, change, purge and delete queues.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::empty_answer;
use super::input::Input;
use crate::attributes::{READ_ONLY, SETTABLE};
use crate::errors::{Code, Fault};
use crate::limits;
use crate::service::Service;
use crate::shared_queue::SharedQueue;

pub(super) fn create(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let name = input.required("QueueName")?;
    let attributes = input.string_map("Attributes")?;
    let tags = input.string_map("tags")?;
    let shared = service.create(&name, &attributes, &tags)?;
    Ok(json!({ "QueueUrl": shared.url }))
}

pub(super) fn delete(service: &Service, mut input: Input) -> Result<Value, Fault> {
    service.delete_queue(&input.required("QueueUrl")?)?;
    Ok(empty_answer())
}

pub(super) fn url(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let name = input.required("QueueName")?;
    let owner = input.string("QueueOwnerAWSAccountId")?;
    if name.contains(['/', ':']) || owner.is_some_and(|owner| owner != service.account) {
        return Err(Fault::no_such_queue());
    }
    Ok(json!({ "QueueUrl": service.find_queue(&name)?.url }))
}

pub(super) fn list(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let prefix = input.string("QueueNamePrefix")?.unwrap_or_default();
    let mut queues = service.queues();
    queues.retain(|shared| shared.name.starts_with(&prefix));
    let (urls, next) = page(&queues, &mut input)?;
    Ok(listed("QueueUrls", urls, next))
}

pub(super) fn dead_letter_sources(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let shared = service.find_queue(&input.required("QueueUrl")?)?;
    let (urls, next) = page(&service.dead_letter_sources(&shared.arn), &mut input)?;
    let mut answer = listed("queueUrls", urls, next);
    if answer.get("queueUrls").is_none() {
        answer["queueUrls"] = json!([]);
    }
    Ok(answer)
}

pub(super) fn attributes(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let shared = service.find_queue(&input.required("QueueUrl")?)?;
    let asked = input.strings("AttributeNames")?;
    if let Some(name) = asked.iter().find(|name| !is_known_attribute(name)) {
        return Err(Fault::new(Code::InvalidAttributeName, format!("Unknown Attribute {name}.")));
    }
    let now_ms = service.now_ms();
    let mut state = shared.lock_existing()?;
    let depth = state.queue.depth(now_ms);
    let mut shown = Map::new();
    for name in READ_ONLY.into_iter().filter(|name| is_requested(&asked, name)) {
        let value = match name {
            "ApproximateNumberOfMessages" => depth.visible.to_string(),
            "ApproximateNumberOfMessagesDelayed" => depth.delayed.to_string(),
            "ApproximateNumberOfMessagesNotVisible" => depth.in_flight.to_string(),
            "CreatedTimestamp" => (state.created_ms / 1_000).to_string(),
            "LastModifiedTimestamp" => (state.modified_ms / 1_000).to_string(),
            _ => shared.arn.to_string(),
        };
        shown.insert(name.to_owned(), value.into());
    }
    for name in SETTABLE.into_iter().filter(|name| is_requested(&asked, name)) {
        if let Some(value) = state.queue.attributes().get(name) {
            shown.insert(name.to_owned(), value.into());
        }
    }
    Ok(if shown.is_empty() { empty_answer() } else { json!({ "Attributes": shown }) })
}

pub(super) fn set_attributes(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let queue = input.required("QueueUrl")?;
    let changes = input.string_map("Attributes")?;
    service.set_attributes(&queue, &changes)?;
    Ok(empty_answer())
}

pub(super) fn purge(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let shared = service.find_queue(&input.required("QueueUrl")?)?;
    let now_ms = service.now_ms();
    let mut state = shared.lock_existing()?;
    let is_recent = state
        .purged_ms
        .is_some_and(|purged_ms| now_ms < purged_ms.saturating_add(limits::PURGE_EVERY_MS));
    if is_recent {
        return Err(Fault::new(
            Code::PurgeQueueInProgress,
            format!(
                "Only one PurgeQueue operation on {} is allowed every 60 seconds.",
                shared.name
            ),
        ));
    }
    state.purged_ms = Some(now_ms);
    state.queue.purge();
    Ok(empty_answer())
}

fn is_known_attribute(name: &str) -> bool {
    name == "All" || SETTABLE.contains(&name) || READ_ONLY.contains(&name)
}

fn is_requested(asked: &[String], name: &str) -> bool {
    asked.iter().any(|asked| asked == "All" || asked == name)
}

/// One page of queue URLs, and the token of the next page. As on AWS, a call without `MaxResults`
/// gets the first thousand URLs and no token.
fn page(
    queues: &[std::sync::Arc<SharedQueue>],
    input: &mut Input,
) -> Result<(Vec<String>, Option<String>), Fault> {
    let max = input.integer("MaxResults")?;
    if let Some(max) = max
        && !(1..=limits::LIST_RESULTS).contains(&max)
    {
        let reason = "Must be between 1 and 1000, if provided.";
        return Err(Fault::invalid("MaxResults", max, reason));
    }
    let after = match input.string("NextToken")? {
        None => String::new(),
        Some(token) => STANDARD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| Fault::invalid_parameter("Invalid or expired next token."))?,
    };
    let take = usize::try_from(max.unwrap_or(limits::LIST_RESULTS)).unwrap_or(usize::MAX);
    let mut rest = queues.iter().filter(|shared| shared.name > after);
    let page: Vec<_> = rest.by_ref().take(take).collect();
    let has_more = max.is_some() && rest.next().is_some();
    let next = page.last().filter(|_| has_more).map(|shared| STANDARD.encode(&shared.name));
    Ok((page.into_iter().map(|shared| shared.url.clone()).collect(), next))
}

fn listed(name: &str, urls: Vec<String>, next: Option<String>) -> Value {
    let mut answer = json!({});
    if !urls.is_empty() {
        answer[name] = urls.into();
    }
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    answer
}
