//! An event as a request.

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

/// Without the headers of the contract, which are filled in for each attempt.
///
/// # Errors
/// Permanent: what the URL or a header needs is not in the event.
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
    // A producer's own text may be none that a header can hold.
    headers.extend(
        HeaderValue::try_from(&event.envelope.traceparent).ok().map(|trace| (TRACEPARENT, trace)),
    );
    Ok(Request { method: service.method.clone(), url, headers, body: Bytes::from(body) })
}

/// A string of RFC 8941, section 3.3.3, as the draft asks: sink and key, since two sinks of a dataset
/// may have one service.
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
