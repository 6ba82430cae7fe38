//! Runs message move tasks, which move dead letters back to their source queues at a limited rate.
//!
//! A task has no thread and no timer. Each call to the service first moves the messages that are due by
//! then, and a consumer that waits wakes up for the next step of a task. In each second since its
//! start, a task moves as many messages as its rate allows.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::errors::{Code, Fault};
use super::limits;
use super::move_tasks::{NO_QUEUE, NO_SOURCE, Status, Task};
use super::service::Service;
use super::shared_queue::{SharedQueue, lock_both};

/// The result of moving one message.
enum MoveOutcome {
    Moved,
    NothingLeft,
    Failed(&'static str),
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
            self.move_tasks.set_next_step_ms(now_ms);
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
        self.move_tasks.set_next_step_ms(next_ms);
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
