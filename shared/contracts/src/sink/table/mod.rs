//! A sink that is a DynamoDB table: which row an event is about, and what it does to it.

mod order;

mod raw;
mod window;

use std::collections::BTreeMap;

use event::{Code, Decimal, Failure, IdempotencyKey, is_same_value, kind_of, row_key};
use serde::Deserialize;
use serde_json::Value;

pub use self::order::{RowOrder, RowVersion};
pub(crate) use self::raw::RawTableSink;
pub use self::window::{Opened, Window};

/// Rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSink {
    pub key: RowKey,
    pub mode: TableMode,
    /// JSON Pointers by the names of the attributes that take what is there; none means the whole
    /// payload, as the attribute `payload`.
    pub attributes: BTreeMap<String, String>,
    /// How long a row stays, counted from its event's time, or from the end of its window; for ever if
    /// there is none.
    pub ttl_days: Option<u32>,
}

/// What makes a row's key, after the dataset's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKey {
    /// Each event has a row of its own.
    Idempotency,
    /// The values at these JSON Pointers.
    Pointers(Vec<String>),
}

/// What an event does to its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableMode {
    /// Makes it, and is its dedupe record too. A row that is there is never changed.
    Insert,
    /// Replaces it, unless it is newer.
    Upsert { order: Order, tombstone: Option<Tombstone> },
    /// Replaces those of its attributes that the event has and that are not newer.
    Merge { order: Order, tombstone: Option<Tombstone> },
    /// Deletes it, unless it is newer.
    Delete {
        order: Order,
        /// The dataset whose rows they are: it upserts them by a sink of the same name.
        rows_of: String,
    },
    /// Adds to its counter and sums.
    Accumulate(Accumulate),
}

/// Which of two events is the newer one. Where they are equal, the greater idempotency key is: every
/// order of arrival ends in the same row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    EventTime,
    /// The integer of 64 bits at this JSON Pointer; `7.0` is one.
    Pointer(String),
}

/// How an event says that its row is deleted, as change data capture does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tombstone {
    /// A JSON Pointer.
    pub at: String,
    /// Any of which, there, means a deletion.
    pub values: Vec<Value>,
}

/// What is added up for each key and window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accumulate {
    pub window: Window,
    /// The attribute that counts the events.
    pub count: Option<String>,
    /// JSON Pointers to what is summed, by the names of the attributes that hold the sums. Nothing
    /// there, or null, counts as 0.
    pub sums: BTreeMap<String, String>,
}

/// The longest partition key, in bytes:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.
const MAX_KEY_BYTES: usize = 2_048;

impl TableSink {
    /// The partition key of an event's row: `<dataset>#<idempotency key>`, or `<dataset>#["a",1]`, and a window's
    /// name after another `#`. `dataset` is that of the rows.
    ///
    /// # Errors
    /// Permanent: a part of the key is missing, or it is longer than DynamoDB takes.
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
    /// What an event adds, by the names of the attributes that it is added to.
    ///
    /// Nothing there, or null, is 0: what a flight that was cancelled lacks is no reason to count it nowhere.
    ///
    /// # Errors
    /// Permanent: what is to be summed is no number.
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
    let refused = |reason: String| Failure::permanent(Code::ContractViolation, reason).at(pointer);
    match payload.pointer(pointer) {
        None | Some(Value::Null) => Ok(Decimal::ZERO),
        Some(Value::Number(number)) => {
            Decimal::of(number).map_err(|error| refused(format!("to be summed: {error}")))
        }
        Some(other) => Err(refused(format!("expected a number, found {}", kind_of(other)))),
    }
}

impl Tombstone {
    #[must_use]
    pub fn is_in(&self, payload: &Value) -> bool {
        let Some(found) = payload.pointer(&self.at) else { return false };
        self.values.iter().any(|value| is_same_value(value, found))
    }
}

#[cfg(test)]
mod tests;
