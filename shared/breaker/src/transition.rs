//! The legal transitions of a breaker's record.
//!
//! | state | event | next |
//! | --- | --- | --- |
//! | closed | a rate is reached | open |
//! | open, its wait over | an environment leases permits | half-open |
//! | half-open | an environment leases permits that are free | half-open |
//! | half-open | results settle, and leave it undecided | half-open |
//! | half-open | results settle: a rate is reached, whatever the other probes do | open, for longer |
//! | half-open | results settle: no rate can be reached any more | closed, ramping |
//! | half-open for too long, and the results so far reach no rate | any environment notices | closed, ramping |
//! | half-open for too long, and they reach one, or there are none | any environment notices | open, for longer |
//! | any | an operator forces it open | forced-open; afterwards open, its wait over |
//! | any | an operator forces it closed | forced-closed; afterwards closed |
//! | any | an operator disables it | disabled; afterwards as it was |
//! | forced or disabled | an operator releases it, or the act's time is over | as above |
//! | any | an operator resets it | closed |
//!
//! Any other combination is [`IllegalTransition`]. While an operator's act is in force, nothing else changes the record.
//!
//! The times in a record come from the clock of the environment that wrote it, and that clock may be wrong. Each
//! environment therefore also says since when it has seen the present state, by its own clock. With that, a wrong
//! clock delays calls only for a limited time.

use std::collections::BTreeMap;
use std::time::Duration;

use event::Timestamp;

use crate::{Cause, Counts, EnvironmentId, Forced, ForcedState, Lease, Record, Settings, State};

/// Something that may change a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A rate is reached.
    Trip {
        /// Which one.
        cause: Cause,
    },
    /// An environment wants permits for probes.
    Lease {
        /// The environment that wants them.
        environment: EnvironmentId,
        /// The most permits that it wants.
        wanted: u32,
        /// When its lease is to end.
        ends_at: Timestamp,
        /// Since when the environment has seen the breaker in its present state.
        seen_since: Timestamp,
    },
    /// An environment's probes have ended. Permits that it did not use are free again.
    Settle {
        /// The environment that made the probes.
        environment: EnvironmentId,
        /// What came of them.
        results: Counts,
    },
    /// The breaker has been half-open for too long without a decision.
    Expire {
        /// Since when the environment has seen the breaker half-open.
        seen_since: Timestamp,
    },
    /// An operator forces a state.
    Force(Forced),
    /// An operator ends the act that is in force.
    Release,
    /// An operator closes the breaker, ends any act, and forgets how often it had opened.
    Reset,
}

/// The time at which something happens, and a random number that spreads waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time by the environment's own clock.
    pub now: Timestamp,
    /// Any number.
    pub roll: u64,
}

/// Why an event cannot change a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalTransition {
    /// The event is not legal in the breaker's state.
    #[error("the breaker is {state}, which does not allow this")]
    State {
        /// The name of that state.
        state: &'static str,
    },
    /// An operator's act is in force, and nothing else changes the record.
    #[error("an operator's act is in force")]
    Forced,
    /// There is no operator's act to release.
    #[error("no operator's act is in force")]
    NotForced,
    /// The breaker is open and its wait is not over.
    #[error("the breaker's wait is not over")]
    Waiting,
    /// All permits for probes are used or leased.
    #[error("no permit is free")]
    NoPermit,
    /// The environment that settles probes has no lease: it has ended, or the breaker's state has changed.
    #[error("the environment has no lease")]
    NoLease,
    /// The breaker has not been half-open for long enough to decide without more probes.
    #[error("the breaker has not been half-open for that long")]
    TooEarly,
}

