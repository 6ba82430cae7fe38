//! What can go wrong, and what it befalls.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What goes wrong.
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
    /// A request waits, up to `by`, before it is looked at.
    Slow,
    /// Some entries of a batch fail at the service's fault, or some keys of a BatchGetItem are not processed.
    Partial,
    /// The answer to a batch leaves some entries out; each of them was done, or was not.
    Unlisted,
    /// A transaction, or a write, meets another one.
    Conflict,
    /// A request is refused because its credentials have expired.
    ExpiredCredentials,
    /// A standard queue delivers a message again, up to `by` later, whatever becomes of the first.
    Twice,
    /// A message arrives in a standard queue up to `by` later than it was sent.
    Late,
    /// A standard queue puts a message before older ones, or behind newer ones.
    Disorder,
    /// A receive gives fewer messages than there are.
    Short,
    /// An environment of a function is killed, `at` some point.
    Kill,
    /// An environment's clock is wrong by up to `by`, before or behind.
    ClockSkew,
    /// A host breaks the connection instead of an answer, and never sees the request.
    HostAway,
    /// A host takes `by` longer.
    HostSlow,
    /// A host answers with an error, and does nothing.
    HostFailing,
    /// A host does as it is asked, and answers what nobody can read.
    HostNonsense,
}

/// Of what a fault befalls, and so what `on` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Realm {
    Requests,
    Queues,
    Functions,
    /// Services that are not AWS's.
    Hosts,
}

/// When an environment is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// Before it asks for work.
    Start,
    /// As soon as it has its work.
    Taken,
    /// After one of its first ten calls has taken effect, before it has the answer.
    Call,
    /// When it has answered, before anybody heard it.
    Answer,
}

/// What a host answers instead of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nonsense {
    /// A page of HTML, with status 200.
    Html,
    /// Half of the answer, as if it were all.
    Truncated,
    /// More than anyone wants to read.
    TooLarge,
    /// The answer, with a content coding that it does not have.
    WrongCoding,
}

impl Nonsense {
    pub(super) const ALL: [Self; 4] =
        [Self::Html, Self::Truncated, Self::TooLarge, Self::WrongCoding];
}

impl Fault {
    pub(super) fn realm(self) -> Realm {
        match self {
            Self::Throttle
            | Self::Error
            | Self::Reset
            | Self::LostAnswer
            | Self::Slow
            | Self::Partial
            | Self::Unlisted
            | Self::Conflict
            | Self::ExpiredCredentials => Realm::Requests,
            Self::Twice | Self::Late | Self::Disorder | Self::Short => Realm::Queues,
            Self::Kill | Self::ClockSkew => Realm::Functions,
            Self::HostAway | Self::HostSlow | Self::HostFailing | Self::HostNonsense => {
                Realm::Hosts
            }
        }
    }

    /// Up to how much, if the rule does not say.
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

/// As it is written.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
