//! The legal transitions of a breaker's record.
//!
//! | state | event | next |
//! | --- | --- | --- |
//! | closed | a rate is reached | open |
//! | open, its wait over | an environment leases permits | half-open |
//! | half-open | an environment leases permits that are free | half-open |
//! | half-open | results settle, and leave it undecided | half-open |
//! | half-open | results settle: a rate is reached, whatever the rest would do | open, for longer |
//! | half-open | results settle: no rate can be reached any more | closed, ramping |
//! | half-open for too long | anyone sees it | open, for longer |
//! | any | an operator forces it open | forced-open; afterwards open, its wait over |
//! | any | an operator forces it closed | forced-closed; afterwards closed |
//! | any | an operator disables it | disabled; afterwards as it was |
//! | forced or disabled | an operator releases it, or the act's time is over | as above |
//! | any | an operator resets it | closed |
//!
//! All else is [`Illegal`]. Under an operator's act nothing happens by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use event::Timestamp;

use crate::{Cause, Counts, EnvironmentId, Forced, ForcedState, Lease, Record, Settings, State};

/// Something that may change a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    Trip {
        cause: Cause,
    },
    /// An environment wants up to so many permits for probes, which end by a time.
    Lease {
        environment: EnvironmentId,
        wanted: u32,
        ends_at: Timestamp,
    },
    /// What came of an environment's probes. Its permits that were not used are given back.
    Settle {
        environment: EnvironmentId,
        results: Counts,
    },
    /// Nobody has decided for too long.
    Expire,
    Force(Forced),
    Release,
    Reset,
}

/// When something happens, and a number that nobody chose: it spreads waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub now: Timestamp,
    pub roll: u64,
}

/// The record, as it is, does not let that happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    #[error("the breaker is {state}, and does not change so from there")]
    State { state: &'static str },
    #[error("an operator's act is in force")]
    Forced,
    #[error("no operator's act is in force")]
    NotForced,
    #[error("the breaker's wait is not over")]
    Waiting,
    #[error("no permit is free")]
    NoPermit,
    #[error("the environment has no lease")]
    NoLease,
    #[error("the breaker has not been half-open for that long")]
    TooEarly,
}

/// The record after an event, of the next version.
///
/// # Errors
/// [`Illegal`], when the table above has no such line.
pub fn step(
    record: &Record,
    event: Event,
    at: Moment,
    settings: &Settings,
) -> Result<Record, Illegal> {
    let is_of_operator = matches!(event, Event::Force(_) | Event::Release | Event::Reset);
    if !is_of_operator && record.forced_at(at.now).is_some() {
        return Err(Illegal::Forced);
    }
    let mut next = Record { version: record.version + 1, ..record.clone() };
    if !is_of_operator {
        // Its time is over.
        next.forced = None;
    }
    match event {
        Event::Trip { cause } => trip(&mut next, cause, at, settings)?,
        Event::Lease { environment, wanted, ends_at } => {
            lease(&mut next, environment, wanted, ends_at, at.now, settings)?;
        }
        Event::Settle { environment, results } => {
            settle(&mut next, &environment, results, at, settings)?;
        }
        Event::Expire => expire(&mut next, at, settings)?,
        Event::Force(forced) => force(&mut next, forced, at.now),
        Event::Release => {
            next.forced.take().ok_or(Illegal::NotForced)?;
            end_operators_wait(&mut next, at.now);
        }
        Event::Reset => {
            next.forced = None;
            close(&mut next, at.now, Duration::ZERO);
            next.opens = 0;
        }
    }
    Ok(next)
}

fn trip(next: &mut Record, cause: Cause, at: Moment, settings: &Settings) -> Result<(), Illegal> {
    let State::Closed { since, .. } = next.state else { return Err(illegal(&next.state)) };
    if since.plus(settings.wait.recovery) <= at.now {
        next.opens = 0;
    }
    next.unavailable_since = Some(at.now);
    open(next, cause, at, settings);
    Ok(())
}

