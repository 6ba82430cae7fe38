//! Event source mappings: what takes messages from a queue to a function; those that read a table's
//! stream are in [`stream`].
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>. A mapping receives, filters,
//! batches, invokes, and deletes what is done. It never makes a failed message visible: its visibility
//! timeout does. Only a stopped mapping gives back at once what it had received and did not finish, so
//! that nothing stays hidden for a consumer that is gone. Queues are reached through [`MessageSource`], functions through
//! [`Target`]. Not emulated: provisioned pollers, tags, metrics.

mod api;
mod controlled;
mod delivery;
mod description;
mod event;
mod groups;
mod lifecycle;
mod mode;
mod poller;
mod response;
pub mod stream;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use self::api::EventSourceMappings;
pub use self::lifecycle::State;
pub use filters::FilterError;

use self::controlled::Controlled;
use self::description::Description;
use self::event::Source;
use self::mode::{Mode, Switch};
use self::poller::Engine;
use self::stream::Checkpoint;
use super::outcome::{Invocation, InvokeError};
use super::waits::Waits;
use super::{Caller, Lambda, PAYLOAD_LIMIT};
use clock::Clock;
use filters::{Filters, Subject};
use sqs::{ReceivedMessage, Sqs, SqsError};
use template::EventSourceMapping;

/// The queues, as a mapping uses them. Queues go by their name.
pub trait MessageSource: Send + Sync + 'static {
    /// Up to `max` messages, as soon as there are any; none once `wait` has passed.
    fn receive(
        &self,
        queue: &str,
        max: usize,
        wait: Duration,
    ) -> impl Future<Output = Result<Vec<ReceivedMessage>, SqsError>> + Send;

    /// Deletes a received message.
    ///
    /// # Errors
    /// When the queue or the handle is unknown.
    fn delete(&self, queue: &str, receipt_handle: &str) -> Result<(), SqsError>;

    /// Makes a received message visible again; how often it was received stays.
    ///
    /// # Errors
    /// When the queue or the handle is unknown, or the message is no longer in flight.
    fn give_back(&self, queue: &str, receipt_handle: &str) -> Result<(), SqsError>;
}

/// The functions, as a mapping uses them.
pub trait Target: Send + Sync + 'static {
    /// `trace` is a trace header; a new one is made up without.
    fn invoke(
        &self,
        function: &str,
        payload: Bytes,
        trace: Option<String>,
    ) -> impl Future<Output = Result<Invocation, InvokeError>> + Send;

    /// Whether an invocation with this trace header is dropped, because it would go on with a recursive
    /// loop that has to end.
    fn drops_recursive(&self, function: &str, trace: &str) -> bool;

    /// How often the function may run at once.
    ///
    /// # Errors
    /// When there is no such function.
    fn concurrency(&self, function: &str) -> Result<usize, InvokeError>;
}

impl MessageSource for Sqs {
    async fn receive(
        &self,
        queue: &str,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        Sqs::receive(self, queue, max, wait).await
    }

    fn delete(&self, queue: &str, receipt_handle: &str) -> Result<(), SqsError> {
        Sqs::delete(self, queue, receipt_handle)
    }

    fn give_back(&self, queue: &str, receipt_handle: &str) -> Result<(), SqsError> {
        self.change_visibility(queue, receipt_handle, Duration::ZERO)
    }
}

impl Target for Lambda {
    async fn invoke(
        &self,
        function: &str,
        payload: Bytes,
        trace: Option<String>,
    ) -> Result<Invocation, InvokeError> {
        let caller = Caller { trace_id: trace, client_context: None };
        self.invoke_as(function, payload, caller).await
    }

    fn drops_recursive(&self, function: &str, trace: &str) -> bool {
        self.pool(function).is_ok_and(|pool| pool.drops_recursive(trace))
    }

    fn concurrency(&self, function: &str) -> Result<usize, InvokeError> {
        Lambda::concurrency(self, function)
    }
}

