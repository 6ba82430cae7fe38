#![doc = include_str!("../README.md")]

mod claims;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use lambda_runtime::Error;
use runtime::env::{Process, required};
use serde_json::Value;

pub use claims::{Claim, Claims};

/// An environment variable.
///
/// # Errors
/// When it is not set.
pub fn variable(name: &str) -> Result<String, Error> {
    Ok(required(&Process, name, "a value")?)
}

/// Sends up to ten messages in one call.
///
/// # Errors
/// When SQS does not take them all.
pub async fn send(
    client: &Client,
    url: &str,
    bodies: impl IntoIterator<Item = String>,
) -> Result<(), Error> {
    let entries = bodies.into_iter().enumerate().map(|(index, body)| {
        SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body).build()
    });
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    let sent = client.send_message_batch().queue_url(url).set_entries(Some(entries)).send().await?;
    if sent.failed.is_empty() { Ok(()) } else { Err("not all were sent".into()) }
}

/// A member of an event that is a text; empty without one.
#[must_use]
pub fn text<'a>(event: &'a Value, name: &str) -> &'a str {
    event[name].as_str().unwrap_or_default()
}

#[must_use]
pub fn string(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// Numbers are texts to DynamoDB.
#[must_use]
pub fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
