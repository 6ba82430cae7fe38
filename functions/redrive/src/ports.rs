//! What this function needs of the world.

use std::time::Duration;

use aws::QueueDepth;
use event::{Failure, Timestamp};
use letters::{Controls, Evidence, KeyStore, LetterIndex, LetterObjects, Notes, RunId, Runs};
use runtime::{Audit, Queue};

/// Everything that is not ours, behind ports.
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
    /// The keys of the audit log below a prefix, in their order.
    async fn audit_keys(&self, prefix: &str) -> Result<Vec<String>, Failure>;
    /// An entry of the audit log.
    async fn audit_entry(&self, key: &str) -> Result<Option<Vec<u8>>, Failure>;
    fn now(&self) -> Timestamp;
    /// A name that was never used.
    fn unique_name(&self) -> String;
    /// What a queue holds.
    async fn depth(&self, queue_url: &str) -> Result<QueueDepth, Failure>;
    /// Of these dependencies, one whose breaker is open, and until when.
    async fn open_breaker(&self, dependencies: &[String]) -> Option<(String, Option<Timestamp>)>;
    /// Nothing happens for so long.
    async fn sleep(&self, time: Duration);
    /// Has this function invoked again, to go on with a run.
    async fn go_on_later(&self, run: &RunId) -> Result<(), Failure>;
}
