//! The pollers of one mapping, which receive messages, filter them and form batches. Their number grows
//! while there is a backlog and shrinks when there is none. `delivery` processes the batches.
//!
//! A batch belongs to one poller until it is finished, and a poller has one batch at a time. So there
//! are never more invocations than pollers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::super::environment::millis;
use super::super::lock;
use super::super::work::{Work, WorkTracker};
use super::group_locks::GroupLocks;
use super::mode::{Mode, Switch};
use super::response::MissingReportWarning;
use super::stream::Checkpoint;
use super::{Activity, Counters, EngineControl, MappingSettings, MessageSource, Target, event};
use clock::Clock;
use sqs::{ReceivedMessage, SqsError};

/// The longest poll that SQS allows.
const LONG_POLL: Duration = Duration::from_secs(20);
/// The number of pollers when there is nothing to do.
const MIN_POLLERS: usize = 2;
/// The delay before a retry when the queue has answered with an error, in milliseconds.
const ERROR_DELAY_MS: u64 = 1_000;

pub(super) struct Engine<S, T> {
    pub(super) settings: MappingSettings,
    pub(super) clock: Clock,
    source: S,
    pub(super) target: T,
    pub(super) switch: Switch,
    pollers: watch::Sender<usize>,
    /// How many calls of [`MessageSource::receive`] are under way.
    receives: AtomicUsize,
    tracker: WorkTracker,
    pub(super) groups: GroupLocks,
    counters: Mutex<Counters>,
    pub(super) missing_report_warning: MissingReportWarning,
}

/// Messages that were received and are not finished.
pub(super) struct Batch {
    pub(super) messages: Vec<Message>,
    pub(super) received_ms: u64,
    /// Whether the batch has the maximum size, so that the queue probably has more messages.
    is_full: bool,
    pub(super) work: Work,
}

pub(super) struct Message {
    pub(super) id: String,
    pub(super) receipt_handle: String,
    /// The message group, in FIFO queues only.
    pub(super) group: Option<String>,
    /// The trace header that the message was sent with.
    pub(super) trace: Option<String>,
    /// The JSON object of the message in the event.
    pub(super) record: String,
}

impl<S: MessageSource, T: Target> Engine<S, T> {
    pub(super) fn new(
        settings: MappingSettings,
        switch: Switch,
        clock: Clock,
        source: S,
        target: T,
    ) -> Self {
        Self {
            settings,
            clock,
            source,
            target,
            switch,
            pollers: watch::Sender::new(0),
            receives: AtomicUsize::new(0),
            tracker: WorkTracker::default(),
            groups: GroupLocks::default(),
            counters: Mutex::default(),
            missing_report_warning: MissingReportWarning::default(),
        }
    }

    pub(super) fn start(self: &Arc<Self>) {
        for _ in 0..MIN_POLLERS {
            self.add_poller();
        }
    }

    fn add_poller(self: &Arc<Self>) {
        let limit = self.settings.concurrency;
        let added = self.pollers.send_if_modified(|pollers| {
            let room = *pollers < limit;
            *pollers += usize::from(room);
            room
        });
        if added {
            let poller = Poller { engine: self.clone(), is_counted: true };
            tokio::spawn(async move { poller.run().await });
        }
    }

    /// Reduces the number of pollers if there are more than the minimum.
    fn remove_poller(&self) -> bool {
        self.pollers.send_if_modified(|pollers| {
            let surplus = *pollers > MIN_POLLERS.min(self.settings.concurrency);
            *pollers -= usize::from(surplus);
            surplus
        })
    }

    pub(super) async fn wait_for_mode(&self, wanted: impl Fn(Mode) -> bool) -> Mode {
        self.switch.wait_for_mode(wanted).await
    }

    /// Receives the next batch. Returns `None` if no message came or the mapping no longer runs.
    async fn receive_batch(&self) -> Option<Batch> {
        let size = self.settings.batch_size;
        let (first, work) = self.tracker.track_output(self.receive(size, LONG_POLL)).await;
        let first = match first? {
            Ok(messages) if messages.is_empty() => return None,
            Ok(messages) => messages,
            Err(error) => {
                self.wait_after_error(&error).await;
                return None;
            }
        };
        let received_ms = self.clock.now_ms();
        let mut batch = Batch { messages: Vec::new(), received_ms, is_full: false, work };
        let mut bytes = self.add_to_batch(&mut batch, first);
        let window_ends_ms = received_ms.saturating_add(millis(self.settings.window));
        while batch.messages.len() < size && bytes < self.settings.payload_limit {
            let left_ms = window_ends_ms.saturating_sub(self.clock.now_ms());
            if left_ms == 0 {
                return Some(batch);
            }
            let wait = Duration::from_millis(left_ms).min(LONG_POLL);
            let waiting = batch.work.waiting_until(window_ends_ms);
            let more = self.receive(size - batch.messages.len(), wait).await;
            drop(waiting);
            match more {
                Some(Ok(more)) => bytes += self.add_to_batch(&mut batch, more),
                // The messages received so far are processed. The next receive meets the error again.
                Some(Err(_)) | None => return Some(batch),
            }
        }
        batch.is_full = true;
        Some(batch)
    }

