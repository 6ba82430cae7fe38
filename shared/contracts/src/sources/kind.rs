//! The ways by which an event can come.

use std::fmt;

use serde::Deserialize;

/// A way by which an event comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A message to the inbox, whatever wrapped it.
    Inbox,
    /// A request to the URL.
    Http,
    /// A line or a document of a file that landed in a bucket.
    Files,
    /// A record of a DynamoDB stream, with which ingest was invoked.
    Streams,
}

impl SourceKind {
    /// The way by which an event came whose envelope has this `source`: the ARN of a queue, of an object or of a
    /// DynamoDB stream, or the path of a request. `None` for any other source, which is that of a function of one's own.
    #[must_use]
    pub fn of(source: &str) -> Option<Self> {
        if source.starts_with('/') {
            return Some(Self::Http);
        }
        match source.split(':').nth(2).filter(|_| source.starts_with("arn:")) {
            Some("sqs") => Some(Self::Inbox),
            Some("s3") => Some(Self::Files),
            Some("dynamodb") => Some(Self::Streams),
            _ => None,
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inbox => "inbox",
            Self::Http => "http",
            Self::Files => "files",
            Self::Streams => "streams",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_known_by_its_form() {
        for (source, expected) in [
            ("arn:aws:sqs:eu-west-1:123456789012:sluicegate-Inbox-1A2B", Some(SourceKind::Inbox)),
            ("arn:aws-cn:s3:::landing/orders/a:sqs:b.csv", Some(SourceKind::Files)),
            ("/orders", Some(SourceKind::Http)),
            (
                "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000",
                Some(SourceKind::Streams),
            ),
            ("arn:aws:kinesis:eu-west-1:123456789012:stream/orders", None),
            ("shop", None),
        ] {
            assert_eq!(SourceKind::of(source), expected, "{source}");
        }
    }
}
