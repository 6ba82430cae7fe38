//! The fields of a table sink as they are written in the file, and which of them each mode allows.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Accumulate, Order, RowKey, TableMode, TableSink, Tombstone, Window};
use crate::error::{ContractError, check_name, check_pointers, invalid};
use crate::keys::{Keys, MIN_RETENTION_DAYS};

/// The attributes that rows have besides those of their contract. A contract cannot use their names.
const RESERVED: &[&str] = &[
    "dataset",
    "degraded",
    "deleted",
    "event_id",
    "event_time",
    "expires_at",
    "fingerprint",
    "idempotency_key",
    "ingest_time",
    "key",
    "pk",
    "record_format",
    "subject",
    "version",
    "window",
    "written_at",
];

/// The most attributes of a merged row. An update names each attribute four times, and DynamoDB takes an expression of
/// at most 4 KB:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.
const MAX_MERGED: usize = 50;

pub(crate) struct RawTableSink {
    pub(crate) mode: Mode,
    pub(crate) key: Option<Vec<String>>,
    pub(crate) order_by: Option<String>,
    pub(crate) tombstone: Option<Tombstone>,
    pub(crate) attributes: Option<BTreeMap<String, String>>,
    pub(crate) ttl_days: Option<u32>,
    pub(crate) rows_of: Option<String>,
    pub(crate) window: Option<Window>,
    pub(crate) count: Option<String>,
    pub(crate) sums: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    #[default]
    Insert,
    Upsert,
    Merge,
    Delete,
    Accumulate,
}

impl RawTableSink {
    pub(crate) fn validate(mut self, keys: &Keys) -> Result<TableSink, ContractError> {
        let mode = self.mode;
        let key = match self.key.take() {
            Some(pointers) => RowKey::Pointers(pointers),
            None => match mode {
                Mode::Insert => RowKey::Idempotency,
                Mode::Upsert | Mode::Merge | Mode::Delete => {
                    RowKey::Pointers(keys.business.clone())
                }
                Mode::Accumulate => return Err(missing_field("sinks.key", mode)),
            },
        };
        if let RowKey::Pointers(pointers) = &key {
            check_pointers("sinks.key", pointers)?;
        }
        let attributes = self.attributes()?;
        let ttl_days = self.ttl_days()?;
        let mode = match mode {
            Mode::Insert => TableMode::Insert,
            Mode::Upsert => {
                TableMode::Upsert { order: self.order(keys)?, tombstone: self.tombstone()? }
            }
            Mode::Merge => {
                TableMode::Merge { order: self.order(keys)?, tombstone: self.tombstone()? }
            }
            Mode::Delete => {
                let rows_of =
                    self.rows_of.take().ok_or_else(|| missing_field("sinks.rows_of", mode))?;
                check_name("sinks.rows_of", &rows_of)?;
                TableMode::Delete { order: self.order(keys)?, rows_of }
            }
            Mode::Accumulate => TableMode::Accumulate(self.accumulate()?),
        };
        self.check_nothing_is_left()?;
        Ok(TableSink { key, mode, attributes, ttl_days })
    }

    fn attributes(&mut self) -> Result<BTreeMap<String, String>, ContractError> {
        const FIELD: &str = "sinks.attributes";
        let mode = self.mode;
        match (mode, &self.attributes) {
            (Mode::Merge, None) => return Err(missing_field(FIELD, mode)),
            (Mode::Merge, Some(all)) if all.len() > MAX_MERGED => {
                let problem = format!("{}; an update takes {MAX_MERGED}", all.len());
                return Err(invalid(FIELD, &problem));
            }
            (Mode::Delete | Mode::Accumulate, Some(_)) => {
                return Err(unexpected_field(FIELD, mode));
            }
            (_, Some(all)) if all.is_empty() => {
                return Err(invalid(FIELD, "at least one is needed"));
            }
            _ => {}
        }
        let attributes = self.attributes.take().unwrap_or_default();
        check_attributes(FIELD, attributes.keys())?;
        check_values(FIELD, &attributes)?;
        Ok(attributes)
    }

    fn ttl_days(&mut self) -> Result<Option<u32>, ContractError> {
        const FIELD: &str = "sinks.ttl_days";
        let days = self.ttl_days.take();
        let problem = match (self.mode, days) {
            (Mode::Insert, Some(days)) if days < MIN_RETENTION_DAYS => format!(
                "{days} days; at least {MIN_RETENTION_DAYS}, since the row is its own dedupe record, and a dead letter can come back after 14"
            ),
            (Mode::Accumulate, Some(_)) if self.window == Some(Window::None) => {
                "counted from the end of a window, and there is none".to_owned()
            }
            (_, Some(0)) => "at least 1".to_owned(),
            _ => return Ok(days),
        };
        Err(invalid(FIELD, &problem))
    }

