//! What ingest has nothing to do for: announcements of S3, and messages of change data capture that tell of no row. It is
//! counted by its kind, and logged once an invocation.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Announced;

/// Why an announcement is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ignored {
    /// The message that S3 sends once when a notification is set up.
    Test,
    /// An object was deleted, or a delete marker was written.
    Removed,
    /// An object was brought back from an archive class, or is to be.
    Restored,
    /// The tags of an object changed.
    Tagged,
    /// A lifecycle rule deleted an object or changed its storage class.
    Lifecycle,
    /// Another event that creates no object, such as a change of rights or a replication, or a heartbeat of Debezium.
    Other,
    /// An empty object whose key ends with a slash, as consoles make for a folder.
    Folder,
    /// An object called `_SUCCESS`, by which Hadoop and Spark say that a job has written all of its files.
    SuccessMarker,
    /// A message without a value, which Debezium sends after that of a row that was deleted.
    Tombstone,
    /// A message of Debezium about the columns of a table.
    SchemaChange,
}

/// The number of kinds.
const KINDS: usize = Ignored::SchemaChange as usize + 1;

impl Ignored {
    /// Why an object that was created is not read; `None` if it is to be read. `size` is in bytes.
    pub(super) fn of_created(object: &Announced, size: Option<u64>) -> Option<Self> {
        let name = object.key.rsplit('/').next().unwrap_or_default();
        if name == "_SUCCESS" {
            return Some(Self::SuccessMarker);
        }
        (name.is_empty() && size == Some(0)).then_some(Self::Folder)
    }
}

/// How often each kind was ignored in an invocation.
#[derive(Debug, Default)]
pub(crate) struct IgnoredCounts([AtomicU64; KINDS]);

impl IgnoredCounts {
    pub(crate) fn add(&self, ignored: &[Ignored]) {
        for kind in ignored {
            self.0[*kind as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Logs the counts, if there are any, and begins anew.
    pub(crate) fn log(&self) {
        let counts = self.take();
        if counts.iter().all(|&count| count == 0) {
            return;
        }
        tracing::info!(
            stage = "ingest",
            ignored.test = counts[Ignored::Test as usize],
            ignored.removed = counts[Ignored::Removed as usize],
            ignored.restored = counts[Ignored::Restored as usize],
            ignored.tagged = counts[Ignored::Tagged as usize],
            ignored.lifecycle = counts[Ignored::Lifecycle as usize],
            ignored.other = counts[Ignored::Other as usize],
            ignored.folder = counts[Ignored::Folder as usize],
            ignored.success_marker = counts[Ignored::SuccessMarker as usize],
            ignored.tombstone = counts[Ignored::Tombstone as usize],
            ignored.schema_change = counts[Ignored::SchemaChange as usize],
            "announcements ignored"
        );
    }

    fn take(&self) -> [u64; KINDS] {
        std::array::from_fn(|kind| self.0[kind].swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_counted_and_the_next_invocation_begins_anew() {
        let counts = IgnoredCounts::default();
        counts.add(&[Ignored::Tagged, Ignored::SuccessMarker, Ignored::Tagged]);
        let taken = counts.take();
        assert_eq!(taken[Ignored::Tagged as usize], 2);
        assert_eq!(taken[Ignored::SuccessMarker as usize], 1);
        assert_eq!(taken.iter().sum::<u64>(), 3);
        assert_eq!(counts.take(), [0; KINDS]);
    }

    #[test]
    fn only_empty_folders_and_success_markers_are_not_read() {
        for (key, size, expected) in [
            ("orders/", Some(0), Some(Ignored::Folder)),
            ("orders/", Some(1), None),
            ("orders/", None, None),
            ("orders/a.csv", Some(0), None),
            ("orders/_SUCCESS", Some(0), Some(Ignored::SuccessMarker)),
            ("orders/_SUCCESS", Some(900), Some(Ignored::SuccessMarker)),
            ("_SUCCESS", Some(0), Some(Ignored::SuccessMarker)),
            ("orders/a_SUCCESS", Some(0), None),
            ("orders/_SUCCESS/a.csv", Some(9), None),
        ] {
            let object = Announced { key: key.to_owned(), ..Announced::default() };
            assert_eq!(Ignored::of_created(&object, size), expected, "{key} {size:?}");
        }
    }
}
