//! The fields of `dependencies.yaml` as they are written, and the ranges of their values.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use breaker::{Mode, Percent, Settings, Window};
use event::MAX_LONGEST_WAIT;
use serde::Deserialize;

use super::{CallFailure, Dependency};

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDependencies {
    pub(super) dependencies: BTreeMap<String, RawDependency>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDependency {
    breaker: RawBreaker,
    ignored: Vec<CallFailure>,
    limits: RawLimits,
    retries: RawRetries,
    longest_wait_s: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawBreaker {
    mode: Mode,
    window: Option<RawWindow>,
    minimum_calls: Option<u32>,
    failure_rate: Option<u8>,
    slow_call_ms: Option<u64>,
    slow_call_rate: Option<u8>,
    absent_rate: Option<u8>,
    wait: RawWait,
    half_open: RawHalfOpen,
    ramp_s: Option<u64>,
    refresh_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWindow {
    calls: Option<u32>,
    seconds: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawWait {
    first_s: Option<u64>,
    longest_s: Option<u64>,
    recovery_s: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawHalfOpen {
    permitted_calls: Option<u32>,
    longest_s: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLimits {
    calls_at_once: Option<u32>,
    calls_per_second: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRetries {
    attempts: Option<u32>,
    budget_percent: Option<u32>,
}

/// Sets the values that are in their range, and collects the problems of the others.
pub(super) struct Checks<'a> {
    pub(super) dependency: &'a str,
    pub(super) problems: &'a mut Vec<String>,
}

impl Checks<'_> {
    fn note(&mut self, field: &str, problem: &str) {
        self.problems.push(format!("`{}`: {field}: {problem}", self.dependency));
    }

    /// Sets `place` to a value that is given and in its range. A value out of its range is a problem.
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

impl RawDependency {
    pub(super) fn validate(self, checks: &mut Checks<'_>) -> Dependency {
        let mut dependency = Dependency {
            breaker: self.breaker.validate(checks),
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

impl RawBreaker {
    fn validate(self, checks: &mut Checks<'_>) -> Settings {
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
            Some(RawWindow { calls: Some(calls), seconds: None }) => {
                let mut count = *calls;
                checks.set("breaker.window.calls", Some(*calls), 1..=10_000, &mut count);
                settings.window = Window::Count(count);
            }
            Some(RawWindow { calls: None, seconds: Some(seconds) }) => {
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
