//! When the store is unavailable.

use sluicegate_breaker::{Outcome, Settings, StateName, WaitReason};

use super::Fleet;

#[test]
fn with_the_store_away_an_environment_goes_by_what_it_sees_and_says_so() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.calls(0, 5, Outcome::Answered);
    fleet.store.set_away(true);
    fleet.pass_s(1);
    fleet.calls(0, 15, Outcome::Failed);
    let status = fleet.environments[0].status()["weather"];
    assert_eq!((status.state, status.is_store_away), (StateName::Open, true));
    assert!(fleet.call(0, Outcome::Answered).is_err());
    fleet.calls(1, 1, Outcome::Answered);
    for _ in 0..15 {
        assert!(fleet.call(0, Outcome::Answered).is_err());
        fleet.pass_s(1);
    }
    fleet.calls(0, 2, Outcome::Answered);
    assert_eq!(fleet.state(0), StateName::Closed, "its own probes, since no one else's are known");
}

#[test]
fn a_store_that_is_away_is_asked_ever_more_seldom() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.store.set_away(true);
    for _ in 0..60 {
        fleet.calls(0, 10, Outcome::Answered);
        fleet.pass_s(1);
    }
    let calls = fleet.store.take_calls();
    assert!((6..=12).contains(&calls.reads) && calls.writes == 0, "{calls:?}");
}

#[test]
fn a_trip_that_could_not_be_written_is_written_once_the_store_is_back() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.calls(0, 1, Outcome::Failed);
    fleet.store.set_away(true);
    fleet.pass_s(1);
    fleet.calls(0, 19, Outcome::Failed);
    assert_eq!(fleet.state(0), StateName::Open);
    fleet.store.set_away(false);
    fleet.pass_s(2);
    assert!(fleet.call(0, Outcome::Answered).is_err());
    fleet.pass_s(1);
    assert!(fleet.call(1, Outcome::Answered).is_err(), "the other one knows");
}

/// Otherwise all environments would make probes at once whenever an answer is lost.
#[test]
fn a_store_that_is_away_for_a_moment_is_no_reason_to_probe() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.trip();
    fleet.pass_s(15);
    fleet.calls(1, 1, Outcome::Answered);
    fleet.store.set_away(true);
    fleet.pass_s(1);
    let wait = fleet.call(0, Outcome::Answered).unwrap_err();
    assert_eq!(wait.reason, WaitReason::Probing, "by another, for all that it knows");
}
