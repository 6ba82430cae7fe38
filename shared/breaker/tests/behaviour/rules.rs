//! The documented rules of resilience4j, with one environment: <https://resilience4j.readme.io/docs/circuitbreaker>.

use std::time::Duration;

use sluicegate_breaker::{
    HalfOpen, Mode, Outcome, Percent, Settings, StateName, WaitReason, Window,
};

use super::Fleet;

/// A row of calls and the state after them. A call answers (`.`), fails (`x`), is slow (`s`), finds nothing (`0`) or is
/// ignored (`-`).
#[track_caller]
fn check(settings: &Settings, calls: &str, expected: StateName) {
    let fleet = Fleet::new(1, settings);
    for (at, call) in calls.chars().enumerate() {
        let took = Duration::from_secs(if call == 's' { 1 } else { 0 });
        let outcome = match call {
            '.' | 's' => Outcome::Answered,
            'x' => Outcome::Failed,
            '0' => Outcome::Absent,
            '-' => Outcome::Ignored,
            other => panic!("{other}"),
        };
        let made = fleet.slow_call(0, outcome, took);
        assert!(made.is_ok(), "call {at} of {calls} was not made: {made:?}");
    }
    assert_eq!(fleet.state(0), expected, "{calls}");
}

fn small() -> Settings {
    Settings { minimum_calls: 4, window: Window::Count(6), ..Settings::default() }
}

#[test]
fn the_failure_rate_is_of_the_last_calls_from_the_minimum_on() {
    use StateName::{Closed, Open};
    check(&small(), "xxx", Closed);
    check(&small(), "xxxx", Open);
    check(&small(), "..xx", Open);
    check(&small(), "...xx", Closed);
    check(&small(), "...xxx", Open);
    check(&small(), "........xx", Closed);
    check(&small(), "........xxx", Open);
    check(&small(), "x......", Closed);
}

/// Some breakers evaluate the rate only after failures.
#[test]
fn a_success_that_reaches_the_minimum_is_enough_to_evaluate_the_rate() {
    check(&small(), "xxx.", StateName::Open);
    check(&small(), "x.x.", StateName::Open);
}

#[test]
fn an_ignored_call_counts_neither_way() {
    check(&small(), "xxx-----", StateName::Closed);
    check(&small(), "xxx---x", StateName::Open);
}

#[test]
fn slow_calls_have_a_rate_of_their_own() {
    let half = Percent::try_from(50).unwrap();
    let slow = Some(Duration::from_secs(1));
    let settings = Settings { slow_call: slow, slow_call_rate: half, ..small() };
    check(&settings, ".s.s", StateName::Open);
    check(&settings, "..s.s", StateName::Closed);
    check(&small(), "ssssss", StateName::Closed);
}

#[test]
fn an_answer_without_anything_is_an_answer_unless_a_rate_says_otherwise() {
    check(&small(), "000000000", StateName::Closed);
    let settings = Settings { absent_rate: Percent::try_from(80).ok(), ..small() };
    check(&settings, ".0000", StateName::Open);
    check(&settings, "..0000", StateName::Closed);
}

#[test]
fn a_window_of_time_forgets_what_is_older() {
    let window = Window::Time(Duration::from_secs(10));
    let fleet = Fleet::new(1, &Settings { window, ..small() });
    fleet.calls(0, 3, Outcome::Failed);
    fleet.pass_s(11);
    fleet.calls(0, 3, Outcome::Failed);
    assert_eq!(fleet.state(0), StateName::Closed);
    fleet.calls(0, 1, Outcome::Failed);
    assert_eq!(fleet.state(0), StateName::Open);
}

#[test]
fn a_mode_that_only_counts_never_holds_a_call_back() {
    let fleet = Fleet::new(1, &Settings { mode: Mode::MetricsOnly, ..small() });
    fleet.calls(0, 50, Outcome::Failed);
    let status = fleet.environments[0].status()["weather"];
    assert_eq!((status.state, status.would_trip), (StateName::MetricsOnly, true));
    let fleet = Fleet::new(1, &Settings { mode: Mode::Disabled, ..small() });
    fleet.calls(0, 50, Outcome::Failed);
    assert_eq!(fleet.environments[0].status()["weather"].recent.calls, 0);
}

