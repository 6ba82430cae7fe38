//! A copy of all queues at one moment. It is taken while all queues are locked, and written and read
//! without a lock.
//!
//! A snapshot contains everything that a producer or a consumer can observe: messages with their states
//! and counts, the deduplication ids and receive attempts of FIFO queues, attributes, tags, move tasks,
//! and the numbers in receipt handles. After a restore, running move tasks continue, and times are still
//! those of the emulation's clock. A snapshot leaves out which queues were deleted in the last minute,
//! and which faults were injected.

mod form;
mod lines;
mod restore;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::Sqs;
use super::attributes::Attributes;
use super::fifo::FifoSnapshot;
use super::message::Message;
use super::move_tasks::{Status, Task};
use super::shared_queue::{QueueState, SharedQueue};

/// All queues, and the move tasks between them.
#[derive(Debug, Default)]
pub struct Snapshot {
    queues_created: u64,
    queues: Vec<QueueSnapshot>,
    tasks: Vec<Task>,
}

/// The snapshot of a queue. Its messages share their content with those of the live queue.
#[derive(Debug)]
pub struct QueueSnapshot {
    header: QueueHeader,
    attributes: Attributes,
    changes: u64,
    messages: Vec<(u64, Message)>,
    fifo: Option<FifoSnapshot>,
}

/// A queue without its messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct QueueHeader {
    name: String,
    number: u64,
    attributes: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    created_ms: u64,
    modified_ms: u64,
    purged_ms: Option<u64>,
    last_receive: u64,
    next_message: u64,
}

/// Identifies a state of the queues: revisions are equal as long as nothing changes.
#[derive(Debug, PartialEq)]
pub struct Revision {
    queues: Vec<(QueueHeader, u64)>,
    tasks: Vec<(Arc<str>, u64, Status)>,
}

/// Why a snapshot could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The reader failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A line is not one that [`Snapshot::write`] wrote.
    #[error("line {line}: {reason}")]
    Line {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl Snapshot {
    /// The revision of the service at the time of the snapshot.
    pub fn revision(&self) -> Revision {
        let mut queues: Vec<_> =
            self.queues.iter().map(|queue| (queue.header.clone(), queue.changes)).collect();
        queues.sort_by_key(|(header, _)| header.number);
        Revision { queues, tasks: self.tasks.iter().map(progress).collect() }
    }
}

impl Sqs {
    /// The current revision.
    pub fn revision(&self) -> Revision {
        let tasks = self.service.move_tasks.lock().values().flatten().map(progress).collect();
        let mut queues = Vec::new();
        for shared in self.service.queues() {
            let state = shared.lock();
            queues.push((header(&shared, &state), state.queue.store().changes()));
        }
        queues.sort_by_key(|(header, _)| header.number);
        Revision { queues, tasks }
    }

    /// Takes a snapshot, and calls `meanwhile` while all queues are still locked, so that what it
    /// copies elsewhere is of the same moment.
    pub fn capture<T>(&self, meanwhile: impl FnOnce() -> T) -> (Snapshot, T) {
        // All code takes the locks in this order: tasks, directory, queues by their numbers.
        let tasks = self.service.move_tasks.lock();
        let directory = self.service.directory();
        let mut queues: Vec<&Arc<SharedQueue>> = directory.queues.values().collect();
        queues.sort_by_key(|shared| shared.number);
        let states: Vec<_> = queues.iter().map(|shared| shared.lock()).collect();
        let snapshot = Snapshot {
            queues_created: self.service.queues_created.load(Ordering::Relaxed),
            queues: queues
                .iter()
                .zip(&states)
                .map(|(shared, state)| snapshot_queue(shared, state))
                .collect(),
            tasks: tasks.values().flatten().cloned().collect(),
        };
        (snapshot, meanwhile())
    }
}

fn snapshot_queue(shared: &SharedQueue, state: &QueueState) -> QueueSnapshot {
    let store = state.queue.store();
    QueueSnapshot {
        header: header(shared, state),
        attributes: state.queue.attributes().clone(),
        changes: store.changes(),
        messages: store.iter().map(|(number, message)| (number, message.clone())).collect(),
        fifo: store.fifo.as_ref().map(super::fifo::Fifo::snapshot),
    }
}

fn header(shared: &SharedQueue, state: &QueueState) -> QueueHeader {
    QueueHeader {
        name: shared.name.clone(),
        number: shared.number,
        attributes: state.queue.attributes().to_map(),
        tags: state.tags.clone(),
        created_ms: state.created_ms,
        modified_ms: state.modified_ms,
        purged_ms: state.purged_ms,
        last_receive: state.queue.last_receive(),
        next_message: state.queue.store().next_number(),
    }
}

fn progress(task: &Task) -> (Arc<str>, u64, Status) {
    (Arc::clone(&task.id), task.moved, task.status)
}
