//! Builds the effect of one event on one sink: the row that it changes, and the change.

use std::collections::BTreeMap;
use std::time::Duration;

use aws::{Accumulate, Field, Head, Insert, Merge, Row, TableEffect, Upsert, expires_at};
use aws_sdk_dynamodb::types::AttributeValue;
use contracts::{Order, RowKey, RowVersion, TableMode, TableSink, Tombstone};
use dedupe::RecordId;
use event::{Failure, Timestamp};
use runtime::sink::{Event, SizedEffect};

use crate::item::{attribute, checked_size, content, metadata, text};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An upper bound of the bytes that an item has besides its key and content: for the names of attributes, and for the
/// numbers and versions that are added when the item is written.
const OVERHEAD: usize = 160;

/// The effect of an event on its row in a sink's table.
///
/// # Errors
/// A permanent failure, if no row can be made of the event.
pub(crate) fn table_effect(
    event: &Event<'_>,
    sink: &contracts::Sink,
    to: &TableSink,
    table: &str,
) -> Result<SizedEffect<TableEffect>, Failure> {
    let id = event.id(sink);
    // The dedupe record has the key and the fingerprint too, whether it is an item of its own or part of the row.
    let fingerprint = event.envelope.fingerprint.as_str();
    let dedupe = id.key.as_str().len() + fingerprint.len() + id.sink.len() + OVERHEAD;
    let writing = Writing { event, to, table };
    let mut sized = match &to.mode {
        TableMode::Insert => writing.insert(id)?,
        TableMode::Upsert { order, tombstone } => {
            let is_deleted = writing.is_deleted(tombstone.as_ref());
            writing.upsert(order, &event.envelope.dataset, is_deleted)?
        }
        TableMode::Delete { order, rows_of } => writing.upsert(order, rows_of, true)?,
        TableMode::Merge { order, tombstone } => {
            writing.merge(order, writing.is_deleted(tombstone.as_ref()))?
        }
        TableMode::Accumulate(accumulate) => writing.accumulate(accumulate)?,
    };
    sized.bytes += dedupe;
    Ok(sized)
}

/// An event and the table that it is written to.
struct Writing<'a> {
    event: &'a Event<'a>,
    to: &'a TableSink,
    table: &'a str,
}

impl Writing<'_> {
    fn insert(&self, id: RecordId) -> Result<SizedEffect<TableEffect>, Failure> {
        let row = self.row(&self.event.envelope.dataset, None)?;
        let mut item = metadata(&self.event.envelope, self.event.now);
        item.extend(content(&self.to.attributes, &self.event.payload)?);
        // The row is also the dedupe record, so the row of an old event must not expire at once.
        let expires_at = self.to.ttl_days.map(|days| {
            let of_row = self.event.envelope.time.plus(DAY * days);
            of_row.max(self.event.expires_at)
        });
        let fingerprint = self.event.envelope.fingerprint.clone();
        let bytes = checked_size(&item, row.pk().len() + fingerprint.as_str().len() + OVERHEAD)?;
        Ok(SizedEffect {
            effect: TableEffect::Insert(Insert { row, id, fingerprint, expires_at, item }),
            bytes,
        })
    }

    fn upsert(
        &self,
        order: &Order,
        dataset: &str,
        is_deleted: bool,
    ) -> Result<SizedEffect<TableEffect>, Failure> {
        let row = self.row(dataset, None)?;
        let version = self.version(order)?;
        let mut item = metadata(&self.event.envelope, self.event.now);
        item.extend(self.expiry(self.event.envelope.time));
        if is_deleted {
            item.extend([deleted()]);
        } else {
            item.extend(content(&self.to.attributes, &self.event.payload)?);
        }
        let bytes = checked_size(&item, row.pk().len() + OVERHEAD)?;
        Ok(SizedEffect { effect: TableEffect::Upsert(Upsert { row, version, item }), bytes })
    }

    fn merge(&self, order: &Order, is_deleted: bool) -> Result<SizedEffect<TableEffect>, Failure> {
        let row = self.row(&self.event.envelope.dataset, None)?;
        let version = self.version(order)?;
        let mut item = metadata(&self.event.envelope, self.event.now);
        item.extend(self.expiry(self.event.envelope.time));
        // The version has the idempotency key already.
        item.remove("idempotency_key");
        item.extend(is_deleted.then(deleted));
        let mut without = vec!["subject", "degraded", "deleted"];
        without.retain(|name| !item.contains_key(*name));
        let mut bytes = checked_size(&item, row.pk().len() + OVERHEAD)?;
        let mut content = content(&self.to.attributes, &self.event.payload)?;
        bytes += checked_size(&content, (OVERHEAD + 2) * content.len())?;
        let mut fields = BTreeMap::new();
        for name in self.to.attributes.keys() {
            let value = content.remove(name);
            if is_deleted {
                fields.insert(name.clone(), Field { version: version.clone(), value: None });
            } else if value.is_some() {
                fields.insert(name.clone(), Field { version: version.clone(), value });
            }
        }
        let head = Some(Head { version: version.clone(), item, without });
        Ok(SizedEffect { effect: TableEffect::Merge(Merge { row, head, fields }), bytes })
    }

    fn accumulate(
        &self,
        accumulate: &contracts::Accumulate,
    ) -> Result<SizedEffect<TableEffect>, Failure> {
        let window = accumulate.window.around(self.event.envelope.time);
        let name = window.as_ref().map(|window| window.name.as_str());
        let row = self.row(&self.event.envelope.dataset, name)?;
        let mut labels = aws::Item::from([
            text("dataset", self.event.envelope.dataset.clone()),
            text("written_at", self.event.now.to_string()),
        ]);
        if let RowKey::Pointers(pointers) = &self.to.key {
            let values = pointers.iter().filter_map(|pointer| self.event.payload.pointer(pointer));
            let values: Result<Vec<_>, _> = values.map(attribute).collect();
            labels.insert("key".to_owned(), AttributeValue::L(values?));
        }
        if let Some(window) = window {
            labels.extend(self.expiry(window.ends_at));
            labels.extend([text("window", window.name)]);
        }
        let sums = accumulate.additions(&self.event.payload)?;
        let bytes = checked_size(&labels, row.pk().len() + OVERHEAD)?;
        Ok(SizedEffect { effect: TableEffect::Accumulate(Accumulate { row, labels, sums }), bytes })
    }

    fn row(&self, dataset: &str, window: Option<&str>) -> Result<Row, Failure> {
        let key = &self.event.envelope.idempotencykey;
        let pk = self.to.row_key(dataset, key, &self.event.payload, window)?;
        Ok(Row::new(self.table, &pk))
    }

    fn version(&self, order: &Order) -> Result<RowVersion, Failure> {
        let order = order.of(self.event.envelope.time, &self.event.payload)?;
        Ok(RowVersion { order, key: self.event.envelope.idempotencykey.clone() })
    }

    fn is_deleted(&self, tombstone: Option<&Tombstone>) -> bool {
        tombstone.is_some_and(|tombstone| tombstone.is_in(&self.event.payload))
    }

    fn expiry(&self, from: Timestamp) -> Option<(String, AttributeValue)> {
        self.to.ttl_days.map(|days| expires_at(from.plus(DAY * days)))
    }
}

fn deleted() -> (String, AttributeValue) {
    ("deleted".to_owned(), AttributeValue::Bool(true))
}

#[cfg(test)]
mod tests;
