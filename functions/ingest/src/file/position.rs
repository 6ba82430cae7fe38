//! Where in a file its reading goes on, in another invocation.

use contracts::TextEncoding;
use event::{Code, Failure};
use serde::{Deserialize, Serialize};

use super::format::{Format, Packing};

/// Where the next slice of a file begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Next {
    /// In Parquet, behind so many rows.
    Row { row: u64 },
    /// In any other format.
    Text(Position),
}

/// The end of a slice of a file that is read from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// How many bytes of the object precede the place from which on it is read.
    pub(crate) offset: u64,
    /// How many bytes after that place, unpacked and decoded, belong to entries that were taken.
    pub(super) skipped: u64,
    pub(super) format: Format,
    pub(super) packing: Packing,
    /// The encoding that CSV turned out to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) encoding: Option<TextEncoding>,
    /// The names of CSV's columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) columns: Option<Vec<String>>,
    pub(super) entries: EntryPosition,
}

impl Next {
    /// How many bytes of the object precede the place from which on it is read; `None` if it is read by its rows.
    pub(crate) fn offset(&self) -> Option<u64> {
        match self {
            Self::Row { .. } => None,
            Self::Text(position) => Some(position.offset),
        }
    }

    /// How many rows of Parquet precede it. A place in a text is none of Parquet, which is then read from its beginning.
    pub(super) fn row(self) -> u64 {
        match self {
            Self::Row { row } => row,
            Self::Text(_) => 0,
        }
    }

    /// The place in a text.
    ///
    /// # Errors
    /// [`Code::RecordPanicked`], transient, for a place in Parquet, which would be a fault of this code.
    pub(super) fn position(&self) -> Result<&Position, Failure> {
        match self {
            Self::Text(position) => Ok(position),
            Self::Row { row } => {
                let reason = format!("a fault of Sluicegate: row {row} of a text");
                Err(Failure::transient(Code::RecordPanicked, reason))
            }
        }
    }
}

impl Position {
    /// The names of CSV's columns, and the ASCII character between two fields.
    pub(super) fn columns(&self) -> Option<(&[String], u8)> {
        match (&self.columns, &self.entries) {
            (Some(names), EntryPosition::Record { delimiter, .. }) => Some((names, *delimiter)),
            _ => None,
        }
    }
}

/// The place of the next entry, in the file's own count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EntryPosition {
    /// In NDJSON.
    Line { line: u64 },
    /// In CSV.
    Record {
        line: u64,
        /// Whether the byte before it is a CR, with which an LF would be one line end.
        is_after_cr: bool,
        /// The ASCII character between two fields. The contract may have another one by now.
        delimiter: u8,
    },
    /// Among JSON documents.
    Document {
        /// How many bytes of the unpacked file precede it.
        offset: u64,
        is_in_array: bool,
        /// The white space with which its line begins; `None` if that is too long to be compared.
        indent: Option<String>,
        /// Whether its line has nothing else before it.
        is_first_on_line: bool,
    },
}
