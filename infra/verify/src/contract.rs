//! What the judge needs of a contract file: the keys and the sinks of a dataset. `read` takes it from the file.
//!
//! Everything else in the file is ignored. This module does not check whether a contract is valid.

mod read;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::event_time::EventTime;
use crate::json::Json;
use crate::limits::Limits;

/// A dataset as its contract describes it.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The name, which begins every idempotency key.
    pub name: String,
    /// JSON Pointers to the values that identify an event: `keys.idempotency` of the contract.
    pub identity: Vec<String>,
    /// Where the time of an event is, and how it is written: `keys.event_time`.
    pub event_time: EventTime,
    /// The integer that orders events: `keys.sequence`. `None` if the contract names none.
    pub sequence: Option<String>,
    /// How far the time of an event may be from that at which it was taken in: `time`.
    pub limits: Limits,
    /// The texts that mean "no value" in a CSV file. An empty field always means it.
    pub missing: BTreeSet<String>,
    /// For how many days a key is remembered: 30 if the contract does not say.
    pub remembered_days: u32,
    /// The members of a payload that enrichers add. Their values are not part of the event.
    pub enriched: BTreeSet<String>,
    /// The sinks, in the order of the contract.
    pub sinks: Vec<Sink>,
    /// The types that the schema allows for each member of the payload.
    pub types: BTreeMap<String, Vec<String>>,
    /// The schema. Null if it cannot be read.
    pub schema: Json,
}

/// A sink of a dataset.
#[derive(Clone, Debug)]
pub struct Sink {
    /// The name in the contract.
    pub name: String,
    /// What it writes to.
    pub kind: Kind,
}

/// What a sink writes to.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A DynamoDB table.
    Table(Table),
    /// Objects in S3 with a row for each event.
    Lake,
    /// A service that is called for each event.
    Http {
        /// The template of the URL.
        url: String,
        /// Whether the body is the whole envelope instead of the payload.
        sends_envelope: bool,
    },
    /// Whatever a function of the user's own writes to.
    Custom {
        /// The name of that function.
        by: String,
    },
}

/// How a sink writes the rows of a table.
#[derive(Clone, Debug)]
pub struct Table {
    /// What identifies a row.
    pub key: RowKey,
    /// What an event does to its row.
    pub mode: Mode,
    /// JSON Pointers by the names of the attributes that get their values. If there are none, the
    /// attribute `payload` has the whole payload.
    pub attributes: BTreeMap<String, String>,
    /// After how many days a row expires. `None` means that it does not.
    pub ttl_days: Option<u32>,
}

/// What identifies a row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKey {
    /// What identifies the event.
    Identity,
    /// The values at these JSON Pointers.
    Pointers(Vec<String>),
}

/// What an event does to its row.
#[derive(Clone, Debug)]
pub enum Mode {
    /// It inserts a row, which never changes.
    Insert,
    /// It replaces the row, unless that is newer.
    Upsert {
        /// What makes an event newer than another.
        order: Order,
        /// Which events delete the row; `None` for none of them.
        tombstone: Option<Tombstone>,
    },
    /// It sets those attributes of the row that it has values for, unless these are newer.
    Merge {
        /// What makes an event newer than another.
        order: Order,
        /// Which events delete the row; `None` for none of them.
        tombstone: Option<Tombstone>,
    },
    /// It deletes the row, unless that is newer.
    Delete {
        /// What makes an event newer than another.
        order: Order,
        /// The name of the dataset whose rows are deleted.
        rows_of: String,
    },
    /// It adds to the totals of its key and window.
    Accumulate {
        /// The period of a row.
        window: Window,
        /// The attribute that counts the events, if there is one.
        count: Option<String>,
        /// JSON Pointers to the summands, by the names of the attributes.
        sums: BTreeMap<String, String>,
    },
}

/// What makes an event newer than another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// The later time of the event.
    EventTime,
    /// The greater value at this JSON Pointer: a time or a number.
    Pointer(String),
}

/// Marks the events that delete their row.
#[derive(Clone, Debug)]
pub struct Tombstone {
    /// A JSON Pointer into the payload.
    pub at: String,
    /// Any of these values there makes the event a deletion.
    pub values: Vec<Json>,
}

/// The period over which a total is computed, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// A calendar month.
    Month,
    /// All time.
    None,
}

/// Why a contract cannot be judged by.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file is not YAML, or lacks a part.
    #[error("the contract cannot be read: {0}")]
    Contract(String),
    /// A sink lacks a part, or has one that is not known here.
    #[error("sink `{sink}`: {problem}")]
    Sink {
        /// The name of the sink.
        sink: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Sink {
    /// The kind as enrich routes by it: `table`, `lake`, `http` or `custom:<function>`. Each has
    /// a queue of its own.
    #[must_use]
    pub fn kind_name(&self) -> String {
        match &self.kind {
            Kind::Table(_) => "table".to_owned(),
            Kind::Lake => "lake".to_owned(),
            Kind::Http { .. } => "http".to_owned(),
            Kind::Custom { by } => format!("custom:{by}"),
        }
    }

    /// A description for people, such as `table, upsert`.
    #[must_use]
    pub fn about(&self) -> String {
        let Kind::Table(table) = &self.kind else { return self.kind_name() };
        let mode = match table.mode {
            Mode::Insert => "insert",
            Mode::Upsert { .. } => "upsert",
            Mode::Merge { .. } => "merge",
            Mode::Delete { .. } => "delete",
            Mode::Accumulate { .. } => "accumulate",
        };
        format!("table, {mode}")
    }
}

#[cfg(test)]
mod tests;
