//! The one reader of a mapping's shard: it reads on, filters and gathers a batch, and does not read
//! further until that batch is dealt with. What becomes of it is in `delivery`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::super::super::environment::millis;
use super::super::super::locked;
use super::super::super::waits::{UnderWay, Waits};
use super::super::mode::{Mode, Switch};
use super::super::response::Unsaid;
use super::super::{Activity, Control, Counters, Target};
use super::checkpoint::Checkpoint;
use super::record::Entry;
use super::{Letters, Plan, StreamSource};
use clock::Clock;
use dynamodb::{MAX_PAGE, Page, Position};

/// A write wakes the reader; this often it looks in any case, as Lambda does, in real time. A request
/// whose caller left before the answer may take effect after the front has stopped looking.
const POLL: Duration = Duration::from_millis(250);
/// For so long a stream has its records, in milliseconds:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html#Streams.DataRetention>
pub(super) const RETENTION_MS: u64 = 24 * 3_600 * 1_000;
/// No number of writes.
const NEVER: u64 = u64::MAX;

pub(super) struct Engine<S, T, L> {
    pub(super) plan: Plan,
    pub(super) clock: Clock,
    pub(super) source: S,
    pub(super) target: T,
    pub(super) letters: L,
    pub(super) switch: Switch,
    pub(super) waits: Waits,
    pub(super) checkpoint: Checkpoint,
    counters: Mutex<Counters>,
    writes: watch::Receiver<u64>,
    /// As many writes there were when the stream was last read to its end.
    seen: AtomicU64,
    /// Whether a batch holds up what comes after it.
    is_delivering: AtomicBool,
    has_ended: watch::Sender<bool>,
    /// Whether it has been said that the stream cannot be read, since it last could.
    noted_unreadable: AtomicBool,
    pub(super) unsaid: Unsaid,
}

/// A batch in the making.
struct Gathering {
    entries: Vec<Entry>,
    bytes: usize,
    under_way: UnderWay,
    ends_ms: u64,
}

impl<S: StreamSource, T: Target, L: Letters> Engine<S, T, L> {
    pub(super) fn new(
        plan: Plan,
        switch: Switch,
        clock: Clock,
        from: Position,
        source: S,
        target: T,
        letters: L,
    ) -> Self {
        let writes = source.writes();
        Self {
            plan,
            clock,
            source,
            target,
            letters,
            switch,
            waits: Waits::default(),
            checkpoint: Checkpoint::new(from),
            counters: Mutex::default(),
            writes,
            seen: AtomicU64::new(NEVER),
            is_delivering: AtomicBool::new(false),
            has_ended: watch::Sender::new(false),
            noted_unreadable: AtomicBool::new(false),
            unsaid: Unsaid::default(),
        }
    }

    pub(super) fn start(self: &Arc<Self>) {
        let engine = self.clone();
        let mut position = engine.checkpoint.position();
        tokio::spawn(async move {
            let _end = End(&engine.has_ended);
            while engine.switch.until(|mode| mode != Mode::Paused).await == Mode::Running {
                if let Some(Gathering { entries, under_way, .. }) =
                    engine.gather(&mut position).await
                {
                    engine.is_delivering.store(true, Ordering::Release);
                    let mut under_way = Some(under_way);
                    if !engine.deliver(entries, &mut under_way).await {
                        // What comes after it is not to be dealt with before it.
                        break;
                    }
                    engine.checkpoint.reach(position.clone());
                    // First, so that what has been written meanwhile is not overlooked.
                    engine.is_delivering.store(false, Ordering::Release);
                    drop(under_way);
                }
            }
        });
    }

