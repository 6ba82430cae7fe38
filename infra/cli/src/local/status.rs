//! `sluicegate local status`: queues, functions and event source mappings.
//!
//! The emulation reports all of them. For another emulator or AWS, SQS reports the queues.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use emulation::server::STATUS;
use runtime::env::Process;
use serde_json::{Value, json};

use super::args::Status;
use super::table;
use crate::endpoint::{Endpoint, NoStatus};
use crate::failure::Failure;
use crate::interrupt::wait_for_interrupt;
use crate::options::Format;
use crate::output::Output;

/// The time between two looks.
const TICK: Duration = Duration::from_secs(2);

pub(super) async fn run(args: &Status, output: &Output) -> Result<ExitCode, Failure> {
    let endpoint = Endpoint::of(&args.pipeline, &Process).await?;
    // This fails if the stack does not exist. Otherwise it would look like a stack without queues.
    endpoint.outputs().await?;
    loop {
        let (status, unwell) = match endpoint.emulation_status(STATUS).await {
            Ok(status) => (status, None),
            Err(NoStatus::OtherEmulator) => (of_sqs(&endpoint).await?, None),
            Err(NoStatus::NoAnswer(why)) => {
                let note = format!("{why}: asking SQS for the queues alone");
                output.note(&note);
                (of_sqs(&endpoint).await?, Some(note))
            }
        };
        let text = match (args.format, unwell.filter(|_| args.watch)) {
            (Format::Json, _) => status.to_string(),
            (Format::Text, None) => table::text(&status, endpoint.name()),
            // The note is repeated, because the screen was cleared.
            (Format::Text, Some(note)) => {
                table::text(&status, &format!("{}\n{note}", endpoint.name()))
            }
        };
        if !args.watch {
            output.result(&text);
            return Ok(ExitCode::SUCCESS);
        }
        match args.format {
            Format::Json => output.result(&text),
            Format::Text => output.screen(&text),
        }
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = wait_for_interrupt() => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// The queues alone, as SQS reports them: those of the stack that was named, or of the whole
/// account.
async fn of_sqs(endpoint: &Endpoint) -> Result<Value, Failure> {
    let sqs = endpoint.sqs();
    // CloudFormation begins the names of queues that the template does not name with the stack's.
    let prefix = endpoint.stack.as_ref().map(|stack| format!("{stack}-"));
    let listed = sqs.list_queues().set_queue_name_prefix(prefix);
    let mut urls = listed.into_paginator().items().send();
    let mut queues = Vec::new();
    while let Some(url) = urls.next().await {
        let url = url.map_err(|error| refused(endpoint, error.into()))?;
        let asked = sqs.get_queue_attributes().queue_url(&url);
        let answer = asked.attribute_names(QueueAttributeName::All).send().await;
        let answer = answer.map_err(|error| refused(endpoint, error.into()))?;
        queues.push(queue(&url, answer.attributes.unwrap_or_default().into_iter().collect()));
    }
    Ok(json!({ "queues": queues }))
}

fn refused(endpoint: &Endpoint, error: aws_sdk_sqs::Error) -> Failure {
    endpoint.refused(format!("{} does not list its queues", endpoint.name()), error)
}

fn queue(url: &str, attributes: BTreeMap<QueueAttributeName, String>) -> Value {
    use QueueAttributeName as Name;
    let policy = attributes.get(&Name::RedrivePolicy);
    let policy: Option<Value> = policy.and_then(|text| serde_json::from_str(text).ok());
    let target = policy.as_ref().and_then(|policy| policy.get("deadLetterTargetArn")?.as_str());
    json!({
        "name": url.rsplit('/').next(),
        "visible": count(&attributes, &Name::ApproximateNumberOfMessages),
        "in_flight": count(&attributes, &Name::ApproximateNumberOfMessagesNotVisible),
        "delayed": count(&attributes, &Name::ApproximateNumberOfMessagesDelayed),
        "dead_letter_queue": target.and_then(|arn| arn.rsplit(':').next()),
    })
}

fn count(
    attributes: &BTreeMap<QueueAttributeName, String>,
    name: &QueueAttributeName,
) -> Option<u64> {
    attributes.get(name).and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_of_sqs_is_told_as_one_of_ours() {
        let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:r:1:dead","maxReceiveCount":"3"}"#;
        let attributes = BTreeMap::from([
            (QueueAttributeName::ApproximateNumberOfMessages, "7".to_owned()),
            (QueueAttributeName::RedrivePolicy, policy.to_owned()),
        ]);
        let queue = queue("http://h/1/work", attributes);
        assert_eq!((&queue["name"], &queue["visible"]), (&json!("work"), &json!(7)));
        assert_eq!(
            (&queue["dead_letter_queue"], &queue["delayed"]),
            (&json!("dead"), &json!(null))
        );
    }
}
