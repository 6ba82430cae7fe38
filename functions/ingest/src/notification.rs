//! S3's announcements of objects:
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>.

use aws_lambda_events::s3::S3Event;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// An object that was announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// Without quotes; empty if the announcement has none.
    pub(crate) etag: String,
}

/// What S3 sends once when a notification is set up.
#[derive(Deserialize)]
struct TestEvent {
    #[serde(rename = "Event")]
    event: String,
}

/// The objects that a message announces; `None` if it is no announcement.
pub(crate) fn announced(body: &str) -> Option<Vec<Announced>> {
    if let Ok(event) = serde_json::from_str::<S3Event>(body) {
        return event
            .records
            .into_iter()
            .map(|record| {
                let object = record.s3.object;
                (record.event_source.as_deref() == Some("aws:s3")).then_some(())?;
                Some(Announced {
                    bucket: record.s3.bucket.name?,
                    key: decode_key(&object.key?)?,
                    etag: object.e_tag.unwrap_or_default(),
                })
            })
            .collect();
    }
    let test: TestEvent = serde_json::from_str(body).ok()?;
    (test.event == "s3:TestEvent").then(Vec::new)
}

/// Keys come as in a form: spaces as `+`, the rest percent-encoded.
fn decode_key(key: &str) -> Option<String> {
    let spaced = key.replace('+', " ");
    Some(percent_decode_str(&spaced).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-west-1",
        "eventTime":"2026-01-01T00:00:00.000Z","eventName":"ObjectCreated:Put",
        "userIdentity":{"principalId":"A"},"requestParameters":{"sourceIPAddress":"127.0.0.1"},
        "responseElements":{"x-amz-request-id":"1","x-amz-id-2":"2"},
        "s3":{"s3SchemaVersion":"1.0","configurationId":"c",
        "bucket":{"name":"landing","ownerIdentity":{"principalId":"A"},"arn":"arn:aws:s3:::landing"},
        "object":{"key":"flights/a+b%2Bc.ndjson","size":3,"eTag":"ab","sequencer":"1"}}}]}"#;

    #[test]
    fn an_announcement_names_its_object_as_it_was_written() {
        let expected = Announced {
            bucket: "landing".to_owned(),
            key: "flights/a b+c.ndjson".to_owned(),
            etag: "ab".to_owned(),
        };
        assert_eq!(announced(BODY), Some(vec![expected]));
    }

    #[test]
    fn the_test_event_announces_nothing_and_other_messages_are_none() {
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"landing"}"#;
        assert_eq!(announced(test), Some(Vec::new()));
        for other in ["", "{}", r#"{"Records":[{"eventSource":"aws:sns"}]}"#, r#"{"Event":"x"}"#] {
            assert_eq!(announced(other), None, "{other}");
        }
    }
}
