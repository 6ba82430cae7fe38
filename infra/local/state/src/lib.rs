#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod error;
mod files;
mod manifest;
#[cfg(test)]
mod tests;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

pub use self::error::StateError;
pub use self::files::Writer;
pub use self::manifest::{Declared, Times};

use self::manifest::Manifest;

const LOCK: &str = "lock";
const MANIFEST: &str = "state.json";
/// A manifest that is not complete yet.
const NEXT_MANIFEST: &str = "state.json.new";

/// A folder with a state, which this process alone may use until the value is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The manifest that was read or written last.
    manifest: Option<Manifest>,
    lock: File,
}

/// A child process holds copies of all open files for a moment after it is started, and the lock
/// with them. Therefore the lock is released explicitly.
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

impl Folder {
    /// Locks a folder, which is created if it is missing, and checks its files against the
    /// manifest. Blocks while it reads them.
    ///
    /// # Errors
    /// Any [`StateError`] except [`StateError::Table`] and [`StateError::Tables`].
    pub fn open(path: &Path) -> Result<Self, StateError> {
        files::make_folder(path).map_err(StateError::io("made", path))?;
        let folder = Self::claim(path)?;
        folder.clean();
        if let (Some(manifest), Some(generation)) = (&folder.manifest, folder.generation()) {
            for (name, sum) in &manifest.files {
                files::check(&generation.join(name), sum)?;
            }
        }
        Ok(folder)
    }

    fn claim(path: &Path) -> Result<Self, StateError> {
        let path = path.canonicalize().map_err(StateError::io("found", path))?;
        check_ours(&path)?;
        // A folder with an unreadable manifest is refused before the lock file is written to it.
        // The manifest is read again under the lock, because it may change until then.
        Manifest::read(&path)?;
        let lock = lock(&path)?;
        let manifest = Manifest::read(&path)?;
        Ok(Self { path, manifest, lock })
    }

    /// The canonical path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The times of the stored state. `None` if nothing is stored.
    pub fn times(&self) -> Option<Times> {
        self.manifest.as_ref().map(|manifest| manifest.times)
    }

    /// What the template declared when the state was stored. `None` if nothing is stored.
    pub fn declared(&self) -> Option<&Declared> {
        self.manifest.as_ref().map(|manifest| &manifest.declared)
    }

    /// The path of a stored file. `None` if there is no file of this name.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        let manifest = self.manifest.as_ref().filter(|each| each.files.contains_key(name));
        manifest.and(self.generation()).map(|generation| generation.join(name))
    }

    /// Writes a new generation, which replaces the one before after `write` has written all of
    /// its files. If it fails, or if the process ends meanwhile, the generation before stays
    /// valid.
    ///
    /// # Errors
    /// [`StateError::Io`], and those of `write`.
    pub fn write(
        &mut self,
        times: Times,
        declared: Declared,
        write: impl FnOnce(&mut Writer) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let number = self.manifest.as_ref().map_or(0, |manifest| manifest.generation) + 1;
        let path = self.path.join(number.to_string());
        let mut writer = Writer::new(path.clone(), self.generation())?;
        let written = write(&mut writer).and_then(|()| writer.finish()).and_then(|files| {
            let manifest = Manifest::new(number, times, declared, files);
            manifest.replace(&self.path)?;
            Ok(manifest)
        });
        match written {
            Ok(manifest) => self.manifest = Some(manifest),
            Err(error) => {
                let _ = fs::remove_dir_all(&path);
                return Err(error);
            }
        }
        // Until this is done, a loss of power may bring the generation before back. Therefore it is
        // removed only afterwards.
        files::sync_folder(&self.path).map_err(StateError::io("written", &self.path))?;
        self.clean();
        Ok(())
    }

    fn generation(&self) -> Option<PathBuf> {
        let number = self.manifest.as_ref()?.generation;
        Some(self.path.join(number.to_string()))
    }

    /// Removes the generation before, and what a killed process left. Errors are ignored, because
    /// what stays does no harm.
    fn clean(&self) {
        let _ = fs::remove_file(self.path.join(NEXT_MANIFEST));
        let current = self.manifest.as_ref().map(|manifest| manifest.generation.to_string());
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_str().unwrap_or_default();
            if is_generation(name) && Some(name) != current.as_deref() {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// Checks whether a folder can be used for a state, without reading the stored files. Callers use
/// it before long work such as a build. It takes the folder's lock for a moment.
///
/// # Errors
/// The [`StateError`] that [`Folder::open`] would return, except for damaged files.
pub fn check_state(path: &Path) -> Result<(), StateError> {
    if path.exists() { Folder::claim(path).map(drop) } else { Ok(()) }
}

/// Refuses a folder that has any other file in it: it belongs to someone else.
fn check_ours(path: &Path) -> Result<(), StateError> {
    let entries = fs::read_dir(path).map_err(StateError::io("read", path))?;
    for entry in entries {
        let name = entry.map_err(StateError::io("read", path))?.file_name();
        let name = name.to_string_lossy();
        let is_ours = [LOCK, MANIFEST, NEXT_MANIFEST].contains(&&*name) || is_generation(&name);
        if !is_ours {
            let folder = path.to_path_buf();
            return Err(StateError::NotOurs { folder, found: name.into_owned() });
        }
    }
    Ok(())
}

fn is_generation(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

fn lock(folder: &Path) -> Result<File, StateError> {
    let path = folder.join(LOCK);
    let error = StateError::io("locked", &path);
    let file = files::create(&path).map_err(&error)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StateError::Locked { folder: folder.to_path_buf() }),
        Err(TryLockError::Error(source)) => Err(error(source)),
    }
}
