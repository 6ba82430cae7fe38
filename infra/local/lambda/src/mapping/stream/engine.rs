//! The reader of a mapping's shard. It reads records, filters them and forms a batch, and does not read
//! further until that batch is finished. `delivery` processes the batch.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::super::super::environment::millis;
use super::super::super::lock;
use super::super::super::work::{Work, WorkTracker};
use super::super::mode::{Mode, Switch};
use super::super::response::MissingReportWarning;
use super::super::{Activity, Counters, EngineControl, Target};
use super::checkpoint::Checkpoint;
use super::record::EventRecord;
use super::{FailureDestination, MappingSettings, StreamServices, StreamSource};
use clock::Clock;
use dynamodb::{MAX_PAGE, Page, Position};

/// How often the reader looks for records, as Lambda does, in real time. Usually a write wakes it. But a
/// request whose caller disconnected may take effect after the server has stopped watching it.
const POLL: Duration = Duration::from_millis(250);
/// How long a stream keeps its records, in milliseconds:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html#Streams.DataRetention>
pub(super) const RETENTION_MS: u64 = 24 * 3_600 * 1_000;
/// Not a possible number of writes.
const NEVER: u64 = u64::MAX;

pub(super) struct Engine<S, T, L> {
    pub(super) settings: MappingSettings,
    pub(super) clock: Clock,
    pub(super) source: S,
    pub(super) target: T,
    pub(super) failures: L,
    pub(super) switch: Switch,
    pub(super) tracker: WorkTracker,
    pub(super) checkpoint: Checkpoint,
    counters: Mutex<Counters>,
    writes: watch::Receiver<u64>,
    /// The number of writes when the stream was last read to its end.
    seen: AtomicU64,
    /// Whether a batch is being delivered, so that later records have to wait.
    is_delivering: AtomicBool,
    has_ended: watch::Sender<bool>,
    /// Whether it was logged that the stream cannot be read, since it last could.
    has_logged_unreadable: AtomicBool,
    pub(super) missing_report_warning: MissingReportWarning,
}

/// A batch to which records can still be added.
struct PartialBatch {
    entries: Vec<EventRecord>,
    bytes: usize,
    work: Work,
    ends_ms: u64,
}

impl PartialBatch {
    fn is_full(&self, settings: &MappingSettings) -> bool {
        self.entries.len() >= settings.batch_size || self.bytes >= settings.payload_limit
    }
}

impl<S: StreamSource, T: Target, L: FailureDestination> Engine<S, T, L> {
    pub(super) fn new(
        settings: MappingSettings,
        switch: Switch,
        clock: Clock,
        from: Position,
        services: StreamServices<S, T, L>,
    ) -> Self {
        let StreamServices { source, target, failures } = services;
        let writes = source.writes();
        Self {
            settings,
            clock,
            source,
            target,
            failures,
            switch,
            tracker: WorkTracker::default(),
            checkpoint: Checkpoint::new(from),
            counters: Mutex::default(),
            writes,
            seen: AtomicU64::new(NEVER),
            is_delivering: AtomicBool::new(false),
            has_ended: watch::Sender::new(false),
            has_logged_unreadable: AtomicBool::new(false),
            missing_report_warning: MissingReportWarning::default(),
        }
    }

    pub(super) fn start(self: &Arc<Self>) {
        let engine = self.clone();
        let mut position = engine.checkpoint.position();
        tokio::spawn(async move {
            let _end = EndGuard(&engine.has_ended);
            while engine.switch.wait_for_mode(|mode| mode != Mode::Paused).await == Mode::Running {
                if let Some(PartialBatch { entries, work, .. }) =
                    engine.receive_batch(&mut position).await
                {
                    engine.is_delivering.store(true, Ordering::Release);
                    let mut work = Some(work);
                    if !engine.deliver(entries, &mut work).await {
                        // Later records must not be delivered before this batch.
                        break;
                    }
                    engine.checkpoint.set_position(position.clone());
                    // This comes before the work ends, so that records written in between are noticed.
                    engine.is_delivering.store(false, Ordering::Release);
                    drop(work);
                }
            }
        });
    }

