//! Makes few large objects of a partition's many small ones, lists what dead writers left unlisted, and
//! sweeps what nobody needs any more: an operator's verb, which may run at any time, beside writers
//! and beside itself, and may die anywhere.
//!
//! Whoever reads by the list finds each key once, at every moment, for these reasons:
//!
//! - Only objects are touched that are older than any writer can be: none comes back late, and nobody
//!   claims in their name any more. A name tells its time ([`runtime::unique_name`]).
//! - The list is changed by one conditional write: old entries out, the new one in. No list is ever as
//!   one before it was, so that a write that comes late is refused.
//! - An object with rows is deleted only if the list has said for a while that another one replaces it.
//!   Its claims were completed before that. Whoever met one earlier, and is about to list the object,
//!   is dead by then; and until the object is gone, the list says that it is replaced.
//! - A result that its compaction did not list is replaced too, by what it was made of. Once the list
//!   says so, the compaction, should it be alive, cannot list it any more.
//! - A tombstone holds off a writer that is late. When none of its time is alive, it is in nobody's
//!   place; whoever meets a claim of its owner puts it again.

mod claims;
mod merge;
mod row_groups;
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
use self::merge::{Source, alike, merged};
pub use self::tally::{Size, Tally};
use self::view::{Edit, View};
use crate::bucket::{BucketAdmin, Condition, PutOutcome};
use crate::lake::keys;
use crate::manifest::{self, Entry};
use crate::place::{Partition, content_type, named};

/// The longest that a writer can be at work, and what its last request can be late: Lambda ends an
/// invocation after 15 minutes (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const LONGEST_LIFE: Duration = Duration::from_secs(20 * 60);

/// How often a list is written that others change, and a partition begun again.
const TRIES: u32 = 10;
const BACKOFF: Backoff = Backoff::for_contention(Duration::from_secs(1));
/// Calls under way at a time.
const AT_ONCE: usize = 8;

/// What is touched, and what it becomes.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    older_than: Duration,
    keep_replaced: Duration,
    target_bytes: usize,
}

impl Settings {
    /// Objects older than `older_than` are touched; those that are replaced stay for `keep_replaced`;
    /// those below `target_bytes` are put together, up to that.
    ///
    /// # Errors
    /// When one of both times is not longer than a writer can be at work.
    pub fn new(
        older_than: Duration,
        keep_replaced: Duration,
        target_bytes: usize,
    ) -> Result<Self, TooShort> {
        let is_short = older_than.min(keep_replaced) < LONGEST_LIFE;
        let settings = Self { older_than, keep_replaced, target_bytes };
        if is_short { Err(TooShort) } else { Ok(settings) }
    }

    fn is_old(&self, made: Timestamp, now: Timestamp) -> bool {
        made.plus(self.older_than) <= now
    }

    fn is_due(&self, replaced: Timestamp, now: Timestamp) -> bool {
        replaced.plus(self.keep_replaced) <= now
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("less than {} minutes: a writer of that time may still be at work", LONGEST_LIFE.as_secs() / 60)]
pub struct TooShort;

/// An object that is in no list, and its keys.
type Orphan = (Entry, BTreeSet<IdempotencyKey>);

/// A compaction of the partitions of a bucket.
pub struct Compaction<'a, B, R> {
    pub bucket: &'a B,
    pub records: &'a R,
    pub clock: &'a dyn Clock,
    /// A name that was never used, and tells its time.
    pub name: &'a (dyn Fn(Timestamp) -> String + Send + Sync),
    pub settings: Settings,
    /// Told what is under way, while it takes long.
    pub watch: &'a (dyn Fn(&str) + Send + Sync),
}

/// Which partitions are meant; all that are not left out by name.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub sink: Option<String>,
    pub dataset: Option<String>,
    /// Such as `2013-01-31`.
    pub date: Option<String>,
}

