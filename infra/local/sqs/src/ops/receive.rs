//! `ReceiveMessage`, and which attributes a consumer wants to see.
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
    let cell = service.cell(&input.required("QueueUrl")?)?;
    let options = options(&mut input)?;
    let mut system_names = input.strings("AttributeNames")?;
    system_names.extend(input.strings("MessageSystemAttributeNames")?);
    check_system_names(&system_names)?;
    let wanted = Wanted { system: system_names, custom: input.strings("MessageAttributeNames")? };

    let deliveries = service.receive(&cell, &options).await?;
    if deliveries.is_empty() {
        return Ok(json!({}));
    }
    let messages: Vec<Value> =
        deliveries.iter().map(|delivery| wanted.shown(delivery, &service.account)).collect();
    Ok(json!({ "Messages": messages }))
}

fn options(input: &mut Input) -> Result<ReceiveOptions, Fault> {
    let max = input.integer("MaxNumberOfMessages")?.unwrap_or(1);
    let refuse = |name, value, reason| Err(Fault::invalid(name, value, reason));
    if !(1..=limits::RECEIVE_MESSAGES).contains(&max) {
        let reason = "Must be between 1 and 10, if provided.";
        return refuse("MaxNumberOfMessages", max, reason);
    }
    let wait = input.integer("WaitTimeSeconds")?;
    if let Some(wait) = wait
        && !(0..=limits::WAIT_SECONDS).contains(&wait)
    {
        return refuse("WaitTimeSeconds", wait, "Must be >= 0 and <= 20, if provided.");
    }
    let visibility_seconds = input.integer("VisibilityTimeout")?;
    if let Some(seconds) = visibility_seconds
        && !(0..=limits::VISIBILITY_SECONDS).contains(&seconds)
    {
        return refuse("VisibilityTimeout", seconds, "Must be between 0 and 43200, if provided.");
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

/// `AttributeNames` is of the type of a queue's attributes: those are no error, and no attribute
/// of a message either.
fn check_system_names(names: &[String]) -> Result<(), Fault> {
    let is_known = |name: &str| {
        name == "All"
            || SYSTEM_ATTRIBUTES.contains(&name)
            || SETTABLE.contains(&name)
            || READ_ONLY.contains(&name)
    };
    match names.iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => {
            Err(Fault::new(Code::InvalidAttributeName, format!("Unknown Attribute {name}.")))
        }
    }
}

struct Wanted {
    system: Vec<String>,
    custom: Vec<String>,
}

impl Wanted {
    fn shown(&self, delivery: &Delivery, sender: &str) -> Value {
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
            let shown =
                attributes.into_iter().map(|(name, value)| (name.to_owned(), custom(value)));
            message["MessageAttributes"] = Value::Object(shown.collect());
        }
        message
    }
}

/// Whether a filter (`All`, `.*`, `*`, `prefix.*`, or a name) asks for an attribute.
fn matches(asked: &str, name: &str) -> bool {
    match asked {
        "All" | ".*" | "*" => true,
        _ => {
            asked == name || asked.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
        }
    }
}

fn custom(attribute: &MessageAttribute) -> Value {
    let mut shown = json!({ "DataType": attribute.data_type });
    if let Some(text) = &attribute.string_value {
        shown["StringValue"] = text.as_str().into();
    }
    if let Some(bytes) = &attribute.binary_value {
        shown["BinaryValue"] = STANDARD.encode(bytes).into();
    }
    shown
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
