//! Reports as a terminal shows them.

use serde_json::json;

use super::*;

const ARN: &str = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Operators_0123456789abcdef/ada@example.com";

fn report(width: usize) -> Report {
    Report { width, is_coloured: false }
}

fn parked_events() -> Value {
    json!({ "about": 1_312, "queues": [
        { "stage": "deliver", "about": 12 }, { "stage": "enrich", "about": 1_300 },
    ] })
}

fn closed() -> Value {
    json!({
        "name": "tides", "version": 0, "state": "closed", "since": null,
        "automatic_state": "closed", "cause": null, "opens": 0, "unavailable_since": null,
        "next_probe_at": null, "ramp_ends_at": null, "half_open": null, "counts": [], "forced": null,
    })
}

fn open() -> Value {
    let mut open = closed();
    for (member, value) in [
        ("name", json!("weather")),
        ("version", json!(9)),
        ("state", json!("open")),
        ("since", json!("2026-11-29T02:59:15.000Z")),
        ("automatic_state", json!("open")),
        ("cause", json!("failure-rate")),
        ("opens", json!(3)),
        ("unavailable_since", json!("2026-11-29T02:48:10.000Z")),
        ("next_probe_at", json!("2026-11-29T03:00:45.000Z")),
        (
            "counts",
            json!([{
                "window_s": 60, "calls": 1_200, "failures": 900, "slow": 4, "absent": 1,
            }]),
        ),
    ] {
        open[member] = value;
    }
    open
}

fn forced() -> Value {
    let mut forced = open();
    forced["state"] = json!("forced-open");
    forced["next_probe_at"] = json!("2026-11-29T05:00:00.000Z");
    forced["forced"] = json!({
        "to": "open", "by": ARN, "why": "the vendor is down, and says so until five o'clock",
        "since": "2026-11-29T02:00:00.000Z", "until": "2026-11-29T05:00:00.000Z",
    });
    forced["since"] = forced["forced"]["since"].clone();
    forced
}

fn shown(breaker: Value) -> Value {
    json!({
        "at": "2026-11-29T03:00:00.000Z",
        "first_dead_letter_at": match breaker["unavailable_since"].is_string() {
            true => json!("2026-11-29T08:48:10.000Z"),
            false => json!(null),
        },
        "longest_wait_s": 21_600,
        "breaker": breaker,
        "parked": parked_events(),
    })
}

#[track_caller]
fn check_width(text: &str, width: usize) {
    assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
}

#[test]
fn a_list_is_a_line_for_each_within_80_columns() {
    let mut long = forced();
    long["name"] = json!("a-name-that-is-longer-than-a-column");
    let answer = json!({
        "at": "2026-11-29T03:00:00.000Z", "breakers": [long, closed(), open()], "parked": parked_events(),
    });
    let expected = "\
breaker               state          since       next probe  why
a-name-that-is-long…  forced-open    60 min ago  in 2 h      the vendor is down…
tides                 closed         -           -
weather               open           45 s ago    in 45 s     too many calls fai…

parked: about 1,312 events (deliver 12, enrich 1,300)";
    let told = report(80).list(&answer);
    assert_eq!(told, expected);
    check_width(&told, 80);
    assert!(report(120).list(&answer).contains("too many calls failed"), "wider, more is read");
    let none = json!({ "breakers": [] });
    assert!(report(80).list(&none).contains("there is no breaker"));
}

