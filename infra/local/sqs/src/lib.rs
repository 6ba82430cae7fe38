#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod attributes;
mod consume;
mod content;
mod digest;
mod errors;
mod expiring_map;
mod fifo;
mod limits;
mod message;
mod move_messages;
mod move_tasks;
mod ops;
mod queue;
mod receipt;
mod redrive;
mod service;
mod shared_queue;
pub mod snapshot;
mod store;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use self::consume::ReceiveOptions;
use self::content::Outgoing;
use self::service::Service;
use clock::Clock;
use faults::Adversary;

/// The SQS service. Clones share its queues.
///
/// A `queue` parameter may be the URL, the ARN or the name of a queue.
#[derive(Clone)]
pub struct Sqs {
    service: Arc<Service>,
}

/// An error as AWS answers it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct SqsError {
    /// The code in the API reference, such as `QueueDoesNotExist` or `ReceiptHandleIsInvalid`.
    pub code: String,
    /// AWS's message.
    pub message: String,
}

/// A message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, with an optional suffix such as `String.json`.
    pub data_type: String,
    /// The value of a `String` or a `Number`.
    pub string_value: Option<String>,
    /// The value of a `Binary`.
    pub binary_value: Option<Vec<u8>>,
}

/// A received message.
#[derive(Clone, Debug)]
pub struct ReceivedMessage {
    /// The id that the queue gave the message.
    pub message_id: String,
    /// Names this receive in [`Sqs::delete`] and [`Sqs::change_visibility`].
    pub receipt_handle: String,
    /// The body as it was sent.
    pub body: String,
    /// The MD5 digest of the body, in hexadecimal.
    pub md5_of_body: String,
    /// All system attributes, such as `ApproximateReceiveCount`.
    pub attributes: BTreeMap<String, String>,
    /// The attributes that the producer set.
    pub message_attributes: BTreeMap<String, MessageAttribute>,
    /// The MD5 digest of the producer's attributes, in hexadecimal; `None` if there are none.
    pub md5_of_message_attributes: Option<String>,
}

/// A message to send.
#[derive(Clone, Debug, Default)]
pub struct NewMessage {
    /// The body, which must not be empty.
    pub body: String,
    /// Up to ten attributes.
    pub message_attributes: BTreeMap<String, MessageAttribute>,
    /// The delay, in whole seconds; `None` uses that of the queue.
    pub delay: Option<Duration>,
    /// The message group; required in FIFO queues.
    pub group_id: Option<String>,
    /// The deduplication id, for FIFO queues only.
    pub deduplication_id: Option<String>,
}

/// The caller of an operation, as far as messages record it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller<'a> {
    /// The session of a role (`AROA…:name`); `None` stands for the account.
    pub session: Option<&'a str>,
    /// The trace header of the request. It becomes the trace header of messages that have none:
    /// <https://docs.aws.amazon.com/xray/latest/devguide/xray-services-sqs.html>.
    pub trace: Option<&'a str>,
}

/// The number of messages in a queue, by their state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that can be received.
    pub visible: usize,
    /// Messages that were received and are hidden until their visibility timeout ends.
    pub in_flight: usize,
    /// Messages that were sent with a delay that has not ended.
    pub delayed: usize,
}

impl Sqs {
    /// Creates a service without queues. `endpoint` is the start of the queue URLs, such as
    /// `http://127.0.0.1:4566`.
    #[must_use]
    pub fn new(clock: Clock, region: &str, account: &str, endpoint: &str) -> Self {
        Self::with_ids(clock, region, account, endpoint, Uuid::new_v4)
    }

    /// Creates a service as [`Sqs::new`] does, with another source of message, task and request ids.
    #[must_use]
    pub fn with_ids(
        clock: Clock,
        region: &str,
        account: &str,
        endpoint: &str,
        ids: impl Fn() -> Uuid + Send + Sync + 'static,
    ) -> Self {
        let service = Service::new(clock, region, account, endpoint, Box::new(ids));
        Self { service: Arc::new(service) }
    }

    /// Sets the adversary that injects faults into standard queues. Only the first call has an effect.
    pub fn set_adversary(&self, adversary: Adversary) {
        let _ = self.service.adversary.set(adversary);
    }

    /// Answers one request of the JSON 1.0 protocol. The operation is the `X-Amz-Target` header without
    /// `AmazonSQS.`.
    pub async fn call(&self, operation: &str, body: &[u8]) -> http::Response<Bytes> {
        self.call_as(Caller::default(), operation, body).await
    }

    /// Answers a request as [`Sqs::call`] does, on behalf of the given caller.
    pub async fn call_as(
        &self,
        caller: Caller<'_>,
        operation: &str,
        body: &[u8],
    ) -> http::Response<Bytes> {
        ops::answer(&self.service, caller, operation, body).await
    }

