//! Settings and records that nobody would write on purpose. They must do no harm.

use std::collections::BTreeMap;
use std::time::Duration;

use event::Timestamp;
use futures_util::FutureExt;
use proptest::prelude::*;
use proptest::sample::select;
use sluicegate_breaker::{
    Admission, Answer, Breakers, Cause, Counts, Environment, HalfOpen, Lease, Moment, OpenWait,
    Outcome, Percent, Record, Request, Settings, SharedCounts, Snapshot, State, StateName,
    StoreUnavailable, Window,
};
use testkit::MemoryBreakers;

use super::{Fleet, TestHost};

#[test]
fn without_an_interval_between_reads_calls_are_made_all_the_same() {
    let fleet = Fleet::new(1, &Settings { refresh: Duration::ZERO, ..Settings::default() });
    fleet.calls(0, 30, Outcome::Answered);
    assert!(fleet.store.take_calls().reads <= 1, "time stands still");
}

/// The same holds in resilience4j, whose window of calls cannot hold more calls than its size either.
#[test]
fn a_minimum_above_the_windows_size_is_the_windows_size() {
    for (size, calls) in [(5, 5), (1, 1), (0, 1)] {
        let window = Window::Count(size);
        let fleet = Fleet::new(1, &Settings { window, minimum_calls: 20, ..Settings::default() });
        fleet.calls(0, calls, Outcome::Failed);
        assert_eq!(fleet.state(0), StateName::Open, "of {size} calls");
    }
}

#[test]
fn a_version_that_cannot_grow_begins_anew() {
    let fleet = Fleet::new(1, &Settings::default());
    let record = Record { version: u64::MAX, generation: u64::MAX, ..Record::unwritten() };
    fleet.store.put("weather", Snapshot { record: Some(record), counts: BTreeMap::new() });
    fleet.trip();
    assert_eq!(fleet.store.snapshot("weather").record.unwrap().version, 1);
    fleet.pass_s(15);
    fleet.calls(0, 2, Outcome::Answered);
    assert_eq!(fleet.state(0), StateName::Closed);
}

/// In resilience4j 1533 and 2289 there were so few calls that the permitted probes were not made in time.
#[test]
fn with_few_calls_it_closes_once_those_that_were_made_did_well() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.trip();
    for _ in 0..10 {
        fleet.pass_s(100);
        let _ = fleet.call(0, Outcome::Answered);
        fleet.end_invocation(0);
    }
    assert_eq!(fleet.state(0), StateName::Closed);
}

#[test]
fn with_few_calls_it_opens_again_when_one_of_two_failed() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.trip();
    fleet.pass_s(15);
    for outcome in [Outcome::Answered, Outcome::Failed] {
        fleet.calls(0, 1, outcome);
    }
    fleet.end_invocation(0);
    fleet.pass_s(60);
    assert!(fleet.call(0, Outcome::Answered).is_err());
    assert_eq!(fleet.state(0), StateName::Open);
}

/// While a probe of an earlier half-open state may be under way, no further ones are permitted.
#[test]
fn half_open_never_begins_anew_while_probes_may_be_under_way() {
    let wait = OpenWait { first: Duration::from_secs(2), ..Settings::default().wait };
    let half_open = HalfOpen { permitted_calls: 3, longest: Duration::from_secs(10) };
    let fleet = Fleet::new(2, &Settings { wait, half_open, ..Settings::default() });
    let limit = Duration::from_secs(30);
    let begin = |environment: usize| {
        fleet.environments[environment].admit("weather", limit).now_or_never().unwrap()
    };
    fleet.trip();
    fleet.pass_s(2);
    let probe = begin(0).unwrap();
    for _ in 0..30 {
        assert!(begin(1).map(drop).is_err());
        fleet.pass_s(1);
    }
    drop(probe);
}

