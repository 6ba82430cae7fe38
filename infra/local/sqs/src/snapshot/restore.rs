//! A service that goes on from a snapshot: the template's queues are made as it declares them, with
//! what was in them; the others as they were.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::{KeptQueue, Snapshot};
use crate::cell::CellState;
use crate::fifo::Fifo;
use crate::queue::Queue;
use crate::store::Store;
use crate::{Sqs, SqsError};

impl Snapshot {
    /// The names of the queues that were not taken out yet.
    #[cfg(test)]
    pub fn queue_names(&self) -> impl Iterator<Item = &str> {
        self.queues.iter().map(|kept| kept.head.name.as_str())
    }

    fn take(&mut self, name: &str) -> Option<KeptQueue> {
        let at = self.queues.iter().position(|kept| kept.head.name == name)?;
        Some(self.queues.swap_remove(at))
    }
}

impl KeptQueue {
    /// The queue as it was.
    fn state(self) -> CellState {
        let Self { head, attributes, messages, fifo, changes: _ } = self;
        let fifo = fifo.map(Fifo::restored).or_else(|| attributes.fifo.map(|_| Fifo::new()));
        let store = Store::restored(messages, head.next_message, fifo);
        CellState {
            queue: Queue::restored(head.number, attributes, head.last_receive, store),
            tags: head.tags,
            created_ms: head.created_ms,
            modified_ms: head.modified_ms,
            purged_ms: head.purged_ms,
            is_deleted: false,
        }
    }
}

impl Sqs {
    /// As [`Sqs::create_queue`], and the queue goes on with what `kept` has of it. Attributes and
    /// tags are those that are given.
    ///
    /// # Errors
    /// As `CreateQueue` documents.
    pub fn create_queue_from(
        &self,
        kept: &mut Snapshot,
        name: &str,
        attributes: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), SqsError> {
        // Before any number is given out: a receipt handle must never fit two queues.
        self.service.queues_made.fetch_max(kept.queues_made, Ordering::Relaxed);
        let state = kept.take(name).map(KeptQueue::state);
        self.service.create_from(state, name, attributes, tags)?;
        Ok(())
    }

    /// Makes the queues that are left in `kept` as they were, and lets the move tasks go on.
    pub fn restore(&self, kept: Snapshot) {
        self.service.queues_made.fetch_max(kept.queues_made, Ordering::Relaxed);
        for queue in kept.queues {
            let name = queue.head.name.clone();
            let cell = self.service.new_cell(&name, queue.state());
            let mut directory =
                self.service.directory.write().unwrap_or_else(PoisonError::into_inner);
            directory.queues.insert(name, cell);
        }
        self.service.moves.restore(kept.tasks);
    }
}
