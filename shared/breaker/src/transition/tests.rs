//! Every event in every state.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::{HalfOpen, Percent, StateName};

fn at(seconds: i64) -> Moment {
    Moment { now: Timestamp::from_unix_ms(seconds * 1_000), roll: 0 }
}

/// The time of all events below, in seconds.
const NOW: i64 = 10_000;

fn time(seconds: i64) -> Timestamp {
    at(seconds).now
}

fn record(state: State) -> Record {
    Record { version: 7, state, generation: 3, opens: 1, ..Record::unwritten() }
}

fn closed() -> Record {
    record(State::Closed { since: time(NOW - 5), ramp_ends_at: time(NOW - 5) })
}

fn open(until: i64) -> Record {
    let record = record(State::Open {
        since: time(NOW - 20),
        until: time(until),
        cause: Cause::FailureRate,
    });
    Record { unavailable_since: Some(time(NOW - 20)), ..record }
}

fn half_open(since: i64) -> Record {
    let lease = Lease { permits: 2, ends_at: time(NOW + 5) };
    record(State::HalfOpen {
        since: time(since),
        permitted: 3,
        leases: BTreeMap::from([("a".to_owned(), lease)]),
        results: Counts::default(),
    })
}

fn forced(to: ForcedState) -> Forced {
    let (by, why) = ("arn:aws:iam::1:user/ann".to_owned(), "planned work".to_owned());
    Forced { to, by, why, since: time(NOW - 1), until: None }
}

fn under(to: ForcedState) -> Record {
    Record { forced: Some(forced(to)), ..closed() }
}

fn counts(calls: u32, failures: u32) -> Counts {
    Counts { calls, failures, ..Counts::default() }
}

fn lease_of(environment: &str) -> Event {
    let environment = environment.to_owned();
    Event::Lease { environment, wanted: 9, ends_at: time(NOW + 5), seen_since: time(NOW) }
}

fn settle(failures: u32) -> Event {
    Event::Settle { environment: "a".to_owned(), results: counts(2, failures) }
}

/// The name of the state after an event, or why the event is not legal.
fn next(record: &Record, event: Event) -> Result<StateName, IllegalTransition> {
    let settings = Settings::default();
    let next = step(record, event, at(NOW), &settings)?;
    assert_eq!(next.version, record.version + 1, "each write is of the next version");
    Ok(next.state_name(&settings, time(NOW)))
}

#[track_caller]
fn check(record: &Record, event: &Event, expected: Result<StateName, IllegalTransition>) {
    assert_eq!(next(record, event.clone()), expected, "{record:?}\n{event:?}");
}

#[test]
fn the_table_of_transitions() {
    use StateName::{Closed, Disabled, ForcedClosed, ForcedOpen, HalfOpen, Open};
    let trip = Event::Trip { cause: Cause::FailureRate };
    let expire = Event::Expire { seen_since: time(NOW) };
    let from_closed = IllegalTransition::State { state: "closed" };
    let from_open = IllegalTransition::State { state: "open" };
    let from_half_open = IllegalTransition::State { state: "half-open" };

    let closed = closed();
    check(&closed, &trip, Ok(Open));
    check(&closed, &lease_of("a"), Err(from_closed));
    check(&closed, &settle(0), Err(from_closed));
    check(&closed, &expire, Err(from_closed));

    let waiting = self::open(NOW + 1);
    check(&waiting, &trip, Err(from_open));
    check(&waiting, &lease_of("a"), Err(IllegalTransition::Waiting));
    check(&waiting, &settle(0), Err(from_open));
    check(&waiting, &expire, Err(from_open));
    check(&self::open(NOW), &lease_of("a"), Ok(HalfOpen));

    let probed = half_open(NOW - 1);
    check(&probed, &trip, Err(from_half_open));
    check(&probed, &lease_of("b"), Ok(HalfOpen));
    check(&probed, &settle(0), Ok(Closed));
    check(&probed, &settle(1), Ok(HalfOpen));
    check(&probed, &settle(2), Ok(Open));
    check(&probed, &expire, Err(IllegalTransition::TooEarly));
    let nobodys = Event::Settle { environment: "z".to_owned(), results: counts(2, 0) };
    check(&probed, &nobodys, Err(IllegalTransition::NoLease));
    check(&half_open(NOW - 60), &expire, Ok(Open));
    check(&half_open(NOW - 60), &lease_of("b"), Err(IllegalTransition::NoPermit));

    for record in [closed, waiting, probed] {
        check(&record, &Event::Force(forced(ForcedState::Open)), Ok(ForcedOpen));
        check(&record, &Event::Force(forced(ForcedState::Closed)), Ok(ForcedClosed));
        check(&record, &Event::Force(forced(ForcedState::Disabled)), Ok(Disabled));
        check(&record, &Event::Release, Err(IllegalTransition::NotForced));
        check(&record, &Event::Reset, Ok(Closed));
    }
    for to in ForcedState::ALL {
        let record = under(to);
        for event in [trip.clone(), lease_of("a"), settle(0), expire.clone()] {
            check(&record, &event, Err(IllegalTransition::Forced));
        }
        check(&record, &Event::Release, Ok(Closed));
        check(&record, &Event::Reset, Ok(Closed));
    }
}

