//! Restores a service from a snapshot. The queues of the template get the attributes that the template
//! declares and the messages of the snapshot. All other queues are restored as they were.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::{QueueSnapshot, Snapshot};
use crate::fifo::Fifo;
use crate::queue::Queue;
use crate::shared_queue::QueueState;
use crate::store::Store;
use crate::{Sqs, SqsError};

impl Snapshot {
    /// The names of the queues that were not restored yet.
    #[cfg(test)]
    pub fn queue_names(&self) -> impl Iterator<Item = &str> {
        self.queues.iter().map(|queue| queue.header.name.as_str())
    }

    fn take(&mut self, name: &str) -> Option<QueueSnapshot> {
        let at = self.queues.iter().position(|queue| queue.header.name == name)?;
        Some(self.queues.swap_remove(at))
    }
}

impl QueueSnapshot {
    /// The state of the queue at the time of the snapshot.
    fn state(self) -> QueueState {
        let Self { header, attributes, messages, fifo, changes: _ } = self;
        let fifo = fifo.map(Fifo::restored).or_else(|| attributes.fifo.map(|_| Fifo::new()));
        let store = Store::restored(messages, header.next_message, fifo);
        QueueState {
            queue: Queue::restored(header.number, attributes, header.last_receive, store),
            tags: header.tags,
            created_ms: header.created_ms,
            modified_ms: header.modified_ms,
            purged_ms: header.purged_ms,
            is_deleted: false,
        }
    }
}

impl Sqs {
    /// Creates a queue as [`Sqs::create_queue`] does, with the given attributes and tags. If the
    /// snapshot contains the queue, its messages are taken out of the snapshot and restored.
    ///
    /// # Errors
    /// As `CreateQueue` documents.
    pub fn create_queue_from(
        &self,
        snapshot: &mut Snapshot,
        name: &str,
        attributes: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), SqsError> {
        // This comes before any queue gets a number, because a receipt handle must not fit two queues.
        self.service.queues_created.fetch_max(snapshot.queues_created, Ordering::Relaxed);
        let state = snapshot.take(name).map(QueueSnapshot::state);
        self.service.create_from(state, name, attributes, tags)?;
        Ok(())
    }

    /// Restores the queues that are left in the snapshot, and continues the move tasks.
    pub fn restore(&self, snapshot: Snapshot) {
        self.service.queues_created.fetch_max(snapshot.queues_created, Ordering::Relaxed);
        for queue in snapshot.queues {
            let name = queue.header.name.clone();
            let shared = self.service.new_queue(&name, queue.state());
            let mut directory =
                self.service.directory.write().unwrap_or_else(PoisonError::into_inner);
            directory.queues.insert(name, shared);
        }
        self.service.move_tasks.restore(snapshot.tasks);
    }
}