/// The partitions that a bucket has.
///
/// # Errors
/// When the bucket cannot be listed.
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
    /// Does all that there is to do in a partition, and tells what it did.
    ///
    /// # Errors
    /// When S3 or DynamoDB failed, or an object is not as the list says. What was done by then is done,
    /// and the next run does the rest.
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
                is_lost |= !self.put_together(partition, group, &mut tally).await?;
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

    /// What [`Compaction::partition`] would do now, which this leaves undone.
    ///
    /// # Errors
    /// When S3 failed, or a listed object is not there.
    pub async fn outlook(&self, partition: &Partition) -> Result<Tally, Failure> {
        let now = self.clock.now();
        let mut view = self.view(partition).await?;
        let before = Size::of(&view.entries);
        let plan = view.plan(&self.settings, now);
        let (orphans, tombstones) = self.look(&plan.unlisted).await?;
        let listed: Vec<Entry> = orphans.iter().map(|(entry, _)| entry.clone()).collect();
        if let Edit::Write(entries) = view.tidied(&listed, &self.settings, now) {
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

    /// The list, and then what is there.
    async fn view(&self, partition: &Partition) -> Result<View, Failure> {
        let mut last: Option<View> = None;
        for _ in 0..TRIES {
            let (entries, condition) = manifest::load(self.bucket, &partition.manifest()).await?;
            let there = self.bucket.list(&partition.prefix()).await?;
            let view = View { entries, condition, there };
            let Some(missing) = view.missing() else { return Ok(view) };
            // Unless it was replaced and deleted between the two.
            if last.is_some_and(|last| last.condition == view.condition) {
                let reason = format!("the manifest lists {missing}, which is not there");
                return Err(Failure::permanent(Code::InputNotFound, reason));
            }
            last = Some(view);
        }
        Err(contended(partition))
    }

    /// Deletes what nobody needs, lists what is to be listed.
    async fn tidy(
        &self,
        partition: &Partition,
        view: &View,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let plan = view.plan(&self.settings, self.clock.now());
        let (orphans, tombstones) = self.look(&plan.unlisted).await?;
        self.delete(&plan.due).await?;
        self.delete(&tombstones).await?;
        tally.deleted += plan.due.len();
        tally.tombstones += tombstones.len();
        let entries: Vec<Entry> = orphans.iter().map(|(entry, _)| entry.clone()).collect();
        let edit = |view: &View| view.tidied(&entries, &self.settings, self.clock.now());
        self.change(partition, edit).await?;
        tally.orphans += orphans.len();
        // After they are listed, as their writers would have done it.
        let held = orphans.iter().flat_map(|(entry, keys)| held(partition, &entry.key, keys));
        tally.completed += self.complete(&held.collect::<Vec<_>>()).await?;
        Ok(())
    }

    /// Which of these are orphans, with their keys, and which are tombstones.
    async fn look(&self, unlisted: &[String]) -> Result<(Vec<Orphan>, Vec<String>), Failure> {
        let (mut orphans, mut tombstones) = (Vec::new(), Vec::new());
        let reads = unlisted.iter().map(async |key| (key, self.bucket.get(key).await));
        let mut reads = stream::iter(reads).buffered(AT_ONCE);
        while let Some((key, found)) = reads.next().await {
            let (Some(found), Some(named)) = (found?, named(key)) else { continue };
            let bytes = found.body.len();
            let keys = keys(named.format, found.body).map_err(|failure| failure.at(key))?;
            match keys.len() {
                0 => tombstones.push(key.clone()),
                rows => orphans.push((Entry::new(key.clone(), rows, bytes), keys)),
            }
        }
        Ok((orphans, tombstones))
    }

    /// Makes one object of a group, or one for each kind of columns; whether others were not faster.
    async fn put_together(
        &self,
        partition: &Partition,
        group: Vec<Entry>,
        tally: &mut Tally,
    ) -> Result<bool, Failure> {
        let Some(format) = group.first().and_then(|entry| named(&entry.key)) else {
            return Ok(true);
        };
        let format = format.format;
        let Some(sources) = self.fetch(partition, group).await? else { return Ok(false) };
        for sources in alike(format, sources)? {
            if sources.len() < 2 {
                continue;
            }
            tally.completed += self.settle(partition, format, &sources).await?;
            let result = self.write(partition, format, &sources).await?;
            let inputs: Vec<Entry> = sources.into_iter().map(|source| source.entry).collect();
            let edit = |view: &View| view.swapped(&inputs, &result, self.clock.now());
            if !self.change(partition, edit).await? {
                // The result stays: the next run takes it for what it is.
                return Ok(false);
            }
            tally.merged += inputs.len();
            tally.made += 1;
        }
        Ok(true)
    }

    /// The objects of a group; nothing if one is gone.
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

    /// Completes the claims on the keys of these objects. Those of an earlier result were.
    async fn settle(
        &self,
        partition: &Partition,
        format: LakeFormat,
        sources: &[Source],
    ) -> Result<usize, Failure> {
        let mut all = Vec::new();
        for Source { entry, body } in sources {
            if named(&entry.key).is_some_and(|named| !named.is_result) {
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

    /// Puts the rows of these objects into one that is in no list yet.
    async fn write(
        &self,
        partition: &Partition,
        format: LakeFormat,
        sources: &[Source],
    ) -> Result<Entry, Failure> {
        (self.watch)(&format!("{partition}: writing one object of {}", sources.len()));
        let (body, rows) = merged(format, sources)?;
        let key = partition.result(&(self.name)(self.clock.now()), format);
        let bytes = body.len();
        let put = self.bucket.put(&key, body, content_type(format), Condition::Absent).await?;
        // Nobody else has this name: what is there is an earlier try of this very write.
        match put {
            PutOutcome::Written | PutOutcome::Refused => Ok(Entry::new(key, rows, bytes)),
        }
    }

    async fn delete(&self, keys: &[String]) -> Result<(), Failure> {
        let deletes = keys.iter().map(|key| self.bucket.delete(key));
        stream::iter(deletes).buffered(AT_ONCE).try_collect().await
    }

    /// By a name, so that two compactions do not keep step.
    async fn pause(&self, tried: u32) {
        let seed = (self.name)(self.clock.now());
        self.bucket.pause(BACKOFF.wait(tried, &seed)).await;
    }

    /// Changes the list; whether what that rests on was still so.
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
                // By another's write, or by an earlier try of this one.
                PutOutcome::Refused => {}
            }
        }
        Err(contended(partition))
    }
}

fn held(
    partition: &Partition,
    object: &str,
    keys: &BTreeSet<IdempotencyKey>,
) -> Vec<(RecordId, Owner)> {
    let owner = Owner::from(object.to_owned());
    let id = |key: &IdempotencyKey| RecordId { sink: partition.sink.clone(), key: key.clone() };
    keys.iter().map(|key| (id(key), owner.clone())).collect()
}

fn contended(partition: &Partition) -> Failure {
    let reason = format!("others changed {partition} {TRIES} times in a row");
    Failure::throttled(None, reason)
}