#[test]
fn forced_open_ends_with_probes_and_forced_closed_with_a_new_life() {
    let settings = Settings::default();
    let until = Some(time(NOW + 60));
    let act = Event::Force(Forced { until, ..forced(ForcedState::Open) });
    let record = step(&closed(), act, at(NOW), &settings).unwrap();
    assert_eq!(record.state_name(&settings, time(NOW + 59)), StateName::ForcedOpen);
    assert_eq!(record.state_name(&settings, time(NOW + 60)), StateName::Open);
    let early = step(&record, lease_of("a"), at(NOW + 59), &settings);
    assert_eq!(early, Err(IllegalTransition::Forced));
    let probed = step(&record, lease_of("a"), at(NOW + 60), &settings).unwrap();
    assert_eq!(probed.state.name(), StateName::HalfOpen);
    assert_eq!(probed.forced, None);

    // A breaker that is released early has no wait left, even if another act had replaced the first one.
    let act = Event::Force(Forced { until, ..forced(ForcedState::Disabled) });
    let disabled = step(&record, act, at(NOW + 1), &settings).unwrap();
    for record in [&record, &disabled] {
        let released = step(record, Event::Release, at(NOW + 1), &settings).unwrap();
        assert_eq!(released.state_name(&settings, time(NOW + 1)), StateName::Open);
        let probed = step(&released, lease_of("a"), at(NOW + 1), &settings).unwrap();
        assert_eq!(probed.state.name(), StateName::HalfOpen);
    }

    let act = Event::Force(forced(ForcedState::Closed));
    let record = step(&open(NOW + 99), act, at(NOW), &settings).unwrap();
    let released = step(&record, Event::Release, at(NOW + 1), &settings).unwrap();
    assert_eq!(released.state_name(&settings, time(NOW + 1)), StateName::Closed);
    assert_eq!((released.generation, released.opens), (4, 0));
}

#[test]
fn half_open_for_too_long_what_is_known_decides() {
    let expire = Event::Expire { seen_since: time(NOW) };
    let settings = Settings { absent_rate: Percent::try_from(50).ok(), ..Settings::default() };
    let after = |results| {
        let mut record = half_open(NOW - 60);
        if let State::HalfOpen { results: known, .. } = &mut record.state {
            *known = results;
        }
        step(&record, expire.clone(), at(NOW), &settings).unwrap().state
    };
    assert_eq!(after(counts(1, 0)).name(), StateName::Closed);
    let cause = |state| match state {
        State::Open { cause, .. } => cause,
        _ => panic!("{state:?}"),
    };
    assert_eq!(cause(after(counts(2, 1))), Cause::FailureRate);
    assert_eq!(cause(after(counts(0, 0))), Cause::Undecided);
}

/// The environment's own clock counts if the clock that wrote the record was wrong.
#[test]
fn what_an_environment_has_seen_for_long_enough_is_over() {
    let settings = Settings::default();
    let (open, half_open) = (open(NOW + 3_600), half_open(NOW + 3_600));
    let lease = |seen_since| {
        let seen_since = time(seen_since);
        Event::Lease { environment: "b".to_owned(), wanted: 1, ends_at: time(NOW + 5), seen_since }
    };
    let expire = |seen_since| Event::Expire { seen_since: time(seen_since) };
    assert_eq!(step(&open, lease(NOW - 301), at(NOW), &settings), Err(IllegalTransition::Waiting));
    assert!(step(&open, lease(NOW - 302), at(NOW), &settings).is_ok());
    assert!(step(&half_open, lease(NOW - 59), at(NOW), &settings).is_ok());
    assert_eq!(
        step(&half_open, lease(NOW - 60), at(NOW), &settings),
        Err(IllegalTransition::NoPermit)
    );
    assert_eq!(
        step(&half_open, expire(NOW - 59), at(NOW), &settings),
        Err(IllegalTransition::TooEarly)
    );
    assert!(step(&half_open, expire(NOW - 60), at(NOW), &settings).is_ok());
}

