#![doc = include_str!("../README.md")]

mod attributes;
mod cell;
mod consume;
mod content;
mod digest;
mod errors;
mod fifo;
mod limits;
mod message;
mod moves;
mod ops;
mod queue;
mod receipt;
mod recent;
mod redrive;
mod service;
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

/// The service; clones share its queues.
///
/// Wherever a queue is asked for, its URL, its ARN or its name will do.
#[derive(Clone)]
pub struct Sqs {
    service: Arc<Service>,
}

/// An AWS error: its code as the API reference names it (`ReceiptHandleIsInvalid`,
/// `QueueDoesNotExist`, `InvalidParameterValue`), and AWS's message.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct SqsError {
    pub code: String,
    pub message: String,
}

/// A message attribute: text for `String` and `Number`, bytes for `Binary`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageAttribute {
    pub data_type: String,
    pub string_value: Option<String>,
    pub binary_value: Option<Vec<u8>>,
}

/// A message as received, with all system attributes.
#[derive(Clone, Debug)]
pub struct ReceivedMessage {
    pub message_id: String,
    pub receipt_handle: String,
    pub body: String,
    pub md5_of_body: String,
    pub attributes: BTreeMap<String, String>,
    pub message_attributes: BTreeMap<String, MessageAttribute>,
    pub md5_of_message_attributes: Option<String>,
}

/// A message to send.
#[derive(Clone, Debug, Default)]
pub struct NewMessage {
    pub body: String,
    pub message_attributes: BTreeMap<String, MessageAttribute>,
    /// In whole seconds; the queue's, if not given.
    pub delay: Option<Duration>,
    pub group_id: Option<String>,
    pub deduplication_id: Option<String>,
}

/// Who calls, as far as a message tells of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller<'a> {
    /// A role's session (`AROA…:name`); the account, if not given.
    pub session: Option<&'a str>,
    /// The trace header of the request, which messages keep that have none of their own:
    /// <https://docs.aws.amazon.com/xray/latest/devguide/xray-services-sqs.html>.
    pub trace: Option<&'a str>,
}

/// How many messages a queue holds, by their state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub visible: usize,
    pub in_flight: usize,
    pub delayed: usize,
}

impl Sqs {
    /// A service without queues. `endpoint` begins the queue URLs: `http://127.0.0.1:4566`.
    #[must_use]
    pub fn new(clock: Clock, region: &str, account: &str, endpoint: &str) -> Self {
        Self::with_ids(clock, region, account, endpoint, Uuid::new_v4)
    }

    /// As [`Sqs::new`], with another source of message, task and request ids.
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

    /// Lets an adversary decide what its standard queues do to their messages; the first one stays.
    pub fn disturb(&self, adversary: Adversary) {
        let _ = self.service.adversary.set(adversary);
    }

    /// One request of the JSON 1.0 protocol: operation from `X-Amz-Target`, without `AmazonSQS.`.
    pub async fn call(&self, operation: &str, body: &[u8]) -> http::Response<Bytes> {
        self.call_as(Caller::default(), operation, body).await
    }

    /// As [`Sqs::call`], by whoever it is.
    pub async fn call_as(
        &self,
        caller: Caller<'_>,
        operation: &str,
        body: &[u8],
    ) -> http::Response<Bytes> {
        ops::answer(&self.service, caller, operation, body).await
    }

    /// Makes a queue, and answers its URL. A redrive policy must name a queue that exists already.
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

    /// Sends a message, and answers its id.
    ///
    /// # Errors
    /// As `SendMessage` documents.
    pub fn send(&self, queue: &str, message: NewMessage) -> Result<String, SqsError> {
        let cell = self.service.cell(queue)?;
        let seconds = |delay: Duration| i64::try_from(delay.as_secs()).unwrap_or(i64::MAX);
        let outgoing = Outgoing {
            body: message.body,
            attributes: message.message_attributes,
            trace_header: None,
            delay_seconds: message.delay.map(seconds),
            group_id: message.group_id,
            deduplication_id: message.deduplication_id,
            sender: None,
        };
        Ok(self.service.send(&cell, outgoing)?.id.to_string())
    }

    /// As an event source mapping receives: up to `max` (more than 10 allowed), waiting at most `wait`.
    ///
    /// # Errors
    /// `QueueDoesNotExist`, also when the queue is deleted meanwhile; `OverLimit` when 120,000
    /// messages are in flight and `wait` is zero.
    pub async fn receive(
        &self,
        queue: &str,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        let cell = self.service.cell(queue)?;
        let wait_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        let options = ReceiveOptions { max, wait_ms, ..ReceiveOptions::default() };
        let deliveries = self.service.receive(&cell, &options).await?;
        Ok(self.received(deliveries))
    }

    /// Deletes by receipt handle.
    ///
    /// # Errors
    /// As `DeleteMessage` documents.
    pub fn delete(&self, queue: &str, receipt_handle: &str) -> Result<(), SqsError> {
        Ok(self.service.delete(&*self.service.cell(queue)?, receipt_handle)?)
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
        let cell = self.service.cell(queue)?;
        Ok(self.service.change_visibility(&cell, receipt_handle, seconds)?)
    }

    /// How many messages a queue holds; exact, where AWS approximates. `None` if there is no such
    /// queue.
    #[must_use]
    pub fn depth(&self, queue: &str) -> Option<Depth> {
        let cell = self.service.cell(queue).ok()?;
        let now_ms = self.service.now_ms();
        Some(cell.open().ok()?.queue.depth(now_ms))
    }

    /// How long ago the oldest message of a queue was sent; `None` where there is none.
    #[must_use]
    pub fn oldest_age(&self, queue: &str) -> Option<Duration> {
        let cell = self.service.cell(queue).ok()?;
        let now_ms = self.service.now_ms();
        let sent_ms = cell.open().ok()?.queue.oldest_sent_ms(now_ms)?;
        Some(Duration::from_millis(now_ms.saturating_sub(sent_ms)))
    }

    /// All messages of a queue, whatever their state, without receiving them: the oldest first,
    /// receipt handles empty.
    #[must_use]
    pub fn peek(&self, queue: &str) -> Vec<ReceivedMessage> {
        let now_ms = self.service.now_ms();
        let Ok(cell) = self.service.cell(queue) else { return Vec::new() };
        let deliveries = cell.lock().queue.peek(now_ms);
        self.received(deliveries)
    }

    /// In alphabetical order.
    #[must_use]
    pub fn queue_names(&self) -> Vec<String> {
        self.service.cells().iter().map(|cell| cell.name.clone()).collect()
    }

    /// When the next hidden or delayed message becomes visible, or a running move task goes on, if
    /// any is waiting for time to pass.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<u64> {
        let now_ms = self.service.now_ms();
        let queues = self.service.cells();
        let messages = queues.iter().filter_map(|cell| cell.lock().queue.next_due_ms(now_ms));
        let tasks = Some(self.service.moves.next_step_ms()).filter(|step_ms| *step_ms < u64::MAX);
        messages.chain(tasks).min()
    }

    fn received(&self, deliveries: Vec<message::Delivery>) -> Vec<ReceivedMessage> {
        let sender = &self.service.account;
        deliveries.into_iter().map(|delivery| delivery.into_received(sender)).collect()
    }
}
