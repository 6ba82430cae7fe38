//! Counts calls by caller and operation, because AWS bills them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The maximum number of different calls that are counted. No legitimate use has more.
const MAX_ENTRIES: usize = 4_096;

/// One operation of one service, by one caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The access key id of the signature, which is the name of the function if a function calls. Empty if
    /// the request was not signed.
    pub caller: String,
    /// `sqs`, `dynamodb`, `s3`, `secretsmanager`, `lambda`, `lambda-url` for a request to a function URL,
    /// or `execute-api` for a request to an HTTP API.
    pub service: &'static str,
    /// The name in the API reference, such as `ReceiveMessage` or `PutObject`.
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
