//! What is known of the services that enrichers and sinks call: `dependencies.yaml`, a file beside the
//! datasets' folders, which may be missing.
//!
//! An enricher or a sink names its dependency. All that name one share its circuit breaker, so that what one
//! of them finds out holds for all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use breaker::{Mode, Percent, Settings, Window};
use event::{DEFAULT_LONGEST_WAIT, MAX_LONGEST_WAIT};
use serde::Deserialize;

use crate::contract::is_name;

/// The dependencies that the file declares, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependencies(BTreeMap<String, Dependency>);

/// How one dependency is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    pub breaker: Settings,
    /// Failures that the breaker does not count, neither as a failure nor as a success.
    pub ignored: BTreeSet<CallFailure>,
    pub limits: Limits,
    pub retries: Retries,
    /// How long an event waits for it, from when it first has to: then it is a dead letter.
    pub longest_wait: Duration,
}

/// How a call can fail, by what is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallFailure {
    /// No whole answer within the time limit.
    Timeout,
    /// No connection, or one that broke off.
    Connection,
    /// HTTP 408, 425 or 5xx.
    ServerError,
    /// An answer that cannot be used: too long, not decoded, not JSON.
    BadAnswer,
    /// HTTP 401, 403 or 407.
    Credentials,
    /// HTTP 429, or 503 with `Retry-After`.
    Throttled,
}

/// Limits of our own, which never count as the dependency's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one environment.
    pub calls_at_once: u32,
    /// Of all environments of one function together. `None`: no limit.
    pub calls_per_second: Option<u32>,
}

/// What is tried again within an invocation; the rest is left to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Attempts of one call in one invocation, the first one too.
    pub attempts: u32,
    /// How many of an environment's calls may be retries, in percent of those that are not.
    pub budget_percent: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DependenciesError {
    /// With line and column.
    #[error("dependencies.yaml: {problem}")]
    Malformed { problem: String },
    /// Each with the name of the dependency and of the field.
    #[error("dependencies.yaml: {}", problems.join("; "))]
    Invalid { problems: Vec<String> },
}

impl Default for Dependency {
    fn default() -> Self {
        Self {
            breaker: Settings::default(),
            ignored: BTreeSet::new(),
            limits: Limits { calls_at_once: 10, calls_per_second: None },
            retries: Retries { attempts: 3, budget_percent: 20 },
            longest_wait: DEFAULT_LONGEST_WAIT,
        }
    }
}

impl Dependencies {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is not what is expected, or with all values that are out of their range.
    pub fn parse(yaml: &str) -> Result<Self, DependenciesError> {
        let options = serde_saphyr::options! { strict_booleans: true };
        let written: Written = serde_saphyr::from_str_with_options(yaml, options)
            .map_err(|error| DependenciesError::Malformed { problem: error.to_string() })?;
        let mut problems = Vec::new();
        let mut checked = BTreeMap::new();
        for (name, dependency) in written.dependencies {
            if !is_name(&name) {
                problems.push(format!(
                    "`{name}` is not 1 to 64 lower-case letters, digits and hyphens"
                ));
            }
            let mut checks = Checks { dependency: &name, problems: &mut problems };
            let dependency = dependency.checked(&mut checks);
            checked.insert(name, dependency);
        }
        if problems.is_empty() {
            Ok(Self(checked))
        } else {
            Err(DependenciesError::Invalid { problems })
        }
    }

