//! What is needed of SQS.

use std::future::Future;
use std::time::Duration;

use event::{Attributes, Failure};

/// A message to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    pub body: String,
    pub attributes: Attributes,
    /// For a FIFO queue: its group, and the id by which SQS drops a second copy.
    pub fifo: Option<(String, String)>,
}

impl Outgoing {
    /// What SQS counts towards its limit: body, and name, type and value of each attribute.
    #[must_use]
    pub fn size(&self) -> usize {
        let attribute = |(name, attribute): (&String, &event::Attribute)| {
            name.len() + attribute.data_type.len() + attribute.value.len()
        };
        self.body.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }
}

/// Sending to queues, and hiding what was received from one.
pub trait Queue: Send + Sync {
    /// Sends up to ten messages, together at most 1 MiB, in one call; one result for each, in their
    /// order.
    fn send_batch(
        &self,
        queue_url: &str,
        messages: &[Outgoing],
    ) -> impl Future<Output = Vec<Result<(), Failure>>> + Send;

    /// Hides up to ten received messages, by receipt handle, for so long from now; says of each
    /// whether it worked. One that was not hidden comes back when its visibility timeout ends.
    fn hide_batch(
        &self,
        queue_url: &str,
        messages: &[(&str, Duration)],
    ) -> impl Future<Output = Vec<bool>> + Send;
}

impl<Q: Queue> Queue for std::sync::Arc<Q> {
    async fn send_batch(&self, url: &str, messages: &[Outgoing]) -> Vec<Result<(), Failure>> {
        self.as_ref().send_batch(url, messages).await
    }

    async fn hide_batch(&self, url: &str, messages: &[(&str, Duration)]) -> Vec<bool> {
        self.as_ref().hide_batch(url, messages).await
    }
}
