//! SQS in memory, which records what was sent to each queue, and what was hidden for how long.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::Failure;
use runtime::{MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, Outgoing, Queue};

/// The failure of a message to a URL; `None` if it is sent.
type Refusal = dyn Fn(&str, &Outgoing) -> Option<Failure> + Send + Sync;

/// A queue service whose clones share one state. It panics at a call or a message beyond SQS's limits, since the port
/// promises that there are none.
#[derive(Clone, Default)]
pub struct MemoryQueue(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    calls: Vec<(String, usize)>,
    sent: Vec<(String, Outgoing)>,
    hidden: Vec<(String, String, Duration)>,
    refusal: Option<Box<Refusal>>,
}

impl MemoryQueue {
    /// Makes later messages fail for which `refusal` returns a failure.
    pub fn refuse(
        &self,
        refusal: impl Fn(&str, &Outgoing) -> Option<Failure> + Send + Sync + 'static,
    ) {
        self.lock().refusal = Some(Box::new(refusal));
    }

    /// The messages that were sent to a queue, in order.
    #[must_use]
    pub fn sent_to(&self, url: &str) -> Vec<Outgoing> {
        let state = self.lock();
        let there = state.sent.iter().filter(|(to, _)| to == url);
        there.map(|(_, message)| message.clone()).collect()
    }

    /// The number of messages in each call that sent to a queue, with those that failed.
    #[must_use]
    pub fn calls_to(&self, url: &str) -> Vec<usize> {
        let state = self.lock();
        state.calls.iter().filter(|(to, _)| to == url).map(|(_, count)| *count).collect()
    }

    /// The receipt handles that were hidden in a queue, each with its duration, in order.
    #[must_use]
    pub fn hidden_in(&self, url: &str) -> Vec<(String, Duration)> {
        let state = self.lock();
        let there = state.hidden.iter().filter(|(at, _, _)| at == url);
        there.map(|(_, receipt, wait)| (receipt.clone(), *wait)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("MemoryQueue").field("sent", &state.sent).finish_non_exhaustive()
    }
}

impl Queue for MemoryQueue {
    async fn send_batch(&self, url: &str, messages: &[Outgoing]) -> Vec<Result<(), Failure>> {
        let bytes: usize = messages.iter().map(Outgoing::size).sum();
        assert!((1..=MAX_BATCH_ENTRIES).contains(&messages.len()), "{} entries", messages.len());
        assert!(bytes <= MAX_BATCH_BYTES, "{bytes} bytes in one call");
        messages.iter().for_each(assert_is_sendable);
        let mut state = self.lock();
        state.calls.push((url.to_owned(), messages.len()));
        let mut results = Vec::with_capacity(messages.len());
        for message in messages {
            match state.refusal.as_ref().and_then(|refusal| refusal(url, message)) {
                Some(failure) => results.push(Err(failure)),
                None => {
                    state.sent.push((url.to_owned(), message.clone()));
                    results.push(Ok(()));
                }
            }
        }
        results
    }

    async fn hide_batch(&self, url: &str, messages: &[(&str, Duration)]) -> Vec<bool> {
        assert!((1..=MAX_BATCH_ENTRIES).contains(&messages.len()), "{} entries", messages.len());
        let hidden =
            messages.iter().map(|(receipt, wait)| (url.to_owned(), (*receipt).to_owned(), *wait));
        self.lock().hidden.extend(hidden);
        vec![true; messages.len()]
    }
}

/// Panics if SQS would refuse the message.
pub(crate) fn assert_is_sendable(message: &Outgoing) {
    assert_characters(message);
    assert_delay(message);
    assert!(message.size() <= MAX_BATCH_BYTES, "{} bytes in a message", message.size());
    assert!(message.attributes.len() <= 10, "{} attributes", message.attributes.len());
}

/// Panics at a character that SQS does not allow in a body or an attribute:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
fn assert_characters(message: &Outgoing) {
    let attributes = message.attributes.values().map(|attribute| &attribute.value);
    for text in attributes.chain([&message.body]) {
        for c in text.chars() {
            let is_allowed = matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
            assert!(is_allowed, "SQS takes no {c:?}");
        }
    }
}

/// Panics at a delay that SQS does not allow. A FIFO queue delays no single message:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>.
fn assert_delay(message: &Outgoing) {
    if let Some(delay) = message.delay {
        assert!(delay <= Duration::from_secs(900), "SQS delays by no {delay:?}");
        assert_eq!(message.deduplication_id, None, "a FIFO queue delays no single message");
    }
}
