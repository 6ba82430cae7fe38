//! The kinds of faults, and what they affect.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// A request is refused with the service's throttling error.
    Throttle,
    /// A request is answered with the service's 5xx, and has no effect.
    Error,
    /// A request's connection breaks before it has an effect.
    Reset,
    /// A request takes effect, and its connection breaks instead of an answer.
    LostAnswer,
    /// A request is delayed by up to `by`.
    Slow,
    /// Some entries of a batch fail with a server error, or some keys of a BatchGetItem are not processed.
    Partial,
    /// The answer to a batch leaves out some entries, some of which were done.
    Unlisted,
    /// A transaction or a write conflicts with another one.
    Conflict,
    /// A request is refused because its credentials have expired.
    ExpiredCredentials,
    /// A standard queue delivers a message again, up to `by` later, even if it was deleted.
    Twice,
    /// A message arrives in a standard queue up to `by` later than it was sent.
    Late,
    /// A standard queue delivers a message out of order.
    Disorder,
    /// A receive returns fewer messages than are available.
    Short,
    /// An environment of a function is killed at the point `at`.
    Kill,
    /// An environment's clock is ahead or behind by up to `by`.
    ClockSkew,
    /// The connection to a host is closed, and the host does not see the request.
    HostAway,
    /// A host takes `by` longer.
    HostSlow,
    /// A host answers with an error and does nothing.
    HostFailing,
    /// A host handles the request, but its answer is unreadable.
    HostNonsense,
}

/// What a fault affects, which is also what `on` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultTarget {
    Requests,
    Queues,
    Functions,
    /// Services other than AWS's.
    Hosts,
}

/// When an environment is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// Before it asks for an invocation.
    Start,
    /// As soon as it has received an invocation.
    Taken,
    /// After one of its first ten calls has taken effect, before it receives the answer.
    Call,
    /// When it has responded, before the caller receives the response.
    Answer,
}

/// The kinds of unreadable answers of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nonsense {
    /// An HTML page with status 200.
    Html,
    /// The first half of the answer.
    Truncated,
    /// A body that is far too large.
    TooLarge,
    /// The answer with a content coding that it does not have.
    WrongCoding,
}

impl Nonsense {
    pub(super) const ALL: [Self; 4] =
        [Self::Html, Self::Truncated, Self::TooLarge, Self::WrongCoding];
}

impl Fault {
    pub(super) fn target(self) -> FaultTarget {
        match self {
            Self::Throttle
            | Self::Error
            | Self::Reset
            | Self::LostAnswer
            | Self::Slow
            | Self::Partial
            | Self::Unlisted
            | Self::Conflict
            | Self::ExpiredCredentials => FaultTarget::Requests,
            Self::Twice | Self::Late | Self::Disorder | Self::Short => FaultTarget::Queues,
            Self::Kill | Self::ClockSkew => FaultTarget::Functions,
            Self::HostAway | Self::HostSlow | Self::HostFailing | Self::HostNonsense => {
                FaultTarget::Hosts
            }
        }
    }

    /// The maximum amount of time if the rule does not state one; `None` if the fault has no amount.
    pub(super) fn default_amount(self) -> Option<Duration> {
        match self {
            Self::Slow => Some(Duration::from_millis(200)),
            Self::Twice => Some(Duration::from_secs(60)),
            Self::Late => Some(Duration::from_secs(10)),
            Self::ClockSkew => Some(Duration::from_secs(120)),
            Self::HostSlow => Some(Duration::from_secs(2)),
            _ => None,
        }
    }
}

/// Displays the name as plans write it.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
