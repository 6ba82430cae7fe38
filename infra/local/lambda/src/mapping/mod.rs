//! Event source mappings that deliver the messages of a queue to a function. Those that read a table's
//! stream are in [`stream`].
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>. A mapping receives messages, filters
//! them, invokes the function with batches of them, and deletes those that succeeded. A failed message
//! becomes visible again when its visibility timeout ends. Only when a mapping is stopped does it make
//! unfinished messages visible at once, because it will not receive them again. Queues are accessed
//! through [`MessageSource`] and functions through [`Target`]. Provisioned pollers, tags and metrics are
//! not emulated.

mod api;
mod control;
mod delivery;
mod description;
mod event;
mod group_locks;
mod lifecycle;
mod mode;
mod poller;
mod response;
mod settings;
pub mod stream;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use self::api::EventSourceMappings;
pub use self::lifecycle::State;
pub use filters::FilterError;

use self::control::MappingControl;
use self::description::Description;
use self::mode::{Mode, Switch};
use self::poller::Engine;
use self::settings::MappingSettings;
use self::stream::Checkpoint;
use super::outcome::{Invocation, InvokeError};
use super::work::WorkTracker;
use super::{Caller, Lambda};
use clock::Clock;
use sqs::{ReceivedMessage, Sqs, SqsError};
use template::EventSourceMapping;

/// The operations on queues that a mapping needs. Queues are identified by name.
pub trait MessageSource: Send + Sync + 'static {
    /// Receives up to `max` messages as soon as there are any, and none once `wait` has passed.
    fn receive(
        &self,
        queue: &str,
        max: usize,
        wait: Duration,
    ) -> impl Future<Output = Result<Vec<ReceivedMessage>, SqsError>> + Send;

    /// Deletes a received message.
    ///
    /// # Errors
    /// If the queue or the handle is unknown.
    fn delete(&self, queue: &str, receipt_handle: &str) -> Result<(), SqsError>;

    /// Makes a received message visible again without changing its receive count.
    ///
    /// # Errors
    /// If the queue or the handle is unknown, or the message is no longer in flight.
    fn release(&self, queue: &str, receipt_handle: &str) -> Result<(), SqsError>;
}

/// The operations on functions that a mapping needs.
pub trait Target: Send + Sync + 'static {
    /// Invokes a function with a trace header, or with a new one if `trace` is `None`.
    fn invoke(
        &self,
        function: &str,
        payload: Bytes,
        trace: Option<String>,
    ) -> impl Future<Output = Result<Invocation, InvokeError>> + Send;

    /// Drops an invocation with this trace header if it would continue a recursive loop that has to end.
    /// Returns whether it was dropped.
    fn drop_if_recursive(&self, function: &str, trace: &str) -> bool;

    /// The maximum number of concurrent invocations of the function.
    ///
    /// # Errors
    /// If there is no such function.
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

    fn release(&self, queue: &str, receipt_handle: &str) -> Result<(), SqsError> {
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

    fn drop_if_recursive(&self, function: &str, trace: &str) -> bool {
        self.pool(function).is_ok_and(|pool| pool.drop_if_recursive(trace))
    }

    fn concurrency(&self, function: &str) -> Result<usize, InvokeError> {
        Lambda::concurrency(self, function)
    }
}

/// Why a mapping cannot be created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the mapping's name and what the message says")]
pub enum MappingError {
    /// The source of a queue mapping is not a queue.
    #[error("{mapping}: {arn} is not the ARN of an SQS queue")]
    NotAQueue { mapping: String, arn: String },
    /// The source of a stream mapping is not a stream.
    #[error("{mapping}: {arn} is not the ARN of a table's stream")]
    NotAStream { mapping: String, arn: String },
    /// The stream does not exist or cannot be read.
    #[error("{mapping}: its stream cannot be read: {reason}")]
    UnreadableStream { mapping: String, reason: String },
    /// A property is outside the limits of Lambda.
    #[error("{mapping}: {property} is {value}, and must be {expected}")]
    OutOfRange { mapping: String, property: &'static str, value: u64, expected: &'static str },
    /// A filter is not understood.
    #[error("{mapping}: {source}")]
    Filter { mapping: String, source: FilterError },
    /// The function cannot be invoked.
    #[error("{mapping}: {source}")]
    Function { mapping: String, source: InvokeError },
}

/// What a mapping has done since it was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Invocations that ended, without those that were throttled.
    pub invocations: u64,
    /// Invocations that failed as a whole.
    pub failed_invocations: u64,
    /// Attempts that were throttled.
    pub throttles: u64,
    /// Messages or records that were part of an invocation.
    pub records: u64,
    /// Messages or records that failed, either individually or with their batch.
    pub failures: u64,
    /// Messages that were deleted, or records that were skipped, because no filter matches them.
    pub filtered: u64,
    /// Records of a stream that were discarded after failures or because of their age.
    pub discarded: u64,
    /// Messages or records that were received and are not finished.
    pub in_flight: u64,
}