    /// The next batch; `None` when the mapping no longer runs.
    async fn gather(&self, position: &mut Position) -> Option<Gathering> {
        let mut writes = self.writes.clone();
        let mut gathering: Option<Gathering> = None;
        loop {
            if self.switch.mode() != Mode::Running {
                return gathering;
            }
            let written = *writes.borrow_and_update();
            let has = gathering.as_ref().map_or(0, |it| it.entries.len());
            let limit = MAX_PAGE.min(self.plan.batch_size - has);
            let is_last = match self.source.read(position, limit).await {
                Ok(page) => {
                    self.noted_unreadable.store(false, Ordering::Relaxed);
                    let is_last = page.is_last;
                    *position = page.next.clone();
                    self.take(&mut gathering, page);
                    if gathering.is_none() {
                        self.checkpoint.reach(position.clone());
                    }
                    is_last
                }
                Err(error) => {
                    if !self.noted_unreadable.swap(true, Ordering::Relaxed) {
                        let name = &self.plan.name;
                        tracing::warn!(mapping.name = name, "a stream cannot be read: {error}");
                    }
                    true
                }
            };
            if is_last {
                self.seen.store(written, Ordering::Release);
            }
            let is_full = |it: &Gathering| {
                it.entries.len() >= self.plan.batch_size || it.bytes >= self.plan.payload_limit
            };
            match &gathering {
                Some(it) if is_full(it) || it.ends_ms <= self.clock.now_ms() => return gathering,
                _ if !is_last => {}
                waiting => self.wait(&mut writes, waiting.as_ref()).await,
            }
        }
    }

    /// Until there may be more, the window ends, or the mapping does not run.
    async fn wait(&self, writes: &mut watch::Receiver<u64>, gathering: Option<&Gathering>) {
        let window = async {
            match gathering {
                Some(it) => it.under_way.sleep_until(&self.clock, it.ends_ms).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.switch.until(|mode| mode != Mode::Running) => {}
            // Where writes are over, so is the table.
            Ok(()) = writes.changed() => {}
            () = window => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }

    /// Adds what the filters let pass, and passes over the rest and what the stream no longer has.
    fn take(&self, gathering: &mut Option<Gathering>, page: Page) {
        let oldest_ms = self.clock.now_ms().saturating_sub(RETENTION_MS);
        let mut trimmed = 0_u64;
        for record in page.records {
            if record.created_ms < oldest_ms {
                trimmed += 1;
                continue;
            }
            let entry = Entry::of(record, &self.plan.stream_arn, &self.plan.filters);
            let Some(entry) = entry else {
                self.count(|counters| counters.filtered += 1);
                continue;
            };
            let gathering = gathering.get_or_insert_with(|| Gathering {
                entries: Vec::new(),
                bytes: 0,
                under_way: self.waits.enter(),
                ends_ms: self.clock.now_ms().saturating_add(millis(self.plan.window)),
            });
            gathering.bytes += entry.text.len() + 1;
            gathering.entries.push(entry);
            self.count(|counters| counters.in_flight += 1);
        }
        if trimmed > 0 {
            self.count(|counters| counters.discarded += trimmed);
            let name = &self.plan.name;
            tracing::warn!(mapping.name = name, "{trimmed} records were older than a day: lost");
        }
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut locked(&self.counters));
    }

    /// Whether there are writes that the reader will look at before time has to pass.
    fn is_behind(&self) -> bool {
        self.switch.mode() == Mode::Running
            && !self.is_delivering.load(Ordering::Acquire)
            && *self.writes.borrow() != self.seen.load(Ordering::Acquire)
    }
}

impl<S: StreamSource, T: Target, L: Letters> Control for Engine<S, T, L> {
    fn set(&self, mode: Mode) {
        self.switch.set(mode);
    }

    fn counters(&self) -> Counters {
        *locked(&self.counters)
    }

    fn activity(&self) -> Activity {
        if self.is_behind() {
            return Activity::Busy;
        }
        Activity::of(&self.waits)
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        Some(self.checkpoint.clone())
    }

    fn finished(&self) -> BoxFuture<'_, ()> {
        async {
            // The sender is in `self`: waiting cannot fail.
            let _ = self.has_ended.subscribe().wait_for(|has_ended| *has_ended).await;
        }
        .boxed()
    }
}

/// Says that the reader has ended, whichever way.
struct End<'a>(&'a watch::Sender<bool>);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}
