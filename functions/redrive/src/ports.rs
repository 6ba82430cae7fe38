//! The ports of this function.

use std::time::Duration;

use aws::QueueDepth;
use event::{Failure, Timestamp};
use letters::{
    Controls, Evidence, KeyStore, LetterIndex, LetterObjects, Notes, OpenBreaker, RunId, Runs,
};
use runtime::{Audit, Claims, Queue};

/// Everything outside this function: stores, queues, clock and Lambda.
pub(crate) trait Ports {
    type Index: LetterIndex + Runs + Notes + Controls;
    type Objects: LetterObjects;
    type Queues: Queue;
    type Audit: Audit;
    type Evidence: Evidence;
    type Keys: KeyStore;

    fn index(&self) -> &Self::Index;
    fn objects(&self) -> &Self::Objects;
    fn queues(&self) -> &Self::Queues;
    fn audit(&self) -> &Self::Audit;
    fn evidence(&self) -> &Self::Evidence;
    fn keys(&self) -> &Self::Keys;
    /// The events that are too large for a message.
    fn claims(&self) -> &Claims;
    /// The keys of audit entries that begin with a prefix, in their order.
    async fn audit_keys(&self, prefix: &str) -> Result<Vec<String>, Failure>;
    /// An entry of the audit log; `None` if there is none with the key.
    async fn audit_entry(&self, key: &str) -> Result<Option<Vec<u8>>, Failure>;
    fn now(&self) -> Timestamp;
    /// A name that was never used.
    fn unique_name(&self) -> String;
    /// The number of messages in a queue.
    async fn depth(&self, queue_url: &str) -> Result<QueueDepth, Failure>;
    /// The open breaker of the first of these dependencies that has one.
    async fn open_breaker(&self, dependencies: &[String]) -> Option<OpenBreaker>;
    /// Waits.
    async fn sleep(&self, time: Duration);
    /// Invokes this function again, so that it continues a run.
    async fn go_on_later(&self, run: &RunId) -> Result<(), Failure>;
}