    /// Receives while the mapping runs.
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
    ) -> Option<Result<Vec<ReceivedMessage>, SqsError>> {
        let _counted = CountedReceive::start(&self.receives);
        tokio::select! {
            biased;
            // This comes first, so that messages sent after a pause stay in the queue.
            _ = self.wait_for_mode(|mode| mode != Mode::Running) => None,
            received = self.source.receive(&self.settings.queue, max, wait) => Some(received),
        }
    }

    async fn wait_after_error(&self, error: &SqsError) {
        tracing::warn!(
            mapping.name = self.settings.name,
            queue.name = self.settings.queue,
            "{error}"
        );
        let work = self.tracker.start();
        let due_ms = self.clock.now_ms().saturating_add(ERROR_DELAY_MS);
        tokio::select! {
            () = work.sleep_until(&self.clock, due_ms) => {}
            _ = self.wait_for_mode(|mode| mode == Mode::Stopped) => {}
        }
    }

    /// Adds the received messages to a batch and returns the added bytes. Messages that no filter matches
    /// are deleted. Messages that would continue a recursive loop stay in the queue.
    fn add_to_batch(&self, batch: &mut Batch, received: Vec<ReceivedMessage>) -> usize {
        let mut bytes = 0;
        // The groups of a FIFO queue of which a message stays in the queue. The later messages of these
        // groups must stay there, too.
        let mut blocked_groups = BTreeSet::new();
        for message in received {
            let group = message.attributes.get("MessageGroupId").cloned();
            let group = group.filter(|_| self.settings.fifo);
            if group.as_ref().is_some_and(|group| blocked_groups.contains(group)) {
                continue;
            }
            if !self.settings.filters.pass(&message.body) {
                self.count(|counters| counters.filtered += 1);
                self.delete(&message.receipt_handle);
                continue;
            }
            let trace = message.attributes.get("AWSTraceHeader").cloned();
            let function = &self.settings.function;
            if trace.as_ref().is_some_and(|trace| self.target.drop_if_recursive(function, trace)) {
                // The message becomes visible again when its visibility timeout ends, until its queue
                // moves it to the dead-letter queue.
                blocked_groups.extend(group);
                continue;
            }
            match event::record_json(&message, &self.settings.source) {
                Ok(record) => {
                    bytes += record.len() + 1;
                    self.count(|counters| counters.in_flight += 1);
                    batch.messages.push(Message {
                        id: message.message_id,
                        receipt_handle: message.receipt_handle,
                        group,
                        trace,
                        record,
                    });
                }
                Err(error) => {
                    let name = &self.settings.name;
                    tracing::error!(mapping.name = name, "a message has no event record: {error}");
                }
            }
        }
        bytes
    }

    pub(super) fn delete(&self, receipt_handle: &str) {
        if let Err(error) = self.source.delete(&self.settings.queue, receipt_handle) {
            let queue = &self.settings.queue;
            tracing::warn!(queue.name = queue, "a message is done but not deleted: {error}");
        }
    }

    pub(super) fn release(&self, receipt_handle: &str) {
        if let Err(error) = self.source.release(&self.settings.queue, receipt_handle) {
            let queue = &self.settings.queue;
            tracing::warn!(queue.name = queue, "a message stays hidden until its timeout: {error}");
        }
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut lock(&self.counters));
    }
}

impl<S: MessageSource, T: Target> EngineControl for Engine<S, T> {
    fn set(&self, mode: Mode) {
        self.switch.set(mode);
    }

    fn mode(&self) -> Mode {
        self.switch.mode()
    }

    fn is_receiving(&self) -> bool {
        self.receives.load(Ordering::SeqCst) > 0
    }

    fn counters(&self) -> Counters {
        *lock(&self.counters)
    }

    fn activity(&self) -> Activity {
        Activity::of(&self.tracker)
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        None
    }

    fn wait_until_finished(&self) -> BoxFuture<'_, ()> {
        async {
            // This cannot fail, because `self` holds the sender.
            let _ = self.pollers.subscribe().wait_for(|pollers| *pollers == 0).await;
        }
        .boxed()
    }
}

/// One of the receives that are under way, until it is dropped.
struct CountedReceive<'a>(&'a AtomicUsize);

impl<'a> CountedReceive<'a> {
    fn start(receives: &'a AtomicUsize) -> Self {
        receives.fetch_add(1, Ordering::SeqCst);
        Self(receives)
    }
}

impl Drop for CountedReceive<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One poller. Dropping it reduces the number of pollers.
struct Poller<S, T> {
    engine: Arc<Engine<S, T>>,
    is_counted: bool,
}

impl<S, T> Drop for Poller<S, T> {
    fn drop(&mut self) {
        if self.is_counted {
            self.engine.pollers.send_modify(|pollers| *pollers -= 1);
        }
    }
}

impl<S: MessageSource, T: Target> Poller<S, T> {
    async fn run(mut self) {
        let engine = self.engine.clone();
        while engine.wait_for_mode(|mode| mode != Mode::Paused).await == Mode::Running {
            let needed = match engine.receive_batch().await {
                None => false,
                Some(batch) => {
                    if batch.is_full {
                        engine.add_poller();
                    }
                    // Lambda backs off from a failing function, but not from one that reports
                    // which messages failed.
                    engine.process(&batch).await || engine.settings.report_batch_item_failures
                }
            };
            if !needed && engine.remove_poller() {
                self.is_counted = false;
                return;
            }
        }
    }
}
