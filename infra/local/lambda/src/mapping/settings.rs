//! The settings of a mapping of a queue, within the limits of Lambda.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::PAYLOAD_LIMIT;
use super::event::Source;
use super::{MappingError, Target};
use filters::{Filters, Subject};
use template::EventSourceMapping;

/// The settings of a mapping, which have been checked.
pub(super) struct MappingSettings {
    pub(super) name: String,
    pub(super) function: String,
    pub(super) queue: String,
    pub(super) source: Source,
    pub(super) fifo: bool,
    pub(super) batch_size: usize,
    pub(super) window: Duration,
    pub(super) visibility: Duration,
    pub(super) concurrency: usize,
    pub(super) filters: Filters,
    pub(super) report_batch_item_failures: bool,
    pub(super) payload_limit: usize,
}

impl MappingSettings {
    pub(super) fn new<T: Target>(
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
            // A function without concurrency is always throttled. One poller is needed to observe that.
            concurrency: own.min(available).max(1),
            filters,
            report_batch_item_failures: mapping.report_batch_item_failures,
            payload_limit: PAYLOAD_LIMIT,
        })
    }
}

/// Checks the limits of
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>.
fn check_limits(mapping: &EventSourceMapping, fifo: bool) -> Result<(), MappingError> {
    let limits = Limits { mapping: &mapping.logical_id };
    let (size, window) = (u64::from(mapping.batch_size), mapping.window.as_secs());
    limits.check(BATCHING_WINDOW, window, 0..=300, "at most 300")?;
    limits.check("BatchSize", size, 1..=10_000, "between 1 and 10000")?;
    if fifo {
        limits.check("BatchSize", size, 1..=10, "at most 10 for a FIFO queue")?;
        limits.check(BATCHING_WINDOW, window, 0..=0, "0 for a FIFO queue")?;
    }
    if size > 10 {
        let expected = "at least 1 where BatchSize is above 10";
        limits.check(BATCHING_WINDOW, window, 1..=300, expected)?;
    }
    let maximum = mapping.maximum_concurrency.map_or(2, u64::from);
    limits.check("ScalingConfig.MaximumConcurrency", maximum, 2..=1000, "between 2 and 1000")
}

pub(super) const BATCHING_WINDOW: &str = "MaximumBatchingWindowInSeconds";

/// Checks the properties of the mapping that it names.
pub(super) struct Limits<'a> {
    pub(super) mapping: &'a str,
}

impl Limits<'_> {
    pub(super) fn check(
        &self,
        property: &'static str,
        value: u64,
        range: RangeInclusive<u64>,
        expected: &'static str,
    ) -> Result<(), MappingError> {
        if range.contains(&value) {
            return Ok(());
        }
        let mapping = self.mapping.to_owned();
        Err(MappingError::OutOfRange { mapping, property, value, expected })
    }
}
