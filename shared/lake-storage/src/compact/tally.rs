//! What a compaction did.

use std::ops::AddAssign;

use serde::Serialize;

use crate::manifest::Entry;

/// Listed objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Size {
    pub objects: usize,
    pub rows: usize,
    pub bytes: usize,
}

/// Of one partition, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub before: Size,
    pub after: Size,
    /// Objects that were put together, and those that were made of them.
    pub merged: usize,
    pub made: usize,
    /// Objects of dead writers that were listed for them.
    pub orphans: usize,
    pub tombstones: usize,
    /// Claims of dead writers.
    pub completed: usize,
    /// Replaced objects that were deleted, and those whose time to be kept was not over.
    pub deleted: usize,
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
    /// Whether anything was done.
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