/// Whether a mapping has work to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It waits for messages or records, or is paused.
    Idle,
    /// It has messages or records, and waits at most until the given time, in milliseconds since the
    /// Unix epoch: the end of a batching window, or a retry after a failure or throttling.
    WaitingUntil(u64),
    /// It receives messages or runs an invocation.
    Busy,
}

impl Activity {
    fn of(tracker: &WorkTracker) -> Self {
        match (tracker.waits_for_time(), tracker.next_due_ms()) {
            (true, None) => Self::Idle,
            (true, Some(due_ms)) => Self::WaitingUntil(due_ms),
            (false, _) => Self::Busy,
        }
    }
}

/// A running mapping. When it is dropped, it ends once its current batches are finished.
pub struct Mapping {
    control: Arc<MappingControl>,
}

/// The operations of an engine that do not depend on its source and target.
trait EngineControl: Send + Sync {
    fn set(&self, mode: Mode);
    fn mode(&self) -> Mode;
    /// Whether it may still take what arrives at its source now.
    fn is_receiving(&self) -> bool;
    fn counters(&self) -> Counters;
    fn activity(&self) -> Activity;
    fn checkpoint(&self) -> Option<Checkpoint>;
    fn wait_until_finished(&self) -> futures_util::future::BoxFuture<'_, ()>;
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.control.engine.set(Mode::Stopped);
    }
}

impl Mapping {
    /// Checks a mapping and starts it, or creates it paused if the template disables it. `visibility` is
    /// the visibility timeout of the queue, during which a throttled batch is retried. Must be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// If Lambda would refuse the mapping because of its queue, limits, filters or function.
    pub fn start<S: MessageSource, T: Target>(
        mapping: &EventSourceMapping,
        visibility: Duration,
        clock: Clock,
        source: S,
        target: T,
    ) -> Result<Self, MappingError> {
        let settings = MappingSettings::new(mapping, visibility, &target)?;
        let switch = Switch::new(mapping.enabled);
        let engine = Arc::new(Engine::new(settings, switch, clock.clone(), source, target));
        engine.start();
        Ok(Self::with_engine(engine, Description::of_queue(mapping), clock, mapping.enabled))
    }

    fn with_engine(
        engine: Arc<dyn EngineControl>,
        description: Description,
        clock: Clock,
        enabled: bool,
    ) -> Self {
        Self { control: Arc::new(MappingControl::new(engine, description, clock, enabled)) }
    }

    /// Stops receiving at once. Batches that were received are finished.
    pub fn pause(&self) {
        self.control.set_enabled(false);
    }

    /// Starts receiving again at once.
    pub fn resume(&self) {
        self.control.set_enabled(true);
    }

    /// The state in Lambda's API.
    #[must_use]
    pub fn state(&self) -> State {
        let (lifecycle, now_ms) = self.control.lifecycle();
        lifecycle.state(now_ms)
    }

    /// Whether it polls its source. It still does while it is being disabled, and does not yet while it
    /// is being enabled.
    #[must_use]
    pub fn is_polling(&self) -> bool {
        let (lifecycle, now_ms) = self.control.lifecycle();
        lifecycle.is_polling(now_ms)
    }

    /// When a pending change of its state takes effect, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn change_due_ms(&self) -> Option<u64> {
        let (lifecycle, now_ms) = self.control.lifecycle();
        lifecycle.due_ms(now_ms)
    }

    /// Whether it has stopped polling because Lambda's API disabled it.
    #[must_use]
    pub fn is_disabled_by_update(&self) -> bool {
        let (lifecycle, now_ms) = self.control.lifecycle();
        lifecycle.is_disabled_by_update(now_ms)
    }

    /// Stops receiving, and waits until the current batches are finished. Messages that did not succeed
    /// are visible in the queue again.
    pub async fn stop(self) {
        self.request_stop();
        self.wait_until_stopped().await;
    }

    /// Stops receiving. [`Mapping::wait_until_stopped`] waits for the current batches.
    pub fn request_stop(&self) {
        self.control.engine.set(Mode::Stopped);
    }

    /// Waits until the current batches are finished, after [`Mapping::request_stop`].
    pub async fn wait_until_stopped(&self) {
        self.control.engine.wait_until_finished().await;
    }

    /// What the mapping has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.control.engine.counters()
    }

    /// Whether the mapping has work to do.
    #[must_use]
    pub fn activity(&self) -> Activity {
        if self.control.is_engine_behind() {
            return Activity::Busy;
        }
        self.control.engine.activity()
    }

    /// Whether it has no messages. It stops being idle before it receives one.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.activity() == Activity::Idle
    }
}

#[cfg(test)]
mod tests;
