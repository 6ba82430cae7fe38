//! A queue as the service shares it between callers: its names, its lock, and a notification for
//! consumers that wait.
//!
//! Each queue has one lock, which is held for one step and never across an await. Code that needs the
//! locks of two queues takes them through [`lock_both`], which always uses the same order. No code
//! looks up a queue by its name while it holds a queue's lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::errors::Fault;
use super::queue::Queue;

pub(super) struct SharedQueue {
    /// Unique among all queues that the service ever created. A queue that is created again under an
    /// old name has a new number.
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) arn: Arc<str>,
    pub(super) url: String,
    state: Mutex<QueueState>,
    /// Notified when a message may have become available.
    pub(super) changed: Notify,
}

pub(super) struct QueueState {
    pub(super) queue: Queue,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) created_ms: u64,
    pub(super) modified_ms: u64,
    pub(super) purged_ms: Option<u64>,
    pub(super) is_deleted: bool,
}

impl SharedQueue {
    pub(super) fn new(name: &str, arn: String, url: String, state: QueueState) -> Self {
        Self {
            number: state.queue.number(),
            name: name.to_owned(),
            arn: arn.into(),
            url,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    /// Locks the state of a queue, which may have been deleted in the meantime.
    pub(super) fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the state of a queue that must still exist.
    ///
    /// # Errors
    /// `QueueDoesNotExist` if the queue was deleted in the meantime.
    pub(super) fn lock_existing(&self) -> Result<MutexGuard<'_, QueueState>, Fault> {
        let state = self.lock();
        if state.is_deleted { Err(Fault::no_such_queue()) } else { Ok(state) }
    }

    /// Wakes the consumers that wait for a message.
    pub(super) fn notify(&self) {
        self.changed.notify_waiters();
    }
}

/// Locks two different queues, in the order that prevents a deadlock.
pub(super) fn lock_both<'a>(
    one: &'a SharedQueue,
    other: &'a SharedQueue,
) -> (MutexGuard<'a, QueueState>, MutexGuard<'a, QueueState>) {
    debug_assert_ne!(one.number, other.number, "a queue's lock is not reentrant");
    if one.number < other.number {
        let first = one.lock();
        (first, other.lock())
    } else {
        let second = other.lock();
        (one.lock(), second)
    }
}
