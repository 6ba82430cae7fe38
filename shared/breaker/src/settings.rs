//! When a breaker trips, how long it waits, and what it requires of a recovery.
//!
//! The terms and most defaults are those of resilience4j:
//! <https://resilience4j.readme.io/docs/circuitbreaker#create-and-configure-a-circuitbreaker>. Other defaults are
//! chosen for Lambda, and say why.
//!
//! Settings are not stored. A deployment that changes them does not change how long a breaker that is open stays so.

use std::time::Duration;

use event::Timestamp;
use serde::Deserialize;

/// How far the clocks of two environments may differ. AWS keeps them within a second of each other.
pub const CLOCK_SKEW: Duration = Duration::from_secs(2);

/// The settings of one dependency's breaker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// Whether the breaker holds calls back, only counts them, or does nothing.
    pub mode: Mode,
    /// The calls from which rates are calculated.
    pub window: Window,
    /// Rates are calculated from this many calls on. In a window of calls, a full window is enough. resilience4j's
    /// default is 100, which few environments reach in time.
    pub minimum_calls: u32,
    /// The share of failed calls at which the breaker trips.
    pub failure_rate: Percent,
    /// A call that took this long or longer is slow. `None` means that no call is.
    pub slow_call: Option<Duration>,
    /// The share of slow calls at which the breaker trips.
    pub slow_call_rate: Percent,
    /// The share of answers that had nothing for their event (404) at which the breaker trips. `None` means that such
    /// answers are only counted. If a service should know most events, many unknown ones suggest a wrong URL.
    pub absent_rate: Option<Percent>,
    /// How long the breaker stays open.
    pub wait: OpenWait,
    /// How the breaker finds out that the dependency is available again.
    pub half_open: HalfOpen,
    /// After a recovery, the share of calls that are let through rises to all of them within this time, or within half
    /// of the last wait if that is shorter.
    pub ramp: Duration,
    /// How old an environment's view of the fleet may be, and how often it publishes its calls at most. It is at least
    /// [`Settings::SHORTEST_REFRESH`].
    pub refresh: Duration,
}

/// What a breaker does by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Calls are counted, and are held back while it is open.
    #[default]
    Enforced,
    /// Calls are counted and never held back.
    MetricsOnly,
    /// Calls are neither counted nor held back.
    Disabled,
}

/// The calls from which rates are calculated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// The last calls, this many of them. None is older than [`Window::COUNT_HORIZON`], because the environment may
    /// have been frozen since.
    Count(u32),
    /// The calls of the last period of this length.
    Time(Duration),
}

/// How long a breaker stays open before a probe.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OpenWait {
    /// The wait when it opens for the first time.
    pub first: Duration,
    /// The longest wait. Each time that it opens again, the wait is doubled up to this.
    pub longest: Duration,
    /// If it was closed for at least this long, the next wait is the first one again.
    pub recovery: Duration,
}

/// How a half-open breaker decides whether the dependency is available again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HalfOpen {
    /// How many probes of the whole fleet decide, by the same rates as above. resilience4j's default is 10. Here a
    /// probe delays an event, and each failed one delays it again, so the default is lower.
    pub permitted_calls: u32,
    /// How long it may be half-open without a decision. After that the probes so far decide: it closes if they did
    /// well, and opens again if they did not, or if there were none.
    pub longest: Duration,
}

/// A share in percent, from 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "u8")]
pub struct Percent(u8);

/// A number that is not a percentage from 1 to 100.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} is no share; expected a percentage from 1 to 100")]
pub struct NoPercent {
    found: u8,
}

impl Percent {
    /// The whole, 100 %.
    pub const ALL: Self = Self(100);

    /// Whether `part` is at least this share of `whole`.
    #[must_use]
    pub fn is_reached(self, part: u32, whole: u32) -> bool {
        u64::from(part) * 100 >= u64::from(self.0) * u64::from(whole)
    }
}

impl TryFrom<u8> for Percent {
    type Error = NoPercent;

    fn try_from(percent: u8) -> Result<Self, NoPercent> {
        if (1..=100).contains(&percent) {
            Ok(Self(percent))
        } else {
            Err(NoPercent { found: percent })
        }
    }
}

