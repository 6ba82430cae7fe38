//! Detects when nothing is left to do, and advances the clock instead of waiting.
//!
//! On AWS, a visibility timeout takes minutes. Here, the clock advances when all work waits for
//! time. It does not advance earlier, because invocations run in real time and would exceed their
//! timeouts.

use std::fmt;
use std::time::Duration;

use crate::Emulation;
use lambda::mapping::Activity;
use sqs::Depth;

/// The time between two checks. A message that one stage has just passed on may not be visible in
/// the next stage yet, so only two checks with the same result count.
const PAUSE: Duration = Duration::from_millis(20);

/// The clock advances in steps of this many milliseconds, so that events that are due at nearly the
/// same time are handled together. A storm leaves hundreds of messages that become visible at
/// different times.
const SKIP_STEP_MS: u64 = 10_000;

/// The state of all queues and mappings at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The queues of the template, in its order.
    pub queues: Vec<QueueProgress>,
    /// The mappings of the template, in its order.
    pub mappings: Vec<MappingProgress>,
    /// Whether no function runs, and all asynchronous invocations wait for time.
    pub lambda_is_idle: bool,
}

/// The state of one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueProgress {
    /// The logical id in the template.
    pub logical_id: String,
    /// The name of the queue.
    pub name: String,
    /// Whether an enabled event source mapping receives its messages.
    pub is_consumed: bool,
    /// The number of its messages.
    pub depth: Depth,
}

/// The state of one event source mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingProgress {
    /// The logical id in the template.
    pub logical_id: String,
    /// Whether it has work to do.
    pub activity: Activity,
    /// When a pending update takes effect, in milliseconds since the Unix epoch.
    pub change_due_ms: Option<u64>,
    /// Whether it was disabled by an update and its queue has messages.
    pub is_holding_back: bool,
}

/// When events are due that no mapping waits for, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Due {
    /// When the next asynchronous invocation is retried.
    asynchronous: Option<u64>,
    schedule: Option<u64>,
    /// When the next message becomes visible.
    message: Option<u64>,
}

/// The error that work was left when the timeout ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not at rest after {} s: {progress}", waited.as_secs())]
pub struct Busy {
    /// The timeout.
    pub waited: Duration,
    /// The state at the end of the timeout.
    pub progress: Progress,
}

/// The work that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RemainingWork {
    /// Something runs, or is about to.
    Running,
    /// Everything that is left waits for this time, in milliseconds since the Unix epoch.
    WaitingUntil(u64),
    /// Nothing is left to do.
    Nothing,
}

impl Emulation {
    /// Waits until nothing is left to do: queues with a mapping are empty, no function runs and no
    /// asynchronous invocation waits. If [`crate::Options::skip_idle`] is set, the clock advances
    /// to the next event whenever all work waits for time.
    ///
    /// Messages in the queue of a disabled mapping do not count as work. A pending update of a
    /// mapping does. If an update has disabled a mapping and its queue has messages, a scheduled
    /// function may enable it again, so this also waits for the schedules.
    ///
    /// # Errors
    /// [`Busy`] after `timeout`, in real time.
    pub async fn settle(&self, timeout: Duration) -> Result<(), Busy> {
        let settled = tokio::time::timeout(timeout, self.wait_until_settled()).await;
        settled.map_err(|_| Busy { waited: timeout, progress: self.progress() })
    }

    /// Advances the clock at once, so that for example hidden messages in a dead-letter queue
    /// become visible. Must be called when nothing is left to do.
    pub fn pass(&self, time: Duration) {
        self.clock.skip(time);
    }

    /// The current state of all queues and mappings.
    #[must_use]
    pub fn progress(&self) -> Progress {
        // The queues come first, so that a message that leaves one in the meantime is found in a
        // mapping or in the next queue.
        let mut queues = Vec::new();
        for queue in &self.stack().queues {
            queues.push(QueueProgress {
                logical_id: queue.logical_id.clone(),
                name: queue.name.clone(),
                is_consumed: self.is_consumed(&queue.name),
                depth: self.sqs().depth(&queue.name).unwrap_or_default(),
            });
        }
        let lambda_is_idle = self.lambda().is_idle();
        let mut mappings = Vec::new();
        for running in self.mappings() {
            mappings.push(MappingProgress {
                logical_id: running.logical_id.clone(),
                activity: running.mapping.activity(),
                change_due_ms: running.mapping.change_due_ms(),
                is_holding_back: running.mapping.is_disabled_by_update()
                    && running.queue().is_some_and(|queue| self.has_messages(queue)),
            });
        }
        Progress { queues, mappings, lambda_is_idle }
    }

