//! The view of a breaker in each of its states.

use std::collections::BTreeMap;

use breaker::{Cause, Counts, ForcedState, Mode, SharedCounts};
use serde_json::{Value, json};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_796_000_000_000 + seconds * 1_000)
}

fn record(state: State) -> Record {
    Record { version: 7, state, opens: 2, unavailable_since: Some(at(-600)), ..Record::unwritten() }
}

fn open() -> Record {
    record(State::Open { since: at(-30), until: at(60), cause: Cause::FailureRate })
}

fn forced(to: ForcedState, until: Option<Timestamp>) -> Option<Forced> {
    let (by, why) = ("arn:aws:iam::1:user/ada".to_owned(), "it is down".to_owned());
    Some(Forced { to, by, why, since: at(-10), until })
}

fn shown(record: Record) -> Value {
    let view = BreakerView::of_record("weather", &record, &Settings::default(), at(0));
    serde_json::to_value(view).unwrap()
}

#[test]
fn an_open_breaker_says_why_since_when_and_until_when() {
    let expected = json!({
        "name": "weather", "version": 7, "state": "open", "since": at(-30),
        "automatic_state": "open", "cause": "failure-rate", "opens": 2,
        "unavailable_since": at(-600), "next_probe_at": at(60), "ramp_ends_at": null,
        "half_open": null, "counts": [], "forced": null,
    });
    assert_eq!(shown(open()), expected);
}

#[test]
fn an_operators_act_is_in_force_before_what_is_beneath_it() {
    let until = at(3_600);
    let view = shown(Record { forced: forced(ForcedState::Closed, Some(until)), ..open() });
    assert_eq!(
        (&view["state"], &view["automatic_state"]),
        (&json!("forced-closed"), &json!("open"))
    );
    assert_eq!((&view["since"], &view["next_probe_at"]), (&json!(at(-10)), &json!(null)));
    assert_eq!(view["forced"]["by"], "arn:aws:iam::1:user/ada");
    assert_eq!(
        (&view["forced"]["why"], &view["forced"]["until"]),
        (&json!("it is down"), &json!(until))
    );

    // The automatic state's own wait is over, but the next probe is due only when the act ends.
    let beneath = State::Open { since: at(-10), until: at(-10), cause: Cause::Operator };
    for (until, probe) in [(Some(until), json!(until)), (None, json!(null))] {
        let forced = forced(ForcedState::Open, until);
        let view = shown(Record { forced, ..record(beneath.clone()) });
        assert_eq!((&view["state"], &view["next_probe_at"]), (&json!("forced-open"), &probe));
    }
    let over = shown(Record { forced: forced(ForcedState::Disabled, Some(at(0))), ..open() });
    assert_eq!(
        (&over["state"], &over["forced"]),
        (&json!("open"), &json!(null)),
        "its time is over"
    );
}

#[test]
fn a_half_open_breaker_shows_the_permits_that_are_out() {
    let lease = |ends_at| Lease { permits: 2, ends_at };
    let leases = BTreeMap::from([("e1".to_owned(), lease(at(5))), ("e2".to_owned(), lease(at(0)))]);
    let results = Counts { calls: 1, failures: 1, ..Counts::default() };
    let view = shown(record(State::HalfOpen { since: at(-5), permitted: 3, leases, results }));
    let expected = json!({
        "permitted": 3, "settled": 1, "failures": 1,
        "leases": [{ "environment": "e1", "permits": 2, "ends_at": at(5) }],
    });
    assert_eq!(view["half_open"], expected, "a lease that has ended is given back");
}

#[test]
fn a_breaker_of_which_nobody_has_written_is_closed_since_no_time() {
    let view = shown(Record::unwritten());
    assert_eq!((&view["state"], &view["since"]), (&json!("closed"), &json!(null)));
    assert_eq!((&view["version"], &view["ramp_ends_at"]), (&json!(0), &json!(null)));
    let metrics = Settings { mode: Mode::MetricsOnly, ..Settings::default() };
    let view = BreakerView::of_record("weather", &open(), &metrics, at(0));
    assert_eq!((view.state, view.next_probe_at), ("metrics-only", None));
}

#[test]
fn counts_are_those_in_their_window_of_this_life() {
    let settings = Settings::default();
    let slot = settings.window.slot(at(0));
    let counts = Counts { calls: 9, failures: 4, slow: 1, absent: 2 };
    let shared = |generation| SharedCounts {
        generation,
        places: BTreeMap::from([(slot % 10, (slot, counts))]),
    };
    let snapshot = |generation| Snapshot {
        record: Some(open()),
        counts: BTreeMap::from([(settings.window.horizon(), shared(generation))]),
    };
    let view =
        |generation, now| BreakerView::new("weather", &snapshot(generation), &settings, now).counts;
    let expected = CountsView { window_s: 60, calls: 9, failures: 4, slow: 1, absent: 2 };
    assert_eq!(view(0, at(0)), [expected]);
    assert_eq!(view(1, at(0)), [], "of an earlier life");
    assert_eq!(view(0, at(120)), [], "too long ago");
}

#[test]
fn the_first_dead_letter_comes_when_the_longest_wait_is_over() {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let view = BreakerView::of_record("weather", &open(), &Settings::default(), at(0));
    assert_eq!(view.first_dead_letter_at(hours(6)), Some(at(-600 + 6 * 3_600)));
    let closed = Record { unavailable_since: None, ..open() };
    let view = BreakerView::of_record("weather", &closed, &Settings::default(), at(0));
    assert_eq!(view.first_dead_letter_at(hours(6)), None);
}
