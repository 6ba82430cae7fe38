//! Takes no more of a dataset while too many messages wait in the queue behind ingest.
//!
//! The contract has the bound (`backlog`). A request is then answered 429, and a file is parked. Messages of the inbox
//! are taken all the same, since they only wait in another queue otherwise.

use std::future::Future;
use std::time::Duration;

use aws::Queues;
use contracts::Backlog;
use event::{Code, Failure, FailureKind, MAX_LONGEST_WAIT, Timestamp};
use tokio::sync::Mutex;

/// For how long a depth is believed. SQS's own counts are up to a minute behind:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>.
const BELIEVED_FOR: Duration = Duration::from_secs(5);

/// Knows how many messages wait in a queue.
pub(crate) trait Depths: Send + Sync {
    /// The messages that can be received, or could if their delay were over.
    fn waiting(&self, queue_url: &str) -> impl Future<Output = Result<u64, Failure>> + Send;
}

impl Depths for Queues {
    async fn waiting(&self, queue_url: &str) -> Result<u64, Failure> {
        let depth = self.depth(queue_url).await?;
        Ok(depth.waiting + depth.delayed)
    }
}

/// The depth of one queue as it was last read. Nothing is read for datasets without a bound.
#[derive(Debug, Default)]
pub(crate) struct KnownDepth(Mutex<Option<Reading>>);

#[derive(Clone, Copy, Debug)]
struct Reading {
    waiting: u64,
    at: Timestamp,
}

/// More messages wait than the contract allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FullBacklog {
    waiting: u64,
    bound: Backlog,
}

impl KnownDepth {
    /// Checks that no more messages wait in the queue than the bound allows. A queue whose depth cannot be read counts
    /// as empty, because its messages are safe wherever they wait.
    ///
    /// # Errors
    /// If more messages wait.
    pub(crate) async fn check<Q: Depths>(
        &self,
        queue: &Q,
        queue_url: &str,
        bound: Option<Backlog>,
        now: Timestamp,
    ) -> Result<(), FullBacklog> {
        let Some(bound) = bound else { return Ok(()) };
        // Held over the call, so that concurrent records read once.
        let mut known = self.0.lock().await;
        let reading = match *known {
            Some(reading) if reading.is_believed(now) => reading,
            _ => Reading { waiting: read(queue, queue_url).await, at: now },
        };
        *known = Some(reading);
        if reading.waiting > bound.limit {
            return Err(FullBacklog { waiting: reading.waiting, bound });
        }
        Ok(())
    }
}

impl Reading {
    fn is_believed(&self, now: Timestamp) -> bool {
        let age_ms = now.unix_ms() - self.at.unix_ms();
        u128::try_from(age_ms).is_ok_and(|age_ms| age_ms < BELIEVED_FOR.as_millis())
    }
}

async fn read<Q: Depths>(queue: &Q, queue_url: &str) -> u64 {
    queue.waiting(queue_url).await.unwrap_or_else(|failure| {
        tracing::warn!(stage = "ingest", failure.reason = %failure.reason, "backlog not known");
        0
    })
}

impl FullBacklog {
    /// The failure of a request, whose producer tries again.
    pub(crate) fn of_request(self) -> Failure {
        self.failure(FailureKind::Throttled { retry_after: Some(self.bound.retry_after) })
    }

    /// The failure of a file, which is parked until it can be read, and is not counted as tried meanwhile.
    pub(crate) fn of_file(self, now: Timestamp) -> Failure {
        let wait_ms = i64::try_from(self.bound.retry_after.as_millis()).unwrap_or(i64::MAX);
        let until = Timestamp::from_unix_ms(now.unix_ms().saturating_add(wait_ms));
        self.failure(FailureKind::Unavailable { until, longest_wait: MAX_LONGEST_WAIT })
    }

    fn failure(self, kind: FailureKind) -> Failure {
        let reason = format!(
            "about {} messages wait behind ingest; the contract allows {}",
            self.waiting, self.bound.limit
        );
        Failure { kind, ..Failure::transient(Code::BacklogFull, reason) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A queue that says how deep it is, or that it is away, and counts how often it was asked.
    struct Queue {
        waiting: Result<u64, Failure>,
        reads: AtomicU64,
    }

    impl Queue {
        fn of(waiting: Result<u64, Failure>) -> Self {
            Self { waiting, reads: AtomicU64::new(0) }
        }

        fn reads(&self) -> u64 {
            self.reads.load(Ordering::Relaxed)
        }
    }

    impl Depths for Queue {
        async fn waiting(&self, _: &str) -> Result<u64, Failure> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            self.waiting.clone()
        }
    }

    fn bound(limit: u64) -> Option<Backlog> {
        Some(Backlog { limit, retry_after: Duration::from_secs(60) })
    }

    fn at(unix_ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(unix_ms)
    }

    #[tokio::test]
    async fn as_many_may_wait_as_the_contract_allows_and_no_more() {
        let (known, queue) = (KnownDepth::default(), Queue::of(Ok(7)));
        assert_eq!(known.check(&queue, "q", bound(7), at(0)).await, Ok(()));
        let full = known.check(&queue, "q", bound(6), at(0)).await.unwrap_err();
        let failure = full.of_request();
        assert_eq!(failure.code, Code::BacklogFull);
        assert_eq!(failure.reason, "about 7 messages wait behind ingest; the contract allows 6");
        let retry_after = Some(Duration::from_secs(60));
        assert_eq!(failure.kind, FailureKind::Throttled { retry_after });
        let waits = FailureKind::Unavailable { until: at(61_000), longest_wait: MAX_LONGEST_WAIT };
        assert_eq!(full.of_file(at(1_000)).kind, waits);
    }

    #[tokio::test]
    async fn the_queue_is_asked_once_in_five_seconds_and_only_for_a_bound() {
        let (known, queue) = (KnownDepth::default(), Queue::of(Ok(0)));
        known.check(&queue, "q", None, at(0)).await.unwrap();
        assert_eq!(queue.reads(), 0);
        // The clock of the last one was set back.
        for (now, reads) in [(1_000, 1), (1_000, 1), (5_999, 1), (6_000, 2), (10_999, 2), (500, 3)]
        {
            known.check(&queue, "q", bound(1), at(now)).await.unwrap();
            assert_eq!(queue.reads(), reads, "at {now}");
        }
    }

    #[tokio::test]
    async fn a_queue_that_does_not_answer_stops_nothing() {
        let away = Failure::transient(Code::DependencyUnavailable, "away");
        let (known, queue) = (KnownDepth::default(), Queue::of(Err(away)));
        assert_eq!(known.check(&queue, "q", bound(1), at(0)).await, Ok(()));
    }
}
