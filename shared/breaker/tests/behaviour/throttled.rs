//! When the store can be read and not written, because it is throttled or the function lacks the right.

use std::time::Duration;

use sluicegate_breaker::{Outcome, Record, Settings, Snapshot, StateName};
use testkit::StoreFault;

use super::Fleet;

#[test]
fn an_environment_that_cannot_write_trips_for_itself_and_says_so() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.store.set_fault(StoreFault::ReadOnly);
    fleet.calls(0, 20, Outcome::Failed);
    assert!(fleet.call(0, Outcome::Answered).is_err());
    let status = fleet.environments[0].status()["weather"];
    assert_eq!((status.state, status.is_store_away), (StateName::Open, true));
}

/// The dependency is unavailable for a long time, and writes fail for as long.
#[test]
fn an_environment_that_cannot_write_makes_few_calls_and_asks_the_store_seldom() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.store.set_fault(StoreFault::ReadOnly);
    let mut made = 0;
    for _ in 0..600 {
        for _ in 0..10 {
            made += u32::from(fleet.call(0, Outcome::Failed).is_ok());
        }
        fleet.end_invocation(0);
        fleet.pass_s(1);
    }
    assert!(made <= 6_000 / 20, "{made} of 6,000 calls were made");
    let calls = fleet.store.take_calls();
    assert!(calls.reads <= 900 && calls.writes <= 200, "{calls:?}");
}

/// Otherwise an open breaker would stay open for as long as the table cannot be written.
#[test]
fn an_environment_that_cannot_write_still_finds_out_that_the_dependency_is_back() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.trip();
    fleet.store.set_fault(StoreFault::ReadOnly);
    let mut made = 0;
    for _ in 0..120 {
        for _ in 0..10 {
            made += u32::from(
                fleet.slow_call(0, Outcome::Answered, Duration::from_millis(100)).is_ok(),
            );
        }
        fleet.end_invocation(0);
        fleet.pass_s(1);
    }
    assert!(made >= 600, "{made} of 1,200 calls were made");
}

#[test]
fn while_nothing_can_be_written_an_operators_act_is_still_seen() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.calls(0, 1, Outcome::Answered);
    fleet.store.set_fault(StoreFault::ReadOnly);
    fleet.calls(0, 19, Outcome::Failed);
    assert_eq!(fleet.state(0), StateName::Open);
    fleet.store.set_fault(StoreFault::None);
    fleet.operate(sluicegate_breaker::Event::Reset);
    fleet.store.set_fault(StoreFault::ReadOnly);
    fleet.pass_s(1);
    fleet.calls(0, 1, Outcome::Answered);
    assert_eq!(fleet.state(0), StateName::Closed);
}

#[test]
fn what_could_not_be_written_is_written_once_it_can_be() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.store.set_fault(StoreFault::ReadOnly);
    fleet.calls(0, 20, Outcome::Failed);
    fleet.store.set_fault(StoreFault::None);
    fleet.pass_s(3);
    assert!(fleet.call(0, Outcome::Answered).is_err());
    assert!(fleet.call(1, Outcome::Answered).is_err(), "the other one knows");
}

/// It does not wait for the next read, which may be a minute away.
#[test]
fn what_could_not_be_written_is_tried_again_soon_however_seldom_the_store_is_read() {
    let settings = Settings { refresh: Duration::from_secs(60), ..Settings::default() };
    let fleet = Fleet::new(1, &settings);
    fleet.store.set_fault(StoreFault::ReadOnly);
    fleet.calls(0, 20, Outcome::Failed);
    fleet.store.set_fault(StoreFault::None);
    fleet.pass_s(10);
    assert!(fleet.call(0, Outcome::Answered).is_err());
    let record = fleet.store.snapshot("weather").record;
    assert_eq!(record.map(|record| record.state.name()), Some(StateName::Open));
}

/// pybreaker failed after its record had been deleted.
#[test]
fn a_record_that_is_deleted_is_a_breaker_that_no_one_has_written_of() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.trip();
    fleet.store.put("weather", Snapshot::default());
    fleet.pass_s(1);
    fleet.calls(1, 1, Outcome::Answered);
    assert_eq!(fleet.state(1), StateName::Closed);
    fleet.calls(1, 19, Outcome::Failed);
    assert_eq!(fleet.state(1), StateName::Open);
}

/// If the writes of counts are throttled, a trip is still written.
#[test]
fn a_trip_is_written_though_counts_could_not_be() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.store.set_fault(StoreFault::ReadOnly);
    fleet.calls(0, 1, Outcome::Failed);
    fleet.store.set_fault(StoreFault::None);
    fleet.calls(0, 19, Outcome::Failed);
    assert!(fleet.call(1, Outcome::Answered).is_err(), "the other one knows at once");
}

/// The counts that are left over belong to a generation of which there is no record. They must not stop the fleet from
/// counting together.
#[test]
fn counts_that_are_left_of_a_deleted_record_are_begun_anew() {
    let fleet = Fleet::new(10, &Settings::default());
    for _ in 0..3 {
        fleet.operate(sluicegate_breaker::Event::Reset);
    }
    fleet.calls(0, 1, Outcome::Failed);
    let left_over = Snapshot { record: None, ..fleet.store.snapshot("weather") };
    fleet.store.put("weather", left_over);
    fleet.pass_s(1);
    let mut is_refused = false;
    for environment in (0..10).cycle().take(40) {
        is_refused |= fleet.call(environment, Outcome::Failed).is_err();
        fleet.end_invocation(environment);
        fleet.pass(Duration::from_millis(300));
    }
    assert!(is_refused, "4 calls of each of 10 environments failed, and none is refused");
}

/// An environment reads an old record. The record that it makes of this one must not replace the newer one.
#[test]
fn a_stale_answer_closes_nothing() {
    let fleet = Fleet::new(2, &Settings::default());
    let stale = fleet.store.snapshot("weather");
    fleet.trip();
    let newest = fleet.store.snapshot("weather");
    fleet.store.put("weather", stale);
    fleet.calls(1, 1, Outcome::Answered);
    fleet.store.put("weather", newest.clone());
    fleet.calls(1, 18, Outcome::Failed);
    let _ = fleet.call(1, Outcome::Failed);
    assert_eq!(fleet.state(1), StateName::Open);
    let written = fleet.store.snapshot("weather").record.unwrap_or_else(Record::unwritten);
    assert_eq!(Some(written), newest.record);
}

/// One answer that was lost an hour ago is no reason to make probes in addition to others.
#[test]
fn a_store_that_was_away_long_ago_has_not_been_away_since() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.trip();
    fleet.store.set_away(true);
    fleet.pass_s(1);
    assert!(fleet.call(0, Outcome::Answered).is_err());
    fleet.store.set_away(false);
    fleet.pass_s(3_600);
    fleet.calls(1, 1, Outcome::Ignored);
    fleet.store.set_away(true);
    assert!(fleet.call(0, Outcome::Answered).is_err());
}
