//! Event source mappings that deliver the changes of a table, from its stream, to a function.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>. A stream has one shard here, and a
//! shard has one batch at a time. A batch that fails holds up all later records until it succeeds or is
//! discarded. Streams are accessed through [`StreamSource`], functions through [`Target`], and the queue
//! for discarded batches through [`FailureDestination`]. Concurrent batches of a shard
//! (`ParallelizationFactor`) and tumbling windows are not emulated.

mod batch;
mod checkpoint;
mod delivery;
mod engine;
mod failure_record;
mod record;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use self::checkpoint::Checkpoint;

use self::batch::RetryRules;
use self::engine::Engine;
use super::super::PAYLOAD_LIMIT;
use super::mode::Switch;
use super::settings::{BATCHING_WINDOW, Limits};
use super::{Description, Mapping, MappingError, Target};
use clock::Clock;
use dynamodb::{DynamoDbError, Page, Position, TableStream};
use filters::{Filters, Subject};
use sqs::{NewMessage, Sqs, SqsError};
use template::{StartingPosition, StreamMapping};

/// The operations on a table's stream that a mapping needs.
pub trait StreamSource: Send + Sync + 'static {
    /// The id of its only shard.
    fn shard_id(&self) -> String;

    /// The position at which a new mapping starts to read.
    ///
    /// # Errors
    /// If the table has no stream.
    fn start_position(&self, from: StartingPosition) -> Result<Position, DynamoDbError>;

    /// The position before the record with a sequence number.
    fn position_before(
        &self,
        sequence_number: &str,
    ) -> impl Future<Output = Result<Position, DynamoDbError>> + Send;

    /// Reads up to `limit` records from a position on.
    fn read(
        &self,
        from: &Position,
        limit: usize,
    ) -> impl Future<Output = Result<Page, DynamoDbError>> + Send;

    /// A counter that changes after every operation that may have added records.
    fn writes(&self) -> watch::Receiver<u64>;
}

/// Receives a description of each batch that was discarded.
pub trait FailureDestination: Send + Sync + 'static {
    /// Sends a message to the queue with this ARN.
    ///
    /// # Errors
    /// If the queue refuses the message.
    fn send(&self, queue_arn: &str, body: String) -> Result<(), SqsError>;
}

impl StreamSource for TableStream {
    fn shard_id(&self) -> String {
        TableStream::shard_id(self)
    }

    fn start_position(&self, from: StartingPosition) -> Result<Position, DynamoDbError> {
        match from {
            StartingPosition::TrimHorizon => self.oldest(),
            StartingPosition::Latest => self.latest(),
        }
    }

    async fn position_before(&self, sequence_number: &str) -> Result<Position, DynamoDbError> {
        TableStream::at(self, sequence_number).await
    }

    async fn read(&self, from: &Position, limit: usize) -> Result<Page, DynamoDbError> {
        TableStream::read(self, from, limit).await
    }

    fn writes(&self) -> watch::Receiver<u64> {
        TableStream::writes(self)
    }
}

impl FailureDestination for Sqs {
    fn send(&self, queue_arn: &str, body: String) -> Result<(), SqsError> {
        let message = NewMessage { body, ..NewMessage::default() };
        Sqs::send(self, queue_arn, message).map(|_| ())
    }
}

/// The services that a stream mapping uses.
pub struct StreamServices<S, T, F> {
    /// The stream of the table.
    pub source: S,
    /// The functions.
    pub target: T,
    /// The queues for discarded batches.
    pub failures: F,
}

impl Mapping {
    /// Checks a mapping from a stream and starts it, or creates it paused if the template disables it.
    /// Records that are written from now on are read in any case. A mapping that existed before
    /// continues at its checkpoint instead of its starting position, and its retries are counted from
    /// zero again. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If Lambda would refuse the mapping because of its stream, limits, filters or function.
    pub fn start_stream<S: StreamSource, T: Target, F: FailureDestination>(
        mapping: &StreamMapping,
        function_arn: &str,
        checkpoint: Option<Position>,
        clock: Clock,
        services: StreamServices<S, T, F>,
    ) -> Result<Self, MappingError> {
        let settings = MappingSettings::new(mapping, function_arn, &services.target)?;
        let starting_position = mapping.starting_position;
        let begin = services.source.start_position(starting_position).map_err(|error| {
            let mapping = mapping.logical_id.clone();
            MappingError::UnreadableStream { mapping, reason: error.to_string() }
        })?;
        let from = checkpoint.unwrap_or(begin);
        let switch = Switch::new(mapping.enabled);
        let engine = Arc::new(Engine::new(settings, switch, clock.clone(), from, services));
        engine.start();
        Ok(Self::with_engine(engine, Description::of_stream(mapping), clock, mapping.enabled))
    }

    /// The position of the mapping in its stream; `None` for a mapping from a queue.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.control.engine.checkpoint()
    }
}

/// The settings of a mapping, which have been checked.
struct MappingSettings {
    name: String,
    function: String,
    function_arn: String,
    stream_arn: String,
    batch_size: usize,
    window: Duration,
    filters: Filters,
    report_batch_item_failures: bool,
    retry_rules: RetryRules,
    maximum_record_age: Option<Duration>,
    on_failure: Option<String>,
    payload_limit: usize,
}

impl MappingSettings {
    fn new<T: Target>(
        mapping: &StreamMapping,
        function_arn: &str,
        target: &T,
    ) -> Result<Self, MappingError> {
        let name = &mapping.logical_id;
        let parts: Vec<&str> = mapping.stream_arn.splitn(6, ':').collect();
        let ["arn", _, "dynamodb", _, _, _] = parts.as_slice() else {
            return Err(MappingError::NotAStream {
                mapping: name.clone(),
                arn: mapping.stream_arn.clone(),
            });
        };
        check_limits(mapping)?;
        let filters = Filters::parse(Subject::StreamRecord, &mapping.filters)
            .map_err(|source| MappingError::Filter { mapping: name.clone(), source })?;
        target
            .concurrency(&mapping.function)
            .map_err(|source| MappingError::Function { mapping: name.clone(), source })?;
        Ok(Self {
            name: name.clone(),
            function: mapping.function.clone(),
            function_arn: function_arn.to_owned(),
            stream_arn: mapping.stream_arn.clone(),
            batch_size: usize::try_from(mapping.batch_size).unwrap_or(1),
            window: mapping.window,
            filters,
            report_batch_item_failures: mapping.report_batch_item_failures,
            retry_rules: RetryRules {
                bisect: mapping.bisect,
                maximum_retries: mapping.maximum_retries,
            },
            maximum_record_age: mapping.maximum_record_age,
            on_failure: mapping.on_failure.clone(),
            payload_limit: PAYLOAD_LIMIT,
        })
    }
}

/// Checks the limits of <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html>.
fn check_limits(mapping: &StreamMapping) -> Result<(), MappingError> {
    let limits = Limits { mapping: &mapping.logical_id };
    limits.check("BatchSize", mapping.batch_size.into(), 1..=10_000, "between 1 and 10000")?;
    limits.check(BATCHING_WINDOW, mapping.window.as_secs(), 0..=300, "at most 300")?;
    let retries = mapping.maximum_retries.map_or(0, u64::from);
    limits.check("MaximumRetryAttempts", retries, 0..=10_000, "at most 10000")?;
    let age_s = mapping.maximum_record_age.map_or(60, |age| age.as_secs());
    limits.check("MaximumRecordAgeInSeconds", age_s, 60..=604_800, "between 60 and 604800")
}
