//! The manifest: the one file that says which others count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::files::Sum;
use super::{MANIFEST, NEXT_MANIFEST, StateError, files};

/// What every manifest says of itself.
const KIND: &str = "sluicegate local state";
/// Of the manifest and of all files that it names; older ones are none yet.
const VERSION: u64 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    kind: String,
    version: u64,
    /// The folder of the files.
    pub(super) generation: u64,
    pub(super) times: Times,
    pub(super) declared: Declared,
    pub(super) files: BTreeMap<String, Sum>,
}

/// The emulation's clock when the state was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// Milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// By how much it is before its source, the system's clock.
    pub advanced_ms: u64,
}

/// What a template declared, then or earlier: the names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    pub queues: BTreeSet<String>,
    pub buckets: BTreeSet<String>,
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

    /// `None` where nothing was kept yet.
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

    /// Puts it in the place of the one before, which is there until then; in a loss of power, until the
    /// folder is synchronised.
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
