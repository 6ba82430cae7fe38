//! Where a dataset's events go, as its contract declares it: one module for each kind.

mod lake;
mod table;

use serde::Deserialize;

pub use self::lake::{Compression, LakeFormat, LakeSink};
pub use self::table::{Accumulate, Opened, Order, RowKey, TableMode, TableSink, Tombstone, Window};
use crate::contract::{ContractError, Keys, check_name, invalid};

/// One place that the events go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// What idempotency keys are remembered under; of the dataset's sinks, this one's alone.
    pub name: String,
    pub target: Target,
}

/// What is there, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Table(TableSink),
    Lake(LakeSink),
}

/// Each kind of sink is a queue and a function of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SinkKind {
    /// A DynamoDB table.
    Table,
    /// Objects in S3.
    Lake,
}

impl Target {
    pub(crate) fn is_upserted(&self) -> bool {
        match self {
            Self::Table(table) => matches!(table.mode, TableMode::Upsert { .. }),
            Self::Lake(_) => false,
        }
    }
}

impl Sink {
    #[must_use]
    pub fn kind(&self) -> SinkKind {
        match self.target {
            Target::Table(_) => SinkKind::Table,
            Target::Lake(_) => SinkKind::Lake,
        }
    }
}

/// A sink, as written: its kind says which other fields there are.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum WrittenSink {
    Table {
        name: String,
        #[serde(flatten)]
        table: Box<table::Written>,
    },
    Lake {
        name: String,
        #[serde(flatten)]
        lake: lake::Written,
    },
}

/// The sinks of a contract, checked.
pub(crate) fn checked(written: Vec<WrittenSink>, keys: &Keys) -> Result<Vec<Sink>, ContractError> {
    if written.is_empty() {
        return Err(invalid("sinks", "at least one is needed"));
    }
    let mut sinks: Vec<Sink> = Vec::new();
    for each in written {
        let (name, target) = match each {
            WrittenSink::Table { name, table } => (name, Target::Table(table.checked(keys)?)),
            WrittenSink::Lake { name, lake } => (name, Target::Lake(lake.checked()?)),
        };
        check_name("sinks.name", &name)?;
        if sinks.iter().any(|other| other.name == name) {
            return Err(invalid("sinks.name", "two of one name"));
        }
        sinks.push(Sink { name, target });
    }
    Ok(sinks)
}
