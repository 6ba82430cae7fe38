//! The ways by which the events of a dataset may come.

use std::fmt;

use event::{Code, Failure};
use serde::Deserialize;

use crate::error::{ContractError, invalid};

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

/// The ways that a contract allows: all of them, unless it names some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(Option<Vec<SourceKind>>);

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

impl Sources {
    pub(crate) fn validate(listed: Option<Vec<SourceKind>>) -> Result<Self, ContractError> {
        let Some(kinds) = &listed else { return Ok(Self(None)) };
        if kinds.is_empty() {
            return Err(invalid(
                "sources",
                "empty; expected some of inbox, http, files and streams, or no `sources`",
            ));
        }
        let is_twice = |at: usize| kinds[..at].contains(&kinds[at]);
        match (0..kinds.len()).find(|&at| is_twice(at)) {
            Some(at) => Err(invalid("sources", &format!("`{}` is there twice", kinds[at]))),
            None => Ok(Self(listed)),
        }
    }

    /// The ways that are allowed, in the order of the file; `None` if all are.
    #[must_use]
    pub fn listed(&self) -> Option<&[SourceKind]> {
        self.0.as_deref()
    }

    /// Checks that an event may come from this `source`, as [`SourceKind::of`] reads it.
    ///
    /// # Errors
    /// [`Code::SourceRefused`], permanent. The reason names the ways that are allowed.
    pub fn check(&self, source: &str) -> Result<(), Failure> {
        let (Some(allowed), Some(kind)) = (&self.0, SourceKind::of(source)) else { return Ok(()) };
        if allowed.contains(&kind) {
            return Ok(());
        }
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        let reason = format!(
            "it came by `{kind}`, and the contract takes events of the dataset from {}",
            allowed.join(", ")
        );
        Err(Failure::permanent(Code::SourceRefused, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:sluicegate-Inbox-1A2B";
    const OBJECT: &str = "arn:aws-cn:s3:::landing/orders/a:sqs:b.csv";

    fn sources(yaml: &str) -> Result<Sources, ContractError> {
        Sources::validate(serde_saphyr::from_str(yaml).unwrap())
    }

    #[test]
    fn a_source_is_known_by_its_form() {
        for (source, expected) in [
            (QUEUE, Some(SourceKind::Inbox)),
            (OBJECT, Some(SourceKind::Files)),
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

    #[test]
    fn what_a_contract_does_not_list_is_refused() {
        for source in [QUEUE, OBJECT, "/orders", "shop"] {
            assert_eq!(Sources::default().check(source), Ok(()));
        }
        let some = sources("[files, http]").unwrap();
        for source in [OBJECT, "/orders", "shop"] {
            assert_eq!(some.check(source), Ok(()));
        }
        let failure = some.check(QUEUE).unwrap_err();
        assert_eq!(failure.code, Code::SourceRefused);
        assert!(failure.reason.contains("it came by `inbox`"), "{failure}");
        assert!(failure.reason.ends_with("from files, http"), "{failure}");
    }

    #[test]
    fn a_list_that_says_nothing_is_refused() {
        assert!(sources("[]").unwrap_err().to_string().contains("`sources`: empty"));
        assert!(sources("[http, http]").unwrap_err().to_string().contains("`http` is there twice"));
    }
}
