//! Event source mappings from DynamoDB streams: what takes a table's changes to a function.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>. A stream has one shard here, and a
//! shard has one batch at a time: what fails holds up all that comes after it, until it is done or
//! given up. Streams are reached through [`StreamSource`], functions through [`Target`], and the queue
//! that is told of what was given up through [`Letters`]. Not emulated: several batches of a shard at
//! once (`ParallelizationFactor`), tumbling windows.

mod batch;
mod checkpoint;
mod delivery;
mod engine;
mod letter;
mod record;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use self::checkpoint::Checkpoint;

use self::batch::Rules;
use self::engine::Engine;
use super::super::PAYLOAD_LIMIT;
use super::mode::Switch;
use super::{Description, Mapping, MappingError, Target};
use clock::Clock;
use dynamodb::{DynamoDbError, Page, Position, TableStream};
use filters::{Filters, Subject};
use sqs::{NewMessage, Sqs, SqsError};
use template::{StartingPosition, StreamMapping};

/// A table's stream, as a mapping reads it.
pub trait StreamSource: Send + Sync + 'static {
    /// The name of its only shard.
    fn shard_id(&self) -> String;

    /// Where reading begins.
    ///
    /// # Errors
    /// When the table has no stream.
    fn begin(&self, from: StartingPosition) -> Result<Position, DynamoDbError>;

    /// Before the record of a sequence number.
    fn at(
        &self,
        sequence_number: &str,
    ) -> impl Future<Output = Result<Position, DynamoDbError>> + Send;

    /// Up to `limit` records from a position on.
    fn read(
        &self,
        from: &Position,
        limit: usize,
    ) -> impl Future<Output = Result<Page, DynamoDbError>> + Send;

    /// Changes after whatever may have added records.
    fn writes(&self) -> watch::Receiver<u64>;
}

/// Where it is told what was given up.
pub trait Letters: Send + Sync + 'static {
    /// Sends to a queue, by its ARN.
    ///
    /// # Errors
    /// When the queue does not take it.
    fn send(&self, queue_arn: &str, body: String) -> Result<(), SqsError>;
}

impl StreamSource for TableStream {
    fn shard_id(&self) -> String {
        TableStream::shard_id(self)
    }

    fn begin(&self, from: StartingPosition) -> Result<Position, DynamoDbError> {
        match from {
            StartingPosition::TrimHorizon => self.oldest(),
            StartingPosition::Latest => self.latest(),
        }
    }

    async fn at(&self, sequence_number: &str) -> Result<Position, DynamoDbError> {
        TableStream::at(self, sequence_number).await
    }

    async fn read(&self, from: &Position, limit: usize) -> Result<Page, DynamoDbError> {
        TableStream::read(self, from, limit).await
    }

    fn writes(&self) -> watch::Receiver<u64> {
        TableStream::writes(self)
    }
}

impl Letters for Sqs {
    fn send(&self, queue_arn: &str, body: String) -> Result<(), SqsError> {
        let message = NewMessage { body, ..NewMessage::default() };
        Sqs::send(self, queue_arn, message).map(|_| ())
    }
}

impl Mapping {
    /// Checks a mapping from a stream and starts it, paused where the template disables it. What is
    /// written from now on is read in any case. One that was there before goes on from its checkpoint,
    /// whatever its starting position; its failures are counted from zero again. To be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// When Lambda would refuse it: its stream, its limits, its filters, its function.
    pub fn start_stream<S: StreamSource, T: Target, L: Letters>(
        mapping: &StreamMapping,
        function_arn: &str,
        checkpoint: Option<Position>,
        clock: Clock,
        source: S,
        target: T,
        letters: L,
    ) -> Result<Self, MappingError> {
        let plan = Plan::new(mapping, function_arn, &target)?;
        let begin = source.begin(mapping.starting_position).map_err(|error| {
            let mapping = mapping.logical_id.clone();
            MappingError::Unreadable { mapping, reason: error.to_string() }
        })?;
        let from = checkpoint.unwrap_or(begin);
        let switch = Switch::new(mapping.enabled);
        let begun = clock.clone();
        let engine = Arc::new(Engine::new(plan, switch, begun, from, source, target, letters));
        engine.start();
        Ok(Self::of(engine, Description::of_stream(mapping), clock, mapping.enabled))
    }

    /// How far it is with its stream; `None` for a mapping from a queue.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.controlled.engine.checkpoint()
    }
}

/// A mapping whose properties have been checked.
struct Plan {
    name: String,
    function: String,
    function_arn: String,
    stream_arn: String,
    batch_size: usize,
    window: Duration,
    filters: Filters,
    report_batch_item_failures: bool,
    rules: Rules,
    maximum_record_age: Option<Duration>,
    on_failure: Option<String>,
    payload_limit: usize,
}

impl Plan {
    fn new<T: Target>(
        mapping: &StreamMapping,
        function_arn: &str,
        target: &T,
    ) -> Result<Self, MappingError> {
        let name = || mapping.logical_id.clone();
        let parts: Vec<&str> = mapping.stream_arn.splitn(6, ':').collect();
        let ["arn", _, "dynamodb", _, _, _] = parts.as_slice() else {
            return Err(MappingError::NotAStream {
                mapping: name(),
                arn: mapping.stream_arn.clone(),
            });
        };
        check_limits(mapping)?;
        let filters = Filters::parse(Subject::StreamRecord, &mapping.filters)
            .map_err(|source| MappingError::Filter { mapping: name(), source })?;
        target
            .concurrency(&mapping.function)
            .map_err(|source| MappingError::Function { mapping: name(), source })?;
        Ok(Self {
            name: name(),
            function: mapping.function.clone(),
            function_arn: function_arn.to_owned(),
            stream_arn: mapping.stream_arn.clone(),
            batch_size: usize::try_from(mapping.batch_size).unwrap_or(1),
            window: mapping.window,
            filters,
            report_batch_item_failures: mapping.report_batch_item_failures,
            rules: Rules { bisect: mapping.bisect, maximum_retries: mapping.maximum_retries },
            maximum_record_age: mapping.maximum_record_age,
            on_failure: mapping.on_failure.clone(),
            payload_limit: PAYLOAD_LIMIT,
        })
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html>
fn check_limits(mapping: &StreamMapping) -> Result<(), MappingError> {
    let check = |property, value: u64, legal: bool, expected| {
        let name = mapping.logical_id.clone();
        let error = MappingError::OutOfRange { mapping: name, property, value, expected };
        if legal { Ok(()) } else { Err(error) }
    };
    let (size, window) = (u64::from(mapping.batch_size), mapping.window.as_secs());
    check("BatchSize", size, (1..=10_000).contains(&size), "between 1 and 10000")?;
    check("MaximumBatchingWindowInSeconds", window, window <= 300, "at most 300")?;
    let retries = mapping.maximum_retries.map_or(0, u64::from);
    check("MaximumRetryAttempts", retries, retries <= 10_000, "at most 10000")?;
    let age = mapping.maximum_record_age.map_or(60, |age| age.as_secs());
    let legal = (60..=604_800).contains(&age);
    check("MaximumRecordAgeInSeconds", age, legal, "between 60 and 604800")
}
