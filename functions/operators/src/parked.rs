//! Counts the events that wait for unavailable dependencies: they are parked in the queues of their stages.
//!
//! A parked event is a message with a delay. So the number of a queue's delayed messages is that of its parked events,
//! of all dependencies together. SQS counts them approximately:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;

/// The port to the counts of queues.
pub(crate) trait Depths {
    /// About how many messages of a queue have a delay.
    ///
    /// # Errors
    /// The reason for which the number is not known.
    async fn delayed(&self, queue_url: &str) -> Result<u64, String>;
}

impl Depths for aws::Queues {
    async fn delayed(&self, queue_url: &str) -> Result<u64, String> {
        self.delayed_messages(queue_url).await.map_err(|failure| failure.to_string())
    }
}

/// The queues that have parked events, and how to count those.
pub(crate) struct Parking<D> {
    /// The URLs of queues, by their stages.
    pub(crate) queues: BTreeMap<String, String>,
    pub(crate) depths: D,
}

/// How many events are parked, of all dependencies together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Parked {
    /// About how many events. `None` if a queue did not answer.
    pub(crate) about: Option<u64>,
    pub(crate) queues: Vec<ParkedQueue>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ParkedQueue {
    pub(crate) stage: String,
    /// About how many events. `None` if the queue did not answer.
    pub(crate) about: Option<u64>,
}

/// How long a queue's count is waited for. It is short, since the rest of the answer waits with it.
const LIMIT: Duration = Duration::from_secs(2);

impl<D: Depths> Parking<D> {
    pub(crate) async fn parked(&self) -> Parked {
        let queues: Vec<ParkedQueue> = join_all(self.queues.iter().map(|(stage, url)| async {
            let about = self.about(stage, url).await;
            ParkedQueue { stage: stage.clone(), about }
        }))
        .await;
        Parked { about: queues.iter().map(|queue| queue.about).sum(), queues }
    }

    async fn about(&self, stage: &str, url: &str) -> Option<u64> {
        let asked = tokio::time::timeout(LIMIT, self.depths.delayed(url)).await;
        let asked = asked.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        match asked {
            Ok(about) => Some(about),
            Err(reason) => {
                tracing::warn!(stage, failure.reason = reason, "not known how much is parked");
                None
            }
        }
    }
}
