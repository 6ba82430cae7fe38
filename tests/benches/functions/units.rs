//! Write request units, by which DynamoDB bills writes.
//!
//! One for each KB of an item that is begun, the larger of what was there and what is there after it, and
//! two in a transaction, which prepares and commits each item:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>,
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-capacity-handling>.
//! What is written is told by the engine itself, as `ConsumedCapacity`. A transaction that was cancelled
//! tells nothing and is not free: a write whose condition does not hold consumes units by the size of the
//! item that is there (first page). How many of the two such a transaction consumes is said nowhere; here
//! it is both, as if it had been written, so that a duplicate costs at most what is counted.

use std::collections::BTreeMap;

use serde_json::Value;

/// Units by table.
pub(crate) type Units = BTreeMap<String, u64>;

const KB: usize = 1_024;

/// Of a transaction that was written, as its answer tells: `ReturnConsumedCapacity` was `TOTAL`.
pub(crate) fn written(answer: &Value) -> Units {
    let tables = answer["ConsumedCapacity"].as_array().into_iter().flatten();
    let units = |table: &Value| {
        // Whole numbers, as JSON doubles.
        let units = table["CapacityUnits"].to_string();
        let units = units.split('.').next().and_then(|whole| whole.parse().ok());
        (text(&table["TableName"]), units.unwrap_or(0))
    };
    tables.map(units).collect()
}

/// Of a transaction that was cancelled, by what it would have written and what its reasons show.
pub(crate) fn cancelled(request: &Value, answer: &Value) -> Units {
    let mut units = Units::new();
    let actions = request["TransactItems"].as_array().into_iter().flatten();
    for (at, action) in actions.enumerate() {
        let (wanted, table) = match (&action["Put"], &action["Update"]) {
            (Value::Object(put), _) => (size(&put["Item"]), &put["TableName"]),
            // The values that it sets, and the key: what else is there is not known.
            (_, Value::Object(update)) => {
                let values = &update["ExpressionAttributeValues"];
                (size(&update["Key"]) + size(values), &update["TableName"])
            }
            _ => continue,
        };
        let found = size(&answer["CancellationReasons"][at]["Item"]);
        *units.entry(text(table)).or_default() += in_transaction(wanted.max(found));
    }
    units
}

/// Of one item of so many bytes.
pub(crate) fn in_transaction(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(KB).max(1)).unwrap_or(u64::MAX).saturating_mul(2)
}

/// An item's, in bytes:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>.
pub(crate) fn size(item: &Value) -> usize {
    let attributes = item.as_object().into_iter().flatten();
    attributes.map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|value| value.iter().next()) else {
        return 0;
    };
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => text.len(),
        ("N", Value::String(digits)) => digits.len().div_ceil(2) + 1,
        ("L", Value::Array(items)) => {
            3 + items.iter().map(|item| 1 + value_size(item)).sum::<usize>()
        }
        ("M", Value::Object(members)) => 3 + members.len() + size(value),
        _ => 1,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