#[test]
fn a_queue_that_is_not_polled_is_told_with_when_it_is_to_be() {
    let mut answer = shown(open());
    answer["breakers"] = json!([open()]);
    answer["polling"] = json!([
        {"stage": "deliver", "state": "enabling", "paused_at": "2026-11-29T02:45:00.000Z",
         "resumes_at": "2026-11-29T02:59:15.000Z", "left_alone_until": null},
        {"stage": "enrich", "state": "disabled", "paused_at": "2026-11-29T02:50:00.000Z",
         "resumes_at": "2026-11-29T03:05:00.000Z", "left_alone_until": null},
        {"stage": "other", "state": "left-alone", "paused_at": null, "resumes_at": null,
         "left_alone_until": "2026-11-29T04:00:00.000Z"},
    ]);
    let told = report(120).list(&answer);
    for expected in [
        "polling: deliver paused since 02:45:00 UTC (15 min ago), about to go on",
        "polling: enrich paused since 02:50:00 UTC (10 min ago), to go on at 03:05:00 UTC (in 5 min)",
        "polling: other not paused until 04:00:00 UTC (in 60 min): somebody enabled its mapping",
    ] {
        assert!(told.lines().any(|line| line == expected), "{told}");
    }
    let told = report(80).show(&answer);
    check_width(&told, 80);
    let first = "  polling        deliver paused since 02:45:00 UTC (15 min ago), about to go on";
    assert!(told.lines().any(|line| line == first), "{told}");
    let expected = "                 enrich paused since";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn an_open_breaker_says_why_and_what_waits_until_when() {
    let expected = "\
weather is open since 02:59:15 UTC (45 s ago)

  why            too many calls failed, 3 times in a row
  unavailable    since 02:48:10 UTC (12 min ago)
  next probe     03:00:45 UTC (in 45 s)
  calls          1,200 in 60 s: 900 failed, 4 slow, 1 with nothing for the event
  parked         about 1,312 events (deliver 12, enrich 1,300), whichever
                 breaker they wait for
  oldest         waits since about 02:48:10 UTC (12 min ago)
  dead letters   the first at about 08:48:10 UTC (in 5 h 48 min), after 6 h of
                 waiting
  next           it tries by itself. `reset weather` closes it now; `force-open
                 weather` keeps calls away";
    let told = report(80).show(&shown(open()));
    assert_eq!(told, expected);
    check_width(&told, 80);
}

#[test]
fn where_nothing_waits_nothing_is_said_to_become_a_dead_letter() {
    let mut answer = shown(open());
    answer["parked"] = json!({ "about": 0, "queues": [] });
    let told = report(80).show(&answer);
    assert!(told.contains("  parked         no event, as far as SQS counts\n"), "{told}");
    assert!(!told.contains("oldest") && !told.contains("dead letters"), "{told}");
    answer["parked"] = json!({ "about": null, "queues": [{ "stage": "enrich", "about": null }] });
    let told = report(80).show(&answer);
    assert!(told.contains("not known (enrich not known), whichever"), "{told}");
    assert!(told.contains("dead letters"), "{told}");
}

#[test]
fn a_forced_breaker_says_by_whom_why_and_until_when() {
    let told = report(80).show(&shown(forced()));
    check_width(&told, 80);
    assert!(told.starts_with("weather is forced-open since 02:00:00 UTC (60 min ago)\n"), "{told}");
    let joined: String = told.split_whitespace().collect();
    assert!(joined.contains(ARN), "{told}");
    for expected in [
        "  why            the vendor is down, and says so until five o'clock",
        "  until          05:00:00 UTC (in 2 h)",
        "  next           `sluicegate breaker release weather --why …` ends it",
    ] {
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn a_half_open_breaker_shows_its_probes_and_one_that_recovers_its_ramp() {
    let mut probing = open();
    probing["state"] = json!("half-open");
    probing["next_probe_at"] = json!(null);
    probing["half_open"] = json!({ "permitted": 3, "settled": 1, "failures": 0, "leases": [
        { "environment": "e1", "permits": 2, "ends_at": "2026-11-29T03:00:05.000Z" },
    ] });
    let told = report(80).show(&shown(probing));
    assert!(told.contains("3 permitted: 1 done, 0 of them failed, 2 under way"), "{told}");
    assert!(told.contains("2 leased by e1 until 03:00:05 UTC (in 5 s)"), "{told}");
    let mut ramping = closed();
    ramping["ramp_ends_at"] = json!("2026-11-29T03:00:20.000Z");
    ramping["since"] = json!("2026-11-29T02:59:50.000Z");
    let told = report(80).show(&shown(ramping));
    assert!(told.contains("all calls are let through from 03:00:20 UTC (in 20 s) on"), "{told}");
    let mut due = open();
    due["next_probe_at"] = json!("2026-11-29T02:59:59.000Z");
    assert!(report(80).show(&shown(due)).contains("with the next call: its wait is over"));
    let told = report(80).show(&shown(closed()));
    assert!(told.starts_with("tides is closed: no call has failed so far"), "{told}");
}

#[test]
fn an_act_tells_what_was_what_is_and_where_it_is_written_down() {
    let answer = json!({
        "at": "2026-11-29T03:00:00.000Z", "act": "force-open", "by": ARN, "why": "the vendor is down",
        "until": "2026-11-29T05:00:00.000Z", "before": open(), "breaker": forced(),
        "reaches_fleet_within_ms": 1_000,
        "audit": { "intent": "audit/2026/11/29/031500.123Z-6f6a8f1f3ce1-intent.json", "outcome": "audit/2026/11/29/031500.123Z-6f6a8f1f3ce1-outcome.json" },
    });
    let told = report(80).done(&answer);
    check_width(&told, 80);
    assert!(told.starts_with("weather is now forced-open until 05:00:00 UTC (in 2 h)\n"), "{told}");
    for expected in [
        "  before         open",
        "  why            the vendor is down",
        "  reaches        every environment that makes a call, within 1 s",
        "  audit log      audit/2026/11/29/031500.123Z-6f6a8f1f3ce1-intent.json\n                 audit/2026/11/29/031500.123Z-6f6a8f1f3ce1-outcome.json",
        "release weather",
    ] {
        assert!(told.contains(expected), "{told}");
    }
    let mut unwritten = answer;
    unwritten["audit"]["outcome"] = json!(null);
    assert!(report(80).done(&unwritten).contains("the outcome could not be written down"));
}

#[test]
fn colours_are_beside_the_columns() {
    let answer = json!({ "at": "2026-11-29T03:00:00.000Z", "breakers": [open()], "parked": parked_events() });
    let plain = report(80).list(&answer);
    let coloured = Report { width: 80, is_coloured: true }.list(&answer);
    assert!(coloured.contains("\x1b[1;31mopen         \x1b[0m"), "{coloured}");
    assert_eq!(coloured.replace("\x1b[1;31m", "").replace("\x1b[0m", ""), plain);
}
