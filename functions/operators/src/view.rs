//! A breaker as it is shown to operators, and as the audit log has it.

use std::time::Duration;

use breaker::{Forced, Lease, Record, Settings, Snapshot, State, StateName, Window};
use event::Timestamp;
use serde::Serialize;

/// One breaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct BreakerView {
    pub(crate) name: String,
    /// The version of the breaker's record; 0 if there is no record yet.
    pub(crate) version: u64,
    /// The state in force: `closed`, `open`, `half-open`, `forced-open`, `forced-closed`, `disabled` or
    /// `metrics-only`.
    pub(crate) state: &'static str,
    /// When that state began; null if there is no record yet.
    pub(crate) since: Option<Timestamp>,
    /// The state that the breaker would have without an operator's act.
    pub(crate) automatic_state: &'static str,
    /// Why the breaker opened; null if it is not open.
    pub(crate) cause: Option<&'static str>,
    /// How many times the breaker opened in a row.
    pub(crate) opens: u32,
    /// When the breaker opened first in that row; null if the dependency is available.
    pub(crate) unavailable_since: Option<Timestamp>,
    /// From when on the next call is a probe; null if no probe is due without an operator's act.
    pub(crate) next_probe_at: Option<Timestamp>,
    /// Until when only a part of the calls is let through, after the dependency has recovered.
    pub(crate) ramp_ends_at: Option<Timestamp>,
    pub(crate) half_open: Option<HalfOpenView>,
    /// The calls of all environments, for each length of window. Empty as long as no call has failed.
    pub(crate) counts: Vec<CountsView>,
    pub(crate) forced: Option<ForcedView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct HalfOpenView {
    /// How many probes decide whether the breaker closes.
    pub(crate) permitted: u32,
    /// How many of the probes have ended.
    pub(crate) settled: u32,
    /// How many of the probes have failed.
    pub(crate) failures: u32,
    pub(crate) leases: Vec<LeaseView>,
}

/// An environment's right to a number of probes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LeaseView {
    pub(crate) environment: String,
    pub(crate) permits: u32,
    pub(crate) ends_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CountsView {
    pub(crate) window_s: u64,
    pub(crate) calls: u32,
    pub(crate) failures: u32,
    pub(crate) slow: u32,
    pub(crate) absent: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ForcedView {
    pub(crate) to: &'static str,
    pub(crate) by: String,
    pub(crate) why: String,
    pub(crate) since: Timestamp,
    /// When the act ends; null if it lasts until it is released.
    pub(crate) until: Option<Timestamp>,
}

impl BreakerView {
    pub(crate) fn new(
        name: &str,
        snapshot: &Snapshot,
        settings: &Settings,
        now: Timestamp,
    ) -> Self {
        let unwritten = Record::unwritten();
        let record = snapshot.record.as_ref().unwrap_or(&unwritten);
        let mut view = Self::of_record(name, record, settings, now);
        for (horizon, shared) in &snapshot.counts {
            // Counts of another horizon are from an environment with other settings, which are not known here.
            let is_ours = settings.window.horizon() == *horizon;
            let window = if is_ours { settings.window } else { Window::Time(*horizon) };
            let counts = window.sum(&shared.slots(record.generation), now);
            if counts.calls > 0 {
                view.counts.push(CountsView {
                    window_s: horizon.as_secs(),
                    calls: counts.calls,
                    failures: counts.failures,
                    slow: counts.slow,
                    absent: counts.absent,
                });
            }
        }
        view
    }

    /// The breaker as its record has it, without counts.
    pub(crate) fn of_record(
        name: &str,
        record: &Record,
        settings: &Settings,
        now: Timestamp,
    ) -> Self {
        let forced = record.forced_at(now);
        let state = record.state_name(settings, now);
        let mut view = Self {
            name: name.to_owned(),
            version: record.version,
            state: state.as_str(),
            since: None,
            automatic_state: record.state.name().as_str(),
            cause: None,
            opens: record.opens,
            unavailable_since: record.unavailable_since,
            next_probe_at: None,
            ramp_ends_at: None,
            half_open: None,
            counts: Vec::new(),
            forced: forced.map(ForcedView::new),
        };
        let since = match &record.state {
            State::Closed { since, ramp_ends_at } => {
                view.ramp_ends_at = Some(*ramp_ends_at).filter(|ends_at| now < *ends_at);
                since
            }
            State::Open { since, until, cause } => {
                view.cause = Some(cause.as_str());
                if state == StateName::Open {
                    view.next_probe_at = Some(*until);
                }
                since
            }
            State::HalfOpen { since, permitted, leases, results } => {
                let leases = leases.iter().filter(|(_, lease)| now < lease.ends_at);
                view.half_open = Some(HalfOpenView {
                    permitted: *permitted,
                    settled: results.calls,
                    failures: results.failures,
                    leases: leases.map(LeaseView::new).collect(),
                });
                since
            }
        };
        view.since = (record.version > 0).then(|| forced.map_or(*since, |forced| forced.since));
        // When a forced opening ends, the next call is a probe.
        if state == StateName::ForcedOpen {
            view.next_probe_at = forced.and_then(|forced| forced.until);
        }
        view
    }

    /// When the first of the waiting events would become a dead letter; `None` if the dependency is available.
    pub(crate) fn first_dead_letter_at(&self, longest_wait: Duration) -> Option<Timestamp> {
        self.unavailable_since.map(|since| since.plus(longest_wait))
    }
}

impl LeaseView {
    fn new((environment, lease): (&String, &Lease)) -> Self {
        let Lease { permits, ends_at } = *lease;
        Self { environment: environment.clone(), permits, ends_at }
    }
}

impl ForcedView {
    fn new(forced: &Forced) -> Self {
        Self {
            to: forced.to.as_str(),
            by: forced.by.clone(),
            why: forced.why.clone(),
            since: forced.since,
            until: forced.until,
        }
    }
}

#[cfg(test)]
mod tests;
