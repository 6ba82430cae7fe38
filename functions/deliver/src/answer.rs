//! Judges the answer of a service.

use dedupe::leased::{Attempt, Delivery};
use event::{Code, Failure};
use outbound::{Answer, RequestError};

/// The result of an attempt, and whether another attempt in this invocation may have a better one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) delivery: Delivery,
    pub(crate) is_worth_another: bool,
}

impl Meaning {
    fn last(delivery: Delivery) -> Self {
        Self { delivery, is_worth_another: false }
    }

    fn passing(delivery: Delivery) -> Self {
        Self { delivery, is_worth_another: true }
    }
}

/// Judges an answer by its status alone. `who` is the sink as failures name it. The sections are those of the draft
/// <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>.
///
/// | answer | result |
/// | --- | --- |
/// | 2xx | the event is delivered |
/// | 429, 503 with `Retry-After` | it is tried again, not before the time that the service asks for |
/// | 408, 425, 5xx, none in time | it is tried again, and may have been delivered |
/// | no connection | it is tried again; nothing was sent |
/// | a forbidden address | it is tried again in another invocation; nothing was sent |
/// | 401, 403, 407 | the credentials are at fault, not the event: it is tried again in another invocation, and after a 401 or 403 at once if a secret has changed (`service.rs`) |
/// | 409 to a repeat | the service still works on the key (section 2.6): it is tried again |
/// | 422 to a repeat | a copy with another body may have the key (section 2.7): it is tried again in another invocation |
/// | any other, also a first 409 or 422 | the event is refused, and becomes a dead letter |
pub(crate) fn meaning(
    result: Result<Answer, RequestError>,
    who: &str,
    attempt: Attempt,
) -> Meaning {
    let answer = match result {
        Ok(answer) => answer,
        Err(error) => return no_answer(&error, who),
    };
    let reason = format!("{who}: HTTP {}", answer.status);
    if let Some(outage) = answer.outage(who) {
        return Meaning::passing(match answer.status {
            // The service did not process the request.
            429 => Delivery::Refused(outage),
            _ => Delivery::Unknown(outage),
        });
    }
    match answer.status {
        200..=299 => Meaning::last(Delivery::Taken),
        401 | 403 | 407 => {
            Meaning::last(Delivery::Refused(Failure::transient(Code::DependencyRefused, reason)))
        }
        409 if attempt == Attempt::Repeated => {
            let failure = Failure::transient(Code::DependencyUnavailable, reason);
            Meaning::passing(Delivery::Unknown(failure))
        }
        422 if attempt == Attempt::Repeated => {
            Meaning::last(Delivery::Refused(Failure::transient(Code::DeliveryRefused, reason)))
        }
        _ => Meaning::last(Delivery::Refused(Failure::permanent(Code::DeliveryRefused, reason))),
    }
}

fn no_answer(error: &RequestError, who: &str) -> Meaning {
    let reason = format!("{who}: {error}");
    match error {
        RequestError::Url => {
            Meaning::last(Delivery::Refused(Failure::permanent(Code::DeliveryRefused, reason)))
        }
        // The configuration or a name server is at fault.
        RequestError::Forbidden { .. } | RequestError::Certificates { .. } => {
            Meaning::last(Delivery::Refused(Failure::transient(Code::DependencyRefused, reason)))
        }
        RequestError::Connection => {
            let failure = Failure::transient(Code::DependencyUnavailable, reason);
            Meaning::passing(Delivery::Refused(failure))
        }
        RequestError::BrokenOff | RequestError::TimedOut { .. } => {
            let failure = Failure::transient(Code::DependencyUnavailable, reason);
            Meaning::passing(Delivery::Unknown(failure))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use event::FailureKind;
    use outbound::BodyError;

    use super::*;

    #[derive(Debug, PartialEq)]
    enum Was {
        Taken,
        Refused(FailureKind, Code),
        Unknown(FailureKind, Code),
    }

    fn was(delivery: Delivery) -> Was {
        match delivery {
            Delivery::Taken => Was::Taken,
            Delivery::Refused(failure) => Was::Refused(failure.kind, failure.code),
            Delivery::Unknown(failure) => Was::Unknown(failure.kind, failure.code),
        }
    }

    #[track_caller]
    fn check(status: u16, attempt: Attempt, expected: Was, is_worth_another: bool) {
        let retry_after = (status == 429).then_some(Duration::from_secs(7));
        let body = Err(BodyError::BrokenOff);
        let answer = Answer { status, retry_after, body };
        let found = meaning(Ok(answer), "sink s", attempt);
        assert_eq!(was(found.delivery), expected, "{status}");
        assert_eq!(found.is_worth_another, is_worth_another, "{status}");
    }

    #[test]
    fn answers_are_told_apart() {
        use Code::{
            DeliveryRefused, DependencyRefused, DependencyThrottled, DependencyUnavailable,
        };
        use FailureKind::{Permanent, Transient};
        for status in [200, 201, 202, 204] {
            check(status, Attempt::First, Was::Taken, false);
        }
        for status in [301, 400, 404, 409, 410, 413, 422] {
            check(status, Attempt::First, Was::Refused(Permanent, DeliveryRefused), false);
        }
        check(400, Attempt::Repeated, Was::Refused(Permanent, DeliveryRefused), false);
        check(422, Attempt::Repeated, Was::Refused(Transient, DeliveryRefused), false);
        check(409, Attempt::Repeated, Was::Unknown(Transient, DependencyUnavailable), true);
        let throttled = FailureKind::Throttled { retry_after: Some(Duration::from_secs(7)) };
        check(429, Attempt::First, Was::Refused(throttled, DependencyThrottled), true);
        for status in [408, 425, 500, 502, 503, 504] {
            check(status, Attempt::First, Was::Unknown(Transient, DependencyUnavailable), true);
        }
        for status in [401, 403] {
            check(status, Attempt::First, Was::Refused(Transient, DependencyRefused), false);
        }
    }

    #[track_caller]
    fn check_error(error: RequestError, expected: Was) {
        assert_eq!(was(meaning(Err(error), "sink s", Attempt::First).delivery), expected);
    }

    #[test]
    fn what_was_never_sent_took_no_effect() {
        let (transient, unavailable) = (FailureKind::Transient, Code::DependencyUnavailable);
        check_error(RequestError::Connection, Was::Refused(transient, unavailable));
        let forbidden = RequestError::Forbidden { address: "127.0.0.1".parse().unwrap() };
        check_error(forbidden, Was::Refused(transient, Code::DependencyRefused));
        check_error(RequestError::BrokenOff, Was::Unknown(transient, unavailable));
        check_error(RequestError::TimedOut { limit_ms: 1 }, Was::Unknown(transient, unavailable));
    }
}