/// If `Retry-After` is longer than the wait, the environment that received it makes no call before.
#[test]
fn a_probe_that_is_told_to_slow_down_is_not_followed_by_another_too_soon() {
    let fleet = Fleet::new(1, &Settings::default());
    fleet.trip();
    fleet.pass_s(15);
    let retry_after = Some(Duration::from_secs(200));
    fleet.calls(0, 1, Outcome::Throttled { retry_after });
    for _ in 0..199 {
        fleet.pass_s(1);
        assert!(fleet.call(0, Outcome::Answered).is_err());
    }
    fleet.pass_s(1);
    fleet.calls(0, 2, Outcome::Answered);
    assert_eq!(fleet.state(0), StateName::Closed);
}

/// A day of calls with a store that is unavailable all day.
#[test]
fn what_an_environment_remembers_has_a_bound() {
    for window in [Window::Count(u32::MAX), Window::Time(Duration::from_secs(60))] {
        let settings = Settings { window, ..Settings::default() };
        let mut environment = Environment::new("a".to_owned(), settings);
        for second in 0..86_400 {
            let at = Moment { now: Timestamp::from_unix_ms(second * 1_000), roll: 0 };
            let pass = loop {
                match environment.admit(super::LIMIT, at) {
                    Admission::Call(pass) => break pass,
                    Admission::Ask(Request::Read) => {
                        let away = StoreUnavailable { reason: String::new() };
                        environment.apply_answer(Answer::Read(Err(away)), at.now);
                    }
                    other => panic!("{other:?}"),
                }
            };
            environment.finish(&pass, Outcome::Answered, Duration::ZERO, at.now);
        }
        let length = format!("{environment:?}").len();
        assert!(length < 20_000, "{length} characters describe it");
    }
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    let now_ms = 1_767_225_600_000_i64;
    let hour_ms = 3_600_000;
    prop_oneof![
        select(vec![i64::MIN, -1, 0, now_ms, now_ms + hour_ms, now_ms - hour_ms, i64::MAX]),
        now_ms - 90_000..now_ms + 90_000,
    ]
    .prop_map(Timestamp::from_unix_ms)
}

fn any_count() -> impl Strategy<Value = u32> {
    select(vec![0, 1, 3, 20, u32::MAX - 1, u32::MAX])
}

fn any_counts() -> impl Strategy<Value = Counts> {
    (any_count(), any_count(), any_count(), any_count())
        .prop_map(|(calls, failures, slow, absent)| Counts { calls, failures, slow, absent })
}

fn any_lease() -> impl Strategy<Value = (String, Lease)> {
    let holder = select(vec!["environment-0", "environment-1", "a", "b", "c"]);
    let lease = (any_count(), any_time());
    (holder, lease)
        .prop_map(|(holder, (permits, ends_at))| (holder.to_owned(), Lease { permits, ends_at }))
}

fn any_state() -> impl Strategy<Value = State> {
    let leases = proptest::collection::btree_map("[a-z]{4}", any_lease(), 0..5)
        .prop_map(|leases| leases.into_values().collect());
    prop_oneof![
        (any_time(), any_time())
            .prop_map(|(since, ramp_ends_at)| State::Closed { since, ramp_ends_at }),
        (any_time(), any_time(), select(Cause::ALL.to_vec()))
            .prop_map(|(since, until, cause)| State::Open { since, until, cause }),
        (any_time(), any_count(), leases, any_counts()).prop_map(
            |(since, permitted, leases, results)| State::HalfOpen {
                since,
                permitted,
                leases,
                results
            }
        ),
    ]
}

fn any_record() -> impl Strategy<Value = Record> {
    let number = || select(vec![0, 1, 7, u64::MAX - 1, u64::MAX]);
    (number(), any_state(), number(), any_count(), proptest::option::of(any_time())).prop_map(
        |(version, state, generation, opens, unavailable_since)| Record {
            version,
            state,
            generation,
            opens,
            unavailable_since,
            forced: None,
        },
    )
}

