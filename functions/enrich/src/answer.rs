//! Turns a service's answer into a document, or into the failure of the event.

use std::fmt::Display;

use contracts::Enricher;
use event::{Code, Failure, Payload, check_numbers};
use outbound::{Answer, BodyError, RequestError};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// The event's failure where a request had no answer.
pub(crate) fn failure(error: &RequestError, enricher: &str) -> Failure {
    let reason = format!("enricher {enricher}: {error}");
    match error {
        RequestError::Url => Failure::permanent(Code::EnricherRefused, reason),
        RequestError::Forbidden { .. } | RequestError::Certificates { .. } => {
            Failure::transient(Code::DependencyRefused, reason)
        }
        RequestError::Connection | RequestError::BrokenOff | RequestError::TimedOut { .. } => {
            Failure::transient(Code::DependencyUnavailable, reason)
        }
    }
}

/// The failure where the service answered with a document whose body could not be read.
fn unread(error: &BodyError, enricher: &str) -> Failure {
    let code = match error {
        BodyError::TooLong { .. } | BodyError::Coding { .. } => Code::EnricherBadAnswer,
        BodyError::BrokenOff | BodyError::TimedOut { .. } => Code::DependencyUnavailable,
    };
    Failure::transient(code, format!("enricher {enricher}: {error}"))
}

/// The part of the service's document that is kept; `None` where the service has none for this event.
///
/// A 404 says that the service knows nothing of this event, and so does a document without the part that is kept:
/// neither is an outage. A malformed answer and refused credentials are the service's failure, not the event's, so
/// they are transient and the event is tried again.
pub(crate) fn document(
    answer: &Answer,
    enricher: &Enricher,
) -> Result<Option<Box<RawValue>>, Failure> {
    let name = &enricher.name;
    if let Some(outage) = answer.outage(&format!("enricher {name}")) {
        return Err(outage);
    }
    let reason = format!("enricher {name}: HTTP {}", answer.status);
    match answer.status {
        200 => {
            let body = answer.body.as_ref().map_err(|error| unread(error, name))?;
            kept(body, enricher)
        }
        204 | 404 | 410 => Ok(None),
        201..=203 | 205..=299 => Err(Failure::transient(Code::EnricherBadAnswer, reason)),
        401 | 403 | 407 => Err(Failure::transient(Code::DependencyRefused, reason)),
        _ => Err(Failure::permanent(Code::EnricherRefused, reason)),
    }
}

/// The part of a document that is kept; `None` where the document lacks that part.
///
/// # Errors
/// [`Code::EnricherBadAnswer`] (transient), where the document is no JSON object, holds a number that cannot be
/// stored without loss, or violates the enricher's schema.
pub(crate) fn kept(document: &[u8], enricher: &Enricher) -> Result<Option<Box<RawValue>>, Failure> {
    let Enricher { name, keep, schema, .. } = enricher;
    let payload = Payload::parse(document).map_err(|bad| bad_answer(name, &bad.reason))?;
    check_numbers(&payload.value).map_err(|bad| bad_answer(name, &bad).at(bad.at))?;
    if let Some(problem) = schema.as_ref().and_then(|it| it.problem(&payload.value)) {
        return Err(bad_answer(name, &problem));
    }
    if keep.is_empty() {
        return Ok(Some(payload.text));
    }
    part(&payload.value, enricher)
}

/// The part that is kept of a document that [`kept`]'s checks have passed already.
pub(crate) fn part_of_checked(
    document: &RawValue,
    enricher: &Enricher,
) -> Result<Option<Box<RawValue>>, Failure> {
    if enricher.keep.is_empty() {
        return Ok(Some(document.to_owned()));
    }
    let value = serde_json::from_str(document.get());
    part(&value.map_err(|error| bad_answer(&enricher.name, &error))?, enricher)
}

fn part(document: &Value, enricher: &Enricher) -> Result<Option<Box<RawValue>>, Failure> {
    let part = document.pointer(&enricher.keep).filter(|part| !part.is_null());
    part.map(to_raw_value).transpose().map_err(|error| bad_answer(&enricher.name, &error))
}