    /// Creates a queue and returns its URL. A redrive policy must name a queue that already exists.
    ///
    /// # Errors
    /// As `CreateQueue` documents.
    pub fn create_queue(
        &self,
        name: &str,
        attributes: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
    ) -> Result<String, SqsError> {
        Ok(self.service.create(name, attributes, tags)?.url.clone())
    }

    /// Sends a message and returns its id.
    ///
    /// # Errors
    /// As `SendMessage` documents.
    pub fn send(&self, queue: &str, message: NewMessage) -> Result<String, SqsError> {
        let shared = self.service.find_queue(queue)?;
        let outgoing = Outgoing {
            body: message.body,
            attributes: message.message_attributes,
            trace_header: None,
            delay_seconds: message
                .delay
                .map(|delay| i64::try_from(delay.as_secs()).unwrap_or(i64::MAX)),
            group_id: message.group_id,
            deduplication_id: message.deduplication_id,
            sender: None,
        };
        Ok(self.service.send(&shared, outgoing)?.id.to_string())
    }

    /// Receives up to `max` messages, and waits at most `wait` for the first one. `max` may be more than
    /// 10, as for an event source mapping.
    ///
    /// # Errors
    /// `QueueDoesNotExist`, also when the queue is deleted during the wait; `OverLimit` when 120,000
    /// messages are in flight and `wait` is zero.
    pub async fn receive(
        &self,
        queue: &str,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        let shared = self.service.find_queue(queue)?;
        let wait_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        let options = ReceiveOptions { max, wait_ms, ..ReceiveOptions::default() };
        let deliveries = self.service.receive(&shared, &options).await?;
        Ok(self.received(deliveries))
    }

    /// Deletes a message by its receipt handle.
    ///
    /// # Errors
    /// As `DeleteMessage` documents.
    pub fn delete(&self, queue: &str, receipt_handle: &str) -> Result<(), SqsError> {
        Ok(self.service.delete(&*self.service.find_queue(queue)?, receipt_handle)?)
    }

    /// Hides a received message for `timeout` from now, in whole seconds.
    ///
    /// # Errors
    /// As `ChangeMessageVisibility` documents.
    pub fn change_visibility(
        &self,
        queue: &str,
        receipt_handle: &str,
        timeout: Duration,
    ) -> Result<(), SqsError> {
        let seconds = i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX);
        let shared = self.service.find_queue(queue)?;
        Ok(self.service.change_visibility(&shared, receipt_handle, seconds)?)
    }

    /// The number of messages in a queue, which is exact, unlike on AWS. `None` if there is no such
    /// queue.
    #[must_use]
    pub fn depth(&self, queue: &str) -> Option<Depth> {
        let shared = self.service.find_queue(queue).ok()?;
        let now_ms = self.service.now_ms();
        Some(shared.lock_existing().ok()?.queue.depth(now_ms))
    }

    /// How long ago the oldest message of a queue was sent; `None` if the queue is empty.
    #[must_use]
    pub fn oldest_age(&self, queue: &str) -> Option<Duration> {
        let shared = self.service.find_queue(queue).ok()?;
        let now_ms = self.service.now_ms();
        let sent_ms = shared.lock_existing().ok()?.queue.oldest_sent_ms(now_ms)?;
        Some(Duration::from_millis(now_ms.saturating_sub(sent_ms)))
    }

    /// Returns all messages of a queue in any state, the oldest first, without receiving them. Their
    /// receipt handles are empty.
    #[must_use]
    pub fn peek(&self, queue: &str) -> Vec<ReceivedMessage> {
        let now_ms = self.service.now_ms();
        let Ok(shared) = self.service.find_queue(queue) else { return Vec::new() };
        let deliveries = shared.lock().queue.peek(now_ms);
        self.received(deliveries)
    }

    /// The names of all queues, in alphabetical order.
    #[must_use]
    pub fn queue_names(&self) -> Vec<String> {
        self.service.queues().iter().map(|shared| shared.name.clone()).collect()
    }

    /// When the next hidden or delayed message becomes visible or a running move task continues, in
    /// milliseconds of the clock; `None` if nothing waits for time to pass.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<u64> {
        let now_ms = self.service.now_ms();
        let mut next_ms = self.service.move_tasks.next_step_ms();
        for shared in self.service.queues() {
            let due_ms = shared.lock().queue.next_due_ms(now_ms);
            next_ms = next_ms.min(due_ms.unwrap_or(u64::MAX));
        }
        (next_ms < u64::MAX).then_some(next_ms)
    }

    fn received(&self, deliveries: Vec<message::Delivery>) -> Vec<ReceivedMessage> {
        let sender = &self.service.account;
        deliveries.into_iter().map(|delivery| delivery.into_received(sender)).collect()
    }
}
