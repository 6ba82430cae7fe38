//! The services that enrichers and sinks call, with their limits, retries and circuit breakers. They are declared in
//! `dependencies.yaml`, a file beside the folders of the datasets, which may be missing.
//!
//! An enricher or a sink names its dependency. All that name the same one share its circuit breaker, so that a failure
//! that one of them sees protects the others too.

mod raw;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use breaker::Settings;
use event::DEFAULT_LONGEST_WAIT;
use serde::Deserialize;

use self::raw::{Checks, RawDependencies};
use crate::error::is_name;

/// The dependencies that the file declares, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependencies(BTreeMap<String, Dependency>);

/// How one dependency is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The settings of its circuit breaker.
    pub breaker: Settings,
    /// Failures that the breaker does not count, neither as a failure nor as a success.
    pub ignored: BTreeSet<CallFailure>,
    /// How many calls are made at once and in a second.
    pub limits: Limits,
    /// How often a failed call is repeated within an invocation.
    pub retries: Retries,
    /// How long an event may wait for the dependency, counted from when it first has to wait. After that it becomes a
    /// dead letter. It is 6 hours by default ([`DEFAULT_LONGEST_WAIT`]).
    pub longest_wait: Duration,
}

/// The ways in which a call can fail. In the file, the names have hyphens: `server-error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallFailure {
    /// There was no complete answer within the time limit.
    Timeout,
    /// There was no connection, or it was lost.
    Connection,
    /// HTTP 408, 425 or 5xx.
    ServerError,
    /// The answer cannot be used, because it is too long, cannot be decoded, or is not JSON.
    BadAnswer,
    /// HTTP 401, 403 or 407.
    Credentials,
    /// HTTP 429, or 503 with `Retry-After`.
    Throttled,
}

/// Limits that we keep to protect a dependency. A call that they hold back does not count as a failure of the
/// dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most calls that one execution environment makes at the same time: 10 by default.
    pub calls_at_once: u32,
    /// The most calls in a second of all execution environments of one function together. `None` means no limit.
    pub calls_per_second: Option<u32>,
}

/// How often a failed call is repeated within an invocation. After that, the event goes back to its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// The most attempts of one call in one invocation, including the first: 3 by default.
    pub attempts: u32,
    /// The most retries of an execution environment, in percent of its first attempts: 20 by default.
    pub budget_percent: u32,
}

/// Why `dependencies.yaml` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DependenciesError {
    /// The file is not YAML, or has fields or types that are not expected.
    #[error("dependencies.yaml: {problem}")]
    Malformed {
        /// The message of the reader, with line and column.
        problem: String,
    },
    /// Names or values are outside of what is allowed.
    #[error("dependencies.yaml: {}", problems.join("; "))]
    Invalid {
        /// All problems, each with the name of the dependency and of the field.
        problems: Vec<String>,
    },
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

impl FromIterator<(String, Dependency)> for Dependencies {
    fn from_iter<I: IntoIterator<Item = (String, Dependency)>>(declared: I) -> Self {
        Self(declared.into_iter().collect())
    }
}

impl Dependencies {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// [`DependenciesError::Malformed`], or [`DependenciesError::Invalid`] with all values that are out of their range.
    pub fn parse(yaml: &str) -> Result<Self, DependenciesError> {
        let options = serde_saphyr::options! { strict_booleans: true };
        let raw: RawDependencies = serde_saphyr::from_str_with_options(yaml, options)
            .map_err(|error| DependenciesError::Malformed { problem: error.to_string() })?;
        let mut problems = Vec::new();
        let mut checked = BTreeMap::new();
        for (name, dependency) in raw.dependencies {
            if !is_name(&name) {
                problems.push(format!(
                    "`{name}` is not 1 to 64 lower-case letters, digits and hyphens"
                ));
            }
            let mut checks = Checks { dependency: &name, problems: &mut problems };
            let dependency = dependency.validate(&mut checks);
            checked.insert(name, dependency);
        }
        if problems.is_empty() {
            Ok(Self(checked))
        } else {
            Err(DependenciesError::Invalid { problems })
        }
    }

    /// Whether the file has this dependency.
    #[must_use]
    pub fn declares(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// How this dependency is called: as the file declares it, or with the defaults.
    #[must_use]
    pub fn of(&self, name: &str) -> Dependency {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// The settings of the breakers of all declared dependencies, by their names. All others have the defaults.
    #[must_use]
    pub fn breakers(&self) -> BTreeMap<String, Settings> {
        self.0.iter().map(|(name, dependency)| (name.clone(), dependency.breaker.clone())).collect()
    }

    /// The names of the declared dependencies, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use breaker::{HalfOpen, Mode, OpenWait, Percent, Window};

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
