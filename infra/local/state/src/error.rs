//! Why a state cannot be taken up or kept; each says where, and what can be done about it.

use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("{path}: it cannot be {done}: {source}")]
    Io {
        path: PathBuf,
        /// `read`, `written`.
        done: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("{folder}: another emulation keeps its state there; end it, or give another folder")]
    Locked { folder: PathBuf },
    #[error(
        "{folder}: it holds {found}, which is no emulation's state; give a folder that is empty, or \
         not there yet"
    )]
    NotOurs { folder: PathBuf, found: String },
    #[error(
        "{path}: it is of version {version}, and this program knows {known}; use the program that \
         wrote it, or give another folder"
    )]
    Version { path: PathBuf, version: u64, known: u64 },
    #[error(
        "{path}: it is damaged ({reason}); bring back a copy of its folder, or delete the folder to \
         begin anew"
    )]
    Damaged { path: PathBuf, reason: String },
    #[error(
        "{folder}: table {table} is kept there with other {part} than the template declares; give \
         another folder, or delete this one to begin anew"
    )]
    Table {
        folder: PathBuf,
        table: String,
        /// `keys`, `global secondary indexes`.
        part: &'static str,
    },
    #[error("{path}: dynamodb's tables cannot be written there: {reason}")]
    Tables { path: PathBuf, reason: String },
}

impl StateError {
    pub fn io<'a>(done: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Self + 'a {
        move |source| Self::Io { path: path.to_path_buf(), done, source }
    }

    pub fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged { path: path.to_path_buf(), reason: reason.to_string() }
    }
}
