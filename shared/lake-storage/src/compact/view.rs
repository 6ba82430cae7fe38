//! What a partition holds, and what its list may become: decided here, without IO.
//!
//! A view is the list and then what is in the bucket, in this order. What a change rests on, that an
//! object is there or is gone, was then so after the list was as it is; and the change is written on
//! condition that the list is still so.

use std::collections::BTreeMap;

use contracts::LakeFormat;
use event::Timestamp;

use super::Settings;
use crate::bucket::Condition;
use crate::manifest::{Entry, Replaced};
use crate::place::{Named, named};

#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) entries: Vec<Entry>,
    /// Of a write that replaces these entries.
    pub(super) condition: Condition,
    /// The objects that were there after that, with their bytes.
    pub(super) there: BTreeMap<String, u64>,
}

/// What becomes of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    Write(Vec<Entry>),
    /// It is as it shall be.
    Done,
    /// Others have changed what this rests on.
    Lost,
}

/// What is to be done in a partition, besides its list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Replaced for long enough, and still there.
    pub(super) due: Vec<String>,
    /// Of writers of which none is alive, and in no list: orphans and tombstones.
    pub(super) unlisted: Vec<String>,
    /// To be made one each.
    pub(super) groups: Vec<Vec<Entry>>,
}

impl View {
    /// A listed object that is not there.
    pub(super) fn missing(&self) -> Option<&str> {
        let missing = self.entries.iter().find(|entry| !self.has(entry));
        missing.map(|entry| entry.key.as_str())
    }

    /// Whether it is there with its rows: a tombstone may have come in its place, of another size.
    fn has(&self, entry: &Entry) -> bool {
        let bytes = self.there.get(&entry.key).and_then(|bytes| usize::try_from(*bytes).ok());
        bytes == Some(entry.bytes)
    }

    fn covers(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.covers(key))
    }

    /// Objects of which no list knows, and whose writers are dead.
    fn unknown(&self, settings: &Settings, now: Timestamp) -> impl Iterator<Item = (&str, Named)> {
        let known = self.there.keys().filter(|key| !self.covers(key));
        let named = known.filter_map(|key| Some((key.as_str(), named(key)?)));
        named.filter(move |(_, named)| settings.is_old(named.made, now))
    }

    pub(super) fn plan(&self, settings: &Settings, now: Timestamp) -> Plan {
        let replaced = self.entries.iter().flat_map(|entry| &entry.replaces);
        let due = replaced.filter(|replaced| {
            settings.is_due(replaced.at, now) && self.there.contains_key(&replaced.key)
        });
        let unlisted = self.unknown(settings, now).filter(|(_, named)| !named.is_result);
        Plan {
            due: due.map(|replaced| replaced.key.clone()).collect(),
            unlisted: unlisted.map(|(key, _)| key.to_owned()).collect(),
            groups: self.groups(settings, now),
        }
    }

    /// Small objects of one format, as many as fit: each goes to the first group that has room.
    fn groups(&self, settings: &Settings, now: Timestamp) -> Vec<Vec<Entry>> {
        let mut groups: Vec<(LakeFormat, usize, Vec<Entry>)> = Vec::new();
        for entry in &self.entries {
            let Some(named) = named(&entry.key) else { continue };
            if entry.bytes >= settings.target_bytes || !settings.is_old(named.made, now) {
                continue;
            }
            let has_room = |(format, bytes, _): &&mut (LakeFormat, usize, _)| {
                *format == named.format && *bytes + entry.bytes <= settings.target_bytes
            };
            match groups.iter_mut().find(has_room) {
                Some((_, bytes, group)) => {
                    *bytes += entry.bytes;
                    group.push(entry.clone());
                }
                None => groups.push((named.format, entry.bytes, vec![entry.clone()])),
            }
        }
        groups.into_iter().map(|(.., group)| group).filter(|group| group.len() > 1).collect()
    }

    /// The list with these orphans; without replaced objects that are gone; and with those results that a
    /// compaction left behind as replaced ones: whoever was to list one cannot any more, for the list has
    /// changed, and so it can be deleted.
    pub(super) fn tidied(&self, orphans: &[Entry], settings: &Settings, now: Timestamp) -> Edit {
        let mut entries = self.entries.clone();
        for entry in &mut entries {
            entry.replaces.retain(|replaced| {
                self.there.contains_key(&replaced.key) || !settings.is_due(replaced.at, now)
            });
        }
        let abandoned = self.unknown(settings, now).filter(|(_, named)| named.is_result);
        let abandoned: Vec<Replaced> =
            abandoned.map(|(key, _)| Replaced { key: key.to_owned(), at: now }).collect();
        if let Some(first) = entries.first_mut().filter(|_| !abandoned.is_empty()) {
            first.replaces.extend(abandoned);
            first.revision += 1;
        }
        let orphans = orphans.iter().filter(|orphan| self.has(orphan) && !self.covers(&orphan.key));
        entries.extend(orphans.cloned());
        if entries == self.entries { Edit::Done } else { Edit::Write(entries) }
    }

    /// The list with the result in place of what it was made of.
    pub(super) fn swapped(&self, inputs: &[Entry], result: &Entry, now: Timestamp) -> Edit {
        if self.entries.iter().any(|entry| entry.key == result.key) {
            return Edit::Done;
        }
        let is_input = |entry: &Entry| inputs.iter().any(|input| input.key == entry.key);
        let (replaced, mut entries): (Vec<Entry>, Vec<Entry>) =
            self.entries.iter().cloned().partition(is_input);
        let is_there = self.has(result) && !self.covers(&result.key);
        if !is_there || replaced.len() < inputs.len() {
            return Edit::Lost;
        }
        let replaces = replaced.into_iter().flat_map(|Entry { key, mut replaces, .. }| {
            replaces.push(Replaced { key, at: now });
            replaces
        });
        entries.push(Entry { replaces: replaces.collect(), ..result.clone() });
        Edit::Write(entries)
    }
}
