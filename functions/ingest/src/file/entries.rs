//! What a file consists of: every byte that is read belongs to one entry.

use super::entry::Entry;
use super::lines::Lines;
use super::records::Records;

/// The entries of a file, as its bytes come.
pub(super) enum Entries {
    Lines(Lines),
    Records(Box<Records>),
}

impl Entries {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Lines(lines) => lines.push(bytes),
            Self::Records(records) => records.push(bytes),
        }
    }

    /// No byte comes any more: what is left is the last entry.
    pub(super) fn end(&mut self) {
        match self {
            Self::Lines(lines) => lines.end(),
            Self::Records(records) => records.end(),
        }
    }

    /// `None` until more bytes come, or the end.
    pub(super) fn next(&mut self) -> Option<Entry<'_>> {
        match self {
            Self::Lines(lines) => lines.next(),
            Self::Records(records) => records.next(),
        }
    }
}
