//! What the fleet shares of one breaker, and what of it is in force.

use std::collections::BTreeMap;

use event::Timestamp;

use crate::{Counts, Mode, Settings};

/// One breaker's record in the store. Each write of it is conditional on the version that was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// One more with each write.
    pub version: u64,
    pub state: State,
    /// Which life of the breaker it is: each time that it closes, one more. Counts of an earlier one say
    /// nothing.
    pub generation: u64,
    /// How often it opened in a row, without a lasting recovery in between.
    pub opens: u32,
    /// Since when the dependency is unavailable: when the first of those began.
    pub unavailable_since: Option<Timestamp>,
    /// What an operator asked for.
    pub forced: Option<Forced>,
}

/// The automatic state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Closed {
        since: Timestamp,
        /// Until then only a share of the calls is let through.
        ramp_ends_at: Timestamp,
    },
    Open {
        since: Timestamp,
        until: Timestamp,
        cause: Cause,
    },
    HalfOpen {
        since: Timestamp,
        /// How many calls decide.
        permitted: u32,
        /// Permits that are out, by the environment that has them.
        leases: BTreeMap<EnvironmentId, Lease>,
        /// What came of those that were used.
        results: Counts,
    },
}

/// Names one environment of one function: unique, and of no meaning.
pub type EnvironmentId = String;

/// Permits for probes, until a time: what is not settled by then is given back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    pub permits: u32,
    pub ends_at: Timestamp,
}

/// Why a breaker is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    FailureRate,
    SlowCallRate,
    AbsentRate,
    /// It was half-open for too long without a decision.
    Undecided,
    Operator,
}

/// An operator's act that lasts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Forced {
    pub to: ForcedState,
    pub by: String,
    pub why: String,
    pub since: Timestamp,
    /// `None`: until it is released.
    pub until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ForcedState {
    /// No call is made.
    Open,
    /// Every call is made, and counted.
    Closed,
    /// Every call is made, and none is counted.
    Disabled,
}

/// The state that is in force, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateName {
    Closed,
    Open,
    HalfOpen,
    ForcedOpen,
    ForcedClosed,
    Disabled,
    MetricsOnly,
}

impl Record {
    /// The record of a breaker while the store holds none.
    #[must_use]
    pub fn unwritten() -> Self {
        let epoch = Timestamp::from_unix_ms(0);
        Self {
            version: 0,
            state: State::Closed { since: epoch, ramp_ends_at: epoch },
            generation: 0,
            opens: 0,
            unavailable_since: None,
            forced: None,
        }
    }

    /// What an operator asked for, unless its time is over.
    #[must_use]
    pub fn forced_at(&self, now: Timestamp) -> Option<&Forced> {
        self.forced.as_ref().filter(|forced| forced.until.is_none_or(|until| now < until))
    }

    /// What is in force: an operator's act before the settings, and these before the automatic state.
    #[must_use]
    pub fn state_name(&self, settings: &Settings, now: Timestamp) -> StateName {
        match (self.forced_at(now).map(|forced| forced.to), settings.mode) {
            (Some(ForcedState::Open), _) => StateName::ForcedOpen,
            (Some(ForcedState::Closed), _) => StateName::ForcedClosed,
            (Some(ForcedState::Disabled), _) | (None, Mode::Disabled) => StateName::Disabled,
            (None, Mode::MetricsOnly) => StateName::MetricsOnly,
            (None, Mode::Enforced) => self.state.name(),
        }
    }
}

impl State {
    #[must_use]
    pub fn name(&self) -> StateName {
        match self {
            Self::Closed { .. } => StateName::Closed,
            Self::Open { .. } => StateName::Open,
            Self::HalfOpen { .. } => StateName::HalfOpen,
        }
    }
}

impl StateName {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
            Self::ForcedOpen => "forced-open",
            Self::ForcedClosed => "forced-closed",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics-only",
        }
    }
}

impl Cause {
    pub const ALL: [Self; 5] =
        [Self::FailureRate, Self::SlowCallRate, Self::AbsentRate, Self::Undecided, Self::Operator];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FailureRate => "failure-rate",
            Self::SlowCallRate => "slow-call-rate",
            Self::AbsentRate => "absent-rate",
            Self::Undecided => "undecided",
            Self::Operator => "operator",
        }
    }
}

impl ForcedState {
    pub const ALL: [Self; 3] = [Self::Open, Self::Closed, Self::Disabled];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Disabled => "disabled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records in the store and operators' audit log have these.
    #[test]
    fn names_are_those_that_were_ever_stored() {
        let causes = ["failure-rate", "slow-call-rate", "absent-rate", "undecided", "operator"];
        assert_eq!(Cause::ALL.map(Cause::as_str), causes);
        assert_eq!(ForcedState::ALL.map(ForcedState::as_str), ["open", "closed", "disabled"]);
        let epoch = Timestamp::from_unix_ms(0);
        let open = State::Open { since: epoch, until: epoch, cause: Cause::Operator };
        let half_open = State::HalfOpen {
            since: epoch,
            permitted: 3,
            leases: BTreeMap::new(),
            results: Counts::default(),
        };
        let states = [Record::unwritten().state, open, half_open];
        assert_eq!(states.map(|state| state.name().as_str()), ["closed", "open", "half-open"]);
    }
}
