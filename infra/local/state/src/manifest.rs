//! The manifest: the file that says which generation is valid, and which files it has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::files::Sum;
use super::{MANIFEST, NEXT_MANIFEST, StateError, files};

/// The content of `kind`, by which a manifest is recognised.
const KIND: &str = "sluicegate local state";
/// The version of the manifest and of all files that it names. There is no older one.
const VERSION: u64 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    kind: String,
    version: u64,
    /// The number of the generation, which is the name of its folder.
    pub(super) generation: u64,
    pub(super) times: Times,
    pub(super) declared: Declared,
    pub(super) files: BTreeMap<String, Sum>,
}

/// The emulation's clock at the time when the state was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// The time that the clock showed, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// How far the clock was ahead of the system's, in milliseconds.
    pub advanced_ms: u64,
}

/// The names of the resources that a template declares, or declared when the state was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// The names of the queues.
    pub queues: BTreeSet<String>,
    /// The names of the buckets.
    pub buckets: BTreeSet<String>,
    /// The names of the tables.
    pub tables: BTreeSet<String>,
}

impl Manifest {
    pub(super) fn new(
        generation: u64,
        times: Times,
        declared: Declared,
        files: BTreeMap<String, Sum>,
    ) -> Self {
        Self { kind: KIND.to_owned(), version: VERSION, generation, times, declared, files }
    }

    /// `None` if nothing is stored yet.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, StateError> {
        let path = folder.join(MANIFEST);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StateError::io("read", &path)(error)),
        };
        let value: Value =
            serde_json::from_slice(&text).map_err(|error| StateError::damaged(&path, error))?;
        if value.get("kind").and_then(Value::as_str) != Some(KIND) {
            return Err(StateError::NotOurs {
                folder: folder.to_path_buf(),
                found: format!("another program's {MANIFEST}"),
            });
        }
        match value.get("version").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(version) => return Err(StateError::Version { path, version, known: VERSION }),
            None => return Err(StateError::damaged(&path, "it has no version")),
        }
        let manifest = serde_json::from_value(value);
        manifest.map(Some).map_err(|error| StateError::damaged(&path, error))
    }

    /// Replaces the manifest atomically. After a loss of power the old one may still be there,
    /// until the folder is synchronised.
    pub(super) fn replace(&self, folder: &Path) -> Result<(), StateError> {
        let (next, path) = (folder.join(NEXT_MANIFEST), folder.join(MANIFEST));
        let error = StateError::io("written", &path);
        let mut text = serde_json::to_vec_pretty(self).map_err(|reason| error(reason.into()))?;
        text.push(b'\n');
        let mut file = files::create(&next).map_err(&error)?;
        file.set_len(0).and_then(|()| file.write_all(&text)).map_err(&error)?;
        file.sync_all().map_err(&error)?;
        fs::rename(&next, &path).map_err(&error)
    }
}
