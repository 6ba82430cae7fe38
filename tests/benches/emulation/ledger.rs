//! Which messages came, and how often.

use std::sync::Mutex;

use crate::client::{BATCH, Taken};

/// How often each number came.
pub(crate) struct Ledger {
    state: Mutex<State>,
}

struct State {
    counts: Vec<u8>,
    taken: usize,
    /// As [`Ledger::taken`], with what somebody is about to receive.
    claimed: usize,
    expected: usize,
}

impl Ledger {
    /// For numbers below `numbers`, of which `expected` are to come.
    pub(crate) fn new(numbers: usize, expected: usize) -> Self {
        Self {
            state: Mutex::new(State { counts: vec![0; numbers], taken: 0, claimed: 0, expected }),
        }
    }

    /// Whether a batch more is to be received, which is then the caller's to [note](Ledger::note).
    pub(crate) fn claim(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let is_wanted = state.claimed < state.expected;
        state.claimed += if is_wanted { BATCH } else { 0 };
        is_wanted
    }

    /// What a claimed receive brought.
    pub(crate) fn note(&self, taken: &[Taken]) {
        let mut state = self.state.lock().unwrap();
        state.taken += taken.len();
        state.claimed -= BATCH - taken.len();
        for one in taken {
            state.counts[one.number] += 1;
        }
    }

    /// How many came, one that came twice counted twice.
    pub(crate) fn taken(&self) -> usize {
        self.state.lock().unwrap().taken
    }

    /// How many came that had come before.
    pub(crate) fn repeated(&self) -> usize {
        let state = self.state.lock().unwrap();
        state.counts.iter().map(|count| usize::from(count.saturating_sub(1))).sum()
    }
}
