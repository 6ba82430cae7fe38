//! Properties that hold whatever happens to a fleet, in any order.

mod run;

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use sluicegate_breaker::{ForcedState, Outcome};
use testkit::StoreFault;

use self::run::{Action, Run};

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let throttled = Outcome::Throttled { retry_after: Some(Duration::from_secs(3)) };
    let failed = Outcome::Failed;
    select(vec![Outcome::Answered, failed, failed, failed, Outcome::Ignored, throttled])
}

fn any_action() -> impl Strategy<Value = Action> {
    let faults = vec![
        StoreFault::StoreUnavailable,
        StoreFault::ReadOnly,
        StoreFault::None,
        StoreFault::None,
    ];
    let forced = vec![ForcedState::Open, ForcedState::Closed, ForcedState::Disabled];
    prop_oneof![
        20 => (0_usize..4).prop_map(Action::Begin),
        12 => any_outcome().prop_map(Action::Finish),
        6 => (0_usize..4, any_outcome()).prop_map(|(member, it)| Action::EndInvocation(member, it)),
        1 => (0_usize..4).prop_map(Action::Crash),
        14 => (0_u64..2_000).prop_map(Action::Pass),
        1 => (2_000_u64..100_000).prop_map(Action::Freeze),
        2 => select(faults).prop_map(Action::Fault),
        1 => select(forced).prop_map(Action::Force),
        2 => Just(Action::Release),
    ]
}

fn any_action_by_any_clock() -> impl Strategy<Value = Action> {
    let ahead_s = select(vec![0, 0, 1, -1, 30, -30, 3_600, -3_600, 86_400]);
    let clock = (0_usize..4, ahead_s).prop_map(|(member, ahead_s)| Action::Clock(member, ahead_s));
    prop_oneof![6 => any_action(), 1 => clock]
}

/// Two probes are under way when an operator makes these acts, one after another.
#[track_caller]
fn check_operated_while_probing(acts: &[Action], is_probed_anew: bool) {
    let mut run = Run::new(&[0, 0]);
    for _ in 0..3 {
        run.take(Action::Begin(0));
        run.take(Action::Finish(Outcome::Failed));
    }
    run.take(Action::Pass(2_000));
    run.take(Action::Begin(0));
    run.take(Action::Begin(0));
    for act in acts {
        run.take(*act);
    }
    run.take(Action::Pass(1_000));
    run.take(Action::Begin(1));
    let probes = run.calls.iter().filter(|call| call.probes_for.is_some()).count();
    assert_eq!(probes, if is_probed_anew { 3 } else { 2 }, "{acts:?}");
}

/// If an operator closed the breaker, its next opening is another outage.
#[test]
fn probes_of_before_it_was_closed_do_not_count() {
    let (open, closed) = (Action::Force(ForcedState::Open), Action::Force(ForcedState::Closed));
    let disabled = Action::Force(ForcedState::Disabled);
    check_operated_while_probing(&[], false);
    check_operated_while_probing(&[open, Action::Release], false);
    check_operated_while_probing(&[disabled, Action::Release], false);
    check_operated_while_probing(&[disabled, open, Action::Release], false);
    check_operated_while_probing(&[closed, open, Action::Release], true);
    check_operated_while_probing(&[closed, disabled, open, Action::Release], true);
}

/// Clocks differ by at most two seconds.
fn any_clocks() -> impl Strategy<Value = Vec<i64>> {
    proptest::collection::vec(0_i64..=2_000, 1..=4)
}

proptest! {
    /// There are never more probes than are permitted, never a call while the breaker is forced open, never a longer
    /// wait than the longest, and never more than one publication in an interval. In the end the breaker closes.
    #[test]
    fn a_fleet_keeps_its_promises(
        clocks in any_clocks(),
        actions in proptest::collection::vec(any_action(), 1..250),
    ) {
        let mut run = Run::new(&clocks);
        for action in actions {
            run.take(action);
        }
        // This is enough for a hold, a half-open state without a decision, the longest wait, a store that is asked
        // again, and another half-open state.
        prop_assert!(run.recovers_within(3 + 12 + 10 + 11 + 12), "{:?}", run.store.snapshot("weather"));
        run.check_publications();
    }

    /// Once clocks are right again, the breaker closes as soon as usual, whatever the clocks were before.
    #[test]
    fn no_wrong_clock_keeps_a_breaker_from_closing(
        actions in proptest::collection::vec(any_action_by_any_clock(), 1..150),
    ) {
        let mut run = Run::new(&[0, 0, 0]);
        for action in actions {
            run.take(action);
        }
        for member in 0..3 {
            run.set_clock(member, 0);
        }
        prop_assert!(run.recovers_within(3 + 12 + 10 + 11 + 12), "{:?}", run.store.snapshot("weather"));
    }

    /// While no call fails, nothing is written, however the store behaves.
    #[test]
    fn while_no_call_fails_nothing_is_written(
        clocks in any_clocks(),
        actions in proptest::collection::vec(any_action(), 1..250),
    ) {
        let mut run = Run::new(&clocks);
        run.at_the_limit = Outcome::Answered;
        for action in actions {
            match action {
                Action::Finish(Outcome::Failed) => run.take(Action::Finish(Outcome::Absent)),
                Action::EndInvocation(member, Outcome::Failed | Outcome::Throttled { .. }) => {
                    run.take(Action::EndInvocation(member, Outcome::Answered));
                }
                Action::Finish(Outcome::Throttled { .. })
                | Action::Force(_)
                | Action::Release => {}
                other => run.take(other),
            }
        }
        prop_assert_eq!(run.store.take_calls().writes, 0);
    }
}
