//! A queue with what surrounds its state: its names, its lock, and the bell for those who wait.
//!
//! One lock a queue, held for a step and never across an await. Who needs two takes them through
//! [`lock_both`], always in the same order. Nobody looks up a queue by its name while holding one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::errors::Fault;
use super::queue::Queue;

pub(super) struct Cell {
    /// Counts the queues of the service; one made anew under an old name has another.
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) arn: Arc<str>,
    pub(super) url: String,
    state: Mutex<CellState>,
    /// Rung when a message may have become available.
    pub(super) changed: Notify,
}

pub(super) struct CellState {
    pub(super) queue: Queue,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) created_ms: u64,
    pub(super) modified_ms: u64,
    pub(super) purged_ms: Option<u64>,
    pub(super) is_deleted: bool,
}

impl Cell {
    pub(super) fn new(name: &str, arn: String, url: String, state: CellState) -> Self {
        Self {
            number: state.queue.number(),
            name: name.to_owned(),
            arn: arn.into(),
            url,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    /// The state, of a queue that may have been deleted meanwhile.
    pub(super) fn lock(&self) -> MutexGuard<'_, CellState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// `QueueDoesNotExist`, if the queue was deleted meanwhile.
    pub(super) fn open(&self) -> Result<MutexGuard<'_, CellState>, Fault> {
        let state = self.lock();
        if state.is_deleted { Err(Fault::no_such_queue()) } else { Ok(state) }
    }

    /// Wakes those who wait for a message.
    pub(super) fn ring(&self) {
        self.changed.notify_waiters();
    }
}

/// Locks two queues, which must not be the same, in the order that prevents a deadlock.
pub(super) fn lock_both<'a>(
    one: &'a Cell,
    other: &'a Cell,
) -> (MutexGuard<'a, CellState>, MutexGuard<'a, CellState>) {
    debug_assert_ne!(one.number, other.number, "a queue's lock is not reentrant");
    if one.number < other.number {
        let first = one.lock();
        (first, other.lock())
    } else {
        let second = other.lock();
        (one.lock(), second)
    }
}
