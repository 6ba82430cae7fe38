//! What operators force, release and reset.

use std::time::Duration;

use futures_util::FutureExt;
use sluicegate_breaker::{
    Event, Forced, ForcedState, Moment, Outcome, Record, Settings, StateName, Store, step,
};

use super::Fleet;

impl Fleet {
    pub(crate) fn operate(&self, event: Event) {
        let record = self.store.snapshot("weather").record.unwrap_or_else(Record::unwritten);
        let at = Moment { now: self.now(), roll: 0 };
        let next = step(&record, event, at, &Settings::default()).unwrap();
        self.store.replace("weather", record.version, &next).now_or_never().unwrap();
    }

    pub(crate) fn force(&self, to: ForcedState, for_s: Option<u64>) {
        let (by, why) = ("ann".to_owned(), "planned work".to_owned());
        let until = for_s.map(|seconds| self.now().plus(Duration::from_secs(seconds)));
        self.operate(Event::Force(Forced { to, by, why, since: self.now(), until }));
    }
}

#[test]
fn forced_open_no_call_is_made_from_the_next_interval_on() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.calls(0, 30, Outcome::Answered);
    fleet.force(ForcedState::Open, Some(60));
    fleet.pass_s(1);
    for environment in 0..2 {
        let wait = fleet.call(environment, Outcome::Answered).unwrap_err();
        assert_eq!(wait.until.since(fleet.now()), Duration::from_secs(59));
        assert_eq!(fleet.state(environment), StateName::ForcedOpen);
    }
    fleet.pass_s(59);
    fleet.calls(0, 2, Outcome::Answered);
    assert_eq!(fleet.state(0), StateName::Closed, "probes have looked first");
}

#[test]
fn forced_closed_or_disabled_every_call_is_made() {
    for to in [ForcedState::Closed, ForcedState::Disabled] {
        let fleet = Fleet::new(1, &Settings::default());
        fleet.trip();
        fleet.force(to, None);
        fleet.pass_s(1);
        fleet.calls(0, 100, Outcome::Failed);
        fleet.operate(Event::Release);
        fleet.pass_s(1);
        let _ = fleet.call(0, Outcome::Failed);
        let _ = fleet.call(0, Outcome::Failed);
        assert_eq!(fleet.state(0), StateName::Open, "{to:?}: released, it is as it finds it");
    }
}

#[test]
fn reset_it_begins_anew() {
    let fleet = Fleet::new(2, &Settings::default());
    fleet.trip();
    fleet.operate(Event::Reset);
    fleet.pass_s(1);
    fleet.calls(1, 10, Outcome::Answered);
    fleet.calls(0, 19, Outcome::Failed);
    assert_eq!(fleet.state(0), StateName::Closed, "what was before does not count");
}

/// In resilience4j 991, the timer of the open state made a forced breaker half-open.
#[test]
fn forced_open_without_an_end_it_stays_so() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.trip();
    fleet.force(ForcedState::Open, None);
    fleet.pass_s(1);
    for _ in 0..100 {
        assert!(fleet.call(0, Outcome::Answered).is_err());
        fleet.end_invocation(0);
        fleet.pass_s(3_600);
    }
    assert_eq!(fleet.state(0), StateName::ForcedOpen);
}

/// When a forced breaker is released, its wait is over, however much of the act's time was left.
#[test]
fn released_from_forced_open_it_is_probed_within_the_interval() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.force(ForcedState::Open, Some(7_200));
    assert!(fleet.call(0, Outcome::Answered).is_err());
    fleet.operate(Event::Release);
    fleet.pass_s(1);
    fleet.calls(0, 2, Outcome::Answered);
    assert_eq!(fleet.state(0), StateName::Closed);
}

/// A probe may be under way for as long as its lease lasts, however often the breaker is forced open meanwhile.
#[test]
fn released_it_is_not_probed_beside_probes_that_are_under_way() {
    for times in 1..=2 {
        let fleet = Fleet::new(2, &Settings::default());
        fleet.trip();
        fleet.pass_s(15);
        let probe = fleet.begin(0).unwrap();
        for _ in 0..times {
            fleet.force(ForcedState::Open, None);
        }
        fleet.operate(Event::Release);
        for _ in 0..7 {
            fleet.pass_s(1);
            assert!(fleet.call(1, Outcome::Answered).is_err(), "forced open {times} times");
        }
        fleet.pass_s(1);
        fleet.calls(1, 2, Outcome::Answered);
        assert_eq!(fleet.state(1), StateName::Closed);
        drop(probe);
    }
}
