//! A store of breakers in memory, which can be told to be away.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use breaker::{Away, Publication, Published, Record, Replaced, Snapshot, Store, Window};

/// Clones are one store.
#[derive(Clone, Debug, Default)]
pub struct MemoryBreakers(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    breakers: BTreeMap<String, Snapshot>,
    is_away: bool,
    reads: usize,
    writes: usize,
}

impl MemoryBreakers {
    /// From now on nothing is answered and nothing is written, or everything again.
    pub fn set_away(&self, is_away: bool) {
        self.state().is_away = is_away;
    }

    /// How often it was read, and how often something was to be written, since the last time.
    #[must_use]
    pub fn take_calls(&self) -> Calls {
        let mut state = self.state();
        let calls = Calls { reads: state.reads, writes: state.writes };
        (state.reads, state.writes) = (0, 0);
        calls
    }

    /// One breaker as it is.
    #[must_use]
    pub fn snapshot(&self, breaker: &str) -> Snapshot {
        self.state().breakers.get(breaker).cloned().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls {
    pub reads: usize,
    pub writes: usize,
}

fn away() -> Away {
    Away { reason: "told to be away".to_owned() }
}

impl Store for MemoryBreakers {
    async fn read(&self) -> Result<BTreeMap<String, Snapshot>, Away> {
        let mut state = self.state();
        state.reads += 1;
        if state.is_away { Err(away()) } else { Ok(state.breakers.clone()) }
    }

    async fn replace(&self, breaker: &str, expected: u64, record: &Record) -> Replaced {
        let mut state = self.state();
        state.writes += 1;
        if state.is_away {
            return Replaced::Unknown(away());
        }
        let snapshot = state.breakers.entry(breaker.to_owned()).or_default();
        if snapshot.record.as_ref().map_or(0, |record| record.version) != expected {
            return Replaced::Conflict(snapshot.record.clone());
        }
        snapshot.record = Some(record.clone());
        Replaced::Written
    }

    async fn publish(&self, breaker: &str, window: Window, publication: &Publication) -> Published {
        let mut state = self.state();
        state.writes += 1;
        if state.is_away {
            return Published::Unknown(away());
        }
        let snapshot = state.breakers.entry(breaker.to_owned()).or_default();
        let found = snapshot.counts.entry(window.horizon()).or_default();
        let Some(shared) = publication.applied_to(found) else { return Published::Conflict };
        *found = shared;
        Published::Added
    }
}
