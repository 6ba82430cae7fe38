//! The quotas of SQS.
//!
//! The numbers are from <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
//! and `quotas-queues.html` beside it. Quotas on throughput are not emulated.

/// The maximum size of a message and of a batch, including attributes: 1 MiB.
pub(super) const MESSAGE_BYTES: usize = 1_048_576;
pub(super) const BATCH_ENTRIES: usize = 10;
pub(super) const BATCH_ENTRY_ID_CHARS: usize = 80;
pub(super) const MESSAGE_ATTRIBUTES: usize = 10;
/// The name and the type of a message attribute must be shorter than this.
pub(super) const ATTRIBUTE_NAME_BYTES: usize = 256;

pub(super) const RECEIVE_MESSAGES: i64 = 10;
pub(super) const WAIT_SECONDS: i64 = 20;
pub(super) const VISIBILITY_SECONDS: i64 = 43_200;
pub(super) const DELAY_SECONDS: i64 = 900;
pub(super) const RETENTION_SECONDS: std::ops::RangeInclusive<i64> = 60..=1_209_600;
pub(super) const MAXIMUM_MESSAGE_SIZE: std::ops::RangeInclusive<i64> = 1_024..=1_048_576;
pub(super) const KMS_REUSE_SECONDS: std::ops::RangeInclusive<i64> = 60..=86_400;
pub(super) const MAX_RECEIVE_COUNT: std::ops::RangeInclusive<i64> = 1..=1_000;
/// The maximum number of source queues in a redrive allow policy.
pub(super) const ALLOWED_SOURCES: usize = 10;

pub(super) const IN_FLIGHT: usize = 120_000;
/// How long a deduplication id or the id of a receive attempt is remembered.
pub(super) const DEDUPLICATION_MS: u64 = 300_000;
/// The maximum length of the id of a message group, a deduplication or a receive attempt.
pub(super) const ID_CHARS: usize = 128;

pub(super) const QUEUE_NAME_CHARS: usize = 80;
pub(super) const RECREATE_AFTER_MS: u64 = 60_000;
pub(super) const PURGE_EVERY_MS: u64 = 60_000;
pub(super) const QUEUE_TAGS: usize = 50;
pub(super) const LIST_RESULTS: i64 = 1_000;

pub(super) const MOVES_PER_SECOND: i64 = 500;
pub(super) const LISTED_MOVE_TASKS: i64 = 10;

pub(super) const PERMISSION_ACTIONS: usize = 7;
pub(super) const PERMISSION_STATEMENTS: usize = 20;
