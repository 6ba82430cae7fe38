//! Merges the many small objects of a partition into few large ones, lists the objects that dead writers did not list,
//! and deletes objects that are no longer needed. An operator may run it at any time, while writers and other
//! compactions run, and it may stop at any point.
//!
//! At every moment, a reader that follows the list finds each key exactly once. These rules ensure it:
//!
//! - A compaction touches only objects that are older than the longest life of a writer. So their writers are dead, and
//!   no claim has their name any more. The name of an object says when it was made ([`runtime::unique_name`]).
//! - One conditional write replaces the old entries of the list by the new one. No list ever equals an earlier list, so
//!   that a late write is refused.
//! - An object with rows is deleted only after the list has said for a while that another object replaces it. Its
//!   claims were completed before that. A writer that met such a claim earlier, and would list the object now, is dead
//!   by then. The list says that the object is replaced until it is gone.
//! - The result of a compaction that did not list it counts as replaced too, since the list has the objects that it was
//!   made from. Once the list says so, that compaction can no longer list it, if it is still alive.
//! - A tombstone stops a writer that is late. Once all writers of its time are dead, it is no longer needed. If its
//!   owner still has a claim, the writer that meets the claim puts the tombstone again.

mod claims;
mod merge;
mod row_groups;
mod settings;
mod tally;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeSet;
use std::time::Duration;

use contracts::LakeFormat;
use dedupe::{Owner, RecordId};
use event::{Backoff, Code, Failure, IdempotencyKey, Timestamp};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use runtime::Clock;

pub use self::claims::Records;
use self::claims::complete;
use self::merge::{Source, group_by_schema, merge_sources};
pub use self::settings::{LONGEST_LIFE, Settings, TooShort};
pub use self::tally::{Size, Tally};
use self::view::{Edit, View};
use crate::bucket::{BucketAdmin, Condition, PutOutcome};
use crate::lake::keys;
use crate::manifest::{self, Entry};
use crate::place::{Maker, Partition, content_type, parse_name};

/// How often a list is written that others change, and a partition started again.
const TRIES: u32 = 10;
const BACKOFF: Backoff = Backoff::for_contention(Duration::from_secs(1));
/// The most calls at the same time.
const AT_ONCE: usize = 8;

/// An object with rows that is in no list, and its keys.
type Orphan = (Entry, BTreeSet<IdempotencyKey>);

/// A compaction of the partitions of a bucket.
pub struct Compaction<'a, B, R> {
    /// The lake's bucket.
    pub bucket: &'a B,
    /// The dedupe records of the lake's sinks.
    pub records: &'a R,
    /// The clock that decides which objects are old.
    pub clock: &'a dyn Clock,
    /// Makes a name that was never used, and that holds the given time, as [`runtime::unique_name`] does.
    pub name: &'a (dyn Fn(Timestamp) -> String + Send + Sync),
    /// Which objects are touched.
    pub settings: Settings,
    /// Is called with a line about each longer step, for a person to read.
    pub watch: &'a (dyn Fn(&str) + Send + Sync),
}

/// A selection of partitions. `None` selects all values.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The name of the sink.
    pub sink: Option<String>,
    /// The name of the dataset.
    pub dataset: Option<String>,
    /// The day of event time in UTC, such as `2013-01-31`.
    pub date: Option<String>,
}

/// The selected partitions that a bucket has.
///
/// # Errors
/// When the bucket could not be listed.
pub async fn partitions<B: BucketAdmin>(
    bucket: &B,
    selection: &Selection,
) -> Result<Vec<Partition>, Failure> {
    let mut prefixes = vec![String::new()];
    let date = selection.date.as_ref().map(|date| format!("date={date}"));
    for name in [&selection.sink, &selection.dataset, &date] {
        let mut below = Vec::new();
        for prefix in prefixes {
            let folders = bucket.folders(&prefix).await?;
            below.extend(folders.into_iter().filter(|folder| {
                let own = folder.strip_prefix(&prefix).and_then(|own| own.strip_suffix('/'));
                name.as_deref().is_none_or(|name| own == Some(name))
            }));
        }
        prefixes = below;
    }
    Ok(prefixes.iter().filter_map(|prefix| Partition::of_prefix(prefix)).collect())
}

