//! The sink that writes to a DynamoDB table. A contract says which row an event is about, and what it does to that row.

mod order;
mod raw;
mod window;

use std::collections::BTreeMap;

use event::{Code, Decimal, Failure, IdempotencyKey, is_same_value, kind_of, row_key};
use serde::Deserialize;
use serde_json::Value;

pub(crate) use self::order::integer_at;
pub use self::order::{RowOrder, RowVersion};
pub(crate) use self::raw::{Mode, RawTableSink};
pub use self::window::{TimeWindow, Window};

/// How a sink writes events to a DynamoDB table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSink {
    /// The values that the key of a row is made of.
    pub key: RowKey,
    /// What an event does to its row.
    pub mode: TableMode,
    /// The attributes of a row by name, each with the JSON Pointer to its value. If it is empty, a row has the whole
    /// payload as the attribute `payload`.
    pub attributes: BTreeMap<String, String>,
    /// How many days a row stays, counted from the time of its event, or from the end of its window. `None` if rows
    /// never expire.
    pub ttl_days: Option<u32>,
}

/// The values that the key of a row is made of, besides the name of the dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKey {
    /// The idempotency key, so that each event has its own row.
    Idempotency,
    /// The values at these JSON Pointers, at least one.
    Pointers(Vec<String>),
}

/// What an event does to its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableMode {
    /// Creates the row, which is also the dedupe record of the event. An existing row is never changed.
    Insert,
    /// Replaces the row, unless the row is newer.
    Upsert {
        /// Which of two events is newer.
        order: Order,
        /// The events that delete the row instead. `None` if there are none.
        tombstone: Option<Tombstone>,
    },
    /// Replaces the attributes of the row that the event has, unless the attribute is newer.
    Merge {
        /// Which of two events is newer.
        order: Order,
        /// The events that delete the row instead. `None` if there are none.
        tombstone: Option<Tombstone>,
    },
    /// Deletes the row, unless the row is newer.
    Delete {
        /// Which of two events is newer.
        order: Order,
        /// The dataset that the rows belong to. It upserts them by a sink of the same name.
        rows_of: String,
    },
    /// Adds to the counter and the sums of the row.
    Accumulate(Accumulate),
}

/// Which of two events is newer. If they are equal, the event with the greater idempotency key is newer, so that the
/// row does not depend on the order in which events arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The event with the later event time, to the nanosecond.
    #[default]
    EventTime,
    /// The event with the greater integer of at most 32 digits at this JSON Pointer. `7.0` counts as an integer.
    Pointer(String),
}

/// The events that delete their row, as sources of change data capture send them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tombstone {
    /// The JSON Pointer to the value that marks a deletion.
    pub at: String,
    /// The values that mean a deletion: at least one text, number or boolean.
    pub values: Vec<Value>,
}

/// What is added up for each key and window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accumulate {
    /// The span of event time that one row adds up.
    pub window: Window,
    /// The attribute that counts the events. `None` if they are not counted.
    pub count: Option<String>,
    /// The attributes that hold sums, each with the JSON Pointer to the number that is added. A missing number and null
    /// count as 0.
    pub sums: BTreeMap<String, String>,
}

/// The longest partition key that DynamoDB takes, in bytes:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.
const MAX_KEY_BYTES: usize = 2_048;

impl TableSink {
    /// The partition key of an event's row. `dataset` is the dataset that the rows belong to, and `window` is the name
    /// of the event's window, if there is one.
    ///
    /// The key is `<dataset>#<idempotency key>`, or `<dataset>#["a",1]` with the values at pointers. A window is
    /// appended after another `#`.
    ///
    /// # Errors
    /// Permanent, if a value is missing or the key is longer than DynamoDB takes.
    pub fn row_key(
        &self,
        dataset: &str,
        idempotency_key: &IdempotencyKey,
        payload: &Value,
        window: Option<&str>,
    ) -> Result<String, Failure> {
        let key = match &self.key {
            RowKey::Idempotency => idempotency_key.to_string(),
            RowKey::Pointers(pointers) => row_key(payload, pointers.iter().map(String::as_str))?,
        };
        let pk = match window {
            None => format!("{dataset}#{key}"),
            Some(window) => format!("{dataset}#{key}#{window}"),
        };
        if pk.len() > MAX_KEY_BYTES {
            let reason = format!("a row's key of {} bytes; at most {MAX_KEY_BYTES}", pk.len());
            return Err(Failure::permanent(Code::SizeExceeded, reason));
        }
        Ok(pk)
    }
}

impl Accumulate {
    /// The numbers that an event adds, by the names of the attributes that they are added to.
    ///
    /// A missing number and null count as 0. For example, a cancelled flight has no arrival delay, and is still
    /// counted.
    ///
    /// # Errors
    /// [`Code::ContractViolation`], permanent, if a value that is summed is not a number, or has too many digits.
    pub fn additions(&self, payload: &Value) -> Result<BTreeMap<String, Decimal>, Failure> {
        let mut additions = BTreeMap::new();
        additions.extend(self.count.clone().map(|name| (name, Decimal::ONE)));
        for (name, pointer) in &self.sums {
            additions.insert(name.clone(), summand(payload, pointer)?);
        }
        Ok(additions)
    }
}

fn summand(payload: &Value, pointer: &str) -> Result<Decimal, Failure> {
    let reason = match payload.pointer(pointer) {
        None | Some(Value::Null) => return Ok(Decimal::ZERO),
        Some(Value::Number(number)) => match Decimal::of(number) {
            Ok(summand) => return Ok(summand),
            Err(error) => format!("to be summed: {error}"),
        },
        Some(other) => format!("expected a number, found {}", kind_of(other)),
    };
    Err(Failure::permanent(Code::ContractViolation, reason).at(pointer))
}

impl Tombstone {
    /// Whether this payload means a deletion. Numbers are compared by their value: `1.0` equals `1`.
    #[must_use]
    pub fn is_in(&self, payload: &Value) -> bool {
        let Some(found) = payload.pointer(&self.at) else { return false };
        self.values.iter().any(|value| is_same_value(value, found))
    }
}

#[cfg(test)]
mod tests;
