//! Clocks that are wrong by an hour, and clocks that jump.

use std::time::Duration;

use sluicegate_breaker::{Outcome, Settings, StateName, Wait, WaitReason};

use super::Fleet;

const HOUR_S: i64 = 3_600;

/// Passes time until the environment makes a call, and says how long that took, in seconds.
#[track_caller]
fn seconds_until_a_call(fleet: &Fleet, environment: usize) -> u64 {
    for second in 0..2_000 {
        if fleet.call(environment, Outcome::Answered).is_ok() {
            return second;
        }
        fleet.pass_s(1);
    }
    panic!("no call in 2,000 seconds");
}

fn longest_s() -> u64 {
    (Settings::default().wait.longest + sluicegate_breaker::CLOCK_SKEW).as_secs()
}

#[test]
fn no_clock_makes_others_wait_for_longer_than_the_longest_wait() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.set_clock(0, HOUR_S);
    fleet.trip();
    let wait = fleet.call(1, Outcome::Answered).unwrap_err();
    assert!(wait.until.since(fleet.now()).as_secs() <= longest_s(), "{wait:?}");
    let waited = seconds_until_a_call(&fleet, 1);
    assert!(waited <= longest_s(), "{waited} s");
}

#[test]
fn a_clock_that_goes_back_by_an_hour_does_not_lengthen_a_wait() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.trip();
    fleet.set_clock(0, -HOUR_S);
    let wait = fleet.call(0, Outcome::Answered).unwrap_err();
    assert!(wait.until.since(fleet.time_of(0)).as_secs() <= longest_s(), "{wait:?}");
    let waited = seconds_until_a_call(&fleet, 0);
    assert!(waited <= longest_s(), "{waited} s");
}

/// The permits that the environment with the wrong clock has leased are given back by the others.
#[test]
fn half_open_by_a_wrong_clock_it_opens_again_when_it_was_so_for_too_long() {
    let mut fleet = Fleet::new(2, &Settings::default());
    fleet.trip();
    fleet.set_clock(0, HOUR_S);
    fleet.calls(0, 1, Outcome::Ignored);
    assert_eq!(fleet.state(0), StateName::HalfOpen);
    fleet.environments.remove(0);
    fleet.clocks.remove(0);
    let waited = seconds_until_a_call(&fleet, 0);
    assert!(waited <= 60 + longest_s(), "half-open and one wait: {waited} s");
}

#[test]
fn closed_by_a_wrong_clock_calls_ramp_up_as_fast_as_ever() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.trip();
    fleet.set_clock(0, HOUR_S);
    fleet.calls(0, 2, Outcome::Answered);
    assert_eq!(fleet.state(0), StateName::Closed);
    fleet.roll(99);
    let wait = fleet.call(1, Outcome::Answered).unwrap_err();
    assert_eq!(wait.reason, WaitReason::Ramping);
    assert!(wait.until.since(fleet.now()) <= Duration::from_secs(5), "{wait:?}");
    let waited = seconds_until_a_call(&fleet, 1);
    assert!(waited <= 10, "{waited} s");
}

/// Otherwise it would not read the store for an hour, and would miss other environments' trips, operators' acts, and
/// the store's return.
#[test]
fn an_environment_whose_clock_went_back_still_looks_at_the_store() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.set_clock(1, HOUR_S);
    fleet.calls(1, 1, Outcome::Answered);
    fleet.set_clock(1, 0);
    fleet.trip();
    assert!(fleet.call(1, Outcome::Answered).is_err(), "the other one's trip is seen");

    let fleet = Fleet::new(2, &Settings::default());
    fleet.set_clock(1, HOUR_S);
    fleet.store.set_away(true);
    fleet.calls(1, 1, Outcome::Answered);
    fleet.store.set_away(false);
    fleet.set_clock(1, 0);
    fleet.trip();
    assert!(fleet.call(1, Outcome::Answered).is_err(), "the store is back");
}

#[test]
fn an_environment_whose_clock_went_back_still_tells_of_its_calls() {
    let settings = Settings { minimum_calls: 1_000, ..Settings::default() };
    let fleet = Fleet::new(1, &settings);
    fleet.set_clock(0, HOUR_S);
    fleet.calls(0, 1, Outcome::Failed);
    assert_eq!(fleet.store.take_calls().writes, 1);
    fleet.set_clock(0, 0);
    fleet.calls(0, 1, Outcome::Failed);
    assert_eq!(fleet.store.take_calls().writes, 1);
}

#[test]
fn a_hold_is_over_in_time_though_the_clock_went_back() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.set_clock(0, HOUR_S);
    fleet.calls(0, 1, Outcome::Throttled { retry_after: Some(Duration::from_secs(7)) });
    fleet.set_clock(0, 0);
    let waited = seconds_until_a_call(&fleet, 0);
    assert!(waited <= 7, "{waited} s");
}

#[test]
fn failures_of_before_the_clock_went_back_are_not_recent_for_ever() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.set_clock(0, HOUR_S);
    fleet.calls(0, 19, Outcome::Failed);
    fleet.set_clock(0, 0);
    fleet.pass_s(1_000);
    fleet.calls(0, 1, Outcome::Failed);
    assert_eq!(fleet.state(0), StateName::Closed, "19 of the 20 are older than the window");
}

/// The slots that it published are in the places of the present, until the time has caught up with them.
#[test]
fn a_clock_that_was_an_hour_ahead_does_not_keep_others_from_counting_together() {
    let mut fleet = Fleet::new(1, &Settings::default());
    fleet.set_clock(0, HOUR_S);
    for _ in 0..10 {
        fleet.calls(0, 1, Outcome::Failed);
        fleet.pass_s(6);
    }
    fleet.environments.clear();
    fleet.clocks.clear();
    for _ in 0..10 {
        fleet.add(&Settings::default());
    }
    let mut refused: Option<Wait> = None;
    for environment in (0..10).cycle().take(30) {
        refused = refused.or(fleet.call(environment, Outcome::Failed).err());
        fleet.end_invocation(environment);
        fleet.pass(Duration::from_millis(300));
    }
    assert!(refused.is_some(), "3 calls of each of 10 environments failed, and none is refused");
}

/// An invocation ended before its call did, and the next one came hours later.
#[test]
fn a_call_that_was_frozen_with_its_environment_says_nothing() {
    let slow_call = Some(Duration::from_secs(1));
    let settings = Settings { minimum_calls: 1, slow_call, ..Settings::default() };
    for outcome in [Outcome::Failed, Outcome::Answered] {
        let fleet = Fleet::new(1, &settings);
        fleet.slow_call(0, outcome, Duration::from_secs(7_200)).unwrap();
        assert_eq!(fleet.state(0), StateName::Closed, "{outcome:?}");
    }
}

/// A call may take as long as a lease lasts: twice its limit of two seconds here, and twice the two seconds by which
/// clocks may differ.
#[test]
fn a_call_that_was_only_slow_counts() {
    let fleet = Fleet::new(1, &Settings { minimum_calls: 1, ..Settings::default() });
    fleet.slow_call(0, Outcome::Failed, Duration::from_secs(8)).unwrap();
    assert_eq!(fleet.state(0), StateName::Open);
}
