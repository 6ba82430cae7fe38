//! One lake of a dataset: turns its events into rows, and rows into an object.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use contracts::{Catalog, Contract, LakeFormat, PerDataset, Target};
use event::{Code, Envelope, Failure, IdempotencyKey};
use parquet::errors::ParquetError;

use crate::columns::{Cell, Columns};
use crate::{ndjson, parquet_file};

/// A sink of the kind `lake`, as its contract describes it.
#[derive(Debug)]
pub struct Lake {
    /// The format of objects that are written from now on. Older objects may have another format.
    pub format: LakeFormat,
    columns: Columns,
}

/// An event, encoded for the format of its lake.
#[derive(Debug)]
pub struct Row(Encoded);

#[derive(Debug)]
enum Encoded {
    Cells(Vec<Cell>),
    Line(String),
}

impl Row {
    fn cells(&self) -> Option<&[Cell]> {
        match &self.0 {
            Encoded::Cells(cells) => Some(cells),
            Encoded::Line(_) => None,
        }
    }

    fn line(&self) -> Option<&str> {
        match &self.0 {
            Encoded::Line(line) => Some(line),
            Encoded::Cells(_) => None,
        }
    }
}

/// The lakes of all datasets, each of which is made when it is first needed.
pub struct Lakes {
    contracts: Catalog,
    made: PerDataset<LakesOfDataset>,
}

/// The lakes of one dataset, by the names of their sinks.
pub type LakesOfDataset = BTreeMap<String, Arc<Lake>>;

impl Lakes {
    /// The lakes that contracts declare.
    #[must_use]
    pub fn new(contracts: Catalog) -> Self {
        Self { contracts, made: PerDataset::default() }
    }

    /// The lakes of a dataset, which may have none.
    ///
    /// # Errors
    /// As [`Catalog::get`]; [`Code::ContractBroken`], transient, when the contract has no Parquet schema.
    pub fn of(&self, dataset: &str) -> Result<Arc<LakesOfDataset>, Failure> {
        self.made.get_or_make(dataset, || {
            let contract = self.contracts.get(dataset)?;
            lakes_of(contract).map_err(|error| {
                let reason = format!("a lake of `{dataset}`: {error}");
                Failure::transient(Code::ContractBroken, reason)
            })
        })
    }
}

fn lakes_of(contract: &Contract) -> Result<LakesOfDataset, ParquetError> {
    let mut lakes = LakesOfDataset::new();
    for sink in &contract.sinks {
        if let Target::Lake(lake) = &sink.target {
            let lake = Lake { format: lake.format, columns: Columns::of(contract, lake)? };
            lakes.insert(sink.name.clone(), Arc::new(lake));
        }
    }
    Ok(lakes)
}

impl Lake {
    /// Encodes an event as a row.
    ///
    /// # Errors
    /// When the event has a value that the lake cannot hold; permanent.
    pub fn row(&self, envelope: &Envelope) -> Result<Row, Failure> {
        let encoded = match self.format {
            LakeFormat::Parquet => Encoded::Cells(self.columns.row(envelope)?),
            LakeFormat::Ndjson(_) => Encoded::Line(ndjson::line(envelope)?),
        };
        Ok(Row(encoded))
    }

    /// Encodes rows as an object of a format, which must be the rows' own format. Without rows it is
    /// an object that readers take for empty.
    ///
    /// # Errors
    /// When the encoder fails, which is a fault of this program.
    pub fn object(&self, format: LakeFormat, rows: &[&Row]) -> Result<Vec<u8>, Failure> {
        // A row of another format must not be left out: it would be lost, since its key is claimed.
        match format {
            LakeFormat::Parquet => {
                let cells: Option<Vec<&[Cell]>> = rows.iter().map(|row| row.cells()).collect();
                let cells = cells.ok_or_else(|| encoding_failure(OTHER_FORMAT))?;
                parquet_file::write(&self.columns, &cells).map_err(encoding_failure)
            }
            LakeFormat::Ndjson(compression) => {
                let lines: Option<Vec<&str>> = rows.iter().map(|row| row.line()).collect();
                let lines = lines.ok_or_else(|| encoding_failure(OTHER_FORMAT))?;
                ndjson::write(&lines, compression).map_err(encoding_failure)
            }
        }
    }
}

const OTHER_FORMAT: &str = "a row of another format";

/// Reads the keys that an object holds, one for each row.
///
/// # Errors
/// [`Code::DecodeFormat`], permanent, when it is not an object of a lake.
pub(crate) fn keys(format: LakeFormat, object: Bytes) -> Result<BTreeSet<IdempotencyKey>, Failure> {
    let keys = match format {
        LakeFormat::Parquet => parquet_file::keys(object).map_err(decoding_failure)?,
        LakeFormat::Ndjson(compression) => {
            ndjson::keys(&object, compression).map_err(decoding_failure)?
        }
    };
    Ok(keys.into_iter().collect())
}

fn decoding_failure(error: impl std::fmt::Display) -> Failure {
    let reason = format!("what is in an object's place in the lake is not readable: {error}");
    Failure::permanent(Code::DecodeFormat, reason)
}

fn encoding_failure(error: impl std::fmt::Display) -> Failure {
    Failure::transient(Code::RecordPanicked, format!("encoding the lake's object: {error}"))
}