    /// Reads the next batch. Returns `None` if the mapping no longer runs and no record was read.
    async fn receive_batch(&self, position: &mut Position) -> Option<PartialBatch> {
        let mut writes = self.writes.clone();
        let mut partial: Option<PartialBatch> = None;
        loop {
            if self.switch.mode() != Mode::Running {
                return partial;
            }
            let written = *writes.borrow_and_update();
            let has = partial.as_ref().map_or(0, |it| it.entries.len());
            let limit = MAX_PAGE.min(self.settings.batch_size - has);
            let is_last = match self.source.read(position, limit).await {
                Ok(page) => {
                    self.has_logged_unreadable.store(false, Ordering::Relaxed);
                    let is_last = page.is_last;
                    *position = page.next.clone();
                    self.add_to_batch(&mut partial, page);
                    if partial.is_none() {
                        self.checkpoint.set_position(position.clone());
                    }
                    is_last
                }
                Err(error) => {
                    if !self.has_logged_unreadable.swap(true, Ordering::Relaxed) {
                        let name = &self.settings.name;
                        tracing::warn!(mapping.name = name, "a stream cannot be read: {error}");
                    }
                    true
                }
            };
            if is_last {
                self.seen.store(written, Ordering::Release);
            }
            match &partial {
                Some(batch) if batch.is_full(&self.settings) => return partial,
                Some(batch) if batch.ends_ms <= self.clock.now_ms() => return partial,
                _ if !is_last => {}
                waiting => self.wait(&mut writes, waiting.as_ref()).await,
            }
        }
    }

    /// Waits until there may be more records, the batching window ends, or the mapping is paused.
    async fn wait(&self, writes: &mut watch::Receiver<u64>, partial: Option<&PartialBatch>) {
        let window = async {
            match partial {
                Some(it) => it.work.sleep_until(&self.clock, it.ends_ms).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.switch.wait_for_mode(|mode| mode != Mode::Running) => {}
            // This fails only if the table was dropped.
            Ok(()) = writes.changed() => {}
            () = window => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }

    /// Adds the records that a filter matches. Records that the stream would no longer have are skipped.
    fn add_to_batch(&self, partial: &mut Option<PartialBatch>, page: Page) {
        let oldest_ms = self.clock.now_ms().saturating_sub(RETENTION_MS);
        let mut trimmed = 0_u64;
        for record in page.records {
            if record.created_ms < oldest_ms {
                trimmed += 1;
                continue;
            }
            let entry = EventRecord::of(record, &self.settings.stream_arn, &self.settings.filters);
            let Some(entry) = entry else {
                self.count(|counters| counters.filtered += 1);
                continue;
            };
            let partial = partial.get_or_insert_with(|| PartialBatch {
                entries: Vec::new(),
                bytes: 0,
                work: self.tracker.start(),
                ends_ms: self.clock.now_ms().saturating_add(millis(self.settings.window)),
            });
            partial.bytes += entry.text.len() + 1;
            partial.entries.push(entry);
            self.count(|counters| counters.in_flight += 1);
        }
        if trimmed > 0 {
            self.count(|counters| counters.discarded += trimmed);
            let name = &self.settings.name;
            tracing::warn!(
                mapping.name = name,
                "{trimmed} records were older than a day and are lost"
            );
        }
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut lock(&self.counters));
    }

    /// Whether there are writes that the reader will read without waiting for time to pass.
    fn is_behind(&self) -> bool {
        self.switch.mode() == Mode::Running
            && !self.is_delivering.load(Ordering::Acquire)
            && *self.writes.borrow() != self.seen.load(Ordering::Acquire)
    }
}

impl<S: StreamSource, T: Target, L: FailureDestination> EngineControl for Engine<S, T, L> {
    fn set(&self, mode: Mode) {
        self.switch.set(mode);
    }

    fn mode(&self) -> Mode {
        self.switch.mode()
    }

    /// It reads a stream at once and never waits for records.
    fn is_receiving(&self) -> bool {
        false
    }

    fn counters(&self) -> Counters {
        *lock(&self.counters)
    }

    fn activity(&self) -> Activity {
        if self.is_behind() {
            return Activity::Busy;
        }
        Activity::of(&self.tracker)
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        Some(self.checkpoint.clone())
    }

    fn wait_until_finished(&self) -> BoxFuture<'_, ()> {
        async {
            // This cannot fail, because `self` holds the sender.
            let _ = self.has_ended.subscribe().wait_for(|has_ended| *has_ended).await;
        }
        .boxed()
    }
}

/// Reports the end of the reader when it is dropped.
struct EndGuard<'a>(&'a watch::Sender<bool>);

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}
