//! What an answer says of the dependency, whatever it says of the event.

use std::collections::BTreeSet;
use std::time::Duration;

use breaker::Outcome;
use contracts::CallFailure;

use crate::{Answer, RequestError};

/// What an answer says of the dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DependencySignal {
    /// It is there, whatever it said.
    Answered,
    /// It is there, and has nothing for this event.
    Absent,
    Failed(CallFailure),
    Throttled {
        retry_after: Option<Duration>,
    },
    /// Nothing was sent for a reason that lies with the request.
    Nothing,
}

/// What an answer means, to its caller and of the dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedAnswer<T> {
    pub signal: DependencySignal,
    pub value: T,
}

impl DependencySignal {
    /// By the status alone, whatever becomes of the body.
    ///
    /// | answer | says |
    /// | --- | --- |
    /// | 429, 503 with `Retry-After` | throttled |
    /// | 408, 425, 5xx | failed: server error |
    /// | 401, 403, 407 | failed: credentials |
    /// | any other | answered |
    /// | none in time | failed: timeout |
    /// | no connection, one that broke off, an address that no request may go to | failed: connection |
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
            Err(RequestError::Url) => Self::Nothing,
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
