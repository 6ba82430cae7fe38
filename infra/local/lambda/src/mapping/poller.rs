//! The pollers of one mapping: they receive, filter and batch; more of them while there is a
//! backlog, fewer when there is none. What becomes of a batch is in `delivery`.
//!
//! A batch belongs to one poller from its receipt to its end, and a poller has one batch at a
//! time: there are never more invocations than pollers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::super::environment::millis;
use super::super::locked;
use super::super::waits::{UnderWay, Waits};
use super::groups::Groups;
use super::mode::{Mode, Switch};
use super::response::Unsaid;
use super::stream::Checkpoint;
use super::{Activity, Control, Counters, MessageSource, Plan, Target, event};
use clock::Clock;
use sqs::{ReceivedMessage, SqsError};

/// The longest poll that SQS has.
const LONG_POLL: Duration = Duration::from_secs(20);
/// Pollers that stay when there is nothing to do.
const LEAST_POLLERS: usize = 2;
/// Between tries after the queue has answered with an error, in milliseconds.
const ERROR_DELAY_MS: u64 = 1_000;

pub(super) struct Engine<S, T> {
    pub(super) plan: Plan,
    pub(super) clock: Clock,
    source: S,
    pub(super) target: T,
    switch: Switch,
    pollers: watch::Sender<usize>,
    waits: Waits,
    pub(super) groups: Groups,
    counters: Mutex<Counters>,
    pub(super) unsaid: Unsaid,
}

/// Messages received and not yet dealt with.
pub(super) struct Batch {
    pub(super) messages: Vec<Message>,
    pub(super) received_ms: u64,
    /// Whether there was more where they came from.
    full: bool,
    pub(super) under_way: UnderWay,
}

pub(super) struct Message {
    pub(super) id: String,
    pub(super) receipt_handle: String,
    /// Where the queue is a FIFO one.
    pub(super) group: Option<String>,
    /// The trace header that it was sent with.
    pub(super) trace: Option<String>,
    /// As the event shows it.
    pub(super) record: String,
}

impl<S: MessageSource, T: Target> Engine<S, T> {
    pub(super) fn new(plan: Plan, switch: Switch, clock: Clock, source: S, target: T) -> Self {
        Self {
            plan,
            clock,
            source,
            target,
            switch,
            pollers: watch::Sender::new(0),
            waits: Waits::default(),
            groups: Groups::default(),
            counters: Mutex::default(),
            unsaid: Unsaid::default(),
        }
    }

    pub(super) fn start(self: &Arc<Self>) {
        for _ in 0..LEAST_POLLERS {
            self.add_poller();
        }
    }

    fn add_poller(self: &Arc<Self>) {
        let limit = self.plan.concurrency;
        let added = self.pollers.send_if_modified(|pollers| {
            let room = *pollers < limit;
            *pollers += usize::from(room);
            room
        });
        if added {
            let poller = Poller { engine: self.clone(), counted: true };
            tokio::spawn(async move { poller.run().await });
        }
    }

    /// Takes a poller off the count if there are more than the least.
    fn dismiss_poller(&self) -> bool {
        self.pollers.send_if_modified(|pollers| {
            let surplus = *pollers > LEAST_POLLERS.min(self.plan.concurrency);
            *pollers -= usize::from(surplus);
            surplus
        })
    }

    pub(super) fn mode(&self) -> Mode {
        self.switch.mode()
    }

    pub(super) async fn until(&self, wanted: impl Fn(Mode) -> bool) -> Mode {
        self.switch.until(wanted).await
    }

    /// The next batch; `None` when nothing came, or the mapping no longer runs.
    async fn gather(&self) -> Option<Batch> {
        let size = self.plan.batch_size;
        let (first, under_way) = self.waits.entered_by(self.receive(size, LONG_POLL)).await;
        let first = match first? {
            Ok(messages) if messages.is_empty() => return None,
            Ok(messages) => messages,
            Err(error) => {
                self.wait_after(&error).await;
                return None;
            }
        };
        let received_ms = self.clock.now_ms();
        let mut batch = Batch { messages: Vec::new(), received_ms, full: false, under_way };
        let mut bytes = self.take(&mut batch, first);
        let window_ends_ms = received_ms.saturating_add(millis(self.plan.window));
        while batch.messages.len() < size && bytes < self.plan.payload_limit {
            let left_ms = window_ends_ms.saturating_sub(self.clock.now_ms());
            if left_ms == 0 {
                return Some(batch);
            }
            let wait = Duration::from_millis(left_ms).min(LONG_POLL);
            let waiting = batch.under_way.waiting_until(window_ends_ms);
            let more = self.receive(size - batch.messages.len(), wait).await;
            drop(waiting);
            match more {
                Some(Ok(more)) => bytes += self.take(&mut batch, more),
                // What has come so far is dealt with; the next receipt meets the error again.
                Some(Err(_)) | None => return Some(batch),
            }
        }
        batch.full = true;
        Some(batch)
    }

