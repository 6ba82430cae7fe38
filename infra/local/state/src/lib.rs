#![doc = include_str!("../README.md")]

mod error;
mod files;
mod manifest;
#[cfg(test)]
mod tests;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

pub use self::error::StateError;
pub use self::files::Writer;
pub use self::manifest::{Declared, Times};

use self::manifest::Manifest;

const LOCK: &str = "lock";
const MANIFEST: &str = "state.json";
/// The manifest on its way.
const NEXT_MANIFEST: &str = "state.json.new";

/// A folder that this process alone uses for as long as this lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// What was written last.
    manifest: Option<Manifest>,
    lock: File,
}

/// A process that is being started has a copy of each open file for a moment, and would hold the lock for
/// as long: it is given up explicitly.
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

impl Folder {
    /// Takes hold of a folder, which is made if it is missing, and holds its files against the manifest.
    /// Blocks for as long as reading them takes.
    ///
    /// # Errors
    /// [`StateError`], each of them but [`StateError::Table`].
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
        // Before anything is done to it; it may change until the lock is held.
        Manifest::read(&path)?;
        let lock = lock(&path)?;
        let manifest = Manifest::read(&path)?;
        Ok(Self { path, manifest, lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The times of what is kept, and what the template declared then; `None` where nothing is kept.
    pub fn kept(&self) -> Option<(Times, &Declared)> {
        self.manifest.as_ref().map(|manifest| (manifest.times, &manifest.declared))
    }

    /// The path of a file that is kept.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        let manifest = self.manifest.as_ref().filter(|each| each.files.contains_key(name));
        manifest.and(self.generation()).map(|generation| generation.join(name))
    }

    /// Writes a generation, and lets it count when `write` has written all of its files. If it fails, or
    /// the process ends meanwhile, the one before counts.
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
        // Until this is done, the generation before may be the one that a loss of power leaves.
        files::sync_folder(&self.path).map_err(StateError::io("written", &self.path))?;
        self.clean();
        Ok(())
    }

    fn generation(&self) -> Option<PathBuf> {
        let number = self.manifest.as_ref()?.generation;
        Some(self.path.join(number.to_string()))
    }

    /// Removes what does not count: the generation before, and what a killed process had begun. What
    /// cannot be removed does no harm.
    fn clean(&self) {
        let _ = fs::remove_file(self.path.join(NEXT_MANIFEST));
        let counts = self.manifest.as_ref().map(|manifest| manifest.generation.to_string());
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_str().unwrap_or_default();
            if is_generation(name) && Some(name) != counts.as_deref() {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// Looks whether a state can be kept in a folder, as far as that can be told without reading what is
/// kept: for whoever has something long to do before.
///
/// # Errors
/// [`StateError`], as the start of an emulation with this folder would answer.
pub fn check_state(path: &Path) -> Result<(), StateError> {
    if path.exists() { Folder::claim(path).map(drop) } else { Ok(()) }
}

/// A folder with anything else in it is somebody's, and nothing is to be done to it.
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
    let error = |source: io::Error| StateError::io("locked", &path)(source);
    let file = files::create(&path).map_err(error)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StateError::Locked { folder: folder.to_path_buf() }),
        Err(TryLockError::Error(source)) => Err(error(source)),
    }
}
