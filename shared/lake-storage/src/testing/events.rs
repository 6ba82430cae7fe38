//! Sample events of the dataset `flights`.

use event::Envelope;
use serde_json::json;

/// An event with event time 2013-01-01T10:00:00Z. `data` is its payload as JSON.
///
/// # Panics
/// When the payload is not JSON.
#[must_use]
pub fn envelope(key: &str, data: &str) -> Envelope {
    envelope_at(key, "2013-01-01T10:00:00Z", data)
}

/// An event with the given event time (RFC 3339).
///
/// # Panics
/// When the payload is not JSON, or the time is malformed.
#[must_use]
pub fn envelope_at(key: &str, time: &str, data: &str) -> Envelope {
    let text = envelope_text(key, "cd", time, data);
    Envelope::from_json(&text).unwrap_or_else(|failure| panic!("{failure}"))
}

/// The JSON text of an event's envelope.
#[must_use]
pub fn envelope_text(key: &str, fingerprint: &str, time: &str, data: &str) -> String {
    let rest = json!({
        "specversion": "1.0", "id": "e1:1", "source": "s", "type": "sluicegate.flights",
        "time": time, "subject": "UA-1545", "dataschema": "flights/1",
        "datacontenttype": "application/json", "dataset": "flights", "idempotencykey": key,
        "fingerprint": fingerprint, "ingesttime": "2026-01-01T00:00:00Z", "traceparent": "x",
    });
    let rest = rest.to_string();
    format!("{},\"data\":{data}}}", rest.trim_end_matches('}'))
}