impl Window {
    /// How old the calls in a window of calls may be. Older calls say nothing about the present.
    pub const COUNT_HORIZON: Duration = Duration::from_secs(60);

    /// How far back the window reaches.
    #[must_use]
    pub fn horizon(self) -> Duration {
        match self {
            Self::Count(_) => Self::COUNT_HORIZON,
            Self::Time(time) => time,
        }
    }
}

impl Settings {
    /// When the wait of an open breaker is over for an environment that has seen it open since `seen_since`, by the
    /// environment's own clock.
    ///
    /// The clock that wrote `until` may be wrong. Therefore the wait ends at the latest after the longest wait, counted
    /// from `seen_since`.
    pub(crate) fn open_until(&self, until: Timestamp, seen_since: Timestamp) -> Timestamp {
        let longest = self.wait.longest.saturating_add(CLOCK_SKEW);
        until.min(seen_since.plus(longest))
    }

    /// The shortest interval between two reads of the store, whatever is configured.
    pub const SHORTEST_REFRESH: Duration = Duration::from_millis(100);

    pub(crate) fn refresh_interval(&self) -> Duration {
        self.refresh.max(Self::SHORTEST_REFRESH)
    }

    /// How many calls a rate needs. A window of calls never holds more than its size.
    pub(crate) fn minimum_in_window(&self) -> u32 {
        match self.window {
            Window::Count(size) => self.minimum_calls.min(size).max(1),
            Window::Time(_) => self.minimum_calls.max(1),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Enforced,
            window: Window::Count(100),
            minimum_calls: 20,
            failure_rate: Percent(50),
            slow_call: None,
            slow_call_rate: Percent::ALL,
            absent_rate: None,
            wait: OpenWait {
                first: Duration::from_secs(15),
                longest: Duration::from_secs(300),
                recovery: Duration::from_secs(600),
            },
            half_open: HalfOpen { permitted_calls: 3, longest: Duration::from_secs(60) },
            ramp: Duration::from_secs(30),
            refresh: Duration::from_secs(1),
        }
    }
}

/// A wait between half of `whole` and all of it. `roll` is any number; it spreads the waits of those who began at the
/// same time. This is "Equal Jitter" of <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.
#[must_use]
pub fn equal_jitter(whole: Duration, roll: u64) -> Duration {
    let half_ms = u64::try_from(whole.as_millis() / 2).unwrap_or(u64::MAX);
    whole - Duration::from_millis(roll % half_ms.saturating_add(1))
}

impl OpenWait {
    /// The wait when the breaker opens for the `opens`th time in a row, counted from 1. It is between half and all of
    /// `first · 2^(opens - 1)`, or of `longest` if that is shorter, spread by [`equal_jitter`].
    #[must_use]
    pub fn of(&self, opens: u32, roll: u64) -> Duration {
        equal_jitter(self.whole(opens), roll)
    }

    /// The same wait without jitter.
    #[must_use]
    pub fn whole(&self, opens: u32) -> Duration {
        let doublings = opens.saturating_sub(1).min(16);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_reached_from_its_own_percentage_on() {
        let half = Percent::try_from(50).unwrap();
        assert!(half.is_reached(10, 20) && half.is_reached(11, 20) && !half.is_reached(9, 20));
        assert!(Percent::ALL.is_reached(3, 3) && !Percent::ALL.is_reached(2, 3));
        assert!(half.is_reached(u32::MAX, u32::MAX));
        for bad in [0, 101] {
            assert!(Percent::try_from(bad).unwrap_err().to_string().contains("from 1 to 100"));
        }
    }

    #[test]
    fn waits_double_with_jitter_up_to_the_longest() {
        let wait = Settings::default().wait;
        for (opens, whole_s) in [(0, 15), (1, 15), (2, 30), (3, 60), (5, 240), (6, 300), (99, 300)]
        {
            let whole = Duration::from_secs(whole_s);
            assert_eq!(wait.whole(opens), whole);
            assert_eq!(wait.of(opens, 0), whole);
            for roll in [1, 77, 7_500, u64::MAX] {
                let wait = wait.of(opens, roll);
                assert!(whole / 2 <= wait && wait <= whole, "{opens} {roll}: {wait:?}");
            }
        }
        assert_ne!(wait.of(1, 1), wait.of(1, 5_000));
    }
}
