//! One event and one sink: which row, and what is done to it.

use std::time::Duration;

use aws::{Accumulate, Field, Head, Insert, Merge, Row, TableEffect, Upsert, Version};
use aws_sdk_dynamodb::types::AttributeValue;
use contracts::{Order, RowKey, TableMode, Tombstone};
use dedupe::RecordId;
use dedupe::transactional::Write;
use event::{
    Code, Decimal, DecimalError, Envelope, Failure, KeyError, Timestamp, kind_of, raw_at, row_key,
};
use serde_json::Value;

use crate::item::{about, attribute, content, expires_at, sized, text};
use crate::tables::Destination;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest partition key, in bytes:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.
const MAX_KEY_BYTES: usize = 2_048;

/// What one item has besides key and content: at most so many bytes for its names, and for the numbers
/// and versions that are added when it is written.
const OVERHEAD: usize = 160;

/// An event on its way into its tables.
pub(crate) struct Event<'a> {
    pub(crate) envelope: &'a Envelope,
    pub(crate) payload: Value,
    pub(crate) now: Timestamp,
    /// How long its key is remembered.
    pub(crate) retention_days: u32,
}

impl Event<'_> {
    /// # Errors
    /// Permanent: what no row can be made of.
    pub(crate) fn write(&self, to: &Destination) -> Result<Write<TableEffect>, Failure> {
        let id = RecordId { sink: to.name.clone(), key: self.envelope.idempotencykey.clone() };
        let fingerprint = self.envelope.fingerprint.clone();
        // The dedupe record has key and fingerprint too, whichever item that is.
        let dedupe = id.key.as_str().len() + fingerprint.as_str().len() + id.sink.len() + OVERHEAD;
        let (effect, bytes) = match &to.sink.mode {
            TableMode::Insert => self.insert(to, &id)?,
            TableMode::Upsert { order, tombstone } => {
                let is_deleted = self.is_deleted(tombstone.as_ref());
                self.upsert(to, order, &self.envelope.dataset, is_deleted)?
            }
            TableMode::Delete { order, rows_of } => self.upsert(to, order, rows_of, true)?,
            TableMode::Merge { order, tombstone } => {
                self.merge(to, order, self.is_deleted(tombstone.as_ref()))?
            }
            TableMode::Accumulate(accumulate) => self.accumulate(to, accumulate)?,
        };
        let expires_at = self.now.plus(DAY * self.retention_days);
        Ok(Write { id, fingerprint, expires_at, effect, bytes: bytes + dedupe })
    }

    fn insert(&self, to: &Destination, id: &RecordId) -> Result<(TableEffect, usize), Failure> {
        let row = self.row(to, &self.envelope.dataset, None)?;
        let mut item = about(self.envelope, self.now);
        item.extend(content(&to.sink.attributes, &self.payload)?);
        if let Some(days) = to.sink.ttl_days {
            // It is the dedupe record too, and an old event is not to be forgotten at once.
            let remembered = self.now.plus(DAY * self.retention_days);
            item.extend([expires_at(self.envelope.time.plus(DAY * days).max(remembered))]);
        }
        let fingerprint = self.envelope.fingerprint.clone();
        let bytes = sized(&item, row.pk().len() + fingerprint.as_str().len() + OVERHEAD)?;
        Ok((TableEffect::Insert(Insert { row, id: id.clone(), fingerprint, item }), bytes))
    }

    fn upsert(
        &self,
        to: &Destination,
        order: &Order,
        dataset: &str,
        is_deleted: bool,
    ) -> Result<(TableEffect, usize), Failure> {
        let row = self.row(to, dataset, None)?;
        let version = self.version(order)?;
        let mut item = about(self.envelope, self.now);
        item.extend(self.expiry(to, self.envelope.time));
        if is_deleted {
            item.extend([deleted()]);
        } else {
            item.extend(content(&to.sink.attributes, &self.payload)?);
        }
        let bytes = sized(&item, row.pk().len() + OVERHEAD)?;
        Ok((TableEffect::Upsert(Upsert { row, version, item }), bytes))
    }

    fn merge(
        &self,
        to: &Destination,
        order: &Order,
        is_deleted: bool,
    ) -> Result<(TableEffect, usize), Failure> {
        let row = self.row(to, &self.envelope.dataset, None)?;
        let version = self.version(order)?;
        let mut item = about(self.envelope, self.now);
        item.extend(self.expiry(to, self.envelope.time));
        // The version has it.
        item.remove("idempotency_key");
        item.extend(is_deleted.then(deleted));
        let mut without = vec!["subject", "degraded", "deleted"];
        without.retain(|name| !item.contains_key(*name));
        let mut bytes = sized(&item, row.pk().len() + OVERHEAD)?;
        let mut content = content(&to.sink.attributes, &self.payload)?;
        bytes += sized(&content, (OVERHEAD + 2) * content.len())?;
        let field = |value| Field { version: version.clone(), value };
        let fields = to.sink.attributes.keys().filter_map(|name| match content.remove(name) {
            _ if is_deleted => Some((name.clone(), field(None))),
            Some(value) => Some((name.clone(), field(Some(value)))),
            None => None,
        });
        let fields = fields.collect();
        let head = Some(Head { version: version.clone(), item, without });
        Ok((TableEffect::Merge(Merge { row, head, fields }), bytes))
    }

    fn accumulate(
        &self,
        to: &Destination,
        accumulate: &contracts::Accumulate,
    ) -> Result<(TableEffect, usize), Failure> {
        let window = accumulate.window.around(self.envelope.time);
        let name = window.as_ref().map(|window| window.name.as_str());
        let row = self.row(to, &self.envelope.dataset, name)?;
        let mut labels = aws::Item::from([
            text("dataset", self.envelope.dataset.clone()),
            text("written_at", self.now.to_string()),
        ]);
        if let RowKey::Pointers(pointers) = &to.sink.key {
            let values = pointers.iter().filter_map(|pointer| self.payload.pointer(pointer));
            let values: Result<Vec<_>, _> = values.map(attribute).collect();
            labels.insert("key".to_owned(), AttributeValue::L(values?));
        }
        if let Some(window) = window {
            labels.extend(self.expiry(to, window.ends_at));
            labels.extend([text("window", window.name)]);
        }
        let count = accumulate.count.iter().map(|name| Ok((name.clone(), Decimal::ONE)));
        let sums = accumulate.sums.iter().map(|(name, at)| Ok((name.clone(), self.summand(at)?)));
        let sums = count.chain(sums).collect::<Result<_, Failure>>()?;
        let bytes = sized(&labels, row.pk().len() + OVERHEAD)?;
        Ok((TableEffect::Accumulate(Accumulate { row, labels, sums }), bytes))
    }

    /// `<dataset>#<idempotency key>`, or `<dataset>#["a",1]` and a window's name.
    fn row(&self, to: &Destination, dataset: &str, window: Option<&str>) -> Result<Row, Failure> {
        let key = match &to.sink.key {
            RowKey::Idempotency => self.envelope.idempotencykey.to_string(),
            RowKey::Pointers(pointers) => {
                let pointers = pointers.iter().map(String::as_str);
                row_key(&self.payload, pointers).map_err(|error| key_failure(&error))?
            }
        };
        let pk = match window {
            None => format!("{dataset}#{key}"),
            Some(window) => format!("{dataset}#{key}#{window}"),
        };
        if pk.len() > MAX_KEY_BYTES {
            let reason = format!("a row's key of {} bytes; at most {MAX_KEY_BYTES}", pk.len());
            return Err(Failure::permanent(Code::SizeExceeded, reason));
        }
        Ok(Row::new(&to.table, &pk))
    }

    fn version(&self, order: &Order) -> Result<Version, Failure> {
        let key = self.envelope.idempotencykey.clone();
        let order = match order {
            Order::EventTime => self.envelope.time.unix_ms(),
            Order::Pointer(pointer) => {
                let found = self.payload.pointer(pointer).unwrap_or(&Value::Null);
                found.as_i64().ok_or_else(|| {
                    let what = kind_of(found);
                    let reason = format!(
                        "expected an integer of 64 bits, which orders events, found {what}"
                    );
                    Failure::permanent(Code::ContractViolation, reason).at(pointer)
                })?
            }
        };
        Ok(Version { order, key })
    }

    fn is_deleted(&self, tombstone: Option<&Tombstone>) -> bool {
        tombstone.is_some_and(|tombstone| tombstone.is_in(&self.payload))
    }

    fn expiry(&self, to: &Destination, from: Timestamp) -> Option<(String, AttributeValue)> {
        to.sink.ttl_days.map(|days| expires_at(from.plus(DAY * days)))
    }

    /// Nothing there, or null, is 0: what a flight that was cancelled lacks is no reason to count it
    /// nowhere. What is no number is a failure.
    fn summand(&self, pointer: &str) -> Result<Decimal, Failure> {
        let refused =
            |reason: String| Failure::permanent(Code::ContractViolation, reason).at(pointer);
        let unfit = |error: DecimalError| refused(format!("to be summed: {error}"));
        match self.payload.pointer(pointer) {
            None | Some(Value::Null) => Ok(Decimal::ZERO),
            // As it is written: a double would lose digits.
            Some(Value::Number(number)) if number.is_f64() => {
                let raw = raw_at(&self.envelope.data, pointer).map_or("", |raw| raw.get());
                raw.parse().map_err(unfit)
            }
            Some(Value::Number(number)) => number.to_string().parse().map_err(unfit),
            Some(other) => Err(refused(format!("expected a number, found {}", kind_of(other)))),
        }
    }
}

fn deleted() -> (String, AttributeValue) {
    ("deleted".to_owned(), AttributeValue::Bool(true))
}

fn key_failure(error: &KeyError) -> Failure {
    let failure = Failure::permanent(Code::KeyMissing, error.to_string());
    match error.pointer() {
        Some(pointer) => failure.at(pointer),
        None => failure,
    }
}

#[cfg(test)]
mod tests;
