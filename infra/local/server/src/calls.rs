//! How often who called what: calls are what AWS bills.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Callers, services and operations are few; what is beyond this is nobody's honest use.
const MAX_ENTRIES: usize = 4_096;

/// One operation of one service, by one caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The access key id that the request was signed with: a function's name, for its own calls.
    /// Empty if it was not signed.
    pub caller: String,
    /// `sqs`, `dynamodb`, `s3`, `lambda`, `lambda-url` for a request to a function's URL, or
    /// `execute-api` for one to an HTTP API.
    pub service: &'static str,
    /// As the API reference names it: `ReceiveMessage`, `PutObject`.
    pub operation: String,
}

#[derive(Default)]
pub(super) struct Calls {
    counts: Mutex<BTreeMap<Call, u64>>,
}

impl Calls {
    pub(super) fn count(&self, caller: &str, service: &'static str, operation: &str) {
        let call = Call { caller: caller.to_owned(), service, operation: operation.to_owned() };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() < MAX_ENTRIES || counts.contains_key(&call) {
            *counts.entry(call).or_default() += 1;
        }
    }

    pub(super) fn snapshot(&self) -> BTreeMap<Call, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
