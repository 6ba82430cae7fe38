//! Notifications of SNS, as a queue receives them without raw delivery, and as Lambda receives them:
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html>.
//!
//! With raw delivery, a queue receives the message itself, and its attributes as those of SQS.

use std::collections::BTreeMap;

use event::Failure;
use serde::Deserialize;

use super::{Layer, Members, Wrapped, incomplete};
use crate::wrap::{DATASET, TRACE};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    message: Option<String>,
    #[serde(default)]
    message_attributes: BTreeMap<String, MessageAttribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MessageAttribute {
    value: String,
}

/// A record of an invocation by SNS.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Record {
    event_source: String,
    sns: Notification,
}

pub(super) fn read(members: &Members<'_>) -> Result<Option<Layer>, Failure> {
    let is_of_topic = members.raw("TopicArn").is_some() && members.raw("MessageId").is_some();
    match members.text("Type").as_deref().filter(|_| is_of_topic) {
        Some("Notification") => {
            let message = members.text("Message");
            let message_attributes = members.read("MessageAttributes").unwrap_or_default();
            return unwrap(Notification { message, message_attributes }).map(Some);
        }
        Some(_) => {
            return Err(incomplete("a subscription of SNS that waits to be confirmed, or ended"));
        }
        None => {}
    }
    let records: Option<Vec<Record>> = members.read("Records");
    let mut records = records.unwrap_or_default();
    if records.is_empty() || records.iter().any(|record| record.event_source != "aws:sns") {
        return Ok(None);
    }
    match (records.pop(), records.len()) {
        (Some(record), 0) => unwrap(record.sns).map(Some),
        _ => Err(incomplete("several notifications of SNS in one message")),
    }
}

fn unwrap(mut notification: Notification) -> Result<Layer, Failure> {
    let Some(body) = notification.message else {
        return Err(incomplete("a notification of SNS without a message"));
    };
    let dataset = notification.message_attributes.remove(DATASET);
    let trace = notification.message_attributes.remove(TRACE);
    Ok(Layer::Wrapped(Wrapped {
        body,
        dataset: dataset.map(|attribute| attribute.value),
        trace: trace.map(|attribute| attribute.value),
    }))
}