    /// Receives while the mapping runs.
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
    ) -> Option<Result<Vec<ReceivedMessage>, SqsError>> {
        tokio::select! {
            biased;
            // First, so that what is sent after a pause stays in the queue.
            _ = self.until(|mode| mode != Mode::Running) => None,
            received = self.source.receive(&self.plan.queue, max, wait) => Some(received),
        }
    }

    async fn wait_after(&self, error: &SqsError) {
        tracing::warn!(mapping.name = self.plan.name, queue.name = self.plan.queue, "{error}");
        let under_way = self.waits.enter();
        let due_ms = self.clock.now_ms().saturating_add(ERROR_DELAY_MS);
        tokio::select! {
            () = under_way.sleep_until(&self.clock, due_ms) => {}
            _ = self.until(|mode| mode == Mode::Stopped) => {}
        }
    }

    /// Adds to a batch what the filters let pass and no loop has to end with, deletes what they do not, and
    /// gives the added bytes.
    fn take(&self, batch: &mut Batch, received: Vec<ReceivedMessage>) -> usize {
        let mut bytes = 0;
        // Groups of a FIFO queue, one of whose messages stays behind: none must overtake it.
        let mut behind = BTreeSet::new();
        for message in received {
            let group = message.attributes.get("MessageGroupId").cloned();
            let group = group.filter(|_| self.plan.fifo);
            if group.as_ref().is_some_and(|group| behind.contains(group)) {
                continue;
            }
            if !self.plan.filters.pass(&message.body) {
                self.count(|counters| counters.filtered += 1);
                self.delete(&message.receipt_handle);
                continue;
            }
            let trace = message.attributes.get("AWSTraceHeader").cloned();
            let function = &self.plan.function;
            if trace.as_ref().is_some_and(|trace| self.target.drops_recursive(function, trace)) {
                // It comes back when its visibility ends, until its queue moves it away.
                behind.extend(group);
                continue;
            }
            match event::record(&message, &self.plan.source) {
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
                    tracing::error!(mapping.name = self.plan.name, "not an event record: {error}");
                }
            }
        }
        bytes
    }

    pub(super) fn delete(&self, receipt_handle: &str) {
        if let Err(error) = self.source.delete(&self.plan.queue, receipt_handle) {
            let queue = &self.plan.queue;
            tracing::warn!(queue.name = queue, "a message is done but not deleted: {error}");
        }
    }

    pub(super) fn give_back(&self, receipt_handle: &str) {
        if let Err(error) = self.source.give_back(&self.plan.queue, receipt_handle) {
            let queue = &self.plan.queue;
            tracing::warn!(queue.name = queue, "a message stays hidden until its timeout: {error}");
        }
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut locked(&self.counters));
    }
}

impl<S: MessageSource, T: Target> Control for Engine<S, T> {
    fn set(&self, mode: Mode) {
        self.switch.set(mode);
    }

    fn counters(&self) -> Counters {
        *locked(&self.counters)
    }

    fn activity(&self) -> Activity {
        Activity::of(&self.waits)
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        None
    }

    fn finished(&self) -> BoxFuture<'_, ()> {
        async {
            // The sender is in `self`: waiting cannot fail.
            let _ = self.pollers.subscribe().wait_for(|pollers| *pollers == 0).await;
        }
        .boxed()
    }
}

/// One poller; dropping it takes it off the count.
struct Poller<S, T> {
    engine: Arc<Engine<S, T>>,
    counted: bool,
}

impl<S, T> Drop for Poller<S, T> {
    fn drop(&mut self) {
        if self.counted {
            self.engine.pollers.send_modify(|pollers| *pollers -= 1);
        }
    }
}

impl<S: MessageSource, T: Target> Poller<S, T> {
    async fn run(mut self) {
        let engine = self.engine.clone();
        while engine.until(|mode| mode != Mode::Paused).await == Mode::Running {
            let needed = match engine.gather().await {
                None => false,
                Some(batch) => {
                    if batch.full {
                        engine.add_poller();
                    }
                    // Lambda backs off from a failing function, but not from one that reports
                    // which messages failed.
                    engine.process(&batch).await || engine.plan.report_batch_item_failures
                }
            };
            if !needed && engine.dismiss_poller() {
                self.counted = false;
                return;
            }
        }
    }
}
