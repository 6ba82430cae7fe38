//! Message move tasks, which move dead letters back to their source queues at a limited rate.
//!
//! A task has no thread and no timer. Each call to the service first moves the messages that are due by
//! then, and a consumer that waits wakes up for the next step of a task. In each second since its
//! start, a task moves as many messages as its rate allows.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::errors::{Code, Fault};
use super::limits;
use super::service::Service;
use super::shared_queue::{SharedQueue, lock_both};

/// The reasons for which a task fails, in AWS's wording.
pub(super) const FAILURE_REASONS: [&str; 2] = [NO_SOURCE, NO_QUEUE];
const NO_SOURCE: &str = "CouldNotDetermineMessageSource";
const NO_QUEUE: &str = "AWS.SimpleQueueService.NonExistentQueue";

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

/// The result of moving one message.
enum MoveOutcome {
    Moved,
    NothingLeft,
    Failed(&'static str),
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
        self.next_step_ms.store(0, Ordering::Release);
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

    fn rate(&self) -> u64 {
        u64::try_from(self.per_second.unwrap_or(limits::MOVES_PER_SECOND)).unwrap_or(0)
    }

    /// The number of whole seconds for which the task has been running.
    fn elapsed_seconds(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.started_ms) / 1_000
    }
}

impl Service {
    /// Starts a task and moves the messages of its first second.
    ///
    /// # Errors
    /// `ResourceNotFound` for a queue that does not exist. `InvalidParameterValue` for a bad rate, or if
    /// the source is not a dead-letter queue or already has a running task.
    pub(super) fn start_move_task(
        &self,
        source_arn: &str,
        destination_arn: Option<String>,
        per_second: Option<i64>,
    ) -> Result<Task, Fault> {
        let now_ms = self.now_ms();
        let source = self.find_move_queue("SourceArn", source_arn)?;
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
            let destination = self.find_move_queue("DestinationArn", arn)?;
            if destination.number == source.number {
                return Err(Fault::invalid_parameter(
                    "Source queue arn and destination queue arn cannot be the same.",
                ));
            }
            let is_fifo = destination.lock_existing()?.queue.is_fifo();
            if is_fifo != source.lock_existing()?.queue.is_fifo() {
                return Err(Fault::invalid_parameter(
                    "Source and destination queues must be of the same type.",
                ));
            }
        }
        let to_move = source.lock_existing()?.queue.depth(now_ms).visible;
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
            let mut tasks = self.move_tasks.lock();
            let of_source = tasks.entry(source_arn.to_owned()).or_default();
            if of_source.iter().any(|task| task.status == Status::Running) {
                return Err(Fault::invalid_parameter(
                    "There is already a task running. Only one active task is allowed for a \
                     source queue arn at a given time.",
                ));
            }
            of_source.push_front(task.clone());
            of_source.truncate(usize::try_from(limits::LISTED_MOVE_TASKS).unwrap_or(1));
            self.move_tasks.next_step_ms.store(now_ms, Ordering::Release);
        }
        self.step_move_tasks(now_ms);
        // Consumers that wait must learn the time of the task's next step, which can reach any queue.
        self.queues().iter().for_each(|shared| shared.notify());
        Ok(task)
    }

    /// The tasks of a source, the newest first.
    ///
    /// # Errors
    /// `ResourceNotFound` for a source that does not exist.
    pub(super) fn move_tasks(&self, source_arn: &str, max: usize) -> Result<Vec<Task>, Fault> {
        self.now_ms();
        self.find_move_queue("SourceArn", source_arn)?;
        let tasks = self.move_tasks.lock();
        Ok(tasks.get(source_arn).into_iter().flatten().take(max).cloned().collect())
    }

    /// Cancels a running task and returns how many messages it moved. Those are not moved back.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a bad handle or a task that has ended, `ResourceNotFound` for a task
    /// that does not exist.
    pub(super) fn cancel_move_task(&self, handle: &str) -> Result<u64, Fault> {
        self.now_ms();
        let decoded: Value = STANDARD
            .decode(handle)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let (Some(id), Some(source_arn)) =
            (decoded["taskId"].as_str(), decoded["sourceArn"].as_str())
        else {
            return Err(Fault::invalid_parameter("Value for parameter TaskHandle is invalid."));
        };
        self.find_move_queue("SourceArn", source_arn)?;
        let mut tasks = self.move_tasks.lock();
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

    fn find_move_queue(&self, parameter: &str, arn: &str) -> Result<Arc<SharedQueue>, Fault> {
        if arn.split(':').count() != 6 || !arn.starts_with("arn:") {
            return Err(Fault::invalid_parameter(format!(
                "You must use this format to specify the {parameter}: \
                 arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
            )));
        }
        self.find_queue_by_arn(arn).ok_or_else(|| {
            Fault::new(
                Code::ResourceNotFound,
                format!(
                    "The resource that you specified for the {parameter} parameter doesn't exist."
                ),
            )
        })
    }

    /// Lets all running tasks move the messages that are due by now.
    pub(super) fn step_move_tasks(&self, now_ms: u64) {
        if self.move_tasks.next_step_ms() > now_ms {
            return;
        }
        let mut tasks = self.move_tasks.lock();
        let mut next_ms = u64::MAX;
        for task in tasks.values_mut().flatten() {
            if task.status == Status::Running {
                self.step(task, now_ms);
            }
            if task.status == Status::Running {
                let next_second = task.elapsed_seconds(now_ms) + 1;
                next_ms = next_ms.min(task.started_ms + next_second * 1_000);
            }
        }
        self.move_tasks.next_step_ms.store(next_ms, Ordering::Release);
    }

    fn step(&self, task: &mut Task, now_ms: u64) {
        let Some(source) = self.find_queue_by_arn(&task.source_arn) else {
            task.status = Status::Failed { reason: NO_QUEUE };
            return;
        };
        let allowed = task.rate().saturating_mul(task.elapsed_seconds(now_ms) + 1);
        while task.moved < allowed.min(task.to_move) {
            match self.move_one(&source, task.destination_arn.as_deref(), now_ms) {
                MoveOutcome::Moved => task.moved += 1,
                MoveOutcome::NothingLeft => {
                    task.status = Status::Completed;
                    return;
                }
                MoveOutcome::Failed(reason) => {
                    task.status = Status::Failed { reason };
                    return;
                }
            }
        }
        if task.moved >= task.to_move {
            task.status = Status::Completed;
        }
    }

    fn move_one(
        &self,
        source: &SharedQueue,
        destination_arn: Option<&str>,
        now_ms: u64,
    ) -> MoveOutcome {
        loop {
            let origin = match source.lock().queue.first_available(now_ms) {
                Some(message) => message.dead_letter_source.clone(),
                None => return MoveOutcome::NothingLeft,
            };
            let Some(arn) = destination_arn.or(origin.as_deref()) else {
                return MoveOutcome::Failed(NO_SOURCE);
            };
            let destination =
                self.find_queue_by_arn(arn).filter(|shared| shared.number != source.number);
            let Some(destination) = destination else {
                return MoveOutcome::Failed(NO_QUEUE);
            };
            let (mut from, mut to) = lock_both(source, &destination);
            if to.is_deleted || from.is_deleted {
                return MoveOutcome::Failed(NO_QUEUE);
            }
            // A consumer may have received the message before both queues were locked, and the next
            // message may come from another queue. In that case the loop starts again.
            let first = from.queue.first_available(now_ms);
            if first.is_some_and(|message| message.dead_letter_source == origin)
                && let Some(message) = from.queue.take_first_available(now_ms)
            {
                to.queue.accept_moved(message.content, self.new_id(), now_ms);
                drop((from, to));
                destination.notify();
                return MoveOutcome::Moved;
            }
        }
    }
}