fn lease(
    next: &mut Record,
    environment: EnvironmentId,
    wanted: u32,
    ends_at: Timestamp,
    now: Timestamp,
    settings: &Settings,
) -> Result<(), Illegal> {
    if let State::Open { until, .. } = next.state {
        if now < until {
            return Err(Illegal::Waiting);
        }
        let permitted = settings.half_open.permitted_calls.max(1);
        let (leases, results) = (BTreeMap::new(), Counts::default());
        next.state = State::HalfOpen { since: now, permitted, leases, results };
    }
    let State::HalfOpen { since, permitted, leases, results } = &mut next.state else {
        return Err(illegal(&next.state));
    };
    if since.plus(settings.half_open.longest) <= now {
        return Err(Illegal::NoPermit);
    }
    leases.retain(|holder, lease| *holder != environment && now < lease.ends_at);
    let leased: u32 = leases.values().map(|lease| lease.permits).sum();
    let permits = permitted.saturating_sub(results.calls + leased).min(wanted);
    if permits == 0 {
        return Err(Illegal::NoPermit);
    }
    leases.insert(environment, Lease { permits, ends_at });
    Ok(())
}

fn settle(
    next: &mut Record,
    environment: &EnvironmentId,
    settled: Counts,
    at: Moment,
    settings: &Settings,
) -> Result<(), Illegal> {
    let State::HalfOpen { permitted, leases, results, .. } = &mut next.state else {
        return Err(illegal(&next.state));
    };
    leases.remove(environment).ok_or(Illegal::NoLease)?;
    *results = results.plus(settled);
    match verdict(*results, *permitted, settings) {
        Verdict::Undecided => {}
        Verdict::Unavailable(cause) => open(next, cause, at, settings),
        Verdict::Recovered => {
            let wait = settings.wait.whole(next.opens);
            close(next, at.now, settings.ramp.min(wait / 2));
        }
    }
    Ok(())
}

/// What probes say of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Undecided,
    Recovered,
    Unavailable(Cause),
}

/// Decided as soon as the calls that are still permitted could not change it. (resilience4j waits for
/// all of them, and decides the same.)
pub(crate) fn verdict(results: Counts, permitted: u32, settings: &Settings) -> Verdict {
    if let Some(cause) = results.rate_reached(settings, permitted) {
        return Verdict::Unavailable(cause);
    }
    let rest = permitted.saturating_sub(results.calls);
    let worst = Counts {
        calls: permitted,
        failures: results.failures + rest,
        slow: results.slow + if settings.slow_call.is_some() { rest } else { 0 },
        absent: results.absent + rest,
    };
    match worst.rate_reached(settings, permitted) {
        Some(_) => Verdict::Undecided,
        None => Verdict::Recovered,
    }
}

fn expire(next: &mut Record, at: Moment, settings: &Settings) -> Result<(), Illegal> {
    let State::HalfOpen { since, .. } = next.state else { return Err(illegal(&next.state)) };
    if at.now < since.plus(settings.half_open.longest) {
        return Err(Illegal::TooEarly);
    }
    open(next, Cause::Undecided, at, settings);
    Ok(())
}

fn force(next: &mut Record, forced: Forced, now: Timestamp) {
    match forced.to {
        // Once it is released, probes say whether the dependency is there.
        ForcedState::Open => {
            let until = forced.until.unwrap_or(now);
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

/// What was forced open for a time, and is released before, is probed by the next call.
fn end_operators_wait(next: &mut Record, now: Timestamp) {
    if let State::Open { until, cause: Cause::Operator, .. } = &mut next.state {
        *until = now.min(*until);
    }
}

fn open(next: &mut Record, cause: Cause, at: Moment, settings: &Settings) {
    next.opens = next.opens.saturating_add(1);
    let until = at.now.plus(settings.wait.of(next.opens, at.roll));
    next.state = State::Open { since: at.now, until, cause };
}

fn close(next: &mut Record, now: Timestamp, ramp: Duration) {
    next.state = State::Closed { since: now, ramp_ends_at: now.plus(ramp) };
    next.generation += 1;
    next.unavailable_since = None;
}

fn illegal(state: &State) -> Illegal {
    Illegal::State { state: state.name().as_str() }
}

#[cfg(test)]
mod tests;
