//! Checks the fleet's protocol in each state that a few environments can reach. They crash between any two steps. Their
//! writes are lost, arrive late, or are answered to nobody. The dependency becomes unavailable and available, and
//! clocks differ.
//!
//! The model runs the real [`Environment`]. Its store can be broken on purpose, and the check must then fail. This
//! shows that the check would find such a fault.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]
#![expect(clippy::print_stdout, reason = "how many states were checked is of interest")]

mod fleet;
mod world;

use std::time::Duration;

use sluicegate_breaker::{HalfOpen, OpenWait, Percent, Settings, Window};
use stateright::{Checker, HasDiscoveries, Model};

use self::fleet::{Broken, Faults, Fleet};

/// One failure trips the breaker, and one probe decides.
pub(crate) fn settings() -> Settings {
    Settings {
        window: Window::Count(4),
        minimum_calls: 1,
        failure_rate: Percent::try_from(50).unwrap(),
        wait: OpenWait {
            first: Duration::from_secs(2),
            longest: Duration::from_secs(4),
            recovery: Duration::from_secs(1_000),
        },
        half_open: HalfOpen { permitted_calls: 1, longest: Duration::from_secs(12) },
        ramp: Duration::ZERO,
        refresh: Duration::from_secs(1),
        ..Settings::default()
    }
}

/// One environment for each number of calls.
fn fleet(calls: &'static [u8], ticks: u8, faults: Faults) -> Fleet {
    Fleet { calls, ticks, faults, broken: Broken::Nothing }
}

#[track_caller]
fn check_holds(name: &str, fleet: Fleet) {
    let checker = fleet.checker().spawn_bfs().join();
    println!("{name}: {} states", checker.unique_state_count());
    checker.assert_properties();
}

/// Checks that the model breaks this property, which it must if a part is broken.
#[track_caller]
fn check_is_found(fleet: Fleet, property: &'static str) {
    let any = HasDiscoveries::AnyOf([property].into());
    let checker = fleet.checker().finish_when(any).spawn_bfs().join();
    assert!(checker.discovery(property).is_some(), "{:?} was not found", checker.discoveries());
}

const QUIET: Faults = Faults { crashes: 0, delays: 0, outages: 0 };

#[test]
fn the_dependency_is_away_and_comes_back() {
    check_holds("two environments", fleet(&[2, 2], 4, QUIET));
}

#[test]
fn the_dependency_goes_again() {
    check_holds("a second outage", fleet(&[2, 1], 4, Faults { outages: 1, ..QUIET }));
}

#[test]
fn crashes_between_any_two_steps() {
    check_holds("a crash", fleet(&[2, 1], 4, Faults { crashes: 1, ..QUIET }));
}

#[test]
fn lost_and_late_writes() {
    check_holds("a lost or late write", fleet(&[2, 1], 3, Faults { delays: 1, ..QUIET }));
}

#[test]
fn a_store_that_forgets_versions_is_found() {
    let faults = Faults { delays: 1, ..QUIET };
    check_is_found(
        Fleet { broken: Broken::Versions, ..fleet(&[2, 1], 4, faults) },
        "closed by probes alone",
    );
}

#[test]
fn a_store_that_forgets_leases_is_found() {
    check_is_found(
        Fleet { broken: Broken::Leases, ..fleet(&[2, 2], 4, QUIET) },
        "never more probes",
    );
}

#[test]
fn an_environment_that_reads_too_seldom_is_found() {
    check_is_found(
        Fleet { broken: Broken::Refresh, ..fleet(&[2, 2], 4, QUIET) },
        "open reaches all",
    );
}
