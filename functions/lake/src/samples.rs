//! Events for tests.

use event::Envelope;
use serde_json::json;

/// An event of 2013-01-01T10:00:00Z.
pub(crate) fn envelope(key: &str, data: &str) -> Envelope {
    envelope_at(key, "2013-01-01T10:00:00Z", data)
}

pub(crate) fn envelope_at(key: &str, time: &str, data: &str) -> Envelope {
    Envelope::from_json(&envelope_text(key, "cd", time, data)).unwrap()
}

pub(crate) fn envelope_text(key: &str, fingerprint: &str, time: &str, data: &str) -> String {
    let rest = json!({
        "specversion": "1.0", "id": "e1:1", "source": "s", "type": "sluicegate.flights",
        "time": time, "subject": "UA-1545", "dataschema": "flights/1",
        "datacontenttype": "application/json", "dataset": "flights", "idempotencykey": key,
        "fingerprint": fingerprint, "ingesttime": "2026-01-01T00:00:00Z", "traceparent": "x",
    });
    let rest = rest.to_string();
    format!("{},\"data\":{data}}}", rest.strip_suffix('}').unwrap())
}
