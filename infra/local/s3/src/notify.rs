//! Event notifications: whether one is due for an object, and the message that S3 sends.
//!
//! The caller sends the message to its queue.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::{ObjectCreated, keys};
use template::BucketNotification;

const EVENT_TIME: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Whether `notification` is configured for `event`, by its event type (`s3:ObjectCreated:*`, or
/// one operation), prefix and suffix. Special characters in the prefix and suffix are
/// URL-encoded, as on AWS.
#[must_use]
pub fn is_due(notification: &BucketNotification, event: &ObjectCreated) -> bool {
    let name = format!("s3:{}", event.event_name);
    let has_type = match notification.event.strip_suffix('*') {
        Some(family) => name.starts_with(family),
        None => name == notification.event,
    };
    let prefix = keys::decode(notification.prefix.as_deref().unwrap_or_default());
    let suffix = keys::decode(notification.suffix.as_deref().unwrap_or_default());
    has_type && event.key.starts_with(&prefix) && event.key.ends_with(&suffix)
}

/// The body of a notification message: JSON with one record.
///
/// `region` is the region of the bucket. `configuration_id` can be any text that identifies the
/// notification.
#[must_use]
pub fn message(event: &ObjectCreated, region: &str, configuration_id: &str) -> String {
    let request_id = &event.sequencer;
    let record = json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventTime": event_time(event.time_ms),
        "eventName": event.event_name,
        "userIdentity": { "principalId": "AWS:local" },
        "requestParameters": { "sourceIPAddress": "127.0.0.1" },
        "responseElements": { "x-amz-request-id": request_id, "x-amz-id-2": request_id },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {
                "name": event.bucket,
                "ownerIdentity": { "principalId": "local" },
                "arn": format!("arn:aws:s3:::{}", event.bucket),
            },
            "object": {
                "key": keys::encode(&event.key),
                "size": event.size,
                "eTag": event.e_tag,
                "sequencer": event.sequencer,
            },
        },
    });
    json!({ "Records": [record] }).to_string()
}

/// A time beyond the calendar becomes the epoch.
fn event_time(ms: u64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    time.unwrap_or(OffsetDateTime::UNIX_EPOCH).format(EVENT_TIME).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::s3::S3Event;

    use super::*;

    fn created(key: &str, event_name: &'static str) -> ObjectCreated {
        ObjectCreated {
            bucket: "landing".to_owned(),
            key: key.to_owned(),
            size: 5,
            e_tag: "5d41402abc4b2a76b9719d911017c592".to_owned(),
            sequencer: "00000000000000002A".to_owned(),
            event_name,
            time_ms: 1_357_034_400_120,
        }
    }

    #[test]
    fn a_message_is_read_by_the_types_that_functions_read_it_with() {
        let event = created("in/a b+ü.json", "ObjectCreated:Put");
        let read: S3Event = serde_json::from_str(&message(&event, "eu-west-1", "in")).unwrap();
        let [record] = read.records.as_slice() else { panic!("one record: {read:?}") };
        assert_eq!(record.event_version.as_deref(), Some("2.1"));
        assert_eq!(record.event_source.as_deref(), Some("aws:s3"));
        assert_eq!(record.aws_region.as_deref(), Some("eu-west-1"));
        assert_eq!(record.event_name.as_deref(), Some("ObjectCreated:Put"));
        assert_eq!(record.event_time.timestamp_millis(), 1_357_034_400_120);
        assert_eq!(record.s3.schema_version.as_deref(), Some("1.0"));
        assert_eq!(record.s3.configuration_id.as_deref(), Some("in"));
        assert_eq!(record.s3.bucket.name.as_deref(), Some("landing"));
        assert_eq!(record.s3.bucket.arn.as_deref(), Some("arn:aws:s3:::landing"));
        assert_eq!(record.s3.object.key.as_deref(), Some("in/a+b%2B%C3%BC.json"));
        assert_eq!(record.s3.object.size, Some(5));
        assert_eq!(record.s3.object.e_tag.as_deref(), Some("5d41402abc4b2a76b9719d911017c592"));
        assert_eq!(record.s3.object.sequencer.as_deref(), Some("00000000000000002A"));
    }

    #[test]
    fn an_event_s_time_has_milliseconds() {
        let message = message(&created("k", "ObjectCreated:Put"), "us-east-1", "n");
        assert!(message.contains(r#""eventTime":"2013-01-01T10:00:00.120Z""#), "{message}");
    }

    #[track_caller]
    fn check(pattern: &str, filter: (Option<&str>, Option<&str>), key: &str, due: bool) {
        let notification = BucketNotification {
            queue_arn: "arn:aws:sqs:us-east-1:000000000000:inbox".to_owned(),
            event: pattern.to_owned(),
            prefix: filter.0.map(str::to_owned),
            suffix: filter.1.map(str::to_owned),
        };
        assert_eq!(is_due(&notification, &created(key, "ObjectCreated:Put")), due);
    }

    #[test]
    fn an_event_is_due_by_its_name_and_its_key() {
        check("s3:ObjectCreated:*", (None, None), "k", true);
        check("s3:ObjectCreated:Put", (None, None), "k", true);
        check("s3:ObjectCreated:Copy", (None, None), "k", false);
        check("s3:ObjectRemoved:*", (None, None), "k", false);
        check("s3:*", (None, None), "k", true);
        check("s3:ObjectCreated:*", (Some("in/"), None), "in/k", true);
        check("s3:ObjectCreated:*", (Some("in/"), None), "out/in/k", false);
        check("s3:ObjectCreated:*", (None, Some(".json")), "in/k.json", true);
        check("s3:ObjectCreated:*", (None, Some(".json")), "in/k.json.gz", false);
        check("s3:ObjectCreated:*", (Some("in/"), Some("k")), "in/k", true);
        check("s3:ObjectCreated:*", (Some("a+b%3D/"), None), "a b=/k", true);
        check("s3:ObjectCreated:*", (Some("day=1/"), None), "day=1/k", true);
    }
}