/// Why a mapping cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    #[error("{mapping}: {arn} is not the ARN of an SQS queue")]
    NotAQueue { mapping: String, arn: String },
    #[error("{mapping}: {arn} is not the ARN of a table's stream")]
    NotAStream { mapping: String, arn: String },
    #[error("{mapping}: its stream cannot be read: {reason}")]
    Unreadable { mapping: String, reason: String },
    #[error("{mapping}: {property} is {value}, and must be {expected}")]
    OutOfRange { mapping: String, property: &'static str, value: u64, expected: &'static str },
    #[error("{mapping}: {source}")]
    Filter { mapping: String, source: FilterError },
    #[error("{mapping}: {source}")]
    Function { mapping: String, source: InvokeError },
}

/// What a mapping has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Invocations that came to an end, throttled ones excepted.
    pub invocations: u64,
    /// Invocations that failed as a whole.
    pub failed_invocations: u64,
    /// Attempts that were throttled.
    pub throttles: u64,
    /// Messages or records that were part of an invocation.
    pub records: u64,
    /// Messages or records that failed, alone or with their batch.
    pub failures: u64,
    /// Messages deleted, or records passed over, because no filter matches them.
    pub filtered: u64,
    /// Records of a stream that were given up.
    pub discarded: u64,
    /// Messages or records that were received and are not dealt with yet.
    pub in_flight: u64,
}

/// Whether a mapping has anything to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It waits for messages or records, or is paused.
    Idle,
    /// It has messages or records, and waits for this time (milliseconds since the Unix epoch) at the latest:
    /// the end of a batching window, or the next try after a failure or throttling.
    WaitingUntil(u64),
    Busy,
}

impl Activity {
    fn of(waits: &Waits) -> Self {
        match (waits.is_quiet(), waits.next_due_ms()) {
            (true, None) => Self::Idle,
            (true, Some(due_ms)) => Self::WaitingUntil(due_ms),
            (false, _) => Self::Busy,
        }
    }
}

/// A running mapping; when dropped it ends once its current batches are done.
pub struct Mapping {
    controlled: Arc<Controlled>,
}

/// What a handle needs of an engine, whatever its source and target.
trait Control: Send + Sync {
    fn set(&self, mode: Mode);
    fn counters(&self) -> Counters;
    fn activity(&self) -> Activity;
    fn checkpoint(&self) -> Option<Checkpoint>;
    fn finished(&self) -> futures_util::future::BoxFuture<'_, ()>;
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.controlled.engine.set(Mode::Stopped);
    }
}

impl Mapping {
    /// Checks a mapping and starts it, paused where the template disables it. `visibility` is the
    /// queue's visibility timeout: for so long a throttled batch is tried again. To be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// When Lambda would refuse it: its queue's ARN, its limits, its filters, its function.
    pub fn start<S: MessageSource, T: Target>(
        mapping: &EventSourceMapping,
        visibility: Duration,
        clock: Clock,
        source: S,
        target: T,
    ) -> Result<Self, MappingError> {
        let plan = Plan::new(mapping, visibility, &target)?;
        let switch = Switch::new(mapping.enabled);
        let engine = Arc::new(Engine::new(plan, switch, clock.clone(), source, target));
        engine.start();
        Ok(Self::of(engine, Description::of_queue(mapping), clock, mapping.enabled))
    }

    fn of(engine: Arc<dyn Control>, description: Description, clock: Clock, enabled: bool) -> Self {
        Self { controlled: Arc::new(Controlled::new(engine, description, clock, enabled)) }
    }

    /// Receives no more; batches at work are finished.
    pub fn pause(&self) {
        self.controlled.set(false);
    }

    pub fn resume(&self) {
        self.controlled.set(true);
    }

    /// What Lambda's API tells of it.
    #[must_use]
    pub fn state(&self) -> State {
        let (lifecycle, now_ms) = self.controlled.lifecycle();
        lifecycle.state(now_ms)
    }

    /// Whether it polls its source, which it does while it is being disabled, and does not yet while it is
    /// being enabled.
    #[must_use]
    pub fn polls(&self) -> bool {
        let (lifecycle, now_ms) = self.controlled.lifecycle();
        lifecycle.polls(now_ms)
    }

    /// When a change of its state takes effect, in milliseconds since the Unix epoch, if one is under way.
    #[must_use]
    pub fn change_due_ms(&self) -> Option<u64> {
        let (lifecycle, now_ms) = self.controlled.lifecycle();
        lifecycle.due_ms(now_ms)
    }

