//! Knowing when there is nothing left to do, and getting there without waiting for the clock.
//!
//! A visibility timeout of minutes is waited for on AWS; here the clock moves on when everything
//! rests. Only then: invocations run in real time, and a clock that moved under them would end them.

use std::fmt;
use std::time::Duration;

use crate::Emulation;
use lambda::mapping::Activity;
use sqs::Depth;

/// Between two looks. What one stage has just passed on may show in no other yet, so that
/// only the second look at the same rest counts.
const PAUSE: Duration = Duration::from_millis(20);

/// What is due within the same so many milliseconds is waited for together: a storm leaves hundreds of
/// messages that become visible at a time of their own.
const GRAIN_MS: u64 = 10_000;

/// What is where, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Every queue of the template, in its order.
    pub queues: Vec<QueueProgress>,
    /// Every mapping of the template, in its order.
    pub mappings: Vec<MappingProgress>,
    /// Whether no function runs, and no asynchronous invocation waits for anything but time.
    pub lambda_is_idle: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueProgress {
    pub logical_id: String,
    pub name: String,
    /// Whether an event source mapping takes from it, which one that is disabled does not.
    pub is_consumed: bool,
    pub depth: Depth,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingProgress {
    pub logical_id: String,
    pub activity: Activity,
    /// When it is enabled or disabled, in milliseconds since the Unix epoch, if that is under way.
    pub change_due_ms: Option<u64>,
    /// Whether its queue holds messages that it does not take, since it was disabled.
    pub is_holding_back: bool,
}

/// When something is due that no mapping waits for, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Due {
    /// The next try of an asynchronous invocation.
    asynchronous: Option<u64>,
    schedule: Option<u64>,
    /// The next message becomes visible.
    message: Option<u64>,
}

/// It did not come to rest in time: what was where when the time was over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not at rest after {} s: {progress}", waited.as_secs())]
pub struct Busy {
    pub waited: Duration,
    pub progress: Progress,
}

/// How much there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// Something runs, or is about to.
    None,
    /// All that is left waits for this time, in milliseconds since the Unix epoch.
    Until(u64),
    /// Nothing is left.
    Complete,
}

impl Emulation {
    /// Waits until nothing is left to do: queues with a mapping are empty, no function runs and no
    /// asynchronous invocation waits. If [`crate::Options::skip_idle`] is set, the clock moves to the
    /// next thing that is due whenever only time is waited for.
    ///
    /// What is in a queue whose mapping is disabled is not left to do, and a mapping that is being enabled
    /// or disabled is waited for. Where a mapping was disabled since the start, and its queue holds
    /// messages, whoever disabled it may enable it again: then the schedules are waited for, too, as long as
    /// there are any.
    ///
    /// # Errors
    /// [`Busy`] after `timeout`, in real time.
    pub async fn settle(&self, timeout: Duration) -> Result<(), Busy> {
        let settled = tokio::time::timeout(timeout, self.settled()).await;
        settled.map_err(|_| Busy { waited: timeout, progress: self.progress() })
    }

    /// Lets time pass at once: what nobody waits for, such as a letter that is hidden in a dead-letter
    /// queue, becomes visible. To be called at rest.
    pub fn pass(&self, time: Duration) {
        self.clock.skip(time);
    }

    /// What is where now.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let consumed = |name: &str| {
            let mut mappings = self.mappings().iter();
            mappings.any(|each| each.queue() == Some(name) && each.mapping.is_polling())
        };
        let queue = |queue: &template::Queue| QueueProgress {
            logical_id: queue.logical_id.clone(),
            name: queue.name.clone(),
            is_consumed: consumed(&queue.name),
            depth: self.sqs().depth(&queue.name).unwrap_or_default(),
        };
        // The queues are looked at first: a message that leaves one is then seen in a mapping, or
        // in the next queue.
        let queues = self.stack().queues.iter().map(queue).collect();
        let lambda_is_idle = self.lambda().is_idle();
        let holds_messages =
            |queue: &str| self.sqs().depth(queue).is_some_and(|depth| depth != Depth::default());
        let mapping = |running: &crate::RunningMapping| MappingProgress {
            logical_id: running.logical_id.clone(),
            activity: running.mapping.activity(),
            change_due_ms: running.mapping.change_due_ms(),
            is_holding_back: running.mapping.is_disabled_by_update()
                && running.queue().is_some_and(holds_messages),
        };
        let mappings = self.mappings().iter().map(mapping).collect();
        Progress { queues, mappings, lambda_is_idle }
    }

    async fn settled(&self) {
        let mut before = Rest::None;
        loop {
            let now = self.rest();
            if now == before {
                match now {
                    Rest::Complete => return,
                    Rest::Until(due_ms) if self.skip_idle => {
                        let until_ms = due_ms.div_ceil(GRAIN_MS).saturating_mul(GRAIN_MS);
                        let left_ms = until_ms.saturating_sub(self.clock.now_ms());
                        self.clock.skip(Duration::from_millis(left_ms));
                    }
                    Rest::Until(_) | Rest::None => {}
                }
            }
            before = now;
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn rest(&self) -> Rest {
        // The times first: what is due by the time of the look is then no longer awaited.
        let due = Due {
            asynchronous: self.lambda().next_due_ms(),
            schedule: self.next_schedule_ms(),
            message: self.sqs().next_due_ms(),
        };
        rest(&self.progress(), due)
    }
}

fn rest(progress: &Progress, due: Due) -> Rest {
    let is_busy = |mapping: &MappingProgress| mapping.activity == Activity::Busy;
    if !progress.lambda_is_idle || progress.mappings.iter().any(is_busy) {
        return Rest::None;
    }
    let windows = progress.mappings.iter().filter_map(|mapping| match mapping.activity {
        Activity::WaitingUntil(due_ms) => Some(due_ms),
        Activity::Idle | Activity::Busy => None,
    });
    let mut due_ms = windows.chain(due.asynchronous).min();
    let consumed = || progress.queues.iter().filter(|queue| queue.is_consumed);
    if due_ms.is_none() && consumed().any(|queue| queue.depth.visible > 0) {
        return Rest::None;
    }
    let changes = progress.mappings.iter().filter_map(|mapping| mapping.change_due_ms);
    due_ms = due_ms.into_iter().chain(changes).min();
    if progress.mappings.iter().any(|mapping| mapping.is_holding_back) {
        due_ms = due_ms.into_iter().chain(due.schedule).min();
    }
    if consumed().any(|queue| queue.depth.in_flight + queue.depth.delayed > 0) {
        due_ms = due_ms.into_iter().chain(due.message).min();
        // It became visible between the two looks.
        return due_ms.map_or(Rest::None, Rest::Until);
    }
    due_ms.map_or(Rest::Complete, Rest::Until)
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
