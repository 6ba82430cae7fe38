//! The errors of this crate.

use std::io;
use std::path::{Path, PathBuf};

/// Why a state cannot be read or written. Each message says where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The operating system reports an error.
    #[error("{path}: it cannot be {done}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What cannot be done to it, as a participle: `read`, `written`.
        done: &'static str,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// Another process has the folder's lock.
    #[error("{folder}: another emulation keeps its state there; end it, or give another folder")]
    Locked {
        /// The folder of the state.
        folder: PathBuf,
    },
    /// The folder has files that do not belong to a state.
    #[error(
        "{folder}: it holds {found}, which is no emulation's state; give a folder that is empty, or \
         not there yet"
    )]
    NotOurs {
        /// The folder of the state.
        folder: PathBuf,
        /// What was found there, such as the name of a file.
        found: String,
    },
    /// The manifest has a version that this program cannot read.
    #[error(
        "{path}: it is of version {version}, and this program knows {known}; use the program that \
         wrote it, or give another folder"
    )]
    Version {
        /// The manifest.
        path: PathBuf,
        /// The version that it has.
        version: u64,
        /// The version that this program reads.
        known: u64,
    },
    /// A file is missing, or is not as it was written.
    #[error(
        "{path}: it is damaged ({reason}); bring back a copy of its folder, or delete the folder to \
         begin anew"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it: a sentence without its full stop.
        reason: String,
    },
    /// A stored table differs from the declared one in a part that cannot be changed.
    #[error(
        "{folder}: table {table} is kept there with other {part} than the template declares; give \
         another folder, or delete this one to begin anew"
    )]
    Table {
        /// The folder of the state.
        folder: PathBuf,
        /// The name of the table.
        table: String,
        /// What differs: `keys`, `global secondary indexes`.
        part: &'static str,
    },
    /// The tables cannot be copied to a file.
    #[error("{path}: dynamodb's tables cannot be written there: {reason}")]
    Tables {
        /// The file.
        path: PathBuf,
        /// The message of the database.
        reason: String,
    },
}

impl StateError {
    /// A function for `map_err` that makes a [`StateError::Io`] about `path`.
    pub fn io<'a>(done: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Self + 'a {
        move |source| Self::Io { path: path.to_path_buf(), done, source }
    }

    /// A [`StateError::Damaged`] about `path`.
    pub fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged { path: path.to_path_buf(), reason: reason.to_string() }
    }
}
