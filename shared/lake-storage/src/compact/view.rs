//! Decides, without IO, what to do in a partition and how its list changes.
//!
//! A view is the list and the objects of the bucket, read in this order. So whether an object exists was read after the
//! list. The changed list is then written on the condition that the list has not changed since.

use std::collections::BTreeMap;

use contracts::LakeFormat;
use event::Timestamp;

use super::Settings;
use crate::bucket::Condition;
use crate::manifest::{Entry, Replaced};
use crate::place::{Maker, ObjectName, parse_name};

#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) entries: Vec<Entry>,
    /// The condition of a write that replaces these entries.
    pub(super) condition: Condition,
    /// The sizes in bytes of the objects that were there afterwards, by their keys.
    pub(super) there: BTreeMap<String, u64>,
}

/// A change of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// The list becomes these entries.
    Write(Vec<Entry>),
    /// The list needs no change.
    Done,
    /// Others have changed what the edit depends on.
    Lost,
}

/// What has to be done in a partition, besides changing its list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The keys of objects to delete: they were replaced long enough ago, and still exist.
    pub(super) due: Vec<String>,
    /// The keys of unlisted objects whose writers are dead: orphans and tombstones.
    pub(super) unlisted: Vec<String>,
    /// Groups of objects, each to be merged into one.
    pub(super) groups: Vec<Vec<Entry>>,
}

/// Objects that become one, while their group is filled.
struct Group {
    format: LakeFormat,
    bytes: usize,
    entries: Vec<Entry>,
}

impl View {
    /// The key of a listed object that is missing.
    pub(super) fn missing(&self) -> Option<&str> {
        let missing = self.entries.iter().find(|entry| !self.has(entry));
        missing.map(|entry| entry.key.as_str())
    }

    /// Whether an object is there with its rows. If a tombstone is in its place, that has another size.
    fn has(&self, entry: &Entry) -> bool {
        let bytes = self.there.get(&entry.key).and_then(|bytes| usize::try_from(*bytes).ok());
        bytes == Some(entry.bytes)
    }

    fn covers(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.covers(key))
    }

    /// The keys of objects that the list does not mention, and whose writers are dead.
    fn unlisted(&self, maker: Maker, settings: &Settings, now: Timestamp) -> Vec<String> {
        let mut keys = Vec::new();
        for key in self.there.keys().filter(|key| !self.covers(key)) {
            let Some(name) = parse_name(key) else { continue };
            if name.maker == maker && settings.is_old(name.made, now) {
                keys.push(key.clone());
            }
        }
        keys
    }

    pub(super) fn plan(&self, settings: &Settings, now: Timestamp) -> Plan {
        let replaced = self.entries.iter().flat_map(|entry| &entry.replaces);
        let due = replaced.filter(|replaced| {
            settings.is_due(replaced.at, now) && self.there.contains_key(&replaced.key)
        });
        Plan {
            due: due.map(|replaced| replaced.key.clone()).collect(),
            unlisted: self.unlisted(Maker::Writer, settings, now),
            groups: self.groups(settings, now),
        }
    }

    /// Groups small objects of one format up to the target size. Each goes to the first group that has room.
    fn groups(&self, settings: &Settings, now: Timestamp) -> Vec<Vec<Entry>> {
        let mut groups: Vec<Group> = Vec::new();
        for entry in &self.entries {
            let Some(ObjectName { format, made, .. }) = parse_name(&entry.key) else { continue };
            if entry.bytes >= settings.target_bytes || !settings.is_old(made, now) {
                continue;
            }
            let most_bytes = settings.target_bytes - entry.bytes;
            match groups.iter_mut().find(|it| it.format == format && it.bytes <= most_bytes) {
                Some(group) => {
                    group.bytes += entry.bytes;
                    group.entries.push(entry.clone());
                }
                None => {
                    groups.push(Group { format, bytes: entry.bytes, entries: vec![entry.clone()] });
                }
            }
        }
        groups.into_iter().map(|group| group.entries).filter(|group| group.len() > 1).collect()
    }

    /// Adds these orphans to the list, and removes replaced objects that are gone. The unlisted results of compactions
    /// are added as replaced objects. Since the list has changed then, their compactions can no longer list them, and
    /// they can be deleted.
    pub(super) fn tidy_edit(&self, orphans: &[Entry], settings: &Settings, now: Timestamp) -> Edit {
        let mut entries = self.entries.clone();
        for entry in &mut entries {
            entry.replaces.retain(|replaced| {
                self.there.contains_key(&replaced.key) || !settings.is_due(replaced.at, now)
            });
        }
        let abandoned = self.unlisted(Maker::Compaction, settings, now);
        if let Some(first) = entries.first_mut().filter(|_| !abandoned.is_empty()) {
            first.replaces.extend(abandoned.into_iter().map(|key| Replaced { key, at: now }));
            first.revision += 1;
        }
        let unlisted =
            orphans.iter().filter(|orphan| self.has(orphan) && !self.covers(&orphan.key));
        entries.extend(unlisted.cloned());
        if entries == self.entries { Edit::Done } else { Edit::Write(entries) }
    }

    /// Replaces the objects that a result was made from by the result.
    pub(super) fn replace_edit(&self, inputs: &[Entry], result: &Entry, now: Timestamp) -> Edit {
        if self.entries.iter().any(|entry| entry.key == result.key) {
            return Edit::Done;
        }
        let (mut replaces, mut entries, mut inputs_left) = (Vec::new(), Vec::new(), inputs.len());
        for entry in &self.entries {
            if inputs.iter().any(|input| input.key == entry.key) {
                replaces.extend(entry.replaces.iter().cloned());
                replaces.push(Replaced { key: entry.key.clone(), at: now });
                inputs_left = inputs_left.saturating_sub(1);
            } else {
                entries.push(entry.clone());
            }
        }
        let is_there = self.has(result) && !self.covers(&result.key);
        if !is_there || inputs_left > 0 {
            return Edit::Lost;
        }
        entries.push(Entry { replaces, ..result.clone() });
        Edit::Write(entries)
    }
}
