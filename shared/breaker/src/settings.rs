//! When a breaker trips, how long it waits, and what it asks of a recovery.
//!
//! The terms are resilience4j's, and its defaults where they fit Lambda:
//! <https://resilience4j.readme.io/docs/circuitbreaker#create-and-configure-a-circuitbreaker>.
//! Settings are not stored: a deployment that changes them changes nothing of an open breaker.

use std::time::Duration;

use event::Timestamp;
use serde::Deserialize;

/// How far clocks of two environments may be apart. AWS keeps them within a second.
pub const CLOCK_SKEW: Duration = Duration::from_secs(2);

/// Settings of one dependency's breaker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    pub mode: Mode,
    pub window: Window,
    /// Rates of fewer calls say nothing; of a window of calls, its size is enough. resilience4j has 100,
    /// which few environments see in time.
    pub minimum_calls: u32,
    /// The share of calls that failed, at which the breaker trips.
    pub failure_rate: Percent,
    /// A call that took this long or longer is slow. `None`: no call is.
    pub slow_call: Option<Duration>,
    /// The share of slow calls at which the breaker trips.
    pub slow_call_rate: Percent,
    /// The share of answers that had nothing for their event (404), at which the breaker trips. `None`:
    /// they are counted alone. Where most events are known, many unknown ones mean a wrong URL.
    pub absent_rate: Option<Percent>,
    pub wait: OpenWait,
    pub half_open: HalfOpen,
    /// After a recovery, the share of calls that are let through grows to all of them in this time, or
    /// in half of the wait before it where that is shorter.
    pub ramp: Duration,
    /// How old an environment's view of the fleet may be, and how often it tells its own at most. At
    /// least [`Settings::SHORTEST_REFRESH`].
    pub refresh: Duration,
}

/// What the automatic states do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    #[default]
    Enforced,
    /// Calls are counted, and never held back.
    MetricsOnly,
    /// Calls are neither counted nor held back.
    Disabled,
}

/// Which calls count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// The last so many, none of them older than [`Window::COUNT_HORIZON`]: an environment may have been
    /// frozen since.
    Count(u32),
    /// Those of so long.
    Time(Duration),
}

/// How long a breaker stays open before it asks again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OpenWait {
    pub first: Duration,
    /// Each time that it opens again, it waits twice as long, up to this.
    pub longest: Duration,
    /// Closed for so long, the next wait is the first again.
    pub recovery: Duration,
}

/// What decides whether the dependency is back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HalfOpen {
    /// Calls of the whole fleet that decide, by the same rates. resilience4j has 10: ours come from
    /// events that wait, and each of these may wait again.
    pub permitted_calls: u32,
    /// Half-open for so long without a decision, what is known decides: it closes if the calls that were
    /// made did well, and opens again if they did not, or if there was none.
    pub longest: Duration,
}

/// A share, from 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "u8")]
pub struct Percent(u8);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} is no share; expected a percentage from 1 to 100")]
pub struct NoPercent {
    found: u8,
}

impl Percent {
    pub const ALL: Self = Self(100);

    /// Whether `part` of `whole` is this share or more.
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
    /// The last calls tell of now only if they are not older.
    pub const COUNT_HORIZON: Duration = Duration::from_secs(60);

    /// How far back it reaches.
    #[must_use]
    pub fn horizon(self) -> Duration {
        match self {
            Self::Count(_) => Self::COUNT_HORIZON,
            Self::Time(time) => time,
        }
    }
}

impl Settings {
    /// When an open breaker's wait is over for an environment that has seen it open since `seen_since`, by
    /// the environment's own clock.
    ///
    /// The clock that wrote `until` may be wrong. The wait therefore ends at the latest after the longest wait,
    /// counted from `seen_since`.
    pub(crate) fn open_until(&self, until: Timestamp, seen_since: Timestamp) -> Timestamp {
        let longest = self.wait.longest.saturating_add(CLOCK_SKEW);
        until.min(seen_since.plus(longest))
    }

    /// No interval between reads is shorter, whatever is configured.
    pub const SHORTEST_REFRESH: Duration = Duration::from_millis(100);

    pub(crate) fn refresh_interval(&self) -> Duration {
        self.refresh.max(Self::SHORTEST_REFRESH)
    }

    /// As many calls as rates need: a window of calls never holds more than its size.
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

/// A wait between half of and the whole of this one. `roll` is any number, and spreads the waits of those who
/// began together: "Equal Jitter" of
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.
#[must_use]
pub fn equal_jitter(whole: Duration, roll: u64) -> Duration {
    let half_ms = u64::try_from(whole.as_millis() / 2).unwrap_or(u64::MAX);
    whole - Duration::from_millis(roll % half_ms.saturating_add(1))
}

impl OpenWait {
    /// The wait of the `opens`th time in a row (at least 1): between half of and the whole of
    /// `first · 2^(opens - 1)`, at most `longest`, as [`equal_jitter`] spreads them.
    #[must_use]
    pub fn of(&self, opens: u32, roll: u64) -> Duration {
        equal_jitter(self.whole(opens), roll)
    }

    /// The same without jitter.
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