    fn order(&mut self, keys: &Keys) -> Result<Order, ContractError> {
        const FIELD: &str = "sinks.order_by";
        let order_by = self.order_by.take();
        match (order_by.as_deref().unwrap_or("event_time"), &keys.sequence) {
            ("event_time", _) => Ok(Order::EventTime),
            ("sequence", Some(sequence)) => Ok(Order::Pointer(sequence.clone())),
            ("sequence", None) => Err(invalid(FIELD, "the contract has no keys.sequence")),
            (pointer, _) if pointer.starts_with('/') => Ok(Order::Pointer(pointer.to_owned())),
            (other, _) => {
                let problem =
                    format!("`{other}` is none of event_time, sequence and a JSON Pointer");
                Err(invalid(FIELD, &problem))
            }
        }
    }

    fn tombstone(&mut self) -> Result<Option<Tombstone>, ContractError> {
        let Some(tombstone) = self.tombstone.take() else { return Ok(None) };
        check_pointers("sinks.tombstone.at", std::slice::from_ref(&tombstone.at))?;
        let are_scalars = tombstone
            .values
            .iter()
            .all(|value| matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_)));
        if tombstone.values.is_empty() || !are_scalars {
            return Err(invalid(
                "sinks.tombstone.values",
                "texts, numbers or booleans, at least one",
            ));
        }
        Ok(Some(tombstone))
    }

    fn accumulate(&mut self) -> Result<Accumulate, ContractError> {
        let Some(window) = self.window.take() else {
            return Err(invalid("sinks.window", "one of hour, day, month and none is needed"));
        };
        let (count, sums) = (self.count.take(), self.sums.take().unwrap_or_default());
        if count.is_none() && sums.is_empty() {
            return Err(invalid("sinks.sums", "a mode that accumulates needs count or sums"));
        }
        check_attributes("sinks.count", count.as_ref())?;
        check_attributes("sinks.sums", sums.keys())?;
        check_values("sinks.sums", &sums)?;
        if count.as_ref().is_some_and(|count| sums.contains_key(count)) {
            return Err(invalid("sinks.sums", "one is called as the count is"));
        }
        Ok(Accumulate { window, count, sums })
    }

    /// Refuses the fields that the mode does not have. Those that it has were taken out before.
    fn check_nothing_is_left(&self) -> Result<(), ContractError> {
        let left = [
            ("sinks.order_by", self.order_by.is_some()),
            ("sinks.tombstone", self.tombstone.is_some()),
            ("sinks.rows_of", self.rows_of.is_some()),
            ("sinks.window", self.window.is_some()),
            ("sinks.count", self.count.is_some()),
            ("sinks.sums", self.sums.is_some()),
        ];
        match left.into_iter().find(|(_, is_left)| *is_left) {
            Some((field, _)) => Err(unexpected_field(field, self.mode)),
            None => Ok(()),
        }
    }
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Upsert => "upsert",
            Self::Merge => "merge",
            Self::Delete => "delete",
            Self::Accumulate => "accumulate",
        }
    }
}

fn missing_field(field: &str, mode: Mode) -> ContractError {
    invalid(field, &format!("mode {} needs it", mode.name()))
}

fn unexpected_field(field: &str, mode: Mode) -> ContractError {
    invalid(field, &format!("mode {} has none", mode.name()))
}

/// Checks the names of attributes.
fn check_attributes<'a>(
    field: &str,
    names: impl IntoIterator<Item = &'a String>,
) -> Result<(), ContractError> {
    for name in names {
        let is_well_formed =
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        if !(1..=128).contains(&name.len()) || !is_well_formed {
            let problem = format!("`{name}`: 1 to 128 letters, digits, `_`, `-` and `.`");
            return Err(invalid(field, &problem));
        }
        if RESERVED.contains(&name.as_str()) {
            return Err(invalid(field, &format!("`{name}` is written to each row as it is")));
        }
    }
    Ok(())
}

/// Checks the pointers to the values of attributes.
fn check_values(field: &str, pointers: &BTreeMap<String, String>) -> Result<(), ContractError> {
    pointers.values().try_for_each(|pointer| check_pointers(field, std::slice::from_ref(pointer)))
}
