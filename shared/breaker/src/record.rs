//! The record of a breaker, which the fleet shares, and which part of it is in force.

use std::collections::BTreeMap;

use event::Timestamp;

use crate::cause::Cause;
use crate::{Counts, Mode, Settings};

/// The record of one breaker in the store. Each write of it is conditional on the version that was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Raised by 1 with each write; 0 if the record was never written.
    pub version: u64,
    /// The automatic state, which operators' acts override.
    pub state: State,
    /// Raised by 1 each time that the breaker closes. Counts of an earlier generation do not count any more.
    pub generation: u64,
    /// How often it has opened in a row, without a lasting recovery in between.
    pub opens: u32,
    /// Since when the dependency is unavailable: when the first open state of this outage began. `None` while it is
    /// available.
    pub unavailable_since: Option<Timestamp>,
    /// The operator's act that overrides the automatic state, if there is one. It counts until its time is over; see
    /// [`Record::forced_at`].
    pub forced: Option<Forced>,
}

/// The automatic state of a breaker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Calls are made.
    Closed {
        /// When it closed.
        since: Timestamp,
        /// Until then only a share of the calls is let through.
        ramp_ends_at: Timestamp,
    },
    /// No call is made.
    Open {
        /// When it opened.
        since: Timestamp,
        /// When the first probe may be made.
        until: Timestamp,
        /// Why it opened.
        cause: Cause,
    },
    /// Probes are made to find out whether the dependency is available again.
    HalfOpen {
        /// When it became half-open.
        since: Timestamp,
        /// How many probes decide.
        permitted: u32,
        /// The permits for probes that are in use, by the environment that holds them.
        leases: BTreeMap<EnvironmentId, Lease>,
        /// What came of the probes that have ended.
        results: Counts,
    },
}

/// The unique name of one environment of one function. It has no other meaning.
pub type EnvironmentId = String;

/// Permits for probes that an environment holds until a time. Permits that are not settled by then are free again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// How many probes the environment may make.
    pub permits: u32,
    /// When the lease ends.
    pub ends_at: Timestamp,
}

/// An operator's act that lasts for some time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Forced {
    /// What the operator asked for.
    pub to: ForcedState,
    /// The ARN of the operator.
    pub by: String,
    /// The reason that the operator gave.
    pub why: String,
    /// When the operator acted.
    pub since: Timestamp,
    /// When the act ends; `None` if it lasts until an operator releases it.
    pub until: Option<Timestamp>,
}

/// What an operator can force a breaker to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ForcedState {
    /// No call is made.
    Open,
    /// Each call is made and counted.
    Closed,
    /// Each call is made, and none is counted.
    Disabled,
}

/// The name of the state that is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateName {
    /// See [`State::Closed`].
    Closed,
    /// See [`State::Open`].
    Open,
    /// See [`State::HalfOpen`].
    HalfOpen,
    /// See [`ForcedState::Open`].
    ForcedOpen,
    /// See [`ForcedState::Closed`].
    ForcedClosed,
    /// See [`ForcedState::Disabled`] and [`Mode::Disabled`].
    Disabled,
    /// See [`Mode::MetricsOnly`].
    MetricsOnly,
}

/// When a breaker lets the next call through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextCall {
    /// At once: all calls, a share of them, or a probe that is due.
    Now,
    /// At this time.
    At(Timestamp),
    /// When an operator releases the breaker.
    AfterRelease,
}

impl Record {
    /// The record of a breaker that the store does not hold.
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

    /// The operator's act, unless its time is over at `now`.
    #[must_use]
    pub fn forced_at(&self, now: Timestamp) -> Option<&Forced> {
        self.forced.as_ref().filter(|forced| forced.until.is_none_or(|until| now < until))
    }

    /// The state that is in force. An operator's act comes before the settings' mode, and the mode before the automatic
    /// state.
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

    /// When the breaker lets the next call through, as far as the record says. An operator may change that at any time.
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
    /// The name of the automatic state.
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
    /// The name in stored records, in logs and in answers to operators. It never changes.
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
    /// All that an operator can force.
    pub const ALL: [Self; 3] = [Self::Open, Self::Closed, Self::Disabled];

    /// The name in stored records and in requests of operators. It never changes.
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

    /// Checks when a call is let through, asked ten seconds after the begin.
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
        // A wrong clock delays calls for no longer than the longest wait.
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

    /// The names are in stored records and in the audit log of operators.
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