    fn is_consumed(&self, queue: &str) -> bool {
        self.mappings().iter().any(|each| each.queue() == Some(queue) && each.mapping.is_polling())
    }

    fn has_messages(&self, queue: &str) -> bool {
        self.sqs().depth(queue).is_some_and(|depth| depth != Depth::default())
    }

    async fn wait_until_settled(&self) {
        let mut before = RemainingWork::Running;
        loop {
            let now = self.remaining_work();
            if now == before {
                match now {
                    RemainingWork::Nothing => return,
                    RemainingWork::WaitingUntil(due_ms) if self.skip_idle => {
                        let until_ms = due_ms.div_ceil(SKIP_STEP_MS).saturating_mul(SKIP_STEP_MS);
                        let left_ms = until_ms.saturating_sub(self.clock.now_ms());
                        self.clock.skip(Duration::from_millis(left_ms));
                    }
                    RemainingWork::WaitingUntil(_) | RemainingWork::Running => {}
                }
            }
            before = now;
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn remaining_work(&self) -> RemainingWork {
        // The times come first. An event that is due by the time of the check then counts as work.
        let due = Due {
            asynchronous: self.lambda().next_due_ms(),
            schedule: self.next_schedule_ms(),
            message: self.sqs().next_due_ms(),
        };
        remaining_work(&self.progress(), due)
    }
}

fn remaining_work(progress: &Progress, due: Due) -> RemainingWork {
    let any_busy = progress.mappings.iter().any(|mapping| mapping.activity == Activity::Busy);
    if !progress.lambda_is_idle || any_busy {
        return RemainingWork::Running;
    }
    let windows = progress.mappings.iter().filter_map(|mapping| match mapping.activity {
        Activity::WaitingUntil(due_ms) => Some(due_ms),
        Activity::Idle | Activity::Busy => None,
    });
    let mut due_ms = windows.chain(due.asynchronous).min();
    let consumed: Vec<_> = progress.queues.iter().filter(|queue| queue.is_consumed).collect();
    if due_ms.is_none() && consumed.iter().any(|queue| queue.depth.visible > 0) {
        return RemainingWork::Running;
    }
    let changes = progress.mappings.iter().filter_map(|mapping| mapping.change_due_ms);
    due_ms = due_ms.into_iter().chain(changes).min();
    if progress.mappings.iter().any(|mapping| mapping.is_holding_back) {
        due_ms = due_ms.into_iter().chain(due.schedule).min();
    }
    if consumed.iter().any(|queue| queue.depth.in_flight + queue.depth.delayed > 0) {
        due_ms = due_ms.into_iter().chain(due.message).min();
        // Without a time, a message became visible between the two checks.
        return due_ms.map_or(RemainingWork::Running, RemainingWork::WaitingUntil);
    }
    due_ms.map_or(RemainingWork::Nothing, RemainingWork::WaitingUntil)
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for queue in self.queues.iter().filter(|queue| queue.is_consumed) {
            let Depth { visible, in_flight, delayed } = queue.depth;
            if visible + in_flight + delayed > 0 {
                let name = &queue.logical_id;
                write!(f, "{separator}{name} holds {visible} visible, {in_flight} in flight")?;
                write!(f, " and {delayed} delayed")?;
                separator = "; ";
            }
        }
        for mapping in &self.mappings {
            let name = &mapping.logical_id;
            if mapping.is_holding_back {
                write!(f, "{separator}mapping {name} is disabled, and its queue is not empty")?;
                separator = "; ";
            }
            match mapping.activity {
                Activity::Idle => continue,
                Activity::WaitingUntil(_) => write!(f, "{separator}mapping {name} waits")?,
                Activity::Busy => write!(f, "{separator}mapping {name} is busy")?,
            }
            separator = "; ";
        }
        if !self.lambda_is_idle {
            write!(f, "{separator}functions are running")?;
            separator = "; ";
        }
        if separator.is_empty() { f.write_str("everything is at rest") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