#[test]
fn an_open_wait_outlasts_the_leases_that_are_out() {
    let settings = Settings::default();
    let until = |lease_ends: i64| {
        let mut record = half_open(NOW - 60);
        if let State::HalfOpen { leases, .. } = &mut record.state {
            leases.insert("b".to_owned(), Lease { permits: 1, ends_at: time(lease_ends) });
        }
        let expire = Event::Expire { seen_since: time(NOW) };
        match step(&record, expire, at(NOW), &settings).unwrap().state {
            State::Open { until, .. } => until.since(time(NOW)).as_secs(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((until(NOW + 29), until(NOW + 31)), (30, 31));
    assert_eq!(until(NOW + 3_600), 300, "no longer than the longest wait");
    let force = Event::Force(forced(ForcedState::Open));
    let forced = step(&half_open(NOW), force, at(NOW), &settings).unwrap();
    assert!(matches!(forced.state, State::Open { until, .. } if until == time(NOW + 5)));
}

#[test]
fn each_wait_in_a_row_is_longer_until_a_lasting_recovery() {
    let settings = Settings::default();
    let trip = Event::Trip { cause: Cause::FailureRate };
    let wait = |record: &Record| match record.state {
        State::Open { since, until, .. } => until.since(since).as_secs(),
        _ => panic!("{record:?}"),
    };
    let first = step(&closed(), trip.clone(), at(NOW), &settings).unwrap();
    assert_eq!((first.opens, wait(&first)), (2, 30), "it had opened before");
    let probed = step(&first, lease_of("a"), at(NOW + 30), &settings).unwrap();
    let failed = Event::Settle { environment: "a".to_owned(), results: counts(3, 3) };
    let second = step(&probed, failed, at(NOW + 31), &settings).unwrap();
    assert_eq!((second.opens, wait(&second)), (3, 60));
    assert_eq!(second.unavailable_since, Some(time(NOW)), "since the first of them");
    let probed = step(&second, lease_of("a"), at(NOW + 91), &settings).unwrap();
    let well = Event::Settle { environment: "a".to_owned(), results: counts(3, 0) };
    let recovered = step(&probed, well, at(NOW + 92), &settings).unwrap();
    let ramp = match recovered.state {
        State::Closed { since, ramp_ends_at } => ramp_ends_at.since(since).as_secs(),
        _ => panic!("{recovered:?}"),
    };
    assert_eq!((ramp, recovered.unavailable_since, recovered.generation), (30, None, 4));
    let soon = step(&recovered, trip.clone(), at(NOW + 92 + 599), &settings).unwrap();
    assert_eq!((soon.opens, wait(&soon)), (4, 120));
    let later = step(&recovered, trip, at(NOW + 92 + 600), &settings).unwrap();
    assert_eq!((later.opens, wait(&later)), (1, 15));
}

#[test]
fn permits_are_as_many_as_are_neither_used_nor_out() {
    let settings = Settings {
        half_open: HalfOpen { permitted_calls: 5, longest: Duration::from_secs(60) },
        ..Settings::default()
    };
    let lease = |environment: &str, wanted| {
        let environment = environment.to_owned();
        Event::Lease { environment, wanted, ends_at: time(NOW + 5), seen_since: time(NOW) }
    };
    let permits = |record: &Record, environment: &str| match &record.state {
        State::HalfOpen { leases, .. } => leases.get(environment).map(|lease| lease.permits),
        _ => panic!("{record:?}"),
    };
    let record = step(&open(NOW), lease("a", 2), at(NOW), &settings).unwrap();
    let record = step(&record, lease("b", 9), at(NOW), &settings).unwrap();
    assert_eq!((permits(&record, "a"), permits(&record, "b")), (Some(2), Some(3)));
    assert_eq!(
        step(&record, lease("c", 1), at(NOW + 4), &settings),
        Err(IllegalTransition::NoPermit)
    );
    let settled = Event::Settle { environment: "b".to_owned(), results: counts(1, 0) };
    let record = step(&record, settled, at(NOW + 1), &settings).unwrap();
    let record = step(&record, lease("c", 9), at(NOW + 1), &settings).unwrap();
    assert_eq!(permits(&record, "c"), Some(2), "one of five is used, and two are out");
    let crashed = step(&record, lease("d", 9), at(NOW + 5), &settings).unwrap();
    assert_eq!(permits(&crashed, "d"), Some(4), "what was not settled in time is given back");
    let late = Event::Settle { environment: "a".to_owned(), results: counts(2, 0) };
    assert_eq!(step(&crashed, late, at(NOW + 5), &settings), Err(IllegalTransition::NoLease));
}

proptest::proptest! {
    /// An early decision is the one that would be made after all permitted probes.
    #[test]
    fn an_early_verdict_is_the_verdict_of_all(
        failed in proptest::collection::vec(proptest::bool::ANY, 1..12),
        slow in proptest::collection::vec(proptest::bool::ANY, 12),
        rate in 1_u8..=100,
        slow_rate in 1_u8..=100,
    ) {
        let settings = Settings {
            failure_rate: rate.try_into().unwrap(),
            slow_call: Some(Duration::from_secs(1)),
            slow_call_rate: slow_rate.try_into().unwrap(),
            ..Settings::default()
        };
        let permitted = u32::try_from(failed.len()).unwrap();
        let mut results = Counts::default();
        let mut early = Verdict::Undecided;
        for (failed, slow) in failed.iter().zip(slow) {
            let (failures, slow) = (u32::from(*failed), u32::from(slow));
            results = results.plus(Counts { calls: 1, failures, slow, absent: 0 });
            if early == Verdict::Undecided {
                early = verdict(results, permitted, &settings);
            }
        }
        let is_away = |share: u32, of: u8| share > 0 && share * 100 >= u32::from(of) * permitted;
        let all = is_away(results.failures, rate) || is_away(results.slow, slow_rate);
        proptest::prop_assert_eq!(matches!(early, Verdict::Unavailable(_)), all);
        proptest::prop_assert_eq!(early == Verdict::Recovered, !all);
    }
}
