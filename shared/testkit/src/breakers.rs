//! A store of breakers in memory, which a test can make fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use breaker::polling::{
    ChangeOutcome, EvidenceStore, Observation, Polling, PollingRecord, PollingStore,
};
use breaker::{
    Publication, PublishOutcome, Record, ReplaceOutcome, Snapshot, Store, StoreUnavailable, Window,
};
use event::Timestamp;

/// A store of breakers, of what stages saw, and of pauses. Its clones share one state.
#[derive(Clone, Debug, Default)]
pub struct MemoryBreakers(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    breakers: BTreeMap<String, Snapshot>,
    polling: BTreeMap<String, PollingRecord>,
    fault: StoreFault,
    reads: usize,
    writes: usize,
}

/// How the store fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreFault {
    /// The store works.
    #[default]
    None,
    /// Every call fails, and nothing is written.
    StoreUnavailable,
    /// Reads succeed. Writes fail, and nothing is written.
    ReadOnly,
    /// Every call takes effect, and none returns.
    Silent,
    /// Reads succeed. Writes take effect, and never return.
    SilentWrites,
}

impl MemoryBreakers {
    /// Makes every later call fail, or makes the store work again.
    pub fn set_away(&self, is_away: bool) {
        self.set_fault(if is_away { StoreFault::StoreUnavailable } else { StoreFault::None });
    }

    /// Sets how later calls fail.
    pub fn set_fault(&self, fault: StoreFault) {
        self.state().fault = fault;
    }

    /// Replaces the record and the counts of one breaker.
    pub fn put(&self, breaker: &str, snapshot: Snapshot) {
        self.state().breakers.insert(breaker.to_owned(), snapshot);
    }

    /// The number of calls since this was called last.
    #[must_use]
    pub fn take_calls(&self) -> Calls {
        let mut state = self.state();
        let calls = Calls { reads: state.reads, writes: state.writes };
        (state.reads, state.writes) = (0, 0);
        calls
    }

    /// The record and the counts of one breaker.
    #[must_use]
    pub fn snapshot(&self, breaker: &str) -> Snapshot {
        self.state().breakers.get(breaker).cloned().unwrap_or_default()
    }

    /// Whether one stage's queue is polled, and what was seen of it.
    #[must_use]
    pub fn polling(&self, stage: &str) -> PollingRecord {
        self.state().polling.get(stage).cloned().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Numbers of calls, whether they succeeded or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls {
    /// Calls that read.
    pub reads: usize,
    /// Calls that write.
    pub writes: usize,
}

fn away() -> StoreUnavailable {
    StoreUnavailable { reason: "told to be away".to_owned() }
}

impl State {
    fn read(&mut self) -> Result<BTreeMap<String, Snapshot>, StoreUnavailable> {
        self.reads += 1;
        if self.fault == StoreFault::StoreUnavailable {
            Err(away())
        } else {
            Ok(self.breakers.clone())
        }
    }

    fn replace(&mut self, breaker: &str, expected: u64, record: &Record) -> ReplaceOutcome {
        self.writes += 1;
        if self.is_not_written() {
            return ReplaceOutcome::Unknown(away());
        }
        let snapshot = self.breakers.entry(breaker.to_owned()).or_default();
        if snapshot.record.as_ref().map_or(0, |record| record.version) != expected {
            return ReplaceOutcome::Conflict(snapshot.record.clone());
        }
        snapshot.record = Some(record.clone());
        ReplaceOutcome::Written
    }

    fn publish(
        &mut self,
        breaker: &str,
        window: Window,
        publication: &Publication,
    ) -> PublishOutcome {
        self.writes += 1;
        if self.is_not_written() {
            return PublishOutcome::Unknown(away());
        }
        let snapshot = self.breakers.entry(breaker.to_owned()).or_default();
        let found = snapshot.counts.entry(window.horizon()).or_default();
        let Some(shared) = publication.applied_to(found) else { return PublishOutcome::Conflict };
        *found = shared;
        PublishOutcome::Added
    }

    fn is_not_written(&self) -> bool {
        matches!(self.fault, StoreFault::StoreUnavailable | StoreFault::ReadOnly)
    }
}

impl MemoryBreakers {
    async fn answer<T>(&self, answer: T, silent: &[StoreFault]) -> T {
        if silent.contains(&self.state().fault) {
            return std::future::pending().await;
        }
        answer
    }
}

const SILENT_READS: &[StoreFault] = &[StoreFault::Silent];
const SILENT_WRITES: &[StoreFault] = &[StoreFault::Silent, StoreFault::SilentWrites];

impl Store for MemoryBreakers {
    async fn read(&self) -> Result<BTreeMap<String, Snapshot>, StoreUnavailable> {
        let found = self.state().read();
        self.answer(found, SILENT_READS).await
    }

    async fn replace(&self, breaker: &str, expected: u64, record: &Record) -> ReplaceOutcome {
        let replaced = self.state().replace(breaker, expected, record);
        self.answer(replaced, SILENT_WRITES).await
    }

    async fn publish(
        &self,
        breaker: &str,
        window: Window,
        publication: &Publication,
    ) -> PublishOutcome {
        let published = self.state().publish(breaker, window, publication);
        self.answer(published, SILENT_WRITES).await
    }
}

impl State {
    fn change(&mut self, stage: &str, expected: u64, polling: &Polling) -> ChangeOutcome {
        self.writes += 1;
        if self.is_not_written() {
            return ChangeOutcome::Unknown(away());
        }
        let record = self.polling.entry(stage.to_owned()).or_default();
        if record.version != expected {
            return ChangeOutcome::Conflict;
        }
        record.version += 1;
        record.polling = polling.clone();
        ChangeOutcome::Written
    }
}

impl EvidenceStore for MemoryBreakers {
    async fn add(
        &self,
        stage: &str,
        observation: &Observation,
        at: Timestamp,
    ) -> Result<(), StoreUnavailable> {
        let added = {
            let mut state = self.state();
            state.writes += 1;
            if state.is_not_written() {
                Err(away())
            } else {
                state.polling.entry(stage.to_owned()).or_default().evidence.add(observation, at);
                Ok(())
            }
        };
        self.answer(added, SILENT_WRITES).await
    }
}

impl PollingStore for MemoryBreakers {
    async fn read_polling(&self) -> Result<BTreeMap<String, PollingRecord>, StoreUnavailable> {
        let found = {
            let mut state = self.state();
            state.reads += 1;
            if state.fault == StoreFault::StoreUnavailable {
                Err(away())
            } else {
                Ok(state.polling.clone())
            }
        };
        self.answer(found, SILENT_READS).await
    }

    async fn change(&self, stage: &str, expected: u64, polling: &Polling) -> ChangeOutcome {
        let changed = self.state().change(stage, expected, polling);
        self.answer(changed, SILENT_WRITES).await
    }
}
