//! What a service's answer means.

use std::time::Duration;

use bytes::Bytes;
use event::{Code, Failure, FailureKind, Payload};
use serde_json::value::RawValue;

/// An HTTP answer, its body bounded.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Bytes,
}

#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the URL is not one that can be asked")]
    Url,
    #[error("no connection")]
    Connection,
    #[error("no answer within {timeout_ms} ms")]
    TimedOut { timeout_ms: u128 },
    #[error("the answer broke off, or is longer than {limit} bytes")]
    Body { limit: usize },
}

impl FetchError {
    pub(crate) fn failure(&self, enricher: &str) -> Failure {
        let reason = format!("enricher {enricher}: {self}");
        match self {
            Self::Url => Failure::permanent(Code::EnricherRefused, reason),
            Self::Connection | Self::TimedOut { .. } => {
                Failure::transient(Code::DependencyUnavailable, reason)
            }
            Self::Body { .. } => Failure::transient(Code::EnricherBadAnswer, reason),
        }
    }
}

impl Answer {
    /// The document that the service gave; `None` where it has none for this event.
    ///
    /// A 404 is an answer, not an outage. A bad answer is the service's failure, not the event's:
    /// it is tried again.
    pub(crate) fn document(&self, enricher: &str) -> Result<Option<Box<RawValue>>, Failure> {
        let status = self.status;
        let reason = format!("enricher {enricher}: HTTP {status}");
        match status {
            200 => match Payload::parse(&self.body) {
                Ok(payload) => Ok(Some(payload.text)),
                Err(bad) => {
                    let reason = format!("enricher {enricher}: {}", bad.reason);
                    Err(Failure::transient(Code::EnricherBadAnswer, reason))
                }
            },
            204 | 404 | 410 => Ok(None),
            429 => Err(Failure::throttled(self.retry_after, reason)),
            503 if self.retry_after.is_some() => {
                let kind = FailureKind::Throttled { retry_after: self.retry_after };
                let failure = Failure::transient(Code::DependencyUnavailable, reason);
                Err(Failure { kind, ..failure })
            }
            408 | 425 | 500.. => Err(Failure::transient(Code::DependencyUnavailable, reason)),
            201..=203 | 205..=299 => Err(Failure::transient(Code::EnricherBadAnswer, reason)),
            _ => Err(Failure::permanent(Code::EnricherRefused, reason)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer { status, retry_after: Some(Duration::from_secs(7)), body: body.into() }
    }

    #[track_caller]
    fn check(status: u16, body: &'static str, kind: FailureKind, code: Code) {
        let failure = answer(status, body).document("weather").unwrap_err();
        assert_eq!((failure.kind, failure.code), (kind, code), "{failure}");
    }

    #[test]
    fn answers_are_classified() {
        let throttled = FailureKind::Throttled { retry_after: Some(Duration::from_secs(7)) };
        check(429, "", throttled, Code::DependencyThrottled);
        check(503, "", throttled, Code::DependencyUnavailable);
        check(500, "", FailureKind::Transient, Code::DependencyUnavailable);
        check(400, "", FailureKind::Permanent, Code::EnricherRefused);
        check(302, "", FailureKind::Permanent, Code::EnricherRefused);
        check(200, "<html>", FailureKind::Transient, Code::EnricherBadAnswer);
        check(200, "", FailureKind::Transient, Code::EnricherBadAnswer);
        assert!(answer(404, "{}").document("weather").unwrap().is_none());
        assert_eq!(
            answer(200, "{\"t\": 1.0}").document("w").unwrap().unwrap().get(),
            "{\"t\": 1.0}"
        );
    }
}