    #[must_use]
    pub fn declares(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// As it is declared, or with the defaults.
    #[must_use]
    pub fn of(&self, name: &str) -> Dependency {
        self.0.get(name).cloned().unwrap_or_default()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// The file, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    dependencies: BTreeMap<String, WrittenDependency>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenDependency {
    breaker: WrittenBreaker,
    ignored: Vec<CallFailure>,
    limits: WrittenLimits,
    retries: WrittenRetries,
    longest_wait_s: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenBreaker {
    mode: Mode,
    window: Option<WrittenWindow>,
    minimum_calls: Option<u32>,
    failure_rate: Option<u8>,
    slow_call_ms: Option<u64>,
    slow_call_rate: Option<u8>,
    absent_rate: Option<u8>,
    wait: WrittenWait,
    half_open: WrittenHalfOpen,
    ramp_s: Option<u64>,
    refresh_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenWindow {
    calls: Option<u32>,
    seconds: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenWait {
    first_s: Option<u64>,
    longest_s: Option<u64>,
    recovery_s: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenHalfOpen {
    permitted_calls: Option<u32>,
    longest_s: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenLimits {
    calls_at_once: Option<u32>,
    calls_per_second: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenRetries {
    attempts: Option<u32>,
    budget_percent: Option<u32>,
}

/// Takes values that are in their range, and notes the others.
struct Checks<'a> {
    dependency: &'a str,
    problems: &'a mut Vec<String>,
}

impl Checks<'_> {
    fn note(&mut self, field: &str, problem: &str) {
        self.problems.push(format!("`{}`: {field}: {problem}", self.dependency));
    }

    /// Sets what is given, if it is in its range.
    fn set<T: PartialOrd + Display>(
        &mut self,
        field: &str,
        given: Option<T>,
        range: RangeInclusive<T>,
        place: &mut T,
    ) {
        let Some(given) = given else { return };
        if range.contains(&given) {
            *place = given;
        } else {
            let problem = format!("{given}; expected {} to {}", range.start(), range.end());
            self.note(field, &problem);
        }
    }

    fn set_seconds(
        &mut self,
        field: &str,
        given: Option<u64>,
        range: RangeInclusive<u64>,
        place: &mut Duration,
    ) {
        let mut seconds = place.as_secs();
        self.set(field, given, range, &mut seconds);
        if given.is_some() {
            *place = Duration::from_secs(seconds);
        }
    }

    fn set_milliseconds(
        &mut self,
        field: &str,
        given: Option<u64>,
        range: RangeInclusive<u64>,
        place: &mut Duration,
    ) {
        let mut ms = u64::try_from(place.as_millis()).unwrap_or(u64::MAX);
        self.set(field, given, range, &mut ms);
        *place = Duration::from_millis(ms);
    }

    fn set_percent(&mut self, field: &str, given: Option<u8>, place: &mut Percent) {
        match given.map(Percent::try_from) {
            None => {}
            Some(Ok(percent)) => *place = percent,
            Some(Err(error)) => self.note(field, &error.to_string()),
        }
    }
}

impl WrittenDependency {
    fn checked(self, checks: &mut Checks<'_>) -> Dependency {
        let mut dependency = Dependency {
            breaker: self.breaker.checked(checks),
            ignored: self.ignored.into_iter().collect(),
            ..Dependency::default()
        };
        let limits = &mut dependency.limits;
        checks.set(
            "limits.calls_at_once",
            self.limits.calls_at_once,
            1..=1_000,
            &mut limits.calls_at_once,
        );
        if let Some(given) = self.limits.calls_per_second {
            let mut rate = 0;
            checks.set("limits.calls_per_second", Some(given), 1..=100_000, &mut rate);
            limits.calls_per_second = Some(rate);
        }
        let retries = &mut dependency.retries;
        checks.set("retries.attempts", self.retries.attempts, 1..=10, &mut retries.attempts);
        let budget = self.retries.budget_percent;
        checks.set("retries.budget_percent", budget, 0..=100, &mut retries.budget_percent);
        let range = 60..=MAX_LONGEST_WAIT.as_secs();
        let longest_wait = &mut dependency.longest_wait;
        checks.set_seconds("longest_wait_s", self.longest_wait_s, range, longest_wait);
        dependency
    }
}

impl WrittenBreaker {
    fn checked(self, checks: &mut Checks<'_>) -> Settings {
        let mut settings = Settings { mode: self.mode, ..Settings::default() };
        self.check_window(&mut settings, checks);
        checks.set_percent("breaker.failure_rate", self.failure_rate, &mut settings.failure_rate);
        if self.slow_call_ms.is_some() {
            let mut slow = Duration::ZERO;
            checks.set_milliseconds(
                "breaker.slow_call_ms",
                self.slow_call_ms,
                1..=60_000,
                &mut slow,
            );
            settings.slow_call = Some(slow);
        }
        checks.set_percent(
            "breaker.slow_call_rate",
            self.slow_call_rate,
            &mut settings.slow_call_rate,
        );
        if self.slow_call_rate.is_some() && self.slow_call_ms.is_none() {
            checks.note("breaker.slow_call_rate", "no call is slow without slow_call_ms");
        }
        if self.absent_rate.is_some() {
            let mut rate = Percent::ALL;
            checks.set_percent("breaker.absent_rate", self.absent_rate, &mut rate);
            settings.absent_rate = Some(rate);
        }
        let wait = &mut settings.wait;
        checks.set_seconds("breaker.wait.first_s", self.wait.first_s, 1..=3_600, &mut wait.first);
        let longest = self.wait.longest_s;
        checks.set_seconds("breaker.wait.longest_s", longest, 1..=86_400, &mut wait.longest);
        let recovery = self.wait.recovery_s;
        checks.set_seconds("breaker.wait.recovery_s", recovery, 1..=86_400, &mut wait.recovery);
        if wait.first > wait.longest {
            checks.note("breaker.wait", "the first wait is longer than the longest");
        }
        let half_open = &mut settings.half_open;
        checks.set(
            "breaker.half_open.permitted_calls",
            self.half_open.permitted_calls,
            1..=1_000,
            &mut half_open.permitted_calls,
        );
        let longest = self.half_open.longest_s;
        checks.set_seconds(
            "breaker.half_open.longest_s",
            longest,
            1..=3_600,
            &mut half_open.longest,
        );
        checks.set_seconds("breaker.ramp_s", self.ramp_s, 0..=3_600, &mut settings.ramp);
        let refresh = &mut settings.refresh;
        checks.set_milliseconds("breaker.refresh_ms", self.refresh_ms, 100..=60_000, refresh);
        settings
    }

    fn check_window(&self, settings: &mut Settings, checks: &mut Checks<'_>) {
        match &self.window {
            None => {}
            Some(WrittenWindow { calls: Some(calls), seconds: None }) => {
                let mut count = *calls;
                checks.set("breaker.window.calls", Some(*calls), 1..=10_000, &mut count);
                settings.window = Window::Count(count);
            }
            Some(WrittenWindow { calls: None, seconds: Some(seconds) }) => {
                let mut time = Duration::from_secs(*seconds);
                checks.set_seconds("breaker.window.seconds", Some(*seconds), 1..=3_600, &mut time);
                settings.window = Window::Time(time);
            }
            Some(_) => checks.note("breaker.window", "expected either calls or seconds"),
        }
        let minimum = &mut settings.minimum_calls;
        checks.set("breaker.minimum_calls", self.minimum_calls, 1..=10_000, minimum);
        if let Window::Count(calls) = settings.window
            && calls < settings.minimum_calls
        {
            let problem = format!(
                "{} calls never come together in a window of {calls}",
                settings.minimum_calls
            );
            checks.note("breaker.minimum_calls", &problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use breaker::{HalfOpen, OpenWait};

    use super::*;

    fn percent(percent: u8) -> Percent {
        Percent::try_from(percent).unwrap()
    }

    #[test]
    fn each_field_is_read() {
        let yaml = "
dependencies:
  weather:
    breaker:
      mode: metrics-only
      window: {seconds: 30}
      minimum_calls: 5
      failure_rate: 40
      slow_call_ms: 900
      slow_call_rate: 80
      absent_rate: 90
      wait: {first_s: 5, longest_s: 60, recovery_s: 120}
      half_open: {permitted_calls: 2, longest_s: 20}
      ramp_s: 10
      refresh_ms: 500
    ignored: [credentials, bad-answer]
    limits: {calls_at_once: 4, calls_per_second: 50}
    retries: {attempts: 2, budget_percent: 10}
    longest_wait_s: 3600
  prices: {}
";
        let dependencies = Dependencies::parse(yaml).unwrap();
        let expected = Dependency {
            breaker: Settings {
                mode: Mode::MetricsOnly,
                window: Window::Time(Duration::from_secs(30)),
                minimum_calls: 5,
                failure_rate: percent(40),
                slow_call: Some(Duration::from_millis(900)),
                slow_call_rate: percent(80),
                absent_rate: Some(percent(90)),
                wait: OpenWait {
                    first: Duration::from_secs(5),
                    longest: Duration::from_secs(60),
                    recovery: Duration::from_secs(120),
                },
                half_open: HalfOpen { permitted_calls: 2, longest: Duration::from_secs(20) },
                ramp: Duration::from_secs(10),
                refresh: Duration::from_millis(500),
            },
            ignored: BTreeSet::from([CallFailure::Credentials, CallFailure::BadAnswer]),
            limits: Limits { calls_at_once: 4, calls_per_second: Some(50) },
            retries: Retries { attempts: 2, budget_percent: 10 },
            longest_wait: Duration::from_secs(3_600),
        };
        assert_eq!(dependencies.of("weather"), expected);
        assert_eq!(dependencies.of("prices"), Dependency::default());
        assert_eq!(dependencies.of("unheard-of"), Dependency::default());
        assert_eq!(dependencies.names().collect::<Vec<_>>(), ["prices", "weather"]);
    }

    #[track_caller]
    fn check(dependency: &str, expected: &[&str]) {
        let yaml = format!("dependencies: {{weather: {{{dependency}}}}}");
        let error = Dependencies::parse(&yaml).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_is_not_expected_is_refused_with_its_line() {
        check("breakre: {}", &["breakre", "line 1"]);
        check("breaker: {failure_rates: 5}", &["failure_rates", "line 1"]);
        check("ignored: [outage]", &["outage", "server-error"]);
        check("limits: {calls_at_once: many}", &["line 1"]);
        assert!(Dependencies::parse("services: {}").is_err());
    }

    #[test]
    fn all_values_out_of_range_are_named_at_once() {
        check(
            "breaker: {failure_rate: 101, ramp_s: 4000}, retries: {attempts: 0}",
            &[
                "`weather`: breaker.failure_rate: 101 is no share",
                "`weather`: breaker.ramp_s: 4000; expected 0 to 3600",
                "`weather`: retries.attempts: 0; expected 1 to 10",
            ],
        );
        check("breaker: {window: {calls: 5, seconds: 5}}", &["either calls or seconds"]);
        check("breaker: {window: {calls: 10}}", &["20 calls never come together"]);
        check("breaker: {wait: {longest_s: 10}}", &["the first wait is longer"]);
        check("breaker: {slow_call_rate: 50}", &["without slow_call_ms"]);
        check("breaker: {slow_call_ms: 0}", &["expected 1 to 60000"]);
        check("limits: {calls_per_second: 0}", &["expected 1 to 100000"]);
        check("longest_wait_s: 999999", &["expected 60 to 345600"]);
        let error = Dependencies::parse("dependencies: {The Weather: {}}").unwrap_err().to_string();
        assert!(error.contains("`The Weather` is not"), "{error}");
    }
}
