//! A lake in memory with real writers and compactions, which die where a test wants it. After each step of any of them,
//! the world checks what must hold.
//!
//! Everything that runs here is polled by hand. Each call to a port is one step.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use contracts::Catalog;
use dedupe::{CommitError, DedupeRecord, Expected, NoEffect, Store, Transaction};
use event::Envelope;
use runtime::Recorder;
use runtime::sink::{MeasuredEvent, Prepared, SinkMeasures, WriteKey, collect_writes, lease_for};
use testkit::{ManualClock, MemoryStore};

use super::super::*;
use crate::bucket::{Bucket, StoredObject};
use crate::manifest::Entry;
use crate::testing::{MemoryBucket, envelope_text};
use crate::{BatchWriter, LakeRow, Lakes};

pub(super) const HOUR: Duration = Duration::from_secs(3_600);
const TIME: &str = "2013-01-01T10:00:00Z";
const FLIGHT: &str = r#"{"year":2013,"month":1,"day":1,"sched_dep_time":515,"carrier":"UA",
    "flight":1545,"origin":"EWR","dest":"IAH","time_hour":"2013-01-01T10:00:00Z"}"#;

/// How a call ends badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing is done, and the caller gets an error.
    Failed,
    /// The call is done, and the caller gets an error, since the answer is lost.
    Lost,
    /// The caller dies before the call. Nothing that it asks for later is done.
    DiesBefore,
    /// The caller dies after the call. Nothing that it asks for later is done.
    DiesAfter,
}

/// A caller of ports, one of whose calls may end badly.
#[derive(Clone, Default)]
pub(super) struct Caller(Arc<Mutex<Fate>>);

#[derive(Default)]
struct Fate {
    calls: usize,
    end: Option<(usize, End)>,
    is_dead: bool,
}

impl Caller {
    pub(super) fn ending(at: usize, end: End) -> Self {
        let fate = Fate { end: Some((at, end)), ..Fate::default() };
        Self(Arc::new(Mutex::new(fate)))
    }

    pub(super) fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    /// Whether this call is done, and whether its answer arrives.
    fn next(&self) -> (bool, bool) {
        let mut fate = self.0.lock().unwrap();
        let end = fate.end.filter(|(at, _)| *at == fate.calls).map(|(_, end)| end);
        fate.calls += 1;
        let was_dead = fate.is_dead;
        fate.is_dead |= matches!(end, Some(End::DiesBefore | End::DiesAfter));
        match end {
            _ if was_dead => (false, false),
            None => (true, true),
            Some(End::Failed | End::DiesBefore) => (false, false),
            Some(End::Lost | End::DiesAfter) => (true, false),
        }
    }

    async fn call<T>(&self, honest: impl Future<Output = T>) -> Result<T, Failure> {
        end_step().await;
        let (is_done, is_told) = self.next();
        let away = Failure::transient(Code::DependencyUnavailable, "it is away");
        if !is_done {
            return Err(away);
        }
        let answer = honest.await;
        if is_told { Ok(answer) } else { Err(away) }
    }
}

