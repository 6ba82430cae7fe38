//! The permissions that functions need on a sink's table, by what the sinks do to its rows.

use std::collections::BTreeSet;

use contracts::{Catalog, TableMode, TableSink, Target};

/// The binary of the function that writes events into tables.
const SINK: &str = "sink";
/// The binary of the function that looks in tables for dead letters and sent events.
const REDRIVE: &str = "redrive";

/// What all table sinks of one name need of their table. Datasets that use the same name share
/// the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TableNeeds {
    /// Whether some of its rows expire.
    pub(super) expires: bool,
    sink: BTreeSet<&'static str>,
    redrive: BTreeSet<&'static str>,
}

impl TableNeeds {
    /// The needs of the sinks of this name in all contracts.
    pub(super) fn of(catalog: &Catalog, sink: &str) -> Self {
        let mut needs = Self::default();
        let all = catalog.iter().flat_map(|contract| &contract.sinks);
        for each in all.filter(|each| each.name == sink) {
            if let Target::Table(table) = &each.target {
                needs.add(table);
            }
        }
        needs
    }

    /// Adds the actions that a mode needs.
    ///
    /// An inserted row is written with `PutItem`, and is its own dedupe record: redrive reads it
    /// and extends how long it is remembered. For a row that newer events replace, redrive reads
    /// which event is the newest. For a total, the dedupe record is enough.
    fn add(&mut self, table: &TableSink) {
        self.expires |= table.ttl_days.is_some();
        let (written, read): (&str, &[&str]) = match &table.mode {
            TableMode::Insert => {
                ("dynamodb:PutItem", &["dynamodb:BatchGetItem", "dynamodb:UpdateItem"])
            }
            TableMode::Upsert { .. } | TableMode::Delete { .. } => {
                ("dynamodb:PutItem", &["dynamodb:BatchGetItem"])
            }
            TableMode::Merge { .. } => ("dynamodb:UpdateItem", &["dynamodb:BatchGetItem"]),
            TableMode::Accumulate(_) => ("dynamodb:UpdateItem", &[]),
        };
        self.sink.insert(written);
        self.redrive.extend(read);
    }

    /// The IAM actions that the role of the function with this binary needs on the table.
    pub(super) fn actions(&self, binary: &str) -> impl Iterator<Item = &'static str> {
        static NONE: BTreeSet<&'static str> = BTreeSet::new();
        let actions = match binary {
            SINK => &self.sink,
            REDRIVE => &self.redrive,
            _ => &NONE,
        };
        actions.iter().copied()
    }
}
