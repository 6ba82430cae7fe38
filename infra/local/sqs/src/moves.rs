//! Message move tasks: dead letters brought back, so many a second.
//!
//! A task has no thread and no timer. Time passes on the next call: whoever asks the service for
//! anything brings running tasks up to the present first, and a waiting consumer wakes for a task's
//! next step. In each second since its start, a task moves as many messages as its rate says.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::cell::{Cell, lock_both};
use super::errors::{Code, Fault};
use super::limits;
use super::service::Service;

/// Why a task ends before its messages do, in AWS's words.
pub(super) const REASONS: [&str; 2] = [NO_SOURCE, NO_QUEUE];
const NO_SOURCE: &str = "CouldNotDetermineMessageSource";
const NO_QUEUE: &str = "AWS.SimpleQueueService.NonExistentQueue";

/// The tasks of all queues.
pub(super) struct Moves {
    /// By the source's ARN, the newest first, no more than can be listed.
    tasks: Mutex<BTreeMap<String, VecDeque<Task>>>,
    /// When a running task can go on; `u64::MAX` without one.
    next_step_ms: AtomicU64,
}

#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) id: Arc<str>,
    pub(super) source_arn: String,
    /// Back to where each message came from, if not given.
    pub(super) destination_arn: Option<String>,
    /// As asked for; without it, as fast as is allowed.
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

/// What became of one message.
enum Moved {
    Yes,
    NothingLeft,
    Failed(&'static str),
}

impl Default for Moves {
    fn default() -> Self {
        Self { tasks: Mutex::default(), next_step_ms: AtomicU64::new(u64::MAX) }
    }
}

impl Moves {
    /// When a running task can go on; `u64::MAX` without one.
    pub(super) fn next_step_ms(&self) -> u64 {
        self.next_step_ms.load(Ordering::Acquire)
    }

    /// Forgets the tasks of a source that is deleted.
    pub(super) fn forget(&self, source_arn: &str) {
        self.lock().remove(source_arn);
    }

    /// Takes up tasks as they were, each source's newest first; those that ran go on.
    pub(super) fn restore(&self, kept: Vec<Task>) {
        let mut tasks = self.lock();
        for task in kept {
            tasks.entry(task.source_arn.clone()).or_default().push_back(task);
        }
        self.next_step_ms.store(0, Ordering::Release);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, VecDeque<Task>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task {
    /// Names the task to `CancelMessageMoveTask`.
    pub(super) fn handle(&self) -> String {
        STANDARD.encode(json!({ "taskId": *self.id, "sourceArn": self.source_arn }).to_string())
    }

    fn rate(&self) -> u64 {
        u64::try_from(self.per_second.unwrap_or(limits::MOVES_PER_SECOND)).unwrap_or(0)
    }

    /// The whole seconds that it has run.
    fn seconds(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.started_ms) / 1_000
    }
}

impl Service {
    /// Starts a task and makes its first moves.
    ///
    /// # Errors
    /// `ResourceNotFound` for a queue that does not exist, `InvalidParameterValue` for a source that
    /// is no dead-letter queue or has a task running already, or a bad rate.
    pub(super) fn start_move(
        &self,
        source_arn: &str,
        destination_arn: Option<String>,
        per_second: Option<i64>,
    ) -> Result<Task, Fault> {
        let now_ms = self.now_ms();
        let source = self.move_queue("SourceArn", source_arn)?;
        if let Some(per_second) = per_second
            && !(1..=limits::MOVES_PER_SECOND).contains(&per_second)
        {
            let reason = "Must be between 1 and 500, if provided.";
            return Err(Fault::invalid("MaxNumberOfMessagesPerSecond", per_second, reason));
        }
        if self.dead_letter_sources(&source.arn).is_empty() {
            return Err(Fault::invalid_parameter(
                "Source queue must be configured as a Dead Letter Queue.",
            ));
        }
        if let Some(arn) = &destination_arn {
            let destination = self.move_queue("DestinationArn", arn)?;
            if destination.number == source.number {
                return Err(Fault::invalid_parameter(
                    "Source queue arn and destination queue arn cannot be the same.",
                ));
            }
            let is_fifo = destination.open()?.queue.is_fifo();
            if is_fifo != source.open()?.queue.is_fifo() {
                return Err(Fault::invalid_parameter(
                    "Source and destination queues must be of the same type.",
                ));
            }
        }
        let to_move = source.open()?.queue.depth(now_ms).visible;
        let task = Task {
            id: self.new_id(),
            source_arn: source_arn.to_owned(),
            destination_arn,
            per_second,
            status: Status::Running,
            moved: 0,
            to_move: u64::try_from(to_move).unwrap_or(u64::MAX),
            started_ms: now_ms,
        };
        {
            let mut tasks = self.moves.lock();
            let of_source = tasks.entry(source_arn.to_owned()).or_default();
            if of_source.iter().any(|task| task.status == Status::Running) {
                return Err(Fault::invalid_parameter(
                    "There is already a task running. Only one active task is allowed for a \
                     source queue arn at a given time.",
                ));
            }
            of_source.push_front(task.clone());
            of_source.truncate(usize::try_from(limits::LISTED_MOVE_TASKS).unwrap_or(1));
            self.moves.next_step_ms.store(now_ms, Ordering::Release);
        }
        self.step_moves(now_ms);
        // Who waits must learn of the task's next step, whichever queue it will reach.
        self.cells().iter().for_each(|cell| cell.ring());
        Ok(task)
    }

