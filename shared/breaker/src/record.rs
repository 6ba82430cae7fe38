//! What the fleet shares of one breaker, and what of it is in force.

use std::collections::BTreeMap;

use event::Timestamp;

use crate::cause::Cause;
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

/// When a breaker lets a call through next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextCall {
    /// At once: all calls, a share of them, or a probe whose time has come.
    Now,
    At(Timestamp),
    /// When an operator releases it.
    AfterRelease,
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

    /// When it lets a call through next, as far as the record tells: whoever forces or releases it may
    /// change that.
    #[must_use]
    pub fn next_call(&self, settings: &Settings, now: Timestamp) -> NextCall {
        let until = match (self.state_name(settings, now), &self.state) {
            (StateName::Open, State::Open { since, until, .. }) => {
                settings.open_until(*until, now.min(*since))
            }
            (StateName::ForcedOpen, _) => {
                match self.forced_at(now).and_then(|forced| forced.until) {
                    Some(until) => until,
                    None => return NextCall::AfterRelease,
                }
            }
            _ => return NextCall::Now,
        };
        if now < until { NextCall::At(until) } else { NextCall::Now }
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
    use std::time::Duration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_767_225_600_000 + seconds * 1_000)
    }

    fn open(until_s: i64) -> State {
        State::Open { since: at(0), until: at(until_s), cause: Cause::FailureRate }
    }

    fn forced(to: ForcedState, until: Option<Timestamp>) -> Option<Forced> {
        let (by, why) = ("ann".to_owned(), "planned".to_owned());
        Some(Forced { to, by, why, since: at(0), until })
    }

    /// At the tenth second.
    #[track_caller]
    fn check(state: State, forced: Option<Forced>, expected: NextCall) {
        let record = Record { version: 1, state, forced, ..Record::unwritten() };
        assert_eq!(record.next_call(&Settings::default(), at(10)), expected, "{record:?}");
    }

    #[test]
    fn a_breaker_says_when_it_lets_a_call_through() {
        let closed = State::Closed { since: at(0), ramp_ends_at: at(30) };
        let (results, leases) = (Counts::default(), BTreeMap::new());
        let half_open = State::HalfOpen { since: at(0), permitted: 3, leases, results };
        check(closed.clone(), None, NextCall::Now);
        check(half_open.clone(), None, NextCall::Now);
        check(open(60), None, NextCall::At(at(60)));
        check(open(10), None, NextCall::Now);

        check(closed, forced(ForcedState::Open, None), NextCall::AfterRelease);
        check(half_open, forced(ForcedState::Open, Some(at(99))), NextCall::At(at(99)));
        check(open(60), forced(ForcedState::Open, Some(at(9))), NextCall::At(at(60)));
        check(open(60), forced(ForcedState::Closed, None), NextCall::Now);
        check(open(60), forced(ForcedState::Disabled, None), NextCall::Now);
        // A clock that was wrong holds up no one for longer than the longest wait.
        let longest = Settings::default().wait.longest + crate::CLOCK_SKEW;
        check(open(99_999), None, NextCall::At(at(0).plus(longest)));
        assert!(longest < Duration::from_secs(3_600));
    }

    #[test]
    fn a_breaker_that_holds_nothing_back_lets_the_next_call_through() {
        let record = Record { state: open(60), ..Record::unwritten() };
        for mode in [Mode::MetricsOnly, Mode::Disabled] {
            let settings = Settings { mode, ..Settings::default() };
            assert_eq!(record.next_call(&settings, at(10)), NextCall::Now);
        }
    }

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
