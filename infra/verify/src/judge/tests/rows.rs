//! Rows that keep the newest state: upserted, merged, deleted and expired.

use super::*;

const STATE: &str = "{name: state, kind: table, mode: upsert, tombstone: {at: /op, values: [d]}}";

fn state(id: &str, rest: &str) -> String {
    format!(r#"{{"pk":"probe#[\"a\"]","dataset":"probe","event_id":"{id}",{rest}}}"#)
}

#[test]
fn an_upserted_row_is_its_newest_event_to_the_microsecond() {
    let event =
        |id: &str, at: &str| format!(r#"{{"id":{id},"k":"a","at":"2026-11-28T00:00:00.{at}Z"}}"#);
    let events =
        [event("1", "123003"), event("2", "123008"), event("3", "1"), event("4", "123001")];
    let lines: Vec<&str> = events.iter().map(String::as_str).collect();
    let scene = || Scene::new(STATE, &lines);
    let row = |id: &str, event: &str| state(id, &format!(r#""payload":{event}"#));
    let verdict = scene().row("state", &row("tag:2", &events[1])).kept();
    assert_eq!((verdict.written, verdict.sinks[0].items, verdict.sinks[0].present), (4, 1, 4));
    scene().row("state", &row("tag:4", &events[3])).broken("the newest is line 2 of");
    let verdict = scene().broken("its row is not there");
    assert_eq!(verdict.lost, 4);
    let other = state("tag:2", r#""payload":{}"#).replace("\\\"a", "\\\"b");
    scene()
        .row("state", &row("tag:2", &events[1]))
        .row("state", &other)
        .broken("a row that nobody sent");
}

/// `printf '["probe",1]' | sha256sum` is 1414…, and that of `["probe",2]` is b5a5….
#[test]
fn of_equally_new_events_the_greater_key_is_the_row() {
    let event = |id: u8| format!(r#"{{"id":{id},"k":"a","at":"2026-11-28T00:00:00Z"}}"#);
    let (one, two) = (event(1), event(2));
    let scene = || Scene::new(STATE, &[&one, &two]);
    let row = |id: &str, event: &str| state(id, &format!(r#""payload":{event}"#));
    scene().row("state", &row("tag:2", &two)).kept();
    scene().row("state", &row("tag:1", &one)).broken("the newest is line 2");
}

#[test]
fn a_tombstone_leaves_a_deleted_row() {
    let deletion = r#"{"id":2,"k":"a","op":"d","at":"2026-11-28T01:00:00Z"}"#;
    let scene = || Scene::new(STATE, &[ONE, deletion]);
    scene().row("state", &state("tag:2", r#""deleted":true"#)).kept();
    let left = state("tag:1", &format!(r#""payload":{ONE}"#));
    scene().row("state", &left).broken("it is not deleted");
}

#[test]
fn what_failed_in_the_sink_may_or_may_not_have_been_taken_in() {
    let scene = || {
        let scene = Scene::new(STATE, &[ONE, TWO]);
        scene.letter("sink", "contract.violation", "tag:2", "/order")
    };
    for (id, event) in [("tag:1", ONE), ("tag:2", TWO)] {
        scene().row("state", &state(id, &format!(r#""payload":{event}"#))).kept();
    }
}

#[test]
fn each_merged_attribute_is_its_newest_event_s() {
    let sink = "{name: state, kind: table, mode: merge, order_by: /v, attributes: {x: /x, y: /y}}";
    let lines = [
        r#"{"id":1,"k":"a","at":"2026-11-28T00:00:00Z","v":1,"x":"old","y":7.0}"#,
        r#"{"id":2,"k":"a","at":"2026-11-28T00:00:00Z","v":2,"x":"new"}"#,
    ];
    let scene = || Scene::new(sink, &lines);
    scene().row("state", &state("tag:2", r#""x":"new","y":7"#)).kept();
    scene().row("state", &state("tag:2", r#""x":"old","y":7"#)).broken(r#"`x` is "old""#);
    scene()
        .row("state", &state("tag:2", r#""x":"new""#))
        .broken("`y` is nothing, and was sent as 7.0");
}

#[test]
fn rows_of_another_dataset_are_deleted() {
    let sink = "{name: state, kind: table, mode: delete, rows_of: orders}";
    let row = |rest: &str| state("tag:1", rest).replace("probe#", "orders#");
    let scene = || Scene::new(sink, &[ONE]);
    scene().row("state", &row(r#""deleted":true"#)).kept();
    scene().row("state", &row(r#""payload":{}"#)).broken("it is not deleted");
}

#[test]
fn what_has_expired_may_be_gone() {
    let sink = "{name: state, kind: table, mode: upsert, ttl_days: 1}";
    let at = |now: &str| {
        let mut scene = Scene::new(sink, &[ONE]);
        scene.seen.now = Instant::parse(now);
        scene
    };
    at("2026-11-29T00:00:00Z").kept();
    at("2026-11-28T23:59:59Z").broken("its row is not there");
}
