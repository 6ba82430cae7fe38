//! What to do about a mapping, case by case.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Evidence, Observation, RECENT};
use super::*;

/// The time this many seconds after the begin of 2026.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_767_225_600_000 + seconds * 1_000)
}

const NOW_S: i64 = 10_000;

fn now() -> Timestamp {
    at(NOW_S)
}

struct Known(BTreeMap<&'static str, NextCall>);

impl NextCalls for Known {
    fn next_call(&self, dependency: &str) -> NextCall {
        self.0.get(dependency).copied().unwrap_or(NextCall::Now)
    }
}

/// `weather` may be called after this many seconds, and `partner` after a release.
fn weather_in(seconds: i64) -> Known {
    let weather = NextCall::At(at(NOW_S + seconds));
    Known(BTreeMap::from([("weather", weather), ("partner", NextCall::AfterRelease)]))
}

/// Evidence of batches that waited this many seconds ago, by dependency, and of when a record went on.
fn evidence(waited: &[(&str, i64)], went_on_s_ago: Option<i64>) -> Evidence {
    let mut evidence = Evidence::default();
    for (dependency, seconds_ago) in waited {
        let dependency = (*dependency).to_owned();
        evidence.add(&Observation::AllWaited { dependency }, at(NOW_S - seconds_ago));
    }
    if let Some(seconds_ago) = went_on_s_ago {
        evidence.add(&Observation::WentOn, at(NOW_S - seconds_ago));
    }
    evidence
}

fn record(evidence: Evidence, polling: Polling) -> PollingRecord {
    PollingRecord { evidence, version: 3, polling }
}

fn standard(state: MappingState) -> Mapping {
    Mapping { state, is_fifo: false }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// A pause that began this many seconds ago, and was asked for at the same time.
fn pause(seconds_ago: i64, phase: Phase) -> Pause {
    let began = at(NOW_S - seconds_ago);
    Pause { since: began, asked_at: began, waits_for: set(&["weather"]), phase }
}

/// Whether a queue that is polled is to be paused.
#[track_caller]
fn check_pause(evidence: Evidence, known: &Known, is_fifo: bool, expected: Option<&[&str]>) {
    let mapping = Mapping { state: MappingState::Enabled, is_fifo };
    let step = next_step(&record(evidence, Polling::Running), mapping, known, now());
    let expected = expected.map_or(Step::Leave, |waits_for| {
        let waits_for = set(waits_for);
        let (since, asked_at, phase) = (now(), now(), Phase::Disabling);
        Step::WriteAndDisable(Pause { since, asked_at, waits_for, phase })
    });
    assert_eq!(step, expected);
}

#[test]
fn polling_pauses_while_all_events_would_wait_for_long() {
    let weather: &[(&str, i64)] = &[("weather", 30)];
    let paused: Option<&[&str]> = Some(&["weather"]);
    check_pause(evidence(weather, None), &weather_in(151), false, paused);
    check_pause(evidence(weather, Some(120)), &weather_in(151), false, paused);
    let both: &[(&str, i64)] = &[("weather", 30), ("partner", 100)];
    check_pause(evidence(both, None), &weather_in(300), false, Some(&["partner", "weather"]));
    // A dependency that events waited for long ago does not count.
    let one_long_ago: &[(&str, i64)] = &[("weather", 30), ("gone", 121)];
    check_pause(evidence(one_long_ago, None), &weather_in(300), false, paused);
}

#[test]
fn polling_goes_on_where_a_pause_would_hold_something_up() {
    let weather: &[(&str, i64)] = &[("weather", 30)];
    check_pause(evidence(&[], None), &weather_in(3_600), false, None);
    check_pause(evidence(&[("weather", 121)], None), &weather_in(3_600), false, None);
    check_pause(evidence(weather, Some(119)), &weather_in(3_600), false, None);
    check_pause(evidence(weather, None), &weather_in(150), false, None);
    let one_is_not_known: &[(&str, i64)] = &[("weather", 30), ("closed", 30)];
    check_pause(evidence(one_is_not_known, None), &weather_in(3_600), false, None);
}

#[test]
fn a_fifo_queue_is_paused_for_any_wait() {
    let weather: &[(&str, i64)] = &[("weather", 30)];
    check_pause(evidence(weather, None), &weather_in(1), true, Some(&["weather"]));
    check_pause(evidence(weather, None), &weather_in(0), true, None);
    check_pause(evidence(weather, Some(10)), &weather_in(60), true, None);
}

#[test]
fn a_mapping_that_somebody_disabled_is_not_paused() {
    for state in [
        MappingState::Disabled,
        MappingState::Disabling,
        MappingState::Enabling,
        MappingState::Other,
    ] {
        let running = record(evidence(&[("weather", 30)], None), Polling::Running);
        let step = next_step(&running, standard(state), &weather_in(3_600), now());
        assert_eq!(step, Step::Leave, "{state:?}");
    }
}

/// What to do about a pause if its dependency may be called in `call_in_s` seconds.
#[track_caller]
fn check(pause: Pause, state: MappingState, call_in_s: i64, expected: Step) {
    let paused = record(Evidence::default(), Polling::Paused(pause.clone()));
    let step = next_step(&paused, standard(state), &weather_in(call_in_s), now());
    assert_eq!(step, expected, "{pause:?} {state:?}");
}

#[test]
fn a_pause_is_asked_for_until_lambda_has_taken_it() {
    let asked = pause(60, Phase::Disabling);
    let again = Pause { asked_at: now(), ..asked.clone() };
    check(asked.clone(), MappingState::Enabled, 600, Step::WriteAndDisable(again));
    let taken = Polling::Paused(pause(60, Phase::Disabled));
    check(asked.clone(), MappingState::Disabling, 600, Step::Write(taken.clone()));
    check(asked, MappingState::Disabled, 600, Step::Write(taken));
    check(pause(60, Phase::Disabled), MappingState::Disabled, 600, Step::Leave);
    check(pause(60, Phase::Disabling), MappingState::Other, 600, Step::Leave);
}

#[test]
fn polling_goes_on_in_time_for_the_next_call() {
    let disabled = pause(200, Phase::Disabled);
    let enable = Step::WriteAndEnable(pause(200, Phase::Enabling));
    for state in [MappingState::Disabled, MappingState::Disabling, MappingState::Other] {
        check(disabled.clone(), state, 90, enable.clone());
        check(disabled.clone(), state, -5, enable.clone());
    }
    check(disabled, MappingState::Disabled, 91, Step::Leave);
    // Enabling is not taken back once it was begun.
    check(pause(200, Phase::Enabling), MappingState::Disabled, 3_600, enable);
}

#[test]
fn no_pause_is_longer_than_a_quarter_of_an_hour() {
    let enable = |seconds_ago| Step::WriteAndEnable(pause(seconds_ago, Phase::Enabling));
    check(pause(899, Phase::Disabled), MappingState::Disabled, 9_999, Step::Leave);
    check(pause(900, Phase::Disabled), MappingState::Disabled, 9_999, enable(900));
    let mut until_released = pause(900, Phase::Disabled);
    until_released.waits_for = set(&["partner"]);
    let due_at = resume_due_at(&until_released, &weather_in(0));
    assert_eq!(due_at, now());
}

#[test]
fn a_pause_of_which_nothing_is_understood_ends_at_once() {
    let mut unreadable = pause(10, Phase::Disabled);
    unreadable.waits_for.clear();
    let enabling = Pause { phase: Phase::Enabling, ..unreadable.clone() };
    check(unreadable, MappingState::Disabled, 3_600, Step::WriteAndEnable(enabling));
    let mut unknown = pause(10, Phase::Disabled);
    unknown.waits_for = set(&["weather", "nobody knows it"]);
    let enabling = Pause { phase: Phase::Enabling, ..unknown.clone() };
    check(unknown, MappingState::Disabled, 3_600, Step::WriteAndEnable(enabling));
}

#[test]
fn a_pause_is_over_once_no_late_request_can_disable_the_mapping() {
    for state in [MappingState::Enabled, MappingState::Enabling] {
        check(pause(119, Phase::Enabling), state, 0, Step::Leave);
        check(pause(120, Phase::Enabling), state, 0, Step::Write(Polling::Running));
        check(pause(120, Phase::Disabling), state, 0, Step::Write(Polling::Running));
    }
}

#[test]
fn whoever_enables_a_mapping_during_a_pause_is_left_alone_for_an_hour() {
    let left_alone = Polling::LeftAlone { until: at(NOW_S + 3_600) };
    let enabled = MappingState::Enabled;
    check(pause(120, Phase::Disabled), enabled, 600, Step::Write(left_alone.clone()));
    check(pause(119, Phase::Disabled), enabled, 600, Step::Leave);

    let alone = record(evidence(&[("weather", 0)], None), left_alone.clone());
    assert!(!alone.needs_attention(now()));
    let step = next_step(&alone, standard(enabled), &weather_in(3_600), now());
    assert_eq!(step, Step::Leave);
    let later = at(NOW_S + 3_600);
    let waited_since = Observation::AllWaited { dependency: "weather".to_owned() };
    let mut alone = alone;
    alone.evidence.add(&waited_since, later);
    let step = next_step(&alone, standard(enabled), &weather_in(9_000), later);
    assert!(matches!(step, Step::WriteAndDisable(_)), "{step:?}");
}

#[test]
fn lambda_is_asked_only_where_there_may_be_something_to_do() {
    let recent = evidence(&[("weather", 120)], None);
    let old = evidence(&[("weather", 121)], Some(1));
    assert!(record(recent, Polling::Running).needs_attention(now()));
    assert!(!record(old.clone(), Polling::Running).needs_attention(now()));
    assert!(!PollingRecord::default().needs_attention(now()));
    let paused = Polling::Paused(pause(1, Phase::Disabled));
    assert!(record(old, paused).needs_attention(now()));
}

#[test]
fn evidence_is_never_set_back() {
    let mut evidence = evidence(&[("weather", 10)], Some(10));
    let before = evidence.clone();
    let weather = Observation::AllWaited { dependency: "weather".to_owned() };
    evidence.add(&weather, at(NOW_S - 11));
    evidence.add(&Observation::WentOn, at(NOW_S - 11));
    assert_eq!(evidence, before);
    evidence.add(&weather, now());
    assert_eq!(evidence.waits_for(now().plus(RECENT)), set(&["weather"]));
}
