//! Which breakers have an unusual status at the end of an invocation.

use sluicegate_breaker::{ForcedState, Mode, Outcome, Settings, StateName};
use testkit::StoreFault;

use super::Fleet;

/// The state of the breaker if its status is unusual.
fn unusual(fleet: &Fleet) -> Option<StateName> {
    fleet.environments[0].unusual_status().get("weather").map(|status| status.state)
}

#[test]
fn a_breaker_that_does_nothing_is_not_worth_a_look() {
    let fleet = Fleet::new(1, &Settings::default());
    assert_eq!(unusual(&fleet), None);
    fleet.calls(0, 200, Outcome::Answered);
    assert_eq!(unusual(&fleet), None);
}

#[test]
fn what_fails_is_open_or_was_moved_by_an_operator_is_worth_a_look() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.calls(0, 1, Outcome::Failed);
    assert_eq!(unusual(&fleet), Some(StateName::Closed));
    fleet.calls(0, 19, Outcome::Failed);
    assert_eq!(unusual(&fleet), Some(StateName::Open));

    for (to, state) in [
        (ForcedState::Open, StateName::ForcedOpen),
        (ForcedState::Closed, StateName::ForcedClosed),
        (ForcedState::Disabled, StateName::Disabled),
    ] {
        let fleet = Fleet::new(1, &Settings::default());
        fleet.force(to, None);
        let _ = fleet.call(0, Outcome::Answered);
        assert_eq!(unusual(&fleet), Some(state));
    }
}

#[test]
fn a_store_that_is_away_and_a_trip_that_only_counts_are_worth_a_look() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.store.set_fault(StoreFault::StoreUnavailable);
    fleet.calls(0, 1, Outcome::Answered);
    assert_eq!(unusual(&fleet), Some(StateName::Closed));

    let counting = Settings { mode: Mode::MetricsOnly, ..Settings::default() };
    let fleet = Fleet::new(1, &counting);
    fleet.calls(0, 20, Outcome::Failed);
    assert_eq!(unusual(&fleet), Some(StateName::MetricsOnly));
}
