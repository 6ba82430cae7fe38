//! The event that a function receives for a batch of messages.
//!
//! Its form is described in
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use sqs::{MessageAttribute, ReceivedMessage};

/// The number of bytes around the records: `{"Records":[` and `]}`.
const ENVELOPE: usize = 14;

/// The queue that the messages come from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) arn: String,
    pub(super) region: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: &'a str,
    attributes: &'a BTreeMap<String, String>,
    message_attributes: BTreeMap<&'a str, Attribute<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<&'a str>,
    md5_of_body: &'a str,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attribute<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
    string_list_values: [(); 0],
    binary_list_values: [(); 0],
    data_type: &'a str,
}

/// The JSON object of one message in the event.
///
/// # Errors
/// Does not happen for a received message, since all of its parts can be written as JSON.
pub(super) fn record_json(
    message: &ReceivedMessage,
    source: &Source,
) -> Result<String, serde_json::Error> {
    let attributes = message.message_attributes.iter();
    serde_json::to_string(&Record {
        message_id: &message.message_id,
        receipt_handle: &message.receipt_handle,
        body: &message.body,
        attributes: &message.attributes,
        message_attributes: attributes.map(|(name, it)| (name.as_str(), attribute(it))).collect(),
        md5_of_message_attributes: message.md5_of_message_attributes.as_deref(),
        md5_of_body: &message.md5_of_body,
        event_source: "aws:sqs",
        event_source_arn: &source.arn,
        aws_region: &source.region,
    })
}

/// The event with the given records.
pub(super) fn event<'a>(records: impl IntoIterator<Item = &'a str>) -> String {
    let records: Vec<&str> = records.into_iter().collect();
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}

/// How many of the records fit into one event of at most `limit` bytes. The result is at least one, so
/// that a record that is too large is invoked and refused alone.
pub(super) fn count_that_fit(lengths: impl IntoIterator<Item = usize>, limit: usize) -> usize {
    let mut total = ENVELOPE;
    let mut count = 0;
    for length in lengths {
        total = total.saturating_add(length + 1);
        // There is no comma after the last record.
        if count > 0 && total - 1 > limit {
            break;
        }
        count += 1;
    }
    count
}

fn attribute(attribute: &MessageAttribute) -> Attribute<'_> {
    Attribute {
        string_value: attribute.string_value.as_deref(),
        binary_value: attribute.binary_value.as_ref().map(|bytes| STANDARD.encode(bytes)),
        string_list_values: [],
        binary_list_values: [],
        data_type: &attribute.data_type,
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::sqs::SqsEvent;
    use serde_json::json;

    use super::*;

    fn source() -> Source {
        Source {
            arn: "arn:aws:sqs:eu-west-1:123456789012:inbox".to_owned(),
            region: "eu-west-1".to_owned(),
        }
    }

    fn text(data_type: &str, value: &str) -> MessageAttribute {
        MessageAttribute {
            data_type: data_type.to_owned(),
            string_value: Some(value.to_owned()),
            binary_value: None,
        }
    }

    fn message() -> ReceivedMessage {
        let binary = MessageAttribute {
            data_type: "Binary".to_owned(),
            string_value: None,
            binary_value: Some(vec![0, 255]),
        };
        ReceivedMessage {
            message_id: "059f36b4-87a3-44ab-83d2-661975830a7d".to_owned(),
            receipt_handle: "AQEB".to_owned(),
            body: "{\"a\":\"\u{1}\"}".to_owned(),
            md5_of_body: "e4e68fb7bd0e697a0ae8f1bb342846b3".to_owned(),
            attributes: BTreeMap::from([
                ("ApproximateReceiveCount".to_owned(), "1".to_owned()),
                ("MessageGroupId".to_owned(), "g".to_owned()),
            ]),
            message_attributes: BTreeMap::from([
                ("class".to_owned(), text("String", "permanent")),
                ("count".to_owned(), text("Number", "7")),
                ("raw".to_owned(), binary),
            ]),
            md5_of_message_attributes: Some("00484c68".to_owned()),
        }
    }

    #[test]
    fn a_record_has_lambdas_shape() {
        let record: serde_json::Value =
            serde_json::from_str(&record_json(&message(), &source()).unwrap()).unwrap();
        let expected = json!({
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "receiptHandle": "AQEB",
            "body": "{\"a\":\"\u{1}\"}",
            "attributes": { "ApproximateReceiveCount": "1", "MessageGroupId": "g" },
            "messageAttributes": {
                "class": {
                    "stringValue": "permanent", "dataType": "String",
                    "stringListValues": [], "binaryListValues": [],
                },
                "count": {
                    "stringValue": "7", "dataType": "Number",
                    "stringListValues": [], "binaryListValues": [],
                },
                "raw": {
                    "binaryValue": "AP8=", "dataType": "Binary",
                    "stringListValues": [], "binaryListValues": [],
                },
            },
            "md5OfMessageAttributes": "00484c68",
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:inbox",
            "awsRegion": "eu-west-1",
        });
        assert_eq!(record, expected);
    }

    #[test]
    fn the_event_is_read_back_by_the_types_that_functions_use() {
        let one = record_json(&message(), &source()).unwrap();
        let event: SqsEvent = serde_json::from_str(&event([one.as_str(), &one])).unwrap();
        assert_eq!(event.records.len(), 2);
        let record = &event.records[1];
        assert_eq!(record.body.as_deref(), Some("{\"a\":\"\u{1}\"}"));
        assert_eq!(record.md5_of_message_attributes.as_deref(), Some("00484c68"));
        assert_eq!(record.attributes["MessageGroupId"], "g");
        let raw = &record.message_attributes["raw"];
        assert_eq!(raw.binary_value.as_ref().unwrap().0, [0, 255]);
        assert_eq!(record.event_source_arn.as_deref(), Some(source().arn.as_str()));
    }

    #[track_caller]
    fn check_fitting(lengths: &[usize], limit: usize, expected: usize) {
        assert_eq!(
            count_that_fit(lengths.iter().copied(), limit),
            expected,
            "{lengths:?} in {limit}"
        );
    }

    #[test]
    fn records_are_taken_up_to_the_limit_of_a_payload() {
        assert_eq!(event(["1", "2"]).len(), ENVELOPE + 3);
        check_fitting(&[1, 1], ENVELOPE + 3, 2);
        check_fitting(&[1, 1], ENVELOPE + 2, 1);
        check_fitting(&[100], 10, 1);
        check_fitting(&[100, 1], 10, 1);
        check_fitting(&[1, 100, 1], 50, 1);
        check_fitting(&[], 50, 0);
    }
}
