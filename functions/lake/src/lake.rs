//! One lake of a dataset: how its events become rows, and rows an object.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use contracts::{Catalog, LakeFormat, Target};
use event::{Code, Envelope, Failure, IdempotencyKey};
use parquet::errors::ParquetError;

use crate::columns::{Cell, Columns};
use crate::{ndjson, parquet_file};

/// A sink of a dataset.
#[derive(Debug)]
pub struct Lake {
    /// How its objects are written from now on; older ones may be of another format.
    pub(crate) format: LakeFormat,
    columns: Columns,
}

/// An event, ready to be written.
#[derive(Debug)]
pub(crate) enum Row {
    Cells(Vec<Cell>),
    Line(String),
}

impl Row {
    fn cells(&self) -> Option<&[Cell]> {
        match self {
            Self::Cells(cells) => Some(cells),
            Self::Line(_) => None,
        }
    }

    fn line(&self) -> Option<&str> {
        match self {
            Self::Line(line) => Some(line),
            Self::Cells(_) => None,
        }
    }
}

/// The lakes of each dataset, by the names of their sinks.
pub type Lakes = BTreeMap<String, BTreeMap<String, Lake>>;

/// # Errors
/// When a contract has no Parquet schema.
pub fn lakes(contracts: &Catalog) -> Result<Lakes, ParquetError> {
    let mut lakes = Lakes::new();
    for contract in contracts.iter() {
        let of_dataset = lakes.entry(contract.dataset.clone()).or_default();
        for sink in &contract.sinks {
            if let Target::Lake(lake) = &sink.target {
                let lake = Lake { format: lake.format, columns: Columns::of(contract, lake)? };
                of_dataset.insert(sink.name.clone(), lake);
            }
        }
    }
    Ok(lakes)
}

impl Lake {
    /// # Errors
    /// When the event has what the lake has no place for; permanent.
    pub(crate) fn row(&self, envelope: &Envelope) -> Result<Row, Failure> {
        match self.format {
            LakeFormat::Parquet => self.columns.row(envelope).map(Row::Cells),
            LakeFormat::Ndjson(_) => ndjson::line(envelope).map(Row::Line),
        }
    }

    /// An object of this format with these rows, which are of it too; of none, one that readers take
    /// for empty.
    ///
    /// # Errors
    /// When the encoder fails: a fault of this program.
    pub(crate) fn object(&self, format: LakeFormat, rows: &[&Row]) -> Result<Vec<u8>, Failure> {
        // A row left out would be lost: its key is claimed.
        let mixed = || unwritable("a row of another format");
        match format {
            LakeFormat::Parquet => {
                let cells: Option<Vec<&[Cell]>> = rows.iter().map(|row| row.cells()).collect();
                let cells = cells.ok_or_else(mixed)?;
                parquet_file::write(&self.columns, &cells).map_err(unwritable)
            }
            LakeFormat::Ndjson(compression) => {
                let lines: Option<Vec<&str>> = rows.iter().map(|row| row.line()).collect();
                let lines = lines.ok_or_else(mixed)?;
                ndjson::write(&lines, compression).map_err(unwritable)
            }
        }
    }
}

/// The keys that an object holds: as many as it has rows.
///
/// # Errors
/// [`Code::DecodeFormat`], permanent, when it is none of a lake.
pub(crate) fn keys(format: LakeFormat, object: Bytes) -> Result<BTreeSet<IdempotencyKey>, Failure> {
    let unreadable = |reason: String| {
        let reason = format!("what is in an object's place in the lake is not readable: {reason}");
        Failure::permanent(Code::DecodeFormat, reason)
    };
    let keys = match format {
        LakeFormat::Parquet => {
            parquet_file::keys(object).map_err(|error| unreadable(error.to_string()))?
        }
        LakeFormat::Ndjson(compression) => {
            ndjson::keys(&object, compression).map_err(|error| unreadable(error.to_string()))?
        }
    };
    Ok(keys.into_iter().collect())
}

fn unwritable(error: impl std::fmt::Display) -> Failure {
    Failure::transient(Code::RecordPanicked, format!("encoding the lake's object: {error}"))
}
