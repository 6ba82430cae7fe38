//! Futures that are dropped while the store is asked, and calls that do not end.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use sluicegate_breaker::{Outcome, Settings, StateName, WaitReason};
use testkit::StoreFault;

use super::{Fleet, LIMIT};

/// Begins something that waits for the store's answer, and drops it.
#[track_caller]
fn give_up(fleet: &Fleet, fault: StoreFault, future: impl Future) {
    fleet.store.set_fault(fault);
    let mut future = pin!(future);
    let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending), "it did not ask the store");
    fleet.store.set_fault(StoreFault::None);
}

#[test]
fn a_call_that_is_given_up_before_it_is_admitted_holds_up_no_other() {
    let fleet = Fleet::new(1, &Settings::default());
    give_up(&fleet, StoreFault::Silent, fleet.environments[0].admit("weather", LIMIT));
    fleet.calls(0, 1, Outcome::Answered);
}

#[test]
fn a_call_that_waits_for_anothers_question_goes_on_when_that_one_is_given_up() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.store.set_fault(StoreFault::Silent);
    let mut context = Context::from_waker(Waker::noop());
    let mut first = Box::pin(fleet.environments[0].admit("weather", LIMIT));
    let mut second = Box::pin(fleet.environments[0].admit("weather", LIMIT));
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert_eq!(fleet.store.take_calls().reads, 1, "calls that begin together are one question");
    drop(first);
    fleet.store.set_fault(StoreFault::None);
    assert!(matches!(second.as_mut().poll(&mut context), Poll::Ready(Ok(_))));
}

/// The lease was written, and the answer to that was lost.
#[test]
fn permits_that_were_leased_for_a_call_that_was_given_up_are_used_by_the_next() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.trip();
    fleet.pass_s(15);
    give_up(&fleet, StoreFault::SilentWrites, fleet.environments[0].admit("weather", LIMIT));
    let record = fleet.store.snapshot("weather").record.unwrap();
    assert_eq!(record.state.name(), StateName::HalfOpen);
    fleet.calls(0, 2, Outcome::Answered);
    assert_eq!(fleet.state(0), StateName::Closed);
}

/// Eleven failures that were published once must count as 11 and not as 21, which would trip the breaker.
#[test]
fn counts_of_a_publication_that_was_given_up_count_once() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.calls(0, 10, Outcome::Failed);
    let permit = fleet.begin(0).unwrap();
    fleet.pass_s(1);
    give_up(&fleet, StoreFault::SilentWrites, permit.finish(Outcome::Failed));
    fleet.pass_s(1);
    fleet.calls(0, 8, Outcome::Failed);
    assert_eq!(fleet.state(0), StateName::Closed, "19 calls in all");
    fleet.calls(0, 1, Outcome::Failed);
    assert_eq!(fleet.state(0), StateName::Open);
}

#[test]
fn what_a_call_came_to_counts_though_telling_of_it_was_given_up() {
    let settings = Settings { minimum_calls: 1, ..Settings::default() };
    let fleet = Fleet::new(2, &settings);
    let permit = fleet.begin(0).unwrap();
    give_up(&fleet, StoreFault::SilentWrites, permit.finish(Outcome::Failed));
    assert!(fleet.call(0, Outcome::Answered).is_err());
    assert!(fleet.call(1, Outcome::Answered).is_err(), "the trip was written");
}

/// OmniRoute and Polly had breakers that stayed half-open for days because their one probe never ended.
#[test]
fn a_probe_that_never_ends_does_not_keep_its_environment_from_probing() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.trip();
    fleet.pass_s(15);
    let hung = fleet.begin(0).unwrap();
    fleet.pass_s(8);
    fleet.calls(0, 2, Outcome::Answered);
    assert_eq!(fleet.state(0), StateName::Closed);
    hung.finish(Outcome::Failed).now_or_never().unwrap();
    assert_eq!(fleet.state(0), StateName::Closed);
}

/// A probe of an earlier half-open state must neither count in a later one nor free a permit there.
#[test]
fn a_probe_that_ends_in_a_later_half_open_time_says_nothing() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.trip();
    fleet.pass_s(15);
    let hung = fleet.begin(0).unwrap();
    fleet.pass_s(8);
    fleet.calls(0, 2, Outcome::Failed);
    assert_eq!(fleet.state(0), StateName::Open);
    fleet.pass_s(30);
    let probes: Vec<_> = (0..3).map(|_| fleet.begin(0).unwrap()).collect();
    drop(hung);
    let wait = fleet.begin(0).map(drop).unwrap_err();
    assert_eq!(wait.reason, WaitReason::Probing, "three probes are under way");
    for probe in probes {
        probe.finish(Outcome::Answered).now_or_never().unwrap();
    }
    assert_eq!(fleet.state(0), StateName::Closed);
}

/// The invocation of a batch may go on for a long time after its only call.
#[test]
fn what_came_of_a_probe_is_told_before_its_invocation_ends() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.trip();
    fleet.pass_s(15);
    fleet.calls(0, 1, Outcome::Answered);
    fleet.calls(1, 1, Outcome::Answered);
    assert_eq!(fleet.state(1), StateName::Closed, "two of the three permitted did well");
}

#[test]
fn calls_that_begin_together_take_the_permits_that_there_are() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.trip();
    fleet.pass_s(15);
    let begun: Vec<_> = (0..10).map(|_| fleet.begin(0)).collect();
    assert_eq!(begun.iter().filter(|call| call.is_ok()).count(), 3);
    for permit in begun.into_iter().flatten() {
        permit.finish(Outcome::Answered).now_or_never().unwrap();
    }
    assert_eq!(fleet.state(0), StateName::Closed);
}

/// In opossum, a breaker never became half-open after two calls under way at the same time had failed.
#[test]
fn calls_that_fail_together_open_it_once() {
    let settings = Settings { minimum_calls: 4, ..Settings::default() };
    let fleet = Fleet::new(2, &settings);
    let under_way: Vec<_> = (0..12).map(|call| fleet.begin(call % 2).unwrap()).collect();
    for permit in under_way {
        permit.finish(Outcome::Failed).now_or_never().unwrap();
        fleet.pass_s(1);
    }
    let record = fleet.store.snapshot("weather").record.unwrap();
    assert_eq!(record.opens, 1);
    let wait = fleet.call(0, Outcome::Answered).unwrap_err();
    assert!(wait.until.since(wait.since.unwrap()).as_secs() == 15, "{wait:?}");
}

/// The invocation ends while a probe is under way, and its permit stays leased.
#[test]
fn an_invocation_that_ends_during_a_probe_gives_no_permit_back_that_is_in_use() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.trip();
    fleet.pass_s(15);
    let probe = fleet.begin(0).unwrap();
    fleet.end_invocation(0);
    assert!(fleet.call(1, Outcome::Answered).is_err());
    probe.finish(Outcome::Answered).now_or_never().unwrap();
    fleet.pass_s(1);
    fleet.calls(1, 1, Outcome::Answered);
    assert_eq!(fleet.state(1), StateName::Closed);
}
