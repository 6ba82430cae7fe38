//! Writes the files of a generation with their checksums, and checks them.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use flate2::Crc;
use serde::{Deserialize, Serialize};

use super::StateError;

const BUFFER_BYTES: usize = 1 << 16;

/// The size and checksum of a file, by which damage is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sum {
    bytes: u64,
    crc32: u32,
}

/// Writes the files of one generation.
pub struct Writer {
    folder: PathBuf,
    /// The folder of the generation before.
    before: Option<PathBuf>,
    files: BTreeMap<String, Sum>,
}

impl Writer {
    pub(super) fn new(folder: PathBuf, before: Option<PathBuf>) -> Result<Self, StateError> {
        // A killed process may have left an incomplete generation of this number.
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StateError::io("removed", &folder)(error));
            }
            _ => {}
        }
        // The folder that it is in is not created with it: if that folder is gone, so is its lock,
        // and nothing may be written without the lock.
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(StateError::io("made", &folder))?;
        Ok(Self { folder, before, files: BTreeMap::new() })
    }

    /// The path at which another writer (a database) can write a file of this generation. Call
    /// [`Writer::adopt`] after that.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file with what `with` writes, and synchronises it to the disk.
    ///
    /// # Errors
    /// [`StateError::Io`], also for an error of `with`.
    pub fn write(
        &mut self,
        name: &str,
        with: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), StateError> {
        let path = self.path(name);
        let error = StateError::io("written", &path);
        let file = create(&path).map_err(&error)?;
        let mut summing = Summing { to: file, bytes: 0, crc: Crc::new() };
        let mut buffered = BufWriter::with_capacity(BUFFER_BYTES, &mut summing);
        with(&mut buffered).and_then(|()| buffered.flush()).map_err(&error)?;
        drop(buffered);
        summing.to.sync_all().map_err(&error)?;
        let sum = Sum { bytes: summing.bytes, crc32: summing.crc.sum() };
        self.files.insert(name.to_owned(), sum);
        Ok(())
    }

    /// Adds a file that another writer wrote at [`Writer::path`].
    ///
    /// # Errors
    /// [`StateError::Io`] if the file cannot be read.
    pub fn adopt(&mut self, name: &str) -> Result<(), StateError> {
        let path = self.path(name);
        let error = StateError::io("written", &path);
        File::open(&path).and_then(|file| file.sync_all()).map_err(&error)?;
        self.files.insert(name.to_owned(), sum(&path).map_err(&error)?);
        Ok(())
    }

    /// Adds a file of the generation before, unchanged: as a hard link, or as a copy if the file
    /// system has no links.
    ///
    /// # Errors
    /// [`StateError::Io`], also if the generation before has no such file.
    pub fn link(&mut self, name: &str) -> Result<(), StateError> {
        let path = self.path(name);
        let error = StateError::io("written", &path);
        let before = self.before.as_ref().map(|before| before.join(name)).unwrap_or_default();
        // Some file systems have no hard links.
        let linked = fs::hard_link(&before, &path).or_else(|_| fs::copy(&before, &path).map(drop));
        linked.map_err(&error)?;
        self.adopt(name)
    }

    pub(super) fn finish(self) -> Result<BTreeMap<String, Sum>, StateError> {
        sync_folder(&self.folder).map_err(StateError::io("written", &self.folder))?;
        Ok(self.files)
    }
}

/// Compares a file with the size and checksum that it was written with.
///
/// # Errors
/// [`StateError::Damaged`] if it is missing or differs.
pub(super) fn check(path: &Path, expected: &Sum) -> Result<(), StateError> {
    let found = match sum(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StateError::damaged(path, "it is missing"));
        }
        Err(error) => return Err(StateError::io("read", path)(error)),
    };
    if found.bytes != expected.bytes {
        let reason = format!("it has {} bytes, not {}", found.bytes, expected.bytes);
        return Err(StateError::damaged(path, reason));
    }
    if found.crc32 != expected.crc32 {
        return Err(StateError::damaged(path, "its checksum is wrong"));
    }
    Ok(())
}

/// Creates a folder that only its owner can read, because payloads are stored in it. An existing
/// folder keeps its permissions.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a file for writing, and creates it if it is missing.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Makes changes to the entries of a folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn sum(path: &Path) -> io::Result<Sum> {
    let mut file = File::open(path)?;
    let (mut bytes, mut crc) = (0_u64, Crc::new());
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(Sum { bytes, crc32: crc.sum() });
        }
        bytes += u64::try_from(read).unwrap_or(0);
        crc.update(&buffer[..read]);
    }
}

/// A writer that computes the size and checksum of what it writes.
struct Summing {
    to: File,
    bytes: u64,
    crc: Crc,
}

impl Write for Summing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.bytes += u64::try_from(written).unwrap_or(0);
        self.crc.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
