//! A record of a stream as a function receives it.
//!
//! Its form is described in
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html#events-sample-dynamodb>.

use serde_json::{Value, json};

use dynamodb::StreamRecord;
use filters::Filters;

/// A record in the event of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventRecord {
    pub(super) sequence_number: String,
    pub(super) created_ms: u64,
    /// The JSON object in the event.
    pub(super) text: String,
}

impl EventRecord {
    /// Converts a record of the stream; `None` if no filter matches it.
    pub(super) fn of(record: StreamRecord, stream_arn: &str, filters: &Filters) -> Option<Self> {
        let StreamRecord { sequence_number, created_ms, mut body } = record;
        body.insert("eventSourceARN".to_owned(), json!(stream_arn));
        let passes = filters.pass_record(&body);
        passes.then(|| Self { sequence_number, created_ms, text: Value::Object(body).to_string() })
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::dynamodb::Event;

    use super::super::super::event::event;
    use super::*;
    use filters::Subject;

    const ARN: &str = "arn:aws:dynamodb:eu-west-1:000000000000:table/t/stream/s";

    fn record() -> StreamRecord {
        let body = json!({
            "awsRegion": "eu-west-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_700_000_000,
                "Keys": { "pk": { "S": "a" } },
                "NewImage": { "pk": { "S": "a" }, "n": { "N": "7" } },
                "SequenceNumber": "100000000000000000001",
                "SizeBytes": 20,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
            "eventID": "e1",
            "eventName": "INSERT",
            "eventSource": "aws:dynamodb",
            "eventVersion": "1.1",
            "userIdentity": { "type": "Service", "principalId": "dynamodb.amazonaws.com" },
        });
        StreamRecord {
            sequence_number: "100000000000000000001".to_owned(),
            created_ms: 1_700_000_000_000,
            body: body.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn the_event_is_read_back_by_the_types_that_functions_use() {
        let entry = EventRecord::of(record(), ARN, &Filters::default()).unwrap();
        let event: Event = serde_json::from_str(&event([entry.text.as_str()])).unwrap();
        let read = &event.records[0];
        assert_eq!(read.event_source_arn.as_deref(), Some(ARN));
        assert_eq!((&*read.event_name, &*read.aws_region), ("INSERT", "eu-west-1"));
        assert_eq!(read.change.sequence_number.as_deref(), Some("100000000000000000001"));
        assert_eq!(read.change.approximate_creation_date_time.timestamp(), 1_700_000_000);
        let new = serde_json::to_value(&read.change.new_image).unwrap();
        assert_eq!(new, json!({ "pk": { "S": "a" }, "n": { "N": "7" } }));
        let by = read.user_identity.as_ref().unwrap();
        assert_eq!((&*by.type_, &*by.principal_id), ("Service", "dynamodb.amazonaws.com"));
    }

    #[test]
    fn a_record_that_no_filter_lets_pass_is_no_entry() {
        let filters =
            |pattern: &str| Filters::parse(Subject::StreamRecord, &[pattern.to_owned()]).unwrap();
        let of_stream = filters(&format!(r#"{{"eventSourceARN":["{ARN}"]}}"#));
        assert!(EventRecord::of(record(), ARN, &of_stream).is_some());
        assert!(EventRecord::of(record(), ARN, &filters(r#"{"eventName":["REMOVE"]}"#)).is_none());
    }
}
