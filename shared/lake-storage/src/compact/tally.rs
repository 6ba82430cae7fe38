//! Counts of what a compaction did.

use std::ops::AddAssign;

use serde::Serialize;

use crate::manifest::Entry;

/// The size of the listed objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Their number.
    pub objects: usize,
    /// The rows in all of them.
    pub rows: usize,
    /// The bytes of all of them.
    pub bytes: usize,
}

/// What a compaction did in one partition, or in several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The listed objects before the compaction.
    pub before: Size,
    /// The listed objects after the compaction.
    pub after: Size,
    /// Objects whose rows were merged into others.
    pub merged: usize,
    /// Objects that were made from them.
    pub made: usize,
    /// Objects with rows that dead writers had not listed, and that were listed.
    pub orphans: usize,
    /// Tombstones that were deleted.
    pub tombstones: usize,
    /// Claims of dead writers that were completed.
    pub completed: usize,
    /// Replaced objects that were deleted.
    pub deleted: usize,
    /// Replaced objects that have to be kept for longer.
    pub kept: usize,
}

impl Size {
    pub(super) fn of(entries: &[Entry]) -> Self {
        Self {
            objects: entries.len(),
            rows: entries.iter().map(|entry| entry.rows).sum(),
            bytes: entries.iter().map(|entry| entry.bytes).sum(),
        }
    }
}

impl Tally {
    /// Whether nothing was done.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.made + self.orphans + self.tombstones + self.completed + self.deleted == 0
    }
}

impl AddAssign for Size {
    fn add_assign(&mut self, other: Self) {
        self.objects += other.objects;
        self.rows += other.rows;
        self.bytes += other.bytes;
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.before += other.before;
        self.after += other.after;
        self.merged += other.merged;
        self.made += other.made;
        self.orphans += other.orphans;
        self.tombstones += other.tombstones;
        self.completed += other.completed;
        self.deleted += other.deleted;
        self.kept += other.kept;
    }
}