impl<B: BucketAdmin, R: Records> Compaction<'_, B, R> {
    /// Does all that there is to do in a partition, and returns what it did.
    ///
    /// # Errors
    /// When S3 or DynamoDB failed, or an object is not as the list says. What was done before stays done, and the next
    /// run does the rest.
    pub async fn partition(&self, partition: &Partition) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        for tried in 0..TRIES {
            if tried > 0 {
                self.pause(tried).await;
            }
            let view = self.view(partition).await?;
            if tried == 0 {
                tally.before = Size::of(&view.entries);
            }
            self.tidy(partition, &view, &mut tally).await?;
            let view = self.view(partition).await?;
            let mut is_lost = false;
            for group in view.plan(&self.settings, self.clock.now()).groups {
                is_lost |= !self.merge_group(partition, group, &mut tally).await?;
            }
            if !is_lost {
                let view = self.view(partition).await?;
                tally.after = Size::of(&view.entries);
                tally.kept = view.entries.iter().map(|entry| entry.replaces.len()).sum();
                return Ok(tally);
            }
        }
        Err(contended(partition))
    }

    /// What [`Compaction::partition`] would do now. This writes nothing.
    ///
    /// # Errors
    /// When S3 failed, or a listed object is missing.
    pub async fn outlook(&self, partition: &Partition) -> Result<Tally, Failure> {
        let now = self.clock.now();
        let mut view = self.view(partition).await?;
        let before = Size::of(&view.entries);
        let plan = view.plan(&self.settings, now);
        let (orphans, tombstones) = self.read_unlisted(&plan.unlisted).await?;
        let listed: Vec<Entry> = orphans.iter().map(|(entry, _)| entry.clone()).collect();
        if let Edit::Write(entries) = view.tidy_edit(&listed, &self.settings, now) {
            view.entries = entries;
        }
        let groups = view.plan(&self.settings, now).groups;
        let merged: usize = groups.iter().map(Vec::len).sum();
        let made = groups.len();
        let mut after = Size::of(&view.entries);
        after.objects = after.objects - merged + made;
        let (orphans, tombstones) = (orphans.len(), tombstones.len());
        let deleted = plan.due.len();
        Ok(Tally { before, after, merged, made, orphans, tombstones, deleted, ..Tally::default() })
    }

    /// Reads the list, and after it the objects of the bucket.
    async fn view(&self, partition: &Partition) -> Result<View, Failure> {
        let mut last: Option<View> = None;
        for _ in 0..TRIES {
            let (entries, condition) = manifest::load(self.bucket, &partition.manifest()).await?;
            let there = self.bucket.list(&partition.prefix()).await?;
            let view = View { entries, condition, there };
            let Some(missing) = view.missing() else { return Ok(view) };
            // The object may have been replaced and deleted between the two reads. Then the list has changed.
            if last.is_some_and(|last| last.condition == view.condition) {
                let reason = format!("the manifest lists {missing}, which is not there");
                return Err(Failure::permanent(Code::InputNotFound, reason));
            }
            last = Some(view);
        }
        Err(contended(partition))
    }

    /// Deletes objects that are no longer needed, and lists orphans.
    async fn tidy(
        &self,
        partition: &Partition,
        view: &View,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let plan = view.plan(&self.settings, self.clock.now());
        let (orphans, tombstones) = self.read_unlisted(&plan.unlisted).await?;
        self.delete(&plan.due).await?;
        self.delete(&tombstones).await?;
        tally.deleted += plan.due.len();
        tally.tombstones += tombstones.len();
        let entries: Vec<Entry> = orphans.iter().map(|(entry, _)| entry.clone()).collect();
        self.change(partition, |view| view.tidy_edit(&entries, &self.settings, self.clock.now()))
            .await?;
        tally.orphans += orphans.len();
        // Claims are completed after the objects are listed, as their writers would have done.
        let held = orphans.iter().flat_map(|(entry, keys)| held(partition, &entry.key, keys));
        tally.completed += self.complete(&held.collect::<Vec<_>>()).await?;
        Ok(())
    }

    /// Reads unlisted objects, and returns the orphans with their keys, and the keys of the tombstones.
    async fn read_unlisted(
        &self,
        unlisted: &[String],
    ) -> Result<(Vec<Orphan>, Vec<String>), Failure> {
        let (mut orphans, mut tombstones) = (Vec::new(), Vec::new());
        let reads = unlisted.iter().map(async |key| (key, self.bucket.get(key).await));
        let mut reads = stream::iter(reads).buffered(AT_ONCE);
        while let Some((key, found)) = reads.next().await {
            let (Some(found), Some(name)) = (found?, parse_name(key)) else { continue };
            let bytes = found.body.len();
            let keys = keys(name.format, found.body).map_err(|failure| failure.at(key))?;
            match keys.len() {
                0 => tombstones.push(key.clone()),
                rows => orphans.push((Entry::new(key.clone(), rows, bytes), keys)),
            }
        }
        Ok((orphans, tombstones))
    }

    /// Merges a group into one object, or into one for each set of columns. Returns false if others have changed the
    /// group in the meantime.
    async fn merge_group(
        &self,
        partition: &Partition,
        group: Vec<Entry>,
        tally: &mut Tally,
    ) -> Result<bool, Failure> {
        let Some(name) = group.first().and_then(|entry| parse_name(&entry.key)) else {
            return Ok(true);
        };
        let format = name.format;
        let Some(sources) = self.fetch(partition, group).await? else { return Ok(false) };
        for alike in group_by_schema(format, sources)? {
            if alike.len() < 2 {
                continue;
            }
            tally.completed += self.complete_claims(partition, format, &alike).await?;
            let result = self.write(partition, format, &alike).await?;
            let inputs: Vec<Entry> = alike.into_iter().map(|source| source.entry).collect();
            let is_listed = self
                .change(partition, |view| view.replace_edit(&inputs, &result, self.clock.now()))
                .await?;
            if !is_listed {
                // The result stays in the bucket. A later run lists it as replaced, and deletes it.
                return Ok(false);
            }
            tally.merged += inputs.len();
            tally.made += 1;
        }
        Ok(true)
    }

    /// Reads the objects of a group; `None` if one is gone.
    async fn fetch(
        &self,
        partition: &Partition,
        group: Vec<Entry>,
    ) -> Result<Option<Vec<Source>>, Failure> {
        let count = group.len();
        let reads = group.into_iter().map(async |entry| {
            let found = self.bucket.get(&entry.key).await?;
            Ok::<_, Failure>(found.map(|found| Source { entry, body: found.body }))
        });
        let mut reads = stream::iter(reads).buffered(AT_ONCE);
        let mut sources = Vec::with_capacity(count);
        while let Some(source) = reads.try_next().await? {
            let Some(source) = source else { return Ok(None) };
            sources.push(source);
            (self.watch)(&format!("{partition}: read {} of {count} objects", sources.len()));
        }
        Ok(Some(sources))
    }

    /// Completes the claims on the keys of these objects. Those of an earlier result were completed when it was made.
    async fn complete_claims(
        &self,
        partition: &Partition,
        format: LakeFormat,
        sources: &[Source],
    ) -> Result<usize, Failure> {
        let mut all = Vec::new();
        for Source { entry, body } in sources {
            if parse_name(&entry.key).is_some_and(|name| name.maker == Maker::Writer) {
                let keys = keys(format, body.clone()).map_err(|failure| failure.at(&entry.key))?;
                all.extend(held(partition, &entry.key, &keys));
            }
        }
        (self.watch)(&format!("{partition}: looking at {} dedupe records", all.len()));
        self.complete(&all).await
    }

    async fn complete(&self, held: &[(RecordId, Owner)]) -> Result<usize, Failure> {
        complete(self.records, held, AT_ONCE, self.clock.now()).await
    }

    /// Writes the rows of these objects into one that is in no list yet.
    async fn write(
        &self,
        partition: &Partition,
        format: LakeFormat,
        sources: &[Source],
    ) -> Result<Entry, Failure> {
        (self.watch)(&format!("{partition}: writing one object of {}", sources.len()));
        let (body, rows) = merge_sources(format, sources)?;
        let key = partition.result(&(self.name)(self.clock.now()), format);
        let bytes = body.len();
        let put = self.bucket.put(&key, body, content_type(format), Condition::Absent).await?;
        // The name is used once. If there is an object already, an earlier attempt of this write made it.
        match put {
            PutOutcome::Written | PutOutcome::Refused => Ok(Entry::new(key, rows, bytes)),
        }
    }

    async fn delete(&self, keys: &[String]) -> Result<(), Failure> {
        let deletes = keys.iter().map(|key| self.bucket.delete(key));
        stream::iter(deletes).buffered(AT_ONCE).try_collect().await
    }

    /// Waits before another attempt. The wait depends on a unique name, so that two compactions do not try again at the
    /// same time.
    async fn pause(&self, tried: u32) {
        let seed = (self.name)(self.clock.now());
        self.bucket.pause(BACKOFF.wait(tried, &seed)).await;
    }

    /// Changes the list. Returns false if others have changed what the edit depends on.
    async fn change(
        &self,
        partition: &Partition,
        edit: impl Fn(&View) -> Edit,
    ) -> Result<bool, Failure> {
        for tried in 0..TRIES {
            if tried > 0 {
                self.pause(tried).await;
            }
            let view = self.view(partition).await?;
            let entries = match edit(&view) {
                Edit::Done => return Ok(true),
                Edit::Lost => return Ok(false),
                Edit::Write(entries) => entries,
            };
            let key = partition.manifest();
            match manifest::store(self.bucket, &key, &entries, view.condition).await? {
                PutOutcome::Written => return Ok(true),
                // Another write was faster, or an earlier attempt of this one succeeded. The next round sees which.
                PutOutcome::Refused => {}
            }
        }
        Err(contended(partition))
    }
}

/// The record of each key, with the owner whose object holds it.
fn held(
    partition: &Partition,
    object: &str,
    keys: &BTreeSet<IdempotencyKey>,
) -> Vec<(RecordId, Owner)> {
    let mut held = Vec::with_capacity(keys.len());
    for key in keys {
        let id = RecordId { sink: partition.sink.clone(), key: key.clone() };
        held.push((id, Owner::from(object.to_owned())));
    }
    held
}

fn contended(partition: &Partition) -> Failure {
    let reason = format!("others changed {partition} {TRIES} times in a row");
    Failure::throttled(None, reason)
}
