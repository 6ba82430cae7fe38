//! SQS, our own.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Clock;

/// The service; clones share its queues.
#[derive(Clone)]
pub struct Sqs;

/// An AWS error: its code (`ReceiptHandleIsInvalid`) and message.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct SqsError {
    pub code: String,
    pub message: String,
}

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

#[derive(Clone, Debug, Default)]
pub struct NewMessage {
    pub body: String,
    pub message_attributes: BTreeMap<String, MessageAttribute>,
    pub delay: Option<Duration>,
    pub group_id: Option<String>,
    pub deduplication_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub visible: usize,
    pub in_flight: usize,
    pub delayed: usize,
}

impl Sqs {
    /// `endpoint` begins the queue URLs: `http://127.0.0.1:4566`.
    pub fn new(_clock: Clock, _region: &str, _account: &str, _endpoint: &str) -> Self {
        unimplemented!()
    }
    /// One request of the JSON 1.0 protocol: operation from `X-Amz-Target`.
    pub async fn call(&self, _operation: &str, _body: &[u8]) -> http::Response<Bytes> {
        unimplemented!()
    }
    pub fn create_queue(
        &self,
        _name: &str,
        _attributes: &BTreeMap<String, String>,
        _tags: &BTreeMap<String, String>,
    ) -> Result<String, SqsError> {
        unimplemented!()
    }
    pub fn send(&self, _queue: &str, _message: NewMessage) -> Result<String, SqsError> {
        unimplemented!()
    }
    /// As an event source mapping receives: up to `max` (more than 10 allowed), waiting at most `wait`.
    pub async fn receive(
        &self,
        _queue: &str,
        _max: usize,
        _wait: Duration,
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        unimplemented!()
    }
    /// Deletes by receipt handle.
    pub fn delete(&self, _queue: &str, _receipt_handle: &str) -> Result<(), SqsError> {
        unimplemented!()
    }
    pub fn change_visibility(
        &self,
        _queue: &str,
        _receipt_handle: &str,
        _timeout: Duration,
    ) -> Result<(), SqsError> {
        unimplemented!()
    }
    pub fn depth(&self, _queue: &str) -> Option<Depth> {
        unimplemented!()
    }
    /// All messages of a queue, whatever their state, without receiving them.
    pub fn peek(&self, _queue: &str) -> Vec<ReceivedMessage> {
        unimplemented!()
    }
    pub fn queue_names(&self) -> Vec<String> {
        unimplemented!()
    }
    /// When the next hidden or delayed message becomes visible, if any is waiting for time to pass.
    pub fn next_due_ms(&self) -> Option<u64> {
        unimplemented!()
    }
}
