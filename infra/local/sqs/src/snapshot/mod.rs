//! What SQS holds at one moment: taken under the locks of all queues, written and read without them.
//!
//! Kept is all that a producer or a consumer could tell from the queues: messages with their states
//! and counts, what FIFO queues remember, attributes, tags, move tasks (a running one goes on), and the
//! numbers that receipt handles consist of. Times are those of the emulation's clock, and go on passing.
//! Left out: that the names of deleted queues rest for a minute, and what an adversary has done so far.

mod form;
mod lines;
mod restore;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::Sqs;
use super::attributes::Attributes;
use super::cell::{Cell, CellState};
use super::fifo::FifoMemory;
use super::message::Message;
use super::moves::{Status, Task};

/// All queues, and the move tasks between them.
#[derive(Debug, Default)]
pub struct Snapshot {
    queues_made: u64,
    queues: Vec<KeptQueue>,
    tasks: Vec<Task>,
}

/// A queue; its messages share what their producers wrote with the live ones.
#[derive(Debug)]
pub struct KeptQueue {
    head: Head,
    attributes: Attributes,
    changes: u64,
    messages: Vec<(u64, Message)>,
    fifo: Option<FifoMemory>,
}

/// A queue without its messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Head {
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

/// As long as nothing changes, marks are equal.
#[derive(Debug, PartialEq)]
pub struct Mark {
    queues: Vec<(Head, u64)>,
    tasks: Vec<(Arc<str>, u64, Status)>,
}

/// Not what [`Snapshot::write`] wrote.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("line {line}: {reason}")]
    Line { line: usize, reason: String },
}

impl Snapshot {
    /// That of the service as it was.
    pub fn mark(&self) -> Mark {
        let mut queues: Vec<_> =
            self.queues.iter().map(|kept| (kept.head.clone(), kept.changes)).collect();
        queues.sort_by_key(|(head, _)| head.number);
        Mark { queues, tasks: self.tasks.iter().map(progress).collect() }
    }
}

impl Sqs {
    pub fn mark(&self) -> Mark {
        let tasks = self.service.moves.lock();
        let tasks = tasks.values().flatten().map(progress).collect();
        let mut queues = Vec::new();
        for cell in self.service.cells() {
            let state = cell.lock();
            queues.push((head(&cell, &state), state.queue.store().changes()));
        }
        queues.sort_by_key(|(head, _)| head.number);
        Mark { queues, tasks }
    }

    /// Takes a snapshot. No queue does anything until `meanwhile` has ended too: what it sees
    /// elsewhere is of the same moment.
    pub fn capture<T>(&self, meanwhile: impl FnOnce() -> T) -> (Snapshot, T) {
        // In the order in which everyone takes them: the tasks, the directory, queues by their numbers.
        let tasks = self.service.moves.lock();
        let directory = self.service.directory();
        let mut cells: Vec<&Arc<Cell>> = directory.queues.values().collect();
        cells.sort_by_key(|cell| cell.number);
        let states: Vec<_> = cells.iter().map(|cell| cell.lock()).collect();
        let snapshot = Snapshot {
            queues_made: self.service.queues_made.load(Ordering::Relaxed),
            queues: cells.iter().zip(&states).map(|(cell, state)| keep(cell, state)).collect(),
            tasks: tasks.values().flatten().cloned().collect(),
        };
        (snapshot, meanwhile())
    }
}

fn keep(cell: &Cell, state: &CellState) -> KeptQueue {
    let store = state.queue.store();
    KeptQueue {
        head: head(cell, state),
        attributes: state.queue.attributes().clone(),
        changes: store.changes(),
        messages: store.iter().map(|(number, message)| (number, message.clone())).collect(),
        fifo: store.fifo.as_ref().map(super::fifo::Fifo::memory),
    }
}

fn head(cell: &Cell, state: &CellState) -> Head {
    Head {
        name: cell.name.clone(),
        number: cell.number,
        attributes: state.queue.attributes().texts(),
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
