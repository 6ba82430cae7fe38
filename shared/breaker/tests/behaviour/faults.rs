//! Faults that other circuit breakers have had.

use std::time::Duration;

use futures_util::FutureExt;
use sluicegate_breaker::{OpenWait, Outcome, Settings, StateName, WaitReason};

use super::{Fleet, LIMIT};

/// In resilience4j, breakers stayed half-open after an ignored error, because its permit was lost.
#[test]
fn an_ignored_probe_gives_its_permit_back() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.trip();
    fleet.pass_s(15);
    fleet.calls(0, 5, Outcome::Ignored);
    assert_eq!(fleet.state(0), StateName::HalfOpen);
    fleet.calls(0, 2, Outcome::Answered);
    assert_eq!(fleet.state(0), StateName::Closed);
}

/// The function was stopped, or its record ran out of time, while it waited for the answer.
#[test]
fn a_probe_that_is_given_up_gives_its_permit_back() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.trip();
    fleet.pass_s(15);
    for _ in 0..5 {
        let permit = fleet.environments[0].admit("weather", LIMIT).now_or_never().unwrap();
        drop(permit.ok().unwrap());
    }
    fleet.calls(0, 2, Outcome::Answered);
    assert_eq!(fleet.state(0), StateName::Closed);
}

#[test]
fn the_permits_of_an_environment_that_is_gone_are_given_back() {
    let mut fleet = Fleet::new(2, &Settings::default());
    fleet.trip();
    fleet.pass_s(15);
    fleet.calls(0, 1, Outcome::Ignored);
    fleet.environments.remove(0);
    let wait = fleet.call(0, Outcome::Answered).unwrap_err();
    assert_eq!(wait.reason, WaitReason::Probing);
    fleet.pass_s(8);
    fleet.calls(0, 2, Outcome::Answered);
    assert_eq!(fleet.state(0), StateName::Closed);
}

#[test]
fn half_open_without_a_decision_it_opens_again() {
    let mut fleet = Fleet::new(3, &Settings::default());
    fleet.trip();
    fleet.pass_s(15);
    for environment in [1, 0] {
        fleet.calls(environment, 1, Outcome::Ignored);
        fleet.environments.remove(environment);
        fleet.pass_s(30);
    }
    assert!(fleet.call(0, Outcome::Answered).is_err());
    assert_eq!(fleet.state(0), StateName::Open);
}

/// A slow answer to an earlier call must neither close nor trip the breaker.
#[test]
fn what_was_begun_in_an_earlier_life_of_the_breaker_says_nothing() {
    let wait = OpenWait { first: Duration::from_secs(2), ..Settings::default().wait };
    let settings = Settings { minimum_calls: 1, wait, ..Settings::default() };
    let fleet = Fleet::new(1, &settings);
    let admit = || fleet.environments[0].admit("weather", LIMIT).now_or_never().unwrap().unwrap();
    let (before, also_before) = (admit(), admit());
    fleet.calls(0, 1, Outcome::Failed);
    before.finish(Outcome::Answered).now_or_never().unwrap();
    assert_eq!(fleet.state(0), StateName::Open);
    fleet.pass_s(2);
    fleet.calls(0, 2, Outcome::Answered);
    also_before.finish(Outcome::Failed).now_or_never().unwrap();
    assert_eq!(fleet.state(0), StateName::Closed);
}
