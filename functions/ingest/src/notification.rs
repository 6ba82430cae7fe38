//! S3's announcements of objects:
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;

/// An object that was announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    /// Of AWS: `aws`, `aws-cn`, `aws-us-gov` and others.
    pub(crate) partition: String,
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// Without quotes; empty if the announcement has none.
    pub(crate) etag: String,
}

/// What the path of a URI has as it is: RFC 3986, section 3.3, with the slash.
const KEPT_IN_URI: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/');

impl Announced {
    /// The CloudEvents `source`, which is a URI: a key's other characters are percent-encoded, among
    /// them those that SQS takes in no attribute.
    pub(crate) fn source(&self) -> String {
        let Self { partition, bucket, key, .. } = self;
        let key = utf8_percent_encode(key, KEPT_IN_URI);
        format!("arn:{partition}:s3:::{bucket}/{key}")
    }

    /// What begins the id of each event of it: the entity tag, as a URI would have it.
    pub(crate) fn id_prefix(&self) -> String {
        utf8_percent_encode(&self.etag, KEPT_IN_URI).to_string()
    }
}

/// What is read of an announcement. `aws_lambda_events` reads all of it, its times too, for which ingest
/// would carry a second calendar.
#[derive(Deserialize)]
struct Announcement {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_source: String,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    e_tag: Option<String>,
}

/// What S3 sends once when a notification is set up.
#[derive(Deserialize)]
struct TestEvent {
    #[serde(rename = "Event")]
    event: String,
}

/// The objects that a message announces, in the partition of the queue that it came from; `None` if it
/// is no announcement.
pub(crate) fn announced(body: &str, queue_arn: &str) -> Option<Vec<Announced>> {
    let partition = queue_arn.split(':').nth(1).filter(|partition| !partition.is_empty());
    let partition = partition.unwrap_or("aws");
    let Ok(Announcement { records }) = serde_json::from_str(body) else {
        let test: TestEvent = serde_json::from_str(body).ok()?;
        return (test.event == "s3:TestEvent").then(Vec::new);
    };
    let mut objects = Vec::with_capacity(records.len());
    for Record { event_source, s3: Entity { bucket, object } } in records {
        if event_source != "aws:s3" {
            return None;
        }
        objects.push(Announced {
            partition: partition.to_owned(),
            bucket: bucket.name,
            key: decode_key(&object.key)?,
            etag: object.e_tag.unwrap_or_default(),
        });
    }
    Some(objects)
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
            partition: "aws-cn".to_owned(),
            bucket: "landing".to_owned(),
            key: "flights/a b+c.ndjson".to_owned(),
            etag: "ab".to_owned(),
        };
        let found = announced(BODY, "arn:aws-cn:sqs:cn-north-1:123456789012:inbox");
        assert_eq!(found, Some(vec![expected.clone()]));
        assert_eq!(expected.source(), "arn:aws-cn:s3:::landing/flights/a%20b+c.ndjson");
        assert_eq!(expected.id_prefix(), "ab");
    }

    /// <https://www.rfc-editor.org/rfc/rfc3986#section-3.3>: what is no `pchar` is percent-encoded.
    #[test]
    fn a_source_is_a_uri_whatever_the_key() {
        let key = "flights/\u{1}\u{ffff}é%#?[]\\-._~!$&'()*+,;=:@.csv".to_owned();
        let object = Announced {
            partition: "aws".to_owned(),
            bucket: "b".to_owned(),
            key,
            etag: "\u{ffff}".to_owned(),
        };
        let expected = "flights/%01%EF%BF%BF%C3%A9%25%23%3F%5B%5D%5C-._~!$&'()*+,;=:@.csv";
        assert_eq!(object.source(), format!("arn:aws:s3:::b/{expected}"));
        assert_eq!(object.id_prefix(), "%EF%BF%BF");
    }

    #[test]
    fn the_test_event_announces_nothing_and_other_messages_are_none() {
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"landing"}"#;
        assert_eq!(announced(test, ""), Some(Vec::new()));
        for other in ["", "{}", r#"{"Records":[{"eventSource":"aws:sns"}]}"#, r#"{"Event":"x"}"#] {
            assert_eq!(announced(other, ""), None, "{other}");
        }
    }
}
