//! The entries of a file, in any format. Every byte that is read belongs to exactly one entry.

use event::{Code, Failure, MAX_PAYLOAD_BYTES};

use super::documents::Documents;
use super::entry::Entry;
use super::format::Format;
use super::lines::Lines;
use super::position::EntryPosition;
use super::records::Records;
use super::scan::Indent;

/// Splits the bytes of a file into entries as they arrive.
pub(super) enum Entries {
    Lines(Lines),
    Documents(Documents),
    Records(Box<Records>),
}

impl Entries {
    /// `delimiter` is the ASCII character between two fields of CSV.
    pub(super) fn new(format: Format, delimiter: u8) -> Self {
        match format {
            Format::Ndjson => Self::Lines(Lines::new(MAX_PAYLOAD_BYTES)),
            Format::Json => Self::Documents(Documents::new(MAX_PAYLOAD_BYTES)),
            Format::Csv => Self::Records(Box::new(Records::new(MAX_PAYLOAD_BYTES, delimiter))),
        }
    }

    /// Goes on at a place, as [`Entries::position`] has given it.
    pub(super) fn at(position: &EntryPosition) -> Self {
        const LONGEST: usize = MAX_PAYLOAD_BYTES;
        match *position {
            EntryPosition::Line { line } => Self::Lines(Lines::at(LONGEST, line)),
            EntryPosition::Record { line, is_after_cr, delimiter } => {
                Self::Records(Box::new(Records::at(LONGEST, delimiter, line, is_after_cr)))
            }
            EntryPosition::Document { offset, is_in_array, ref indent, is_first_on_line } => {
                let indent = Indent::new(indent.as_deref(), is_first_on_line);
                Self::Documents(Documents::at(LONGEST, offset, is_in_array, indent))
            }
        }
    }

    /// How many bytes came that belong to no entry yet.
    pub(super) fn unread(&self) -> u64 {
        match self {
            Self::Lines(lines) => lines.unread(),
            Self::Documents(documents) => documents.unread(),
            Self::Records(records) => records.unread(),
        }
    }

    /// Where the next entry begins. `None` in the middle of a CSV record that is too long.
    pub(super) fn position(&self) -> Option<EntryPosition> {
        Some(match self {
            Self::Lines(lines) => EntryPosition::Line { line: lines.line() },
            Self::Records(records) => {
                let (line, is_after_cr) = records.place()?;
                EntryPosition::Record { line, is_after_cr, delimiter: records.delimiter() }
            }
            Self::Documents(documents) => EntryPosition::Document {
                offset: documents.offset(),
                is_in_array: documents.is_in_array(),
                indent: documents.indent().space().map(str::to_owned),
                is_first_on_line: documents.indent().is_all(),
            },
        })
    }

    /// Checks that the file may end where it ended.
    ///
    /// # Errors
    /// [`Code::DecodeJson`], permanent, if an array is not closed.
    pub(super) fn check_end(&self) -> Result<(), Failure> {
        match self {
            Self::Documents(documents) if documents.is_in_array() => {
                let reason = "cut short: its array is never closed";
                Err(Failure::permanent(Code::DecodeJson, reason))
            }
            Self::Lines(_) | Self::Documents(_) | Self::Records(_) => Ok(()),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Lines(lines) => lines.push(bytes),
            Self::Documents(documents) => documents.push(bytes),
            Self::Records(records) => records.push(bytes),
        }
    }

    /// Tells that no bytes follow: the rest is the last entry.
    pub(super) fn end(&mut self) {
        match self {
            Self::Lines(lines) => lines.end(),
            Self::Documents(documents) => documents.end(),
            Self::Records(records) => records.end(),
        }
    }

    /// The next entry; `None` if more bytes have to come before it is whole, or if there are no more.
    pub(super) fn next(&mut self) -> Option<Entry<'_>> {
        match self {
            Self::Lines(lines) => lines.next(),
            Self::Documents(documents) => documents.next(),
            Self::Records(records) => records.next(),
        }
    }
}
