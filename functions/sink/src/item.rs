//! An event as an item of the records table.

use std::collections::HashMap;

use aws::Item;
use aws_sdk_dynamodb::types::AttributeValue;
use event::{Code, Envelope, Failure, Timestamp};
use serde_json::Value;

/// 400 KB, names included: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.
const MAX_ITEM_BYTES: usize = 400 * 1024;

/// DynamoDB nests 32 levels (same page), and the payload is one level down.
const MAX_PAYLOAD_DEPTH: usize = 31;

/// The item without `fingerprint` and `written_at`, which its writing adds, and its size with them in
/// bytes.
///
/// `pk` is `<dataset>#<idempotency key>`; the payload, enrichment included, is a map.
pub(crate) fn item_of(envelope: &Envelope) -> Result<(Item, usize), Failure> {
    let payload: Value = serde_json::from_str(envelope.data.get())
        .map_err(|error| Failure::permanent(Code::DecodeEnvelope, error.to_string()))?;
    if depth(&payload) > MAX_PAYLOAD_DEPTH {
        let reason = format!("nested deeper than the {MAX_PAYLOAD_DEPTH} levels that fit an item");
        return Err(Failure::permanent(Code::DepthExceeded, reason));
    }
    let mut item: Item = HashMap::from([
        text("pk", format!("{}#{}", envelope.dataset, envelope.idempotencykey)),
        text("idempotency_key", envelope.idempotencykey.to_string()),
        text("dataset", envelope.dataset.clone()),
        text("event_id", envelope.id.clone()),
        text("event_time", envelope.time.to_string()),
        text("ingest_time", envelope.ingesttime.to_string()),
    ]);
    item.extend(envelope.subject.clone().map(|subject| text("subject", subject)));
    item.extend(envelope.degraded.clone().map(|degraded| text("degraded", degraded)));
    item.insert("payload".to_owned(), attribute(payload));
    let fingerprint = "fingerprint".len() + envelope.fingerprint.to_string().len();
    let bytes = size(&item) + fingerprint + "written_at".len() + "2026-01-01T00:00:00.000Z".len();
    if bytes > MAX_ITEM_BYTES {
        let reason = format!("{bytes} bytes as an item; DynamoDB takes {MAX_ITEM_BYTES}");
        return Err(Failure::permanent(Code::SizeExceeded, reason));
    }
    Ok((item, bytes))
}

/// Adds the time at which the item is written.
pub(crate) fn stamp(item: &mut Item, now: Timestamp) {
    item.extend([text("written_at", now.to_string())]);
}

fn text(name: &str, value: String) -> (String, AttributeValue) {
    (name.to_owned(), AttributeValue::S(value))
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn attribute(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(items) => AttributeValue::L(items.into_iter().map(attribute).collect()),
        Value::Object(members) => AttributeValue::M(
            members.into_iter().map(|(name, member)| (name, attribute(member))).collect(),
        ),
    }
}

/// As DynamoDB counts: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>.
fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        // Two digits a byte and one more; a sign costs one too.
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 2,
        AttributeValue::L(items) => {
            3 + items.iter().map(|item| 1 + value_size(item)).sum::<usize>()
        }
        AttributeValue::M(members) => 3 + members.len() + size(members),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(data: &str) -> Envelope {
        let text = format!(
            r#"{{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2013-01-01T10:00:00Z",
            "dataschema":"flights/1","datacontenttype":"application/json","dataset":"flights",
            "idempotencykey":"ab","fingerprint":"cd","ingesttime":"2026-01-01T00:00:00Z",
            "traceparent":"x","data":{data}}}"#
        );
        Envelope::from_json(&text).unwrap()
    }

    #[test]
    fn an_event_becomes_an_item_with_its_payload_as_a_map() {
        let (item, bytes) = item_of(&envelope(r#"{"a":1.50,"b":[null,true],"c":""}"#)).unwrap();
        assert_eq!(item["pk"], AttributeValue::S("flights#ab".to_owned()));
        let payload = item["payload"].as_m().unwrap();
        assert_eq!(payload["a"], AttributeValue::N("1.5".to_owned()));
        assert_eq!(payload["b"].as_l().unwrap()[0], AttributeValue::Null(true));
        assert!((150..400).contains(&bytes), "{bytes}");
    }

    #[test]
    fn what_no_item_can_hold_is_refused_before_it_reaches_its_batch() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(31), "]".repeat(31));
        assert_eq!(item_of(&envelope(&deep)).unwrap_err().code, Code::DepthExceeded);
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_ITEM_BYTES));
        assert_eq!(item_of(&envelope(&large)).unwrap_err().code, Code::SizeExceeded);
    }
}
