//! A generation's files: written with their checksums, and held against them.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use flate2::Crc;
use serde::{Deserialize, Serialize};

use super::StateError;

const BUFFER_BYTES: usize = 1 << 16;

/// By which a damaged file is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sum {
    bytes: u64,
    crc32: u32,
}

/// Writes the files of one generation.
pub struct Writer {
    folder: PathBuf,
    /// That of the generation before.
    before: Option<PathBuf>,
    files: BTreeMap<String, Sum>,
}

impl Writer {
    pub(super) fn new(folder: PathBuf, before: Option<PathBuf>) -> Result<Self, StateError> {
        // A killed process may have left it half full.
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StateError::io("removed", &folder)(error));
            }
            _ => {}
        }
        // Not with the folder that it is in: without its lock nothing is to be written there.
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(StateError::io("made", &folder))?;
        Ok(Self { folder, before, files: BTreeMap::new() })
    }

    /// Where a file is to be written by somebody else, who tells [`Writer::adopt`] when it is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file.
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

    /// Takes in a file that somebody else has written.
    pub fn adopt(&mut self, name: &str) -> Result<(), StateError> {
        let path = self.path(name);
        let error = StateError::io("written", &path);
        File::open(&path).and_then(|file| file.sync_all()).map_err(&error)?;
        self.files.insert(name.to_owned(), sum(&path).map_err(&error)?);
        Ok(())
    }

    /// Takes over a file of the generation before, which has not changed.
    pub fn link(&mut self, name: &str) -> Result<(), StateError> {
        let path = self.path(name);
        let error = StateError::io("written", &path);
        let before = self.before.as_ref().map(|before| before.join(name)).unwrap_or_default();
        // Not every file system has links.
        let linked = fs::hard_link(&before, &path).or_else(|_| fs::copy(&before, &path).map(drop));
        linked.map_err(&error)?;
        self.adopt(name)
    }

    pub(super) fn finish(self) -> Result<BTreeMap<String, Sum>, StateError> {
        sync_folder(&self.folder).map_err(StateError::io("written", &self.folder))?;
        Ok(self.files)
    }
}

/// # Errors
/// [`StateError::Damaged`] for a file that is missing or not as it was written.
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

/// Makes a folder that nobody else can look into, for payloads are in it; one that is there stays as it is.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a file to write to, and makes it if it is missing.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Makes what was done to the entries of a folder outlast a loss of power.
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

/// A writer that keeps count.
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
