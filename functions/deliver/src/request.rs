//! Builds the request that delivers an event.

use bytes::Bytes;
use contracts::{HttpBody, UrlError};
use dedupe::RecordId;
use event::{Code, Failure};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};
use outbound::Request;
use runtime::sink::Event;

use crate::services::Service;

/// <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// <https://www.w3.org/TR/trace-context/>
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The request of an event. Headers with secrets are not included, since they are filled in for each attempt.
///
/// # Errors
/// When the event lacks something that the URL or a header needs; permanent.
pub(crate) fn request(
    event: &Event<'_>,
    id: &RecordId,
    service: &Service,
) -> Result<Request, Failure> {
    let url = service.url.render(&event.payload).map_err(|error| {
        let failure = Failure::permanent(Code::ContractViolation, error.to_string());
        match error {
            UrlError::Missing { pointer } | UrlError::DotSegment { pointer } => failure.at(pointer),
            _ => failure,
        }
    })?;
    let body = match service.body {
        HttpBody::Payload => event.envelope.data.get().to_owned(),
        HttpBody::Envelope => event.envelope.to_json()?,
    };
    let mut headers = HeaderMap::new();
    service.headers.add_of_event(&event.payload, &mut headers).map_err(|pointer| {
        let reason = "nothing that a header can hold, which the request needs";
        Failure::permanent(Code::ContractViolation, reason).at(pointer)
    })?;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(service.body)));
    headers.insert(IDEMPOTENCY_KEY, key(id)?);
    // The text may come from a producer, and a header may not be able to hold it. It is left out then.
    headers.extend(
        HeaderValue::try_from(&event.envelope.traceparent).ok().map(|trace| (TRACEPARENT, trace)),
    );
    Ok(Request { method: service.method.clone(), url, headers, body: Bytes::from(body) })
}

/// The idempotency key of a request, as a string of RFC 8941, section 3.3.3, which the draft asks for. It has the sink
/// and the event's key, since two sinks of a dataset may use one service.
fn key(id: &RecordId) -> Result<HeaderValue, Failure> {
    HeaderValue::try_from(format!("\"{id}\"")).map_err(|_| {
        let reason = "the idempotency key is not one that a header can hold";
        Failure::permanent(Code::DecodeEnvelope, reason)
    })
}

fn content_type(body: HttpBody) -> &'static str {
    match body {
        HttpBody::Payload => "application/json",
        HttpBody::Envelope => "application/cloudevents+json",
    }
}
