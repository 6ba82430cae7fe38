//! What functions may have to do with a sink's table, by what the contracts' sinks do to its rows.

use std::collections::BTreeSet;

use contracts::{Catalog, TableMode, TableSink, Target};

/// The binary of the function that writes events into tables.
const SINK: &str = "sink";
/// That of the function that looks there for what became of dead letters, and of events that were sent.
const REDRIVE: &str = "redrive";

/// What the table sinks of one name need of their table: datasets that name a sink alike share one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TableNeeds {
    /// Some rows have an expiry.
    pub(super) expires: bool,
    sink: BTreeSet<&'static str>,
    redrive: BTreeSet<&'static str>,
}

impl TableNeeds {
    /// Those of all contracts' sinks of this name.
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

    /// An inserted row is put, and is its own dedupe record: redrive reads it, and extends how long it is
    /// remembered. A row of which the newest event stays is read, to forecast which that is. What was added to a
    /// total is told by the dedupe record alone.
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