fn any_shared() -> impl Strategy<Value = SharedCounts> {
    let present = 1_767_225_600_u64 / 6;
    let slot = select(vec![0, 1, present - 1, present, present + 1, u64::MAX - 3, u64::MAX]);
    let places = proptest::collection::btree_map(0_u64..12, (slot, any_counts()), 0..6);
    (select(vec![0, 1, 7, u64::MAX]), places)
        .prop_map(|(generation, places)| SharedCounts { generation, places })
}

fn any_length() -> impl Strategy<Value = Duration> {
    select(vec![
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_millis(1),
        Duration::from_secs(1),
        Duration::from_secs(60),
        Duration::MAX,
    ])
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let window =
        prop_oneof![any_count().prop_map(Window::Count), any_length().prop_map(Window::Time)];
    let waits = (any_length(), any_length(), any_length());
    let half_open = (any_count(), any_length());
    let others = (proptest::option::of(any_length()), any_length(), any_length());
    (window, any_count(), 1_u8..=100, waits, half_open, others).prop_map(
        |(window, minimum_calls, percent, waits, half_open, (slow_call, ramp, refresh))| {
            let rate = Percent::try_from(percent).unwrap();
            let (first, longest, recovery) = waits;
            Settings {
                window,
                minimum_calls,
                failure_rate: rate,
                slow_call,
                absent_rate: Some(rate),
                wait: OpenWait { first, longest, recovery },
                half_open: HalfOpen { permitted_calls: half_open.0, longest: half_open.1 },
                ramp,
                refresh,
                ..Settings::default()
            }
        },
    )
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let retry_after = proptest::option::of(any_length());
    prop_oneof![
        select(vec![Outcome::Answered, Outcome::Failed, Outcome::Absent, Outcome::Ignored]),
        retry_after.prop_map(|retry_after| Outcome::Throttled { retry_after }),
    ]
}

/// A call of at most `limit` that takes `took` and begins `pause` after the one before.
#[derive(Clone, Debug)]
struct Call {
    outcome: Outcome,
    limit: Duration,
    took_ms: i64,
    pause_ms: i64,
    roll: u64,
}

fn any_call() -> impl Strategy<Value = Call> {
    let ms = || select(vec![0, 1, 999, 2_000, 16_000, 70_000, -70_000, 1 << 40]);
    let roll = select(vec![0, 1, 99, u64::MAX]);
    (any_outcome(), any_length(), ms(), ms(), roll).prop_map(
        |(outcome, limit, took_ms, pause_ms, roll)| Call {
            outcome,
            limit,
            took_ms,
            pause_ms,
            roll,
        },
    )
}

proptest! {
    /// The breaker never panics, whatever is stored or configured and whatever a clock says.
    #[test]
    fn nothing_that_is_stored_or_configured_makes_it_panic(
        settings in any_settings(),
        record in proptest::option::of(any_record()),
        shared in any_shared(),
        calls in proptest::collection::vec(any_call(), 1..30),
    ) {
        let (hands, store) = (TestHost::default(), MemoryBreakers::default());
        let counts = BTreeMap::from([(settings.window.horizon(), shared)]);
        store.put("weather", Snapshot { record, counts });
        let settings = [("weather".to_owned(), settings)];
        let breakers = Breakers::new(store, hands.clone(), "environment-0", settings);
        let pass = |ms: i64| {
            hands.ahead_ms.fetch_add(ms, std::sync::atomic::Ordering::Relaxed);
        };
        for call in calls {
            hands.world.1.store(call.roll, std::sync::atomic::Ordering::Relaxed);
            let admitted = breakers.admit("weather", call.limit).now_or_never().unwrap();
            pass(call.took_ms);
            if let Ok(permit) = admitted {
                permit.finish(call.outcome).now_or_never().unwrap();
            }
            breakers.end_invocation().now_or_never().unwrap();
            breakers.status();
            pass(call.pause_ms);
        }
    }
}
