//! A function's binary on disk: whether it was replaced, and starts while it is being replaced.
//!
//! Cargo removes a binary before it writes the new one. Therefore a change counts only if the file looks
//! the same in two checks, and a missing file changes nothing.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::settled::Settled;

/// The time between two checks. It is real time, because files change in real time.
pub(super) const INTERVAL: Duration = Duration::from_millis(250);
/// How often a start is attempted while the binary is being replaced.
const START_TRIES: usize = 20;

/// Distinguishes two versions of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    inode: u64,
    size: u64,
    modified_s: i64,
    modified_ns: i64,
}

impl FileStamp {
    /// The stamp of the file that has this metadata.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size: metadata.size(),
            modified_s: metadata.mtime(),
            modified_ns: metadata.mtime_nsec(),
        }
    }
}

/// Detects when a binary is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BinaryWatcher(Settled<Option<FileStamp>>);

impl BinaryWatcher {
    /// Starts with the current version of the binary.
    pub(super) fn new(path: &Path) -> Self {
        Self(Settled::new(file_stamp(path.metadata())))
    }

    /// Compares the binary with the known version. Returns true once for each new version that is
    /// complete.
    pub(super) fn check(&mut self, seen: Option<FileStamp>) -> bool {
        let complete = seen.filter(|stamp| stamp.size > 0);
        if complete.is_none() {
            self.0.forget();
            return false;
        }
        self.0.check(complete)
    }
}

pub(super) fn file_stamp(metadata: io::Result<std::fs::Metadata>) -> Option<FileStamp> {
    let metadata = metadata.ok().filter(std::fs::Metadata::is_file)?;
    Some(FileStamp::of(&metadata))
}

/// Starts a process, and retries for a few seconds while its binary is being replaced.
///
/// # Errors
/// The error of the last attempt.
pub(super) async fn retry_while_replaced<T>(
    mut start: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let mut tries = 1;
    loop {
        let result = start();
        let replacing = result.as_ref().is_err_and(|error| {
            matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ExecutableFileBusy)
        });
        if !replacing || tries == START_TRIES {
            return result;
        }
        tries += 1;
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of this size and inode.
    fn file(inode: u64, size: u64) -> Option<FileStamp> {
        Some(FileStamp { inode, size, modified_s: 7, modified_ns: 0 })
    }

    /// `looks` are what is seen, and whether that makes a replacement.
    #[track_caller]
    fn check(looks: &[(Option<FileStamp>, bool)]) {
        let mut watcher = BinaryWatcher(Settled::new(file(1, 9)));
        for (at, (seen, replaced)) in looks.iter().enumerate() {
            assert_eq!(watcher.check(*seen), *replaced, "look {at} of {looks:?}");
        }
    }

    #[test]
    fn a_binary_that_stays_is_not_replaced() {
        check(&[(file(1, 9), false), (file(1, 9), false), (file(1, 9), false)]);
    }

    #[test]
    fn a_new_binary_counts_once_it_has_been_seen_twice_and_only_once() {
        check(&[(file(2, 9), false), (file(2, 9), true), (file(2, 9), false), (file(2, 9), false)]);
        let touched = Some(FileStamp { inode: 1, size: 9, modified_s: 7, modified_ns: 1 });
        check(&[(touched, false), (touched, true), (touched, false)]);
    }

    #[test]
    fn a_missing_or_growing_binary_changes_nothing_until_it_is_whole() {
        check(&[(None, false), (None, false), (None, false), (file(1, 9), false)]);
        let growing = [file(2, 0), file(2, 0), file(2, 3), file(2, 5), None, file(2, 5)];
        let mut looks: Vec<_> = growing.map(|seen| (seen, false)).to_vec();
        looks.extend([(file(2, 9), false), (file(2, 9), true), (None, false), (file(2, 9), false)]);
        check(&looks);
    }

    #[test]
    fn what_returns_as_it_was_is_no_replacement() {
        check(&[(file(2, 9), false), (file(1, 9), false), (file(2, 9), false), (file(2, 9), true)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_waits_while_its_binary_is_replaced_but_not_for_another_failure() {
        let kinds = [io::ErrorKind::NotFound, io::ErrorKind::ExecutableFileBusy];
        let mut tries = 0;
        let started = retry_while_replaced(|| {
            tries += 1;
            kinds.get(tries - 1).map_or(Ok(tries), |kind| Err(io::Error::from(*kind)))
        });
        assert_eq!(started.await.unwrap(), 3);
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::NotFound] {
            let failed = retry_while_replaced(|| Err::<(), _>(io::Error::from(kind))).await;
            assert_eq!(failed.unwrap_err().kind(), kind);
        }
    }
}
