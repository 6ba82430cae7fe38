//! `ReceiveMessage`, and the selection of the attributes that a consumer asks for.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::input::Input;
use crate::MessageAttribute;
use crate::attributes::{READ_ONLY, SETTABLE};
use crate::consume::ReceiveOptions;
use crate::content::check_id;
use crate::digest::Digest;
use crate::errors::{Code, Fault};
use crate::limits;
use crate::message::Delivery;
use crate::service::Service;

const SYSTEM_ATTRIBUTES: [&str; 9] = [
    "AWSTraceHeader",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
];

pub(super) async fn receive(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let shared = service.find_queue(&input.required("QueueUrl")?)?;
    let options = options(&mut input)?;
    let mut system_names = input.strings("AttributeNames")?;
    system_names.extend(input.strings("MessageSystemAttributeNames")?);
    check_system_names(&system_names)?;
    let requested = RequestedAttributes {
        system: system_names,
        custom: input.strings("MessageAttributeNames")?,
    };

    let deliveries = service.receive(&shared, &options).await?;
    if deliveries.is_empty() {
        return Ok(json!({}));
    }
    let messages: Vec<Value> =
        deliveries.iter().map(|each| requested.message_json(each, &service.account)).collect();
    Ok(json!({ "Messages": messages }))
}

fn options(input: &mut Input) -> Result<ReceiveOptions, Fault> {
    let max = input.integer("MaxNumberOfMessages")?.unwrap_or(1);
    if !(1..=limits::RECEIVE_MESSAGES).contains(&max) {
        let reason = "Must be between 1 and 10, if provided.";
        return Err(Fault::invalid("MaxNumberOfMessages", max, reason));
    }
    let wait = input.integer("WaitTimeSeconds")?;
    if let Some(wait) = wait
        && !(0..=limits::WAIT_SECONDS).contains(&wait)
    {
        let reason = "Must be >= 0 and <= 20, if provided.";
        return Err(Fault::invalid("WaitTimeSeconds", wait, reason));
    }
    let visibility_seconds = input.integer("VisibilityTimeout")?;
    if let Some(seconds) = visibility_seconds
        && !(0..=limits::VISIBILITY_SECONDS).contains(&seconds)
    {
        let reason = "Must be between 0 and 43200, if provided.";
        return Err(Fault::invalid("VisibilityTimeout", seconds, reason));
    }
    let attempt = input.string("ReceiveRequestAttemptId")?;
    check_id("ReceiveRequestAttemptId", attempt.as_deref())?;
    Ok(ReceiveOptions {
        max: usize::try_from(max).unwrap_or(1),
        visibility_seconds,
        wait_ms: wait
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map(|seconds| seconds * 1_000),
        attempt,
    })
}

/// Refuses unknown system attributes. The API types `AttributeNames` as attributes of a queue, so the
/// names of those are accepted too, although no message has them.
fn check_system_names(names: &[String]) -> Result<(), Fault> {
    match names.iter().find(|name| !is_known_name(name)) {
        None => Ok(()),
        Some(name) => {
            Err(Fault::new(Code::InvalidAttributeName, format!("Unknown Attribute {name}.")))
        }
    }
}

fn is_known_name(name: &str) -> bool {
    name == "All"
        || SYSTEM_ATTRIBUTES.contains(&name)
        || SETTABLE.contains(&name)
        || READ_ONLY.contains(&name)
}

/// The attributes that a consumer asked for.
struct RequestedAttributes {
    system: Vec<String>,
    custom: Vec<String>,
}

impl RequestedAttributes {
    fn message_json(&self, delivery: &Delivery, sender: &str) -> Value {
        let content = &delivery.content;
        let mut message = json!({
            "MessageId": *delivery.id,
            "ReceiptHandle": delivery.receipt_handle,
            "MD5OfBody": content.md5_of_body.to_string(),
            "Body": content.body,
        });
        if !self.system.is_empty() {
            let attributes: Map<String, Value> = delivery
                .system_attributes(sender)
                .into_iter()
                .filter(|(name, _)| self.system.iter().any(|asked| asked == "All" || asked == name))
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            if !attributes.is_empty() {
                message["Attributes"] = attributes.into();
            }
        }
        let attributes: Vec<(&str, &MessageAttribute)> = content
            .attributes
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .filter(|(name, _)| self.custom.iter().any(|asked| matches(asked, name)))
            .collect();
        if let Some(digest) = Digest::of_attributes(attributes.iter().copied()) {
            message["MD5OfMessageAttributes"] = digest.to_string().into();
            let mut members = Map::new();
            for (name, attribute) in attributes {
                members.insert(name.to_owned(), attribute_json(attribute));
            }
            message["MessageAttributes"] = members.into();
        }
        message
    }
}

/// Returns whether a filter (`All`, `.*`, `*`, `prefix.*`, or a name) selects an attribute.
fn matches(asked: &str, name: &str) -> bool {
    match asked {
        "All" | ".*" | "*" => true,
        _ => {
            asked == name || asked.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
        }
    }
}

fn attribute_json(attribute: &MessageAttribute) -> Value {
    let mut members = json!({ "DataType": attribute.data_type });
    if let Some(text) = &attribute.string_value {
        members["StringValue"] = text.as_str().into();
    }
    if let Some(bytes) = &attribute.binary_value {
        members["BinaryValue"] = STANDARD.encode(bytes).into();
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: &str, name: &str, expected: bool) {
        assert_eq!(matches(asked, name), expected, "{asked} {name}");
    }

    #[test]
    fn filters_name_all_or_a_prefix_or_one_attribute() {
        check("All", "a", true);
        check(".*", "a", true);
        check("foo.*", "foo.bar", true);
        check("foo.*", "foo", true);
        check("foo.*", "fo", false);
        check("foo", "foo", true);
        check("foo", "foo.bar", false);
        check("Foo", "foo", false);
    }
}
