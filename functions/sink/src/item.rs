//! Turns an event into the attributes of a DynamoDB item.

use std::collections::{BTreeMap, HashMap};

use aws::Item;
use aws_sdk_dynamodb::types::AttributeValue;
use event::{Code, Decimal, DecimalError, Envelope, Failure, Timestamp};
use serde_json::Value;

/// The most bytes of an item, with the names of its attributes:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.
pub(crate) const MAX_ITEM_BYTES: usize = 400 * 1024;

/// The most levels of an attribute's value. DynamoDB allows 32 levels (same page), and the item is the first of them.
const MAX_DEPTH: usize = 31;

/// The attributes that the item of each event has, besides those of its payload.
pub(crate) fn metadata(envelope: &Envelope, now: Timestamp) -> Item {
    let mut item: Item = HashMap::from([
        text("idempotency_key", envelope.idempotencykey.to_string()),
        text("dataset", envelope.dataset.clone()),
        text("event_id", envelope.id.clone()),
        text("event_time", envelope.time.to_string()),
        text("ingest_time", envelope.ingesttime.to_string()),
        text("written_at", now.to_string()),
    ]);
    item.extend(envelope.subject.clone().map(|subject| text("subject", subject)));
    item.extend(envelope.degraded.clone().map(|degraded| text("degraded", degraded)));
    item
}

/// The attributes for the enriched payload, as the contract maps it. Without a mapping, the payload is one attribute,
/// `payload`; with one, each pointer that finds a value gives an attribute.
pub(crate) fn content(
    attributes: &BTreeMap<String, String>,
    payload: &Value,
) -> Result<Item, Failure> {
    if attributes.is_empty() {
        return Ok(Item::from([("payload".to_owned(), attribute(payload)?)]));
    }
    let mut item = Item::new();
    for (name, pointer) in attributes {
        if let Some(value) = payload.pointer(pointer) {
            item.insert(name.clone(), attribute(value).map_err(|failure| failure.at(pointer))?);
        }
    }
    Ok(item)
}

/// The size of an item as DynamoDB counts it, plus `more` bytes for attributes that are added later.
///
/// # Errors
/// [`Code::SizeExceeded`], permanent, if the item is too large for DynamoDB.
pub(crate) fn checked_size(item: &Item, more: usize) -> Result<usize, Failure> {
    let bytes = size(item) + more;
    if bytes > MAX_ITEM_BYTES {
        let reason = format!("{bytes} bytes as an item; DynamoDB takes {MAX_ITEM_BYTES}");
        return Err(Failure::permanent(Code::SizeExceeded, reason));
    }
    Ok(bytes)
}

pub(crate) fn text(name: &str, value: String) -> (String, AttributeValue) {
    (name.to_owned(), AttributeValue::S(value))
}

pub(crate) fn attribute(value: &Value) -> Result<AttributeValue, Failure> {
    if depth(value) > MAX_DEPTH {
        let reason = format!("nested deeper than the {MAX_DEPTH} levels that fit an item");
        return Err(Failure::permanent(Code::DepthExceeded, reason));
    }
    convert(value).map_err(|error| Failure::permanent(Code::NumberOutOfRange, error.to_string()))
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn convert(value: &Value) -> Result<AttributeValue, DecimalError> {
    Ok(match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(*flag),
        Value::Number(number) => AttributeValue::N(Decimal::plain_text(number)?),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(items) => {
            AttributeValue::L(items.iter().map(convert).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let mut map = HashMap::with_capacity(members.len());
            for (name, member) in members {
                map.insert(name.clone(), convert(member)?);
            }
            AttributeValue::M(map)
        }
    })
}

/// The size as DynamoDB counts it:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>.
fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        // Two digits take one byte, and one byte is added. A negative sign may take another one.
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
    use serde_json::json;

    use super::*;

    #[test]
    fn a_payload_is_a_map_and_keeps_what_it_says() {
        let payload = json!({"a": 1.5, "b": [null, true], "c": ""});
        let item = content(&BTreeMap::new(), &payload).unwrap();
        let payload = item["payload"].as_m().unwrap();
        assert_eq!(payload["a"], AttributeValue::N("1.5".to_owned()));
        assert_eq!(payload["b"].as_l().unwrap()[0], AttributeValue::Null(true));
        assert_eq!(checked_size(&item, 10).unwrap(), 7 + 3 + 3 + 1 + 4 + 1 + (3 + 2 + 2) + 1 + 10);
    }

    #[test]
    fn mapped_attributes_are_what_the_pointers_find_and_no_more() {
        let mut attributes = BTreeMap::new();
        for (name, pointer) in [("x", "/a/b"), ("y", "/c"), ("z", "/e")] {
            attributes.insert(name.to_owned(), pointer.to_owned());
        }
        let payload = json!({"a": {"b": 2}, "c": null, "d": 4});
        let item = content(&attributes, &payload).unwrap();
        let expected = Item::from([
            ("x".to_owned(), AttributeValue::N("2".to_owned())),
            ("y".to_owned(), AttributeValue::Null(true)),
        ]);
        assert_eq!(item, expected);
    }

    #[test]
    fn what_no_item_can_hold_is_refused_before_it_reaches_its_batch() {
        assert!(attribute(&nested(31)).is_ok());
        assert_eq!(attribute(&nested(32)).unwrap_err().code, Code::DepthExceeded);
        let large = Item::from([text("a", "x".repeat(MAX_ITEM_BYTES - 1))]);
        assert_eq!(checked_size(&large, 0), Ok(MAX_ITEM_BYTES));
        assert_eq!(checked_size(&large, 1).unwrap_err().code, Code::SizeExceeded);
    }

    /// An array of this many levels.
    fn nested(levels: usize) -> Value {
        let text = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        serde_json::from_str(&text).unwrap()
    }
}
