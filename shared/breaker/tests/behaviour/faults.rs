//! What has gone wrong with others' breakers.

use std::time::Duration;

use breaker::{Outcome, Settings, StateName, WaitReason};
use futures_util::FutureExt;

use super::{Fleet, LIMIT};

/// resilience4j had breakers that stayed half-open after an ignored error, whose permit was lost.
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
    fleet.calls(0, 1, Outcome::Answered);
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

/// A slow answer from before must neither close nor trip what came after.
#[test]
fn what_was_begun_in_an_earlier_life_of_the_breaker_says_nothing() {
    let settings = Settings { minimum_calls: 1, ..Settings::default() };
    let fleet = Fleet::new(1, &settings);
    let admit = || fleet.environments[0].admit("weather", LIMIT).now_or_never().unwrap().unwrap();
    let (before, also_before) = (admit(), admit());
    fleet.calls(0, 1, Outcome::Failed);
    before.finish(Outcome::Answered).now_or_never().unwrap();
    assert_eq!(fleet.state(0), StateName::Open);
    fleet.pass_s(15);
    fleet.calls(0, 2, Outcome::Answered);
    also_before.finish(Outcome::Failed).now_or_never().unwrap();
    assert_eq!(fleet.state(0), StateName::Closed);
}

/// A clock that is wrong by an hour must not make the fleet wait for an hour.
#[test]
fn no_clock_makes_others_wait_for_longer_than_the_longest_wait() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.pass_s(3_600);
    fleet.trip();
    fleet.hands.0.0.fetch_sub(3_600_000, std::sync::atomic::Ordering::Relaxed);
    let wait = fleet.call(1, Outcome::Answered).unwrap_err();
    let longest = Settings::default().wait.longest + breaker::CLOCK_SKEW;
    assert!(wait.until.since(fleet.now()) <= longest, "{wait:?}");
    fleet.pass(longest + Duration::from_secs(1));
    let after = fleet.call(1, Outcome::Answered);
    assert!(!matches!(after.map_err(|wait| wait.reason), Err(WaitReason::Open(_))));
}