fn bad_answer(enricher: &str, reason: &dyn Display) -> Failure {
    Failure::transient(Code::EnricherBadAnswer, format!("enricher {enricher}: {reason}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use event::FailureKind;

    use super::*;

    fn enricher(keep: &str) -> Enricher {
        let weather = testkit::contracts().get("flights").unwrap().enrichers[0].clone();
        Enricher { keep: keep.to_owned(), ..weather }
    }

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer { status, retry_after: Some(Duration::from_secs(7)), body: Ok(body.into()) }
    }

    #[track_caller]
    fn check(status: u16, body: &'static str, kind: FailureKind, code: Code) {
        let failure = document(&answer(status, body), &enricher("")).unwrap_err();
        assert_eq!((failure.kind, failure.code), (kind, code), "{failure}");
    }

    #[test]
    fn answers_are_classified() {
        let throttled = FailureKind::Throttled { retry_after: Some(Duration::from_secs(7)) };
        check(429, "", throttled, Code::DependencyThrottled);
        check(503, "", throttled, Code::DependencyUnavailable);
        check(500, "", FailureKind::Transient, Code::DependencyUnavailable);
        check(400, "", FailureKind::Permanent, Code::EnricherRefused);
        for status in [401, 403, 407] {
            check(status, "", FailureKind::Transient, Code::DependencyRefused);
        }
        check(302, "", FailureKind::Permanent, Code::EnricherRefused);
        check(200, "{\"t\":1e200}", FailureKind::Transient, Code::EnricherBadAnswer);
        check(200, "<html>", FailureKind::Transient, Code::EnricherBadAnswer);
        check(200, "", FailureKind::Transient, Code::EnricherBadAnswer);
        assert!(document(&answer(404, "{}"), &enricher("")).unwrap().is_none());
        assert_eq!(
            document(&answer(200, "{\"t\": 1.0}"), &enricher("")).unwrap().unwrap().get(),
            "{\"t\": 1.0}"
        );
    }

    #[test]
    fn a_part_of_the_answer_is_kept_with_its_digits() {
        let body = r#"{"now": {"t": 1.50, "n": [null, 12345678901234567890]}}"#;
        assert_eq!(part_of(body, "/now/t").unwrap(), "1.50");
        assert_eq!(part_of(body, "/now/n").unwrap(), "[null,12345678901234567890]");
        for absent in ["/later", "/now/n/0"] {
            assert_eq!(part_of(body, absent), None, "{absent}");
        }
    }

    fn part_of(body: &'static str, keep: &str) -> Option<String> {
        let part = document(&answer(200, body), &enricher(keep)).unwrap();
        part.map(|part| part.get().to_owned())
    }

    #[test]
    fn an_answer_against_its_schema_is_the_services_failure() {
        let schema = contracts::Schema::parse(r#"{"required": ["t"]}"#).unwrap();
        let enricher = Enricher { schema: Some(schema), ..enricher("") };
        assert!(document(&answer(200, r#"{"t": 1}"#), &enricher).unwrap().is_some());
        let failure = document(&answer(200, "{}"), &enricher).unwrap_err();
        assert_eq!((failure.kind, failure.code), (FailureKind::Transient, Code::EnricherBadAnswer));
        assert!(failure.reason.contains("/t"), "{failure}");
    }

    #[test]
    fn a_body_that_cannot_be_read_matters_where_there_is_a_document() {
        check_unread(&BodyError::TooLong { limit: 1 }, Code::EnricherBadAnswer);
        check_unread(&BodyError::BrokenOff, Code::DependencyUnavailable);
        check_unread(&BodyError::TimedOut { limit_ms: 1 }, Code::DependencyUnavailable);
    }

    /// Checks the failure's code for a 200 whose body cannot be read. With other statuses the body does not matter.
    #[track_caller]
    fn check_unread(error: &BodyError, code: Code) {
        let (transient, permanent) = (FailureKind::Transient, FailureKind::Permanent);
        assert_eq!(without_body(200, error).unwrap_err(), (transient, code));
        assert!(without_body(404, error).unwrap().is_none());
        assert_eq!(without_body(400, error).unwrap_err(), (permanent, Code::EnricherRefused));
        assert_eq!(without_body(500, error).unwrap_err(), (transient, Code::DependencyUnavailable));
    }

    fn without_body(
        status: u16,
        error: &BodyError,
    ) -> Result<Option<Box<RawValue>>, (FailureKind, Code)> {
        let answer = Answer { status, retry_after: None, body: Err(error.clone()) };
        document(&answer, &enricher("")).map_err(|failure| (failure.kind, failure.code))
    }
}