/// Ends a step: returns when it is polled the second time.
async fn end_step() {
    let mut is_over = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut is_over, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A port as one caller uses it.
#[derive(Clone)]
pub(super) struct Called<P> {
    port: P,
    caller: Caller,
}

impl Bucket for Called<MemoryBucket> {
    async fn get(&self, key: &str) -> Result<Option<StoredObject>, Failure> {
        self.caller.call(self.port.get(key)).await?
    }

    async fn put(
        &self,
        key: &str,
        body: Vec<u8>,
        content_type: &str,
        condition: Condition,
    ) -> Result<PutOutcome, Failure> {
        self.caller.call(self.port.put(key, body, content_type, condition)).await?
    }

    async fn pause(&self, _: Duration) {}
}

impl BucketAdmin for Called<MemoryBucket> {
    async fn list(&self, prefix: &str) -> Result<BTreeMap<String, u64>, Failure> {
        self.caller.call(self.port.list(prefix)).await?
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        self.caller.call(self.port.folders(prefix)).await?
    }

    async fn delete(&self, key: &str) -> Result<(), Failure> {
        self.caller.call(self.port.delete(key)).await?
    }
}

impl Store for Called<MemoryStore<NoEffect>> {
    type Effect = NoEffect;

    async fn commit(
        &self,
        transaction: Transaction<NoEffect>,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let committed = self.caller.call(self.port.commit(transaction, now)).await;
        committed.map_err(CommitError::Failed)?
    }

    async fn pause(&self, _: Duration) {}
}

impl Records for Called<MemoryStore<NoEffect>> {
    async fn read(&self, ids: &[RecordId]) -> Result<Vec<(RecordId, DedupeRecord)>, Failure> {
        let read = async {
            let all = self.port.records();
            all.into_iter().filter(|(id, _)| ids.contains(id)).collect()
        };
        self.caller.call(read).await
    }
}

/// UUIDs of version 7 whose random bits are a counter.
fn names() -> Box<dyn Fn(Timestamp) -> String + Send + Sync> {
    let number = AtomicU64::new(0);
    Box::new(move |at| {
        let (ms, number) = (at.unix_ms(), number.fetch_add(1, Ordering::Relaxed));
        format!("{:08x}-{:04x}-7000-8000-{number:012x}", ms >> 16, ms & 0xffff)
    })
}

/// Runs a future to its end, with nothing in between.
pub(super) fn at_once<T>(running: impl Future<Output = T>) -> T {
    let mut running = pin!(running);
    for _ in 0..10_000 {
        let polled = running.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(answer) = polled {
            return answer;
        }
    }
    panic!("it does not end")
}

fn quiet(_: &str) {}

/// A delivery or a compaction that the test polls.
pub(super) type Running<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

pub(super) struct World {
    contracts: Catalog,
    pub(super) bucket: MemoryBucket,
    pub(super) store: MemoryStore<NoEffect>,
    pub(super) clock: ManualClock,
    pub(super) partition: Partition,
    names: Box<dyn Fn(Timestamp) -> String + Send + Sync>,
    /// The keys of each object, by its key and entity tag.
    keys: Mutex<BTreeMap<(String, String), Vec<String>>>,
    /// The keys that a reader found in the last check.
    seen: Mutex<BTreeSet<String>>,
}

impl World {
    pub(super) fn new(contracts: Catalog) -> Self {
        let envelope = Envelope::from_json(&envelope_text("k", "p", TIME, FLIGHT)).unwrap();
        Self {
            contracts,
            bucket: MemoryBucket::default(),
            store: MemoryStore::default(),
            clock: ManualClock::default(),
            partition: Partition::of_event("lake", &envelope),
            names: names(),
            keys: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    pub(super) fn name(&self, at: Timestamp) -> String {
        (self.names)(at)
    }

    fn called<P: Clone>(port: &P, caller: &Caller) -> Called<P> {
        Called { port: port.clone(), caller: caller.clone() }
    }

    /// Delivers events with these keys to a writer, once. Returns whether each was acknowledged.
    pub(super) fn deliver(&self, keys: &[&str], caller: &Caller) -> Running<'_, Vec<bool>> {
        let envelopes: Vec<Envelope> = keys
            .iter()
            .map(|key| Envelope::from_json(&envelope_text(key, "p", TIME, FLIGHT)).unwrap())
            .collect();
        let (bucket, store) =
            (Self::called(&self.bucket, caller), Self::called(&self.store, caller));
        let deadline = self.clock.deadline_in(Duration::from_secs(60));
        Box::pin(async move {
            let names = Mutex::new(Vec::from_iter((0..8).map(|_| self.name(self.clock.now()))));
            let name = move |_| names.lock().unwrap().remove(0);
            let lakes = Lakes::new(self.contracts.clone());
            let mut prepared = Vec::new();
            for envelope in &envelopes {
                let contract = self.contracts.get(&envelope.dataset).unwrap();
                let expires_at = contract.surely_remembered_until(deadline.now(), None);
                let of_dataset = lakes.of(&envelope.dataset).unwrap();
                let rows = of_dataset.iter();
                let rows = rows.map(|(sink, lake)| LakeRow::new(sink, lake, envelope, expires_at));
                let measured = MeasuredEvent::from(envelope);
                prepared.push(Prepared { measured, writes: rows.collect() });
            }
            let (rows, events) = collect_writes(prepared, |row: &LakeRow| WriteKey {
                id: row.id.clone(),
                fingerprint: row.fingerprint.clone(),
            });
            let writer = BatchWriter { store: &store, bucket: &bucket, lakes: &lakes, name: &name };
            let outcomes = writer.write(&rows, lease_for(&deadline), || deadline.now()).await;
            let recorder = Recorder::new("Test");
            let measures = SinkMeasures { recorder: &recorder, stage: "lake", now: deadline.now() };
            events.settle(outcomes, &measures).iter().map(Result::is_ok).collect()
        })
    }

    pub(super) fn compact(
        &self,
        settings: Settings,
        caller: &Caller,
    ) -> Running<'_, Result<Tally, Failure>> {
        let (bucket, records) =
            (Self::called(&self.bucket, caller), Self::called(&self.store, caller));
        Box::pin(async move {
            let compaction = self.compaction(&bucket, &records, settings);
            compaction.partition(&self.partition).await
        })
    }

    pub(super) fn outlook(
        &self,
        settings: Settings,
        caller: &Caller,
    ) -> Running<'_, Result<Tally, Failure>> {
        let (bucket, records) =
            (Self::called(&self.bucket, caller), Self::called(&self.store, caller));
        Box::pin(async move {
            let compaction = self.compaction(&bucket, &records, settings);
            compaction.outlook(&self.partition).await
        })
    }

    fn compaction<'a>(
        &'a self,
        bucket: &'a Called<MemoryBucket>,
        records: &'a Called<MemoryStore<NoEffect>>,
        settings: Settings,
    ) -> Compaction<'a, Called<MemoryBucket>, Called<MemoryStore<NoEffect>>> {
        let (clock, name) = (&self.clock, &*self.names);
        Compaction { bucket, records, clock, name, settings, watch: &quiet }
    }

    /// Makes one step, and checks the lake after it. Returns the result once there is one.
    pub(super) fn step<T>(&self, running: &mut Running<'_, T>, told: &str) -> Option<T> {
        let mut context = Context::from_waker(Waker::noop());
        let polled = running.as_mut().poll(&mut context);
        self.check(told);
        match polled {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }

    /// Makes all steps, and returns the result.
    pub(super) fn run<T>(&self, mut running: Running<'_, T>, told: &str) -> T {
        for _ in 0..10_000 {
            if let Some(answer) = self.step(&mut running, told) {
                return answer;
            }
        }
        panic!("{told}: it does not end")
    }

    pub(super) fn wait(&self, time: Duration) {
        self.clock.advance(time);
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        at_once(manifest::load(&self.bucket, &self.partition.manifest())).unwrap().0
    }

    pub(super) fn keys_of(&self, object: &str) -> Vec<String> {
        let id = (object.to_owned(), self.bucket.etag(object));
        let mut known = self.keys.lock().unwrap();
        known.entry(id).or_insert_with(|| self.bucket.row_keys(object)).clone()
    }

    /// Checks what readers find now: each listed object exists as it is listed, each key is found once, all keys that
    /// were found before are still found, and so are all keys whose records are completed.
    fn check(&self, told: &str) {
        let there = self.bucket.keys();
        let mut found = BTreeSet::new();
        for entry in self.entries() {
            assert!(there.contains(&entry.key), "{told}: {} is listed and gone", entry.key);
            let keys = self.keys_of(&entry.key);
            let size = (keys.len(), self.bucket.body(&entry.key).len());
            assert_eq!((entry.rows, entry.bytes), size, "{told}: {}", entry.key);
            for key in keys {
                assert!(found.insert(key.clone()), "{told}: {key} is found twice");
            }
        }
        let mut seen = self.seen.lock().unwrap();
        let lost: Vec<&String> = seen.difference(&found).collect();
        assert!(lost.is_empty(), "{told}: lost {lost:?}");
        for (id, record) in self.store.records() {
            let is_completed = matches!(record, DedupeRecord::Completed(_));
            let key = id.key.to_string();
            assert!(!is_completed || found.contains(&key), "{told}: {key} counts as written");
        }
        *seen = found;
    }

    pub(super) fn found(&self) -> BTreeSet<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Whether a claim is left that is not completed.
    pub(super) fn has_claims(&self) -> bool {
        let records = self.store.records();
        records.values().any(|record| matches!(record, DedupeRecord::InProgress(_)))
    }

    /// Adds a claim of an owner that never wrote this key.
    pub(super) fn claim(&self, key: &str, owner: &str) {
        let now = self.clock.now();
        let claim = dedupe::InProgress {
            owner: Owner::from(owner.to_owned()),
            lease_ends_at: now,
            fingerprint: event::Fingerprint::from("p".to_owned()),
            expires_at: now.plus(720 * HOUR),
        };
        let change = dedupe::Change {
            id: RecordId { sink: "lake".to_owned(), key: IdempotencyKey::from(key.to_owned()) },
            expected: Expected::Free,
            to: Some(DedupeRecord::InProgress(claim)),
        };
        let transaction = Transaction { changes: vec![change], effects: Vec::new() };
        let store = self.store.clone();
        at_once(store.commit(transaction, now)).unwrap();
    }

    pub(super) fn put(&self, key: &str, body: Bytes) {
        self.bucket.set(key, body);
    }

    /// The objects that are not in the list.
    pub(super) fn unlisted(&self) -> Vec<String> {
        let listed: BTreeSet<String> = self.entries().into_iter().map(|entry| entry.key).collect();
        let mut keys = self.bucket.keys();
        keys.retain(|key| !listed.contains(key) && !key.ends_with(".json"));
        keys
    }
}