    /// The tasks of a source, the newest first.
    ///
    /// # Errors
    /// `ResourceNotFound` for a source that does not exist.
    pub(super) fn move_tasks(&self, source_arn: &str, max: usize) -> Result<Vec<Task>, Fault> {
        self.now_ms();
        self.move_queue("SourceArn", source_arn)?;
        let tasks = self.moves.lock();
        Ok(tasks.get(source_arn).into_iter().flatten().take(max).cloned().collect())
    }

    /// Cancels a running task; what it moved stays moved. Answers how much that was.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a bad handle or a task that has ended, `ResourceNotFound` for one
    /// that does not exist.
    pub(super) fn cancel_move(&self, handle: &str) -> Result<u64, Fault> {
        self.now_ms();
        let named = STANDARD.decode(handle).ok();
        let named: Option<Value> = named.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let part = |name| named.as_ref().and_then(|named| named.get(name)?.as_str());
        let (Some(id), Some(source_arn)) = (part("taskId"), part("sourceArn")) else {
            return Err(Fault::invalid_parameter("Value for parameter TaskHandle is invalid."));
        };
        self.move_queue("SourceArn", source_arn)?;
        let mut tasks = self.moves.lock();
        let task = tasks
            .get_mut(source_arn)
            .and_then(|of_source| of_source.iter_mut().find(|task| *task.id == *id))
            .ok_or_else(|| Fault::new(Code::ResourceNotFound, "Task does not exist."))?;
        if task.status != Status::Running {
            return Err(Fault::invalid_parameter("Only active tasks can be cancelled."));
        }
        task.status = Status::Cancelled;
        Ok(task.moved)
    }

    fn move_queue(&self, parameter: &str, arn: &str) -> Result<Arc<Cell>, Fault> {
        if arn.split(':').count() != 6 || !arn.starts_with("arn:") {
            return Err(Fault::invalid_parameter(format!(
                "You must use this format to specify the {parameter}: \
                 arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
            )));
        }
        self.cell_of_arn(arn).ok_or_else(|| {
            Fault::new(
                Code::ResourceNotFound,
                format!(
                    "The resource that you specified for the {parameter} parameter doesn't exist."
                ),
            )
        })
    }

    /// Brings all running tasks up to the present.
    pub(super) fn step_moves(&self, now_ms: u64) {
        if self.moves.next_step_ms() > now_ms {
            return;
        }
        let mut tasks = self.moves.lock();
        let mut next_ms = u64::MAX;
        for task in tasks.values_mut().flatten() {
            if task.status == Status::Running {
                self.step(task, now_ms);
            }
            if task.status == Status::Running {
                let next_second = task.seconds(now_ms) + 1;
                next_ms = next_ms.min(task.started_ms + next_second * 1_000);
            }
        }
        self.moves.next_step_ms.store(next_ms, Ordering::Release);
    }

    fn step(&self, task: &mut Task, now_ms: u64) {
        let Some(source) = self.cell_of_arn(&task.source_arn) else {
            task.status = Status::Failed { reason: NO_QUEUE };
            return;
        };
        let allowed = task.rate().saturating_mul(task.seconds(now_ms) + 1);
        while task.moved < allowed.min(task.to_move) {
            match self.move_one(&source, task.destination_arn.as_deref(), now_ms) {
                Moved::Yes => task.moved += 1,
                Moved::NothingLeft => {
                    task.status = Status::Completed;
                    return;
                }
                Moved::Failed(reason) => {
                    task.status = Status::Failed { reason };
                    return;
                }
            }
        }
        if task.moved >= task.to_move {
            task.status = Status::Completed;
        }
    }

    fn move_one(&self, source: &Cell, destination_arn: Option<&str>, now_ms: u64) -> Moved {
        loop {
            let origin = match source.lock().queue.first_available(now_ms) {
                Some(message) => message.dead_letter_source.clone(),
                None => return Moved::NothingLeft,
            };
            let Some(arn) = destination_arn.or(origin.as_deref()) else {
                return Moved::Failed(NO_SOURCE);
            };
            let destination = self.cell_of_arn(arn).filter(|cell| cell.number != source.number);
            let Some(destination) = destination else {
                return Moved::Failed(NO_QUEUE);
            };
            let (mut from, mut to) = lock_both(source, &destination);
            if to.is_deleted || from.is_deleted {
                return Moved::Failed(NO_QUEUE);
            }
            // A consumer may have taken the message between the locks, and the next one may be of
            // another origin: then look anew.
            let first = from.queue.first_available(now_ms);
            if first.is_some_and(|message| message.dead_letter_source == origin)
                && let Some(message) = from.queue.take_first_available(now_ms)
            {
                to.queue.accept_moved(message.content, self.new_id(), now_ms);
                drop((from, to));
                destination.ring();
                return Moved::Yes;
            }
        }
    }
}
