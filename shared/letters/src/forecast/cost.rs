//! What one write to one sink costs.

use contracts::{Sink, TableMode, TableSink, Target};
use event::Decimal;
use serde_json::Value;

/// A write request unit covers 1 KB of an item, and an item in a transaction takes two for each:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>.
const UNIT_BYTES: u64 = 1_024;
pub(super) const UNITS_IN_TRANSACTION: u64 = 2;

/// An estimate of the bytes of a row that are not from its event's payload: keys, fingerprint, ids, times and the names
/// of all these.
const ROW_BYTES: u64 = 450;

/// What the write of one event to one sink takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct WriteCost {
    /// The items that are written: rows and dedupe records.
    pub(super) items: u64,
    /// The write request units for these items.
    pub(super) units: u64,
    /// The write request units of an attempt that finds that the event was written before.
    pub(super) attempt: u64,
}

impl WriteCost {
    pub(super) fn of(sink: &Sink, payload: &Value) -> Self {
        let record = UNITS_IN_TRANSACTION;
        match &sink.target {
            Target::Table(table) => {
                let row = units(ROW_BYTES + content_bytes(table, payload));
                match table.mode {
                    // The row is its own dedupe record.
                    TableMode::Insert => Self { items: 1, units: row, attempt: row },
                    TableMode::Upsert { .. }
                    | TableMode::Merge { .. }
                    | TableMode::Delete { .. }
                    | TableMode::Accumulate(_) => {
                        Self { items: 2, units: row + record, attempt: row + record }
                    }
                }
            }
            // The record is written twice: as a claim, and when it is completed.
            Target::Lake(_) | Target::Http(_) => {
                Self { items: 2, units: 2 * record, attempt: record }
            }
            // It is not known where a custom sink keeps its records.
            Target::Custom(_) => Self::default(),
        }
    }
}

fn units(bytes: u64) -> u64 {
    bytes.div_ceil(UNIT_BYTES) * UNITS_IN_TRANSACTION
}

/// The bytes of a row that come from the payload: all of it, or the values that the pointers find.
fn content_bytes(table: &TableSink, payload: &Value) -> u64 {
    match &table.mode {
        TableMode::Delete { .. } | TableMode::Accumulate(_) => return 0,
        TableMode::Insert | TableMode::Upsert { .. } | TableMode::Merge { .. } => {}
    }
    let bytes = match table.attributes.is_empty() {
        true => value_bytes(payload),
        false => {
            let found = table.attributes.iter().filter_map(|(name, pointer)| {
                Some(name.len() + value_bytes(payload.pointer(pointer)?))
            });
            found.sum()
        }
    };
    bytes as u64
}

/// The size of a value as DynamoDB counts it:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>.
fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(number) => {
            Decimal::plain_text(number).map_or(0, |digits| digits.len().div_ceil(2) + 2)
        }
        Value::String(text) => text.len(),
        Value::Array(items) => 3 + items.iter().map(|item| 1 + value_bytes(item)).sum::<usize>(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| 1 + name.len() + value_bytes(value));
            3 + members.sum::<usize>()
        }
    }
}