/// A deployment whose settings only try a breaker out must not act for one in which it is in force.
#[test]
fn a_mode_that_only_counts_writes_no_record() {
    let counting = Settings { mode: Mode::MetricsOnly, ..small() };
    let fleet = Fleet::new(1, &counting);
    fleet.calls(0, 50, Outcome::Failed);
    assert_eq!(fleet.store.snapshot("weather").record, None);

    let mut fleet = Fleet::new(1, &small());
    fleet.add(&counting);
    fleet.calls(0, 4, Outcome::Failed);
    fleet.pass_s(15);
    fleet.calls(0, 1, Outcome::Ignored);
    let half_open = fleet.store.snapshot("weather").record;
    fleet.pass_s(61);
    fleet.calls(1, 1, Outcome::Answered);
    assert_eq!(fleet.store.snapshot("weather").record, half_open);
}

#[test]
fn open_it_waits_then_probes_then_closes_or_waits_longer() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.trip();
    let wait = fleet.call(0, Outcome::Answered).unwrap_err();
    assert!(matches!(wait.reason, WaitReason::Open(_)), "{wait:?}");
    assert_eq!(wait.until.since(wait.since.unwrap()), Duration::from_secs(15));
    fleet.pass_s(15);
    fleet.calls(0, 2, Outcome::Failed);
    assert_eq!(fleet.state(0), StateName::Open, "two of three permitted failed");
    let wait = fleet.call(0, Outcome::Answered).unwrap_err();
    assert_eq!(wait.until.since(wait.since.unwrap()), Duration::from_secs(15 + 30));
    fleet.pass_s(30);
    fleet.calls(0, 2, Outcome::Answered);
    assert_eq!(fleet.state(0), StateName::Closed, "the third could change nothing");
}

#[test]
fn calls_that_were_permitted_are_all_that_decide() {
    let settings = Settings {
        half_open: HalfOpen { permitted_calls: 4, longest: Duration::from_secs(60) },
        ..Settings::default()
    };
    for (answers, state) in [("..x.", StateName::Closed), ("x.x", StateName::Open)] {
        let fleet = Fleet::new(1, &settings);
        fleet.trip();
        fleet.pass_s(15);
        for answer in answers.chars() {
            assert_ne!(fleet.state(0), StateName::Closed, "{answers}");
            let outcome = if answer == 'x' { Outcome::Failed } else { Outcome::Answered };
            fleet.calls(0, 1, outcome);
        }
        assert_eq!(fleet.state(0), state, "{answers}");
    }
}

#[test]
fn after_closing_calls_ramp_up() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.trip();
    fleet.pass_s(15);
    fleet.calls(0, 2, Outcome::Answered);
    let share = || {
        let rolls = 0..100_u64;
        let is_made = |roll: &u64| {
            fleet.roll(*roll);
            fleet.call(0, Outcome::Answered).is_ok()
        };
        rolls.filter(is_made).count()
    };
    assert_eq!(share(), 10, "of a hundred");
    fleet.pass(Duration::from_millis(3_750));
    assert_eq!(share(), 55, "half of half the wait is over");
    let wait = fleet.call(0, Outcome::Answered).unwrap_err();
    assert_eq!(wait.reason, WaitReason::Ramping);
    fleet.pass(Duration::from_millis(3_750));
    assert_eq!(share(), 100, "half the wait");
}

#[test]
fn told_to_slow_down_it_holds_its_calls_and_fails_only_if_that_did_not_help() {
    let throttled = Outcome::Throttled { retry_after: Some(Duration::from_secs(7)) };
    let fleet = Fleet::new(1, &small());
    fleet.calls(0, 1, throttled);
    let wait = fleet.call(0, Outcome::Answered).unwrap_err();
    assert_eq!(
        (wait.reason, wait.until.since(fleet.now())),
        (WaitReason::Throttled, Duration::from_secs(7))
    );
    fleet.pass_s(7);
    fleet.calls(0, 1, Outcome::Answered);
    for _ in 0..3 {
        fleet.calls(0, 1, throttled);
        fleet.pass_s(7);
        assert_eq!(fleet.state(0), StateName::Closed);
    }
    fleet.calls(0, 1, throttled);
    assert_eq!(fleet.state(0), StateName::Open, "three of the last six had waited as asked");
    let fleet = Fleet::new(1, &small());
    fleet.calls(0, 1, Outcome::Throttled { retry_after: Some(Duration::from_secs(1 << 40)) });
    let wait = fleet.call(0, Outcome::Answered).unwrap_err();
    assert_eq!(
        wait.until.since(fleet.now()),
        Duration::from_secs(300),
        "no answer stops it for ever"
    );
}
