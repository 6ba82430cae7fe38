//! Why a file cannot be read, and why one of its rows is no event.

use std::fmt;

/// A failure of the file as a whole. Rows that were read before it are good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParquetError {
    /// It contradicts the format, or itself.
    #[error("{0}")]
    Malformed(String),
    /// It uses a part of the format that is not read.
    #[error("{0}")]
    Unsupported(String),
    /// It asks for more than a limit of this crate.
    #[error("{0}")]
    TooLarge(String),
}

impl ParquetError {
    pub(crate) fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed(what.into())
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported(what.into())
    }

    pub(crate) fn too_large(what: impl Into<String>) -> Self {
        Self::TooLarge(what.into())
    }

    /// Adds the column to the reason.
    pub(crate) fn of_column(self, path: &str) -> Self {
        let at = |reason: String| format!("column `{path}`: {reason}");
        match self {
            Self::Malformed(reason) => Self::Malformed(at(reason)),
            Self::Unsupported(reason) => Self::Unsupported(at(reason)),
            Self::TooLarge(reason) => Self::TooLarge(at(reason)),
        }
    }
}

/// A row that JSON cannot hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub kind: RefusalKind,
    /// The JSON Pointer of the column, without the places in its lists; empty for the row as a whole.
    pub at: String,
    pub reason: String,
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// A text is not UTF-8.
    NotUtf8,
    /// A value is none of its type, or JSON has no such value.
    BadValue,
    /// The row is larger than the reader was told that one may be.
    TooLarge,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.reason)
    }
}