/// The record after an event, with the next version.
///
/// # Errors
/// [`IllegalTransition`] if the table above has no such line.
pub fn step(
    record: &Record,
    event: Event,
    at: Moment,
    settings: &Settings,
) -> Result<Record, IllegalTransition> {
    let is_of_operator = matches!(event, Event::Force(_) | Event::Release | Event::Reset);
    if !is_of_operator && record.forced_at(at.now).is_some() {
        return Err(IllegalTransition::Forced);
    }
    // Version 0 means that there is no record, so it is skipped.
    let version = record.version.checked_add(1).unwrap_or(1);
    let mut next = Record { version, ..record.clone() };
    if !is_of_operator {
        // There may still be an act whose time is over.
        next.forced = None;
    }
    match event {
        Event::Trip { cause } => trip(&mut next, cause, at, settings)?,
        Event::Lease { environment, wanted, ends_at, seen_since } => {
            begin_half_open(&mut next, seen_since, at.now, settings)?;
            lease(&mut next, environment, Lease { permits: wanted, ends_at }, at.now)?;
        }
        Event::Settle { environment, results } => {
            settle(&mut next, &environment, results, at, settings)?;
        }
        Event::Expire { seen_since } => expire(&mut next, seen_since, at, settings)?,
        Event::Force(forced) => force(&mut next, forced, at.now),
        Event::Release => {
            next.forced.take().ok_or(IllegalTransition::NotForced)?;
        }
        Event::Reset => {
            next.forced = None;
            close(&mut next, at.now, Duration::ZERO);
            next.opens = 0;
        }
    }
    Ok(next)
}

fn trip(
    next: &mut Record,
    cause: Cause,
    at: Moment,
    settings: &Settings,
) -> Result<(), IllegalTransition> {
    let State::Closed { since, .. } = next.state else { return Err(illegal(&next.state)) };
    if since.plus(settings.wait.recovery) <= at.now {
        next.opens = 0;
    }
    next.unavailable_since = Some(at.now);
    open(next, cause, at, settings);
    Ok(())
}

/// Whether the breaker has been half-open for too long, by the clock that wrote `since` or by one's own.
pub(crate) fn is_half_open_too_long(
    since: Timestamp,
    seen_since: Timestamp,
    now: Timestamp,
    settings: &Settings,
) -> bool {
    since.min(seen_since).plus(settings.half_open.longest) <= now
}

/// An open breaker becomes half-open once its wait is over. A half-open one stays so until it is too long.
fn begin_half_open(
    next: &mut Record,
    seen_since: Timestamp,
    now: Timestamp,
    settings: &Settings,
) -> Result<(), IllegalTransition> {
    match next.state {
        State::Open { until, .. } if now < settings.open_until(until, seen_since) => {
            Err(IllegalTransition::Waiting)
        }
        State::Open { .. } => {
            let permitted = settings.half_open.permitted_calls.max(1);
            let (leases, results) = (BTreeMap::new(), Counts::default());
            next.state = State::HalfOpen { since: now, permitted, leases, results };
            Ok(())
        }
        State::HalfOpen { since, .. }
            if is_half_open_too_long(since, seen_since, now, settings) =>
        {
            Err(IllegalTransition::NoPermit)
        }
        State::HalfOpen { .. } | State::Closed { .. } => Ok(()),
    }
}

/// Leases the free permits, as many as are wanted: those that are neither used nor leased.
fn lease(
    next: &mut Record,
    environment: EnvironmentId,
    wanted: Lease,
    now: Timestamp,
) -> Result<(), IllegalTransition> {
    let State::HalfOpen { permitted, leases, results, .. } = &mut next.state else {
        return Err(illegal(&next.state));
    };
    leases.retain(|holder, lease| *holder != environment && now < lease.ends_at);
    let mut taken = results.calls;
    for lease in leases.values() {
        taken = taken.saturating_add(lease.permits);
    }
    let permits = permitted.saturating_sub(taken).min(wanted.permits);
    if permits == 0 {
        return Err(IllegalTransition::NoPermit);
    }
    leases.insert(environment, Lease { permits, ..wanted });
    Ok(())
}

fn settle(
    next: &mut Record,
    environment: &EnvironmentId,
    settled: Counts,
    at: Moment,
    settings: &Settings,
) -> Result<(), IllegalTransition> {
    let State::HalfOpen { permitted, leases, results, .. } = &mut next.state else {
        return Err(illegal(&next.state));
    };
    leases.remove(environment).ok_or(IllegalTransition::NoLease)?;
    *results = results.plus(settled);
    match verdict(*results, *permitted, settings) {
        Verdict::Undecided => {}
        Verdict::Unavailable(cause) => open(next, cause, at, settings),
        Verdict::Recovered => recover(next, at.now, settings),
    }
    Ok(())
}

