//! A standard queue that works as SQS does: it has delays, visibility timeouts and receive counts, and moves messages
//! to a dead-letter queue. The test controls the time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::{Attributes, Failure, Timestamp};
use runtime::{Clock, Outgoing, Queue, Record};

use crate::ManualClock;

/// The failure of a message to a URL; `None` if it is sent.
type Refusal = dyn FnMut(&str, &Outgoing) -> Option<Failure> + Send;

/// A queue whose clones share one state.
#[derive(Clone)]
pub struct SimulatedQueue {
    clock: ManualClock,
    /// How long a received message is hidden.
    visibility: Duration,
    max_receive_count: u32,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    messages: Vec<Message>,
    /// The messages that were sent to other queues, in order.
    elsewhere: Vec<Sent>,
    /// The bodies of the messages that SQS itself moved to the dead-letter queue.
    moved: Vec<String>,
    ids: u64,
    refusal: Option<Box<Refusal>>,
}

/// A message that was sent to another queue.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The URL of the other queue.
    pub url: String,
    /// The message as it was sent.
    pub message: Outgoing,
}

struct Message {
    id: String,
    receipt: String,
    sent: Outgoing,
    sent_at: Timestamp,
    visible_at: Timestamp,
    receive_count: u32,
}

impl SimulatedQueue {
    /// The URL of this queue. Messages to all other URLs are sent elsewhere.
    pub const URL: &str = "http://h/simulated";

    /// An empty queue. `visibility` is how long a received message is hidden. A message that was received
    /// `max_receive_count` times is moved at the next receive.
    #[must_use]
    pub fn new(clock: &ManualClock, visibility: Duration, max_receive_count: u32) -> Self {
        Self { clock: clock.clone(), visibility, max_receive_count, state: Arc::default() }
    }

    /// Sends one message as a producer does, and returns its id.
    pub fn produce(&self, body: &str, attributes: Attributes) -> String {
        let sent = Outgoing { body: body.to_owned(), attributes, ..Outgoing::default() };
        self.lock().add(sent, self.clock.now())
    }

    /// Makes later messages fail for which `refusal` returns a failure.
    pub fn refuse(&self, refusal: impl FnMut(&str, &Outgoing) -> Option<Failure> + Send + 'static) {
        self.lock().refusal = Some(Box::new(refusal));
    }

    /// Receives up to `most` messages that are visible now. A message that was received as often as is allowed is moved
    /// instead.
    #[must_use]
    pub fn receive(&self, most: usize) -> Vec<Record> {
        let now = self.clock.now();
        let mut state = self.lock();
        let mut received = Vec::new();
        while received.len() < most {
            let visible = state.messages.iter().position(|message| message.visible_at <= now);
            let Some(at) = visible else { break };
            if state.messages[at].receive_count >= self.max_receive_count {
                let message = state.messages.remove(at);
                state.moved.push(message.sent.body);
                continue;
            }
            state.ids += 1;
            let receipt = format!("receipt-{}", state.ids);
            let message = &mut state.messages[at];
            message.receive_count += 1;
            message.visible_at = now.plus(self.visibility);
            message.receipt = receipt;
            received.push(message.record());
        }
        received
    }

    /// Deletes a received message by its receipt handle. A message that was received again since has another handle,
    /// and stays.
    pub fn delete(&self, receipt_handle: &str) {
        self.lock().messages.retain(|message| message.receipt != receipt_handle);
    }

    /// When the next message becomes visible, or became visible; `None` if the queue is empty.
    #[must_use]
    pub fn next_visible_at(&self) -> Option<Timestamp> {
        self.lock().messages.iter().map(|message| message.visible_at).min()
    }

    /// The messages that were sent to other queues, in order.
    #[must_use]
    pub fn sent_elsewhere(&self) -> Vec<Sent> {
        self.lock().elsewhere.clone()
    }

    /// The bodies of the messages that SQS itself moved, in order.
    #[must_use]
    pub fn moved(&self) -> Vec<String> {
        self.lock().moved.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, sent: Outgoing, now: Timestamp) -> String {
        self.ids += 1;
        let id = format!("message-{}", self.ids);
        // SQS counts whole seconds.
        let delay_s = sent.delay.unwrap_or_default().as_millis().div_ceil(1_000);
        let delay = Duration::from_secs(delay_s.try_into().unwrap_or(0));
        self.messages.push(Message {
            id: id.clone(),
            receipt: String::new(),
            sent,
            sent_at: now,
            visible_at: now.plus(delay),
            receive_count: 0,
        });
        id
    }
}

impl Message {
    fn record(&self) -> Record {
        Record {
            message_id: self.id.clone(),
            receipt_handle: self.receipt.clone(),
            body: self.sent.body.clone(),
            attributes: self.sent.attributes.clone(),
            receive_count: self.receive_count,
            sent_at: Some(self.sent_at),
            fair_group: self.sent.group.clone(),
            ..Record::default()
        }
    }
}

impl Queue for SimulatedQueue {
    async fn send_batch(&self, url: &str, messages: &[Outgoing]) -> Vec<Result<(), Failure>> {
        let now = self.clock.now();
        let mut state = self.lock();
        let mut results = Vec::with_capacity(messages.len());
        for message in messages {
            crate::queue::assert_is_sendable(message);
            let refused = state.refusal.as_mut().and_then(|refusal| refusal(url, message));
            if let Some(failure) = refused {
                results.push(Err(failure));
                continue;
            }
            if url == Self::URL {
                state.add(message.clone(), now);
            } else {
                state.elsewhere.push(Sent { url: url.to_owned(), message: message.clone() });
            }
            results.push(Ok(()));
        }
        results
    }

    async fn hide_batch(&self, url: &str, messages: &[(&str, Duration)]) -> Vec<bool> {
        assert_eq!(url, Self::URL);
        let now = self.clock.now();
        let mut state = self.lock();
        let mut hidden = Vec::with_capacity(messages.len());
        for (receipt, wait) in messages {
            let found = state.messages.iter_mut().find(|message| message.receipt == *receipt);
            hidden.push(found.is_some());
            if let Some(message) = found {
                message.visible_at = now.plus(*wait);
            }
        }
        hidden
    }
}

impl fmt::Debug for SimulatedQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages = self.lock().messages.len();
        f.debug_struct("SimulatedQueue").field("messages", &messages).finish_non_exhaustive()
    }
}
