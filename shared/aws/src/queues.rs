//! The [`Queue`] port, implemented with SQS.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry,
};
use aws_types::SdkConfig;
use event::{Attribute, Attributes, Code, Failure};
use runtime::{Outgoing, Queue, Record};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::failure_of;

/// The SQS client; clones share its connections.
#[derive(Clone, Debug)]
pub struct Queues {
    config: SdkConfig,
    client: Arc<OnceLock<Client>>,
}

/// The number of messages in a queue, by their state. SQS counts approximately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Messages that can be received.
    pub waiting: u64,
    /// Messages that were received, and are neither deleted nor visible again.
    pub hidden: u64,
    /// Messages that were sent with a delay that has not ended.
    pub delayed: u64,
}

impl Queues {
    /// Creates the client at once, so that the first request does not wait for it.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let queues = Self::lazy(config);
        queues.client();
        queues
    }

    /// Creates the client with the first request. It is for functions that use a queue only when something fails. Most
    /// of their environments need no client, and creating it takes a twentieth of a function's start.
    #[must_use]
    pub fn lazy(config: &SdkConfig) -> Self {
        Self { config: config.clone(), client: Arc::default() }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }

    /// Receives up to ten messages and hides them for `hidden`. Waits up to `wait` for the first one. Both times are
    /// rounded up to whole seconds.
    ///
    /// # Errors
    /// When the call failed.
    pub async fn receive(
        &self,
        queue_url: &str,
        wait: Duration,
        hidden: Duration,
    ) -> Result<Vec<Record>, Failure> {
        let answer = self
            .client()
            .receive_message()
            .queue_url(queue_url)
            .max_number_of_messages(10)
            .wait_time_seconds(seconds(wait))
            .visibility_timeout(seconds(hidden))
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .map_err(|error| failure_of("receiving", &error))?;
        Ok(answer.messages.unwrap_or_default().into_iter().map(read_message).collect())
    }

    /// The number of messages that were sent with a delay that has not ended. SQS counts approximately.
    ///
    /// # Errors
    /// When the call failed, or its answer has no number.
    pub async fn delayed_messages(&self, queue_url: &str) -> Result<u64, Failure> {
        let names = [QueueAttributeName::ApproximateNumberOfMessagesDelayed];
        let [delayed] = self.counts_of(queue_url, names).await?;
        Ok(delayed)
    }

    /// The number of messages in a queue, by their state.
    ///
    /// # Errors
    /// When the call failed, or its answer lacks a number.
    pub async fn depth(&self, queue_url: &str) -> Result<QueueDepth, Failure> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let [waiting, hidden, delayed] = self.counts_of(queue_url, names).await?;
        Ok(QueueDepth { waiting, hidden, delayed })
    }

    async fn counts_of<const N: usize>(
        &self,
        queue_url: &str,
        names: [QueueAttributeName; N],
    ) -> Result<[u64; N], Failure> {
        let call = self.client().get_queue_attributes().queue_url(queue_url);
        let answer = call.set_attribute_names(Some(names.to_vec())).send().await;
        let answer = answer.map_err(|error| failure_of("asking for a queue's depth", &error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let mut counts = [0; N];
        for (count, name) in counts.iter_mut().zip(names) {
            let number = attributes.get(&name).and_then(|text| text.parse().ok());
            *count = number.ok_or_else(|| {
                let reason = "asking for a queue's depth: an answer without it";
                Failure::transient(Code::DependencyUnavailable, reason)
            })?;
        }
        Ok(counts)
    }

    /// Deletes up to ten messages by their receipt handles. Returns whether each was deleted, in their order.
    pub async fn delete_batch(&self, queue_url: &str, receipts: &[String]) -> Vec<bool> {
        let entries = receipts.iter().enumerate().map(|(index, receipt)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(receipt)
                .build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>().ok();
        let call = self.client().delete_message_batch().queue_url(queue_url).set_entries(entries);
        let Ok(answer) = call.send().await else { return vec![false; receipts.len()] };
        let deleted = answer.successful.iter().map(|entry| entry.id());
        are_done(receipts.len(), deleted, &answer.failed)
    }
}

impl Queue for Queues {
    async fn send_batch(&self, url: &str, messages: &[Outgoing]) -> Vec<Result<(), Failure>> {
        let entries = messages.iter().enumerate().map(|(index, message)| {
            let attributes =
                message.attributes.iter().map(|(n, a)| (n.clone(), write_attribute(a)));
            SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(&message.body)
                .set_message_attributes(
                    Some(attributes.collect()).filter(|_| !message.attributes.is_empty()),
                )
                .set_message_group_id(message.group.clone())
                .set_message_deduplication_id(message.deduplication_id.clone())
                .set_delay_seconds(message.delay.map(seconds))
                .build()
        });
        let entries = match entries.collect::<Result<Vec<_>, _>>() {
            Ok(entries) => entries,
            Err(error) => {
                let failure = Failure::permanent(Code::DependencyRefused, error.to_string());
                return vec![Err(failure); messages.len()];
            }
        };
        let call = self.client().send_message_batch().queue_url(url).set_entries(Some(entries));
        match call.send().await {
            Ok(answer) => {
                let sent = answer.successful.iter().map(|entry| entry.id());
                outcomes(messages.len(), sent, &answer.failed)
            }
            Err(error) => vec![Err(failure_of("sending to a queue", &error)); messages.len()],
        }
    }

    async fn hide_batch(&self, url: &str, messages: &[(&str, Duration)]) -> Vec<bool> {
        let entries = messages.iter().enumerate().map(|(index, (receipt, hidden))| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(*receipt)
                .visibility_timeout(seconds(*hidden))
                .build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>().ok();
        let call =
            self.client().change_message_visibility_batch().queue_url(url).set_entries(entries);
        let Ok(answer) = call.send().await else { return vec![false; messages.len()] };
        let hidden = answer.successful.iter().map(|entry| entry.id());
        are_done(messages.len(), hidden, &answer.failed)
    }
}

/// Whole seconds, rounded up so that a wait is never shorter than requested.
fn seconds(wait: Duration) -> i32 {
    i32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(i32::MAX)
}

/// One result for each entry of a batch. The ids of entries are their positions. An entry that the answer does not
/// mention counts as not done.
fn outcomes<'a>(
    count: usize,
    done: impl Iterator<Item = &'a str>,
    failed: &[BatchResultErrorEntry],
) -> Vec<Result<(), Failure>> {
    let unknown = Failure::transient(
        Code::DependencyUnavailable,
        "sending to a queue: the answer does not say what became of it",
    );
    let mut results = vec![Err(unknown); count];
    for id in done {
        set(&mut results, id, Ok(()));
    }
    for entry in failed {
        let reason = format!("sending to a queue: {}", entry.code());
        let failure = if entry.sender_fault() {
            Failure::permanent(Code::DependencyRefused, reason)
        } else {
            Failure::transient(Code::DependencyUnavailable, reason)
        };
        set(&mut results, entry.id(), Err(failure));
    }
    results
}

fn set(results: &mut [Result<(), Failure>], id: &str, result: Result<(), Failure>) {
    if let Some(slot) = id.parse().ok().and_then(|index: usize| results.get_mut(index)) {
        *slot = result;
    }
}

fn are_done<'a>(
    count: usize,
    done: impl Iterator<Item = &'a str>,
    failed: &[BatchResultErrorEntry],
) -> Vec<bool> {
    outcomes(count, done, failed).iter().map(Result::is_ok).collect()
}

fn write_attribute(attribute: &Attribute) -> MessageAttributeValue {
    let value = MessageAttributeValue::builder();
    let value = if attribute.data_type.starts_with("Binary") {
        value.binary_value(Blob::new(STANDARD.decode(&attribute.value).unwrap_or_default()))
    } else {
        value.string_value(&attribute.value)
    };
    let value = value.data_type(&attribute.data_type).build();
    // The builder fails without a data type, and one was just given.
    value.unwrap_or_else(|_| unreachable!("a data type was given"))
}

fn read_message(message: aws_sdk_sqs::types::Message) -> Record {
    let mut attributes = Attributes::new();
    for (name, value) in message.message_attributes.unwrap_or_default() {
        attributes.insert(name, read_attribute(value));
    }
    let record = Record {
        message_id: message.message_id.unwrap_or_default(),
        receipt_handle: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        attributes,
        ..Record::default()
    };
    let system = message.attributes.unwrap_or_default();
    record
        .with_system_attributes(|name| system.get(&MessageSystemAttributeName::from(name)).cloned())
}

fn read_attribute(value: MessageAttributeValue) -> Attribute {
    let binary = value.binary_value.map(|blob| STANDARD.encode(blob.as_ref()));
    let text = value.string_value.or(binary).unwrap_or_default();
    Attribute { data_type: value.data_type, value: text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_which_the_answer_says_nothing_was_not_done() {
        let failed = BatchResultErrorEntry::builder().id("3").code("InternalError");
        let failed = failed.sender_fault(false).build().unwrap();
        // The ids 7 and x were never sent.
        let done = ["2", "0", "7", "x"];
        let results = outcomes(5, done.into_iter(), std::slice::from_ref(&failed));
        let is_ok: Vec<bool> = results.iter().map(Result::is_ok).collect();
        assert_eq!(is_ok, [true, false, true, false, false]);
        assert!(results[1].as_ref().unwrap_err().reason.contains("does not say"));
        assert_eq!(are_done(2, std::iter::empty(), &[]), [false, false]);
        // An entry in both lists counts as not done.
        assert_eq!(are_done(4, ["3"].into_iter(), &[failed]), [false; 4]);
    }
}