/// What the probes say about the dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Undecided,
    Recovered,
    Unavailable(Cause),
}

/// Decides as soon as the probes that are still permitted cannot change the decision. resilience4j waits for all of
/// them, and decides the same.
fn verdict(results: Counts, permitted: u32, settings: &Settings) -> Verdict {
    if let Some(cause) = results.rate_reached(settings, permitted) {
        return Verdict::Unavailable(cause);
    }
    let rest = permitted.saturating_sub(results.calls);
    let worst = Counts {
        calls: permitted,
        failures: results.failures.saturating_add(rest),
        slow: results.slow.saturating_add(if settings.slow_call.is_some() { rest } else { 0 }),
        absent: results.absent.saturating_add(rest),
    };
    match worst.rate_reached(settings, permitted) {
        Some(_) => Verdict::Undecided,
        None => Verdict::Recovered,
    }
}

/// Decides by the probes so far. With few calls they are fewer than are permitted, and a breaker that waited for the
/// rest of them would never close.
fn expire(
    next: &mut Record,
    seen_since: Timestamp,
    at: Moment,
    settings: &Settings,
) -> Result<(), IllegalTransition> {
    let State::HalfOpen { since, results, .. } = next.state else {
        return Err(illegal(&next.state));
    };
    if !is_half_open_too_long(since, seen_since, at.now, settings) {
        return Err(IllegalTransition::TooEarly);
    }
    match results.rate_reached(settings, results.calls) {
        None if results.calls > 0 => recover(next, at.now, settings),
        cause => open(next, cause.unwrap_or(Cause::Undecided), at, settings),
    }
    Ok(())
}

fn force(next: &mut Record, forced: Forced, now: Timestamp) {
    match forced.to {
        // Once it is released, probes are made at once. But they wait for the end of the probes that were under way
        // when it was first forced open, so that there are never more than are permitted.
        ForcedState::Open => {
            let until = match next.state {
                State::Open { until, cause: Cause::Operator, .. } => until,
                _ => leases_end(&next.state).map_or(now, |end| end.max(now)),
            };
            next.state = State::Open { since: now, until, cause: Cause::Operator };
            next.unavailable_since.get_or_insert(now);
        }
        ForcedState::Closed => {
            close(next, now, Duration::ZERO);
            next.opens = 0;
        }
        ForcedState::Disabled => {}
    }
    next.forced = Some(forced);
}

/// Opens the breaker for a wait, and for as long as probes may be under way. Otherwise the next probes could be made
/// beside these, and would be more than are permitted.
fn open(next: &mut Record, cause: Cause, at: Moment, settings: &Settings) {
    next.opens = next.opens.saturating_add(1);
    let wait_ends = at.now.plus(settings.wait.of(next.opens, at.roll));
    let latest = at.now.plus(settings.wait.longest);
    let until = leases_end(&next.state).map_or(wait_ends, |end| end.min(latest).max(wait_ends));
    next.state = State::Open { since: at.now, until, cause };
}

/// When the last lease ends, if there is one.
fn leases_end(state: &State) -> Option<Timestamp> {
    let State::HalfOpen { leases, .. } = state else { return None };
    leases.values().map(|lease| lease.ends_at).max()
}

/// Closes the breaker after probes did well; the calls ramp up.
fn recover(next: &mut Record, now: Timestamp, settings: &Settings) {
    let wait = settings.wait.whole(next.opens);
    close(next, now, settings.ramp.min(wait / 2));
}

/// Closes the breaker. Probes that are under way become calls like any other. If it opens again, the next probes do not
/// wait for them, because a closed breaker may have let any number of other calls through.
fn close(next: &mut Record, now: Timestamp, ramp: Duration) {
    next.state = State::Closed { since: now, ramp_ends_at: now.plus(ramp) };
    next.generation = next.generation.wrapping_add(1);
    next.unavailable_since = None;
}

fn illegal(state: &State) -> IllegalTransition {
    IllegalTransition::State { state: state.name().as_str() }
}

#[cfg(test)]
mod tests;
