//! What environments share with each other.

use std::time::Duration;

use sluicegate_breaker::{Outcome, Percent, Settings, StateName, Window};

use super::Fleet;

#[test]
fn while_no_call_fails_nothing_is_written_and_the_store_is_read_once_a_second() {
    let half = Percent::try_from(50).ok();
    let slow_call = Some(Duration::from_secs(1));
    for settings in
        [Settings::default(), Settings { absent_rate: half, slow_call, ..Settings::default() }]
    {
        let fleet = Fleet::new(1, &settings);
        for _ in 0..1_000 {
            fleet.calls(0, 1, Outcome::Answered);
            fleet.end_invocation(0);
            fleet.pass(Duration::from_millis(10));
        }
        let calls = fleet.store.take_calls();
        assert_eq!((calls.reads, calls.writes), (10, 0), "{settings:?}");
    }
}

/// If a rate of them is set, absent answers are published as failures are.
#[test]
fn absent_answers_count_over_environments_of_which_each_sees_few() {
    let settings = Settings { absent_rate: Percent::try_from(50).ok(), ..Settings::default() };
    let fleet = Fleet::new(4, &settings);
    for _ in 0..5 {
        for environment in 0..4 {
            let _ = fleet.call(environment, Outcome::Absent);
            fleet.end_invocation(environment);
        }
        fleet.pass_s(1);
    }
    assert!(fleet.call(0, Outcome::Answered).is_err(), "20 of 20 answers had nothing");
}

#[test]
fn one_environments_trip_opens_it_for_all_within_the_interval() {
    let fleet = Fleet::new(3, &Settings::default());
    fleet.calls(1, 1, Outcome::Answered);
    fleet.trip();
    fleet.pass_s(1);
    for environment in 1..3 {
        assert!(fleet.call(environment, Outcome::Answered).is_err());
        assert_eq!(fleet.state(environment), StateName::Open);
    }
}

#[test]
fn failures_count_over_environments_of_which_each_sees_few() {
    for window in [Window::Count(100), Window::Time(Duration::from_secs(30))] {
        failures_count_together(&Settings { window, ..Settings::default() });
    }
}

#[track_caller]
fn failures_count_together(settings: &Settings) {
    let fleet = Fleet::new(10, settings);
    for round in 0..2 {
        for environment in 0..10 {
            if fleet.call(environment, Outcome::Failed).is_err() {
                assert!(round > 0, "{environment} of round {round}");
            }
            fleet.end_invocation(environment);
            fleet.pass(Duration::from_millis(200));
        }
    }
    fleet.pass_s(1);
    assert!(fleet.call(0, Outcome::Answered).is_err());
    assert_eq!(fleet.state(0), StateName::Open, "none has made more than two calls");
    let horizons: Vec<_> = fleet.store.snapshot("weather").counts.into_keys().collect();
    assert_eq!(horizons, [settings.window.horizon()]);
}

/// The environments that saw the failures published them when they froze, and none of them saw enough of them alone.
#[test]
fn one_that_has_not_failed_itself_trips_by_what_others_told() {
    let fleet = Fleet::new(3, &Settings::default());
    for environment in [0, 1] {
        fleet.calls(environment, 12, Outcome::Failed);
    }
    fleet.pass_s(1);
    for environment in [0, 1] {
        fleet.end_invocation(environment);
        assert_eq!(fleet.state(environment), StateName::Closed);
    }
    assert!(fleet.call(2, Outcome::Answered).is_err());
    assert_eq!(fleet.state(2), StateName::Open);
}

/// Otherwise the fleet would know only of the few failures of one environment.
#[test]
fn once_one_tells_of_a_failure_all_tell_of_their_calls_at_most_once_a_second() {
    let settings = Settings { minimum_calls: 30, ..Settings::default() };
    let fleet = Fleet::new(3, &settings);
    fleet.calls(2, 1, Outcome::Answered);
    fleet.calls(0, 10, Outcome::Failed);
    let told = fleet.store.take_calls().writes;
    assert_eq!(told, 1, "ten failures within a second");
    fleet.pass_s(1);
    for _ in 0..20 {
        fleet.calls(1, 1, Outcome::Answered);
        fleet.calls(2, 1, Outcome::Answered);
        fleet.end_invocation(1);
        fleet.end_invocation(2);
    }
    assert_eq!(fleet.store.take_calls().writes, 2);
    fleet.pass_s(1);
    fleet.calls(0, 1, Outcome::Answered);
    fleet.calls(1, 1, Outcome::Answered);
    fleet.end_invocation(1);
    let counts = &fleet.store.snapshot("weather").counts[&Window::COUNT_HORIZON];
    let calls: u32 = counts.slots(0).values().map(|counts| counts.calls).sum();
    assert!(calls > 30, "{counts:?}");
    assert_eq!(fleet.state(1), StateName::Closed, "10 of more than 30 failed");
}

#[test]
fn an_open_breaker_is_told_of_no_calls() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.calls(0, 1, Outcome::Failed);
    fleet.pass(Duration::from_millis(500));
    fleet.calls(0, 19, Outcome::Failed);
    assert_eq!(fleet.store.take_calls().writes, 2, "the first failure, and the trip");
    fleet.pass_s(1);
    fleet.end_invocation(0);
    assert!(fleet.call(0, Outcome::Answered).is_err());
    assert_eq!(fleet.store.take_calls().writes, 0);
}

#[test]
fn what_is_left_of_a_lease_is_given_back_at_the_end_of_an_invocation() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.trip();
    fleet.pass_s(15);
    fleet.calls(0, 1, Outcome::Ignored);
    assert!(fleet.call(1, Outcome::Answered).is_err(), "all permits are out");
    fleet.end_invocation(0);
    fleet.pass_s(1);
    fleet.calls(1, 2, Outcome::Answered);
    assert_eq!(fleet.state(1), StateName::Closed);
}

#[test]
fn two_versions_of_the_settings_share_an_open_breaker() {
    let mut fleet = Fleet::new(1, &Settings::default());
    fleet.trip();
    let window = Window::Time(Duration::from_secs(300));
    fleet.add(&Settings { window, minimum_calls: 7, ..Settings::default() });
    let wait = fleet.call(1, Outcome::Answered).unwrap_err();
    assert_eq!(wait.until.since(fleet.now()), Duration::from_secs(15));
    fleet.pass_s(15);
    fleet.calls(1, 2, Outcome::Answered);
    fleet.pass_s(1);
    fleet.roll(0);
    fleet.calls(0, 1, Outcome::Answered);
    assert_eq!(fleet.state(0), StateName::Closed);
}