    /// Whether it polls no more because it was disabled over Lambda's API.
    #[must_use]
    pub fn was_disabled(&self) -> bool {
        let (lifecycle, now_ms) = self.controlled.lifecycle();
        lifecycle.was_disabled(now_ms)
    }

    /// Receives no more, and returns once the batches at work are finished. What they did not finish is
    /// visible in the queue again.
    pub async fn stop(self) {
        self.begin_stop();
        self.stopped().await;
    }

    /// Receives no more, from now on; [`Mapping::stopped`] waits for the batches at work.
    pub fn begin_stop(&self) {
        self.controlled.engine.set(Mode::Stopped);
    }

    /// Returns once the batches at work are finished, after [`Mapping::begin_stop`].
    pub async fn stopped(&self) {
        self.controlled.engine.finished().await;
    }

    #[must_use]
    pub fn counters(&self) -> Counters {
        self.controlled.engine.counters()
    }

    #[must_use]
    pub fn activity(&self) -> Activity {
        self.controlled.engine.activity()
    }

    /// Whether it has no messages. It is not idle from before its queue hands one out.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.activity() == Activity::Idle
    }
}

/// A mapping whose properties have been checked.
struct Plan {
    name: String,
    function: String,
    queue: String,
    source: Source,
    fifo: bool,
    batch_size: usize,
    window: Duration,
    visibility: Duration,
    concurrency: usize,
    filters: Filters,
    report_batch_item_failures: bool,
    payload_limit: usize,
}

impl Plan {
    fn new<T: Target>(
        mapping: &EventSourceMapping,
        visibility: Duration,
        target: &T,
    ) -> Result<Self, MappingError> {
        let name = &mapping.logical_id;
        let arn = mapping.queue_arn.as_str();
        let parts: Vec<&str> = arn.split(':').collect();
        let ["arn", _, "sqs", region, _, queue] = parts.as_slice() else {
            return Err(MappingError::NotAQueue { mapping: name.clone(), arn: arn.to_owned() });
        };
        let fifo = queue.ends_with(".fifo");
        check_limits(mapping, fifo)?;
        let filters = Filters::parse(Subject::QueueMessage, &mapping.filters)
            .map_err(|source| MappingError::Filter { mapping: name.clone(), source })?;
        let available = target
            .concurrency(&mapping.function)
            .map_err(|source| MappingError::Function { mapping: name.clone(), source })?;
        let own = usize::try_from(mapping.maximum_concurrency.unwrap_or(1000)).unwrap_or(1000);
        Ok(Self {
            name: name.clone(),
            function: mapping.function.clone(),
            queue: (*queue).to_owned(),
            source: Source { arn: arn.to_owned(), region: (*region).to_owned() },
            fifo,
            batch_size: usize::try_from(mapping.batch_size).unwrap_or(1),
            window: mapping.window,
            visibility,
            // A function without concurrency is throttled, which takes one to find out.
            concurrency: own.min(available).max(1),
            filters,
            report_batch_item_failures: mapping.report_batch_item_failures,
            payload_limit: PAYLOAD_LIMIT,
        })
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>
fn check_limits(mapping: &EventSourceMapping, fifo: bool) -> Result<(), MappingError> {
    let check = |property, value: u64, legal: bool, expected| {
        let name = mapping.logical_id.clone();
        let error = MappingError::OutOfRange { mapping: name, property, value, expected };
        if legal { Ok(()) } else { Err(error) }
    };
    let (size, window) = (u64::from(mapping.batch_size), mapping.window.as_secs());
    let window_name = "MaximumBatchingWindowInSeconds";
    check(window_name, window, window <= 300, "at most 300")?;
    check("BatchSize", size, (1..=10_000).contains(&size), "between 1 and 10000")?;
    if fifo {
        check("BatchSize", size, size <= 10, "at most 10 for a FIFO queue")?;
        check(window_name, window, window == 0, "0 for a FIFO queue")?;
    }
    let windowed = size <= 10 || window >= 1;
    check(window_name, window, windowed, "at least 1 where BatchSize is above 10")?;
    let maximum = mapping.maximum_concurrency.map_or(2, u64::from);
    let legal = (2..=1000).contains(&maximum);
    check("ScalingConfig.MaximumConcurrency", maximum, legal, "between 2 and 1000")
}

#[cfg(test)]
mod tests;
