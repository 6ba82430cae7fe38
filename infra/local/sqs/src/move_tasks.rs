//! Message move tasks: which there are, and how far each has come. `move_messages` runs them.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::limits;

/// The reasons for which a task fails, in AWS's wording.
pub(super) const FAILURE_REASONS: [&str; 2] = [NO_SOURCE, NO_QUEUE];
pub(super) const NO_SOURCE: &str = "CouldNotDetermineMessageSource";
pub(super) const NO_QUEUE: &str = "AWS.SimpleQueueService.NonExistentQueue";

/// The tasks of all queues.
pub(super) struct MoveTasks {
    /// The tasks of each source by its ARN, the newest first. Older tasks than can be listed are dropped.
    tasks: Mutex<BTreeMap<String, VecDeque<Task>>>,
    /// When the next running task can continue; `u64::MAX` if no task is running.
    next_step_ms: AtomicU64,
}

#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) id: Arc<str>,
    pub(super) source_arn: String,
    /// `None` moves each message back to the queue that it came from.
    pub(super) destination_arn: Option<String>,
    /// The requested rate; `None` uses the highest rate that is allowed.
    pub(super) per_second: Option<i64>,
    pub(super) status: Status,
    pub(super) moved: u64,
    pub(super) to_move: u64,
    pub(super) started_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Running,
    Completed,
    Cancelled,
    Failed { reason: &'static str },
}

impl Default for MoveTasks {
    fn default() -> Self {
        Self { tasks: Mutex::default(), next_step_ms: AtomicU64::new(u64::MAX) }
    }
}

impl MoveTasks {
    /// When the next running task can continue; `u64::MAX` if no task is running.
    pub(super) fn next_step_ms(&self) -> u64 {
        self.next_step_ms.load(Ordering::Acquire)
    }

    /// Sets when the next running task can continue.
    pub(super) fn set_next_step_ms(&self, next_ms: u64) {
        self.next_step_ms.store(next_ms, Ordering::Release);
    }

    /// Removes the tasks of a source queue that was deleted.
    pub(super) fn forget(&self, source_arn: &str) {
        self.lock().remove(source_arn);
    }

    /// Restores tasks from a snapshot, in which the newest task of each source comes first. Tasks that
    /// were running continue.
    pub(super) fn restore(&self, tasks: Vec<Task>) {
        let mut tasks_by_source = self.lock();
        for task in tasks {
            tasks_by_source.entry(task.source_arn.clone()).or_default().push_back(task);
        }
        self.set_next_step_ms(0);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, VecDeque<Task>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task {
    /// The handle by which `CancelMessageMoveTask` names the task.
    pub(super) fn handle(&self) -> String {
        STANDARD.encode(json!({ "taskId": *self.id, "sourceArn": self.source_arn }).to_string())
    }

    pub(super) fn rate(&self) -> u64 {
        u64::try_from(self.per_second.unwrap_or(limits::MOVES_PER_SECOND)).unwrap_or(0)
    }

    /// The number of whole seconds for which the task has been running.
    pub(super) fn elapsed_seconds(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.started_ms) / 1_000
    }
}
