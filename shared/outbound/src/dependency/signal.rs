//! What an answer says about the dependency, independently of what it says about the event.

use std::collections::BTreeSet;
use std::time::Duration;

use breaker::Outcome;
use contracts::CallFailure;

use crate::{Answer, RequestError};

/// What an answer says about the dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DependencySignal {
    /// The dependency works, whatever it answered.
    Answered,
    /// The dependency works, and has nothing for this event.
    Absent,
    /// The dependency failed, and how.
    Failed(CallFailure),
    /// The dependency asked for fewer calls.
    Throttled {
        /// How long it asks to be left alone; `None` if it did not say.
        retry_after: Option<Duration>,
    },
    /// Nothing was sent, because the request is malformed.
    Nothing,
}

/// An answer, after its caller has read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedAnswer<T> {
    /// What it says about the dependency.
    pub signal: DependencySignal,
    /// What it says to the caller.
    pub value: T,
}

impl DependencySignal {
    /// The signal of an answer over HTTP. Its status alone decides, and not its body.
    ///
    /// | answer | signal |
    /// | --- | --- |
    /// | 429, 503 with `Retry-After` | throttled |
    /// | 408, 425, 5xx | failed: server error |
    /// | 401, 403, 407 | failed: credentials |
    /// | any other status | answered |
    /// | none in time | failed: timeout |
    /// | no connection, one that broke off, a forbidden address | failed: connection |
    /// | the URL is malformed | nothing |
    #[must_use]
    pub fn of(result: &Result<Answer, RequestError>) -> Self {
        match result {
            Ok(answer) => match answer.status {
                429 => Self::Throttled { retry_after: answer.retry_after },
                503 if answer.retry_after.is_some() => {
                    Self::Throttled { retry_after: answer.retry_after }
                }
                408 | 425 | 500.. => Self::Failed(CallFailure::ServerError),
                401 | 403 | 407 => Self::Failed(CallFailure::Credentials),
                _ => Self::Answered,
            },
            Err(RequestError::TimedOut { .. }) => Self::Failed(CallFailure::Timeout),
            Err(
                RequestError::Connection | RequestError::BrokenOff | RequestError::Forbidden { .. },
            ) => Self::Failed(CallFailure::Connection),
            Err(RequestError::Url | RequestError::Certificates { .. }) => Self::Nothing,
        }
    }

    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Answered => Outcome::Answered,
            Self::Absent => Outcome::Absent,
            Self::Failed(_) => Outcome::Failed,
            Self::Throttled { retry_after } => Outcome::Throttled { retry_after },
            Self::Nothing => Outcome::Ignored,
        }
    }

    pub(super) fn is_timeout(self) -> bool {
        self == Self::Failed(CallFailure::Timeout)
    }

    pub(super) fn is_among(self, failures: &BTreeSet<CallFailure>) -> bool {
        match self {
            Self::Failed(failure) => failures.contains(&failure),
            Self::Throttled { .. } => failures.contains(&CallFailure::Throttled),
            Self::Answered | Self::Absent | Self::Nothing => false,
        }
    }
}
