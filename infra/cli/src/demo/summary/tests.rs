use std::time::Duration;

use serde_json::json;

use super::super::latency::Latency;
use super::super::reconcile::Balance;
use super::super::stages::Stage;
use super::*;

fn report() -> Report {
    let stage = |name: &str, events_in, events_out, retried, reasons: &[(&str, u64)]| StageReport {
        name: name.to_owned(),
        counts: Stage { invocations: 200, events_in, events_out, duplicates: 0, retried },
        reasons: reasons.iter().map(|(code, count)| ((*code).to_owned(), *count)).collect(),
    };
    let calls = |operation: &str, count| BTreeMap::from([(operation.to_owned(), count)]);
    let flight = json!({
        "dataset": "flights", "subject": "UA-1545-EWR", "event_time": "2013-01-01T10:00:00.000Z",
        "payload": {"carrier": "UA", "flight": 1545, "origin": "EWR", "dest": "IAH",
                    "weather": {"temp": 39.02, "wind_speed": 12.66}},
    });
    let other = json!({
        "dataset": "readings", "subject": "m-1", "event_time": "2026-01-01T00:00:00.000Z",
        "payload": {"meter": "m-1"},
    });
    let record = |value: Value| value.as_object().unwrap().clone();
    Report {
        dataset: "flights".to_owned(),
        is_settled: true,
        balance: Balance {
            events: 2_000,
            accepted: 1_998,
            rejected: 2,
            written: 1_998,
            dead_lettered: 2,
            ..Balance::default()
        },
        stages: vec![
            stage("ingest", 2_000, 1_998, 0, &[("contract.violation", 1), ("decode.json", 1)]),
            stage("sink", 1_998, 1_998, 12, &[]),
        ],
        latency: Some(Latency { p50_ms: 850, p99_ms: 1_250, max_ms: 12_000 }),
        calls: BTreeMap::from([
            ("ingest".to_owned(), calls("sqs.SendMessageBatch", 200)),
            ("sink".to_owned(), calls("dynamodb.TransactWriteItems", 300)),
        ]),
        batches: 600,
        samples: vec![record(flight), record(other)],
        elapsed: Duration::from_millis(4_240),
    }
}

#[test]
fn a_summary_tells_everything_within_eighty_columns() {
    let expected = "\
flights: nothing lost, nothing written twice
2,000 events, 1,998 accepted, 1,998 written, 2 rejected, 2 in dead-letter
  queues, 0 lost, 0 duplicated

stage          in      out  retried  dead letters
ingest      2,000    1,998        0  2 (contract.violation 1, decode.json 1)
sink        1,998    1,998       12  0

latency  ingest to table: p50 850 ms, p99 1.25 s, max 12.00 s
calls    0.25 an event, by the functions
         ingest: sqs.SendMessageBatch 200
         sink: dynamodb.TransactWriteItems 300
         batches that event source mappings polled and deleted: 600
elapsed  4.2 s

some of the records
  flights UA1545 EWR→IAH 2013-01-01 10:00 UTC, 39 °F, wind 13 mph
  readings m-1 2026-01-01T00:00:00.000Z {\"meter\":\"m-1\"}

The table, the queues and the buckets were in this process's memory, and are
  gone.
Next:
  cargo run -- demo --events 27004    all flights of January 2013
  cargo run -- local up               the same services, until Ctrl-C";
    assert_eq!(text(&report(), 80), expected);
}

#[test]
fn no_line_is_wider_than_asked_whatever_the_records_hold() {
    let mut report = report();
    let long = json!({"dataset": "x", "payload": {"text": "ü".repeat(500)}});
    report.samples.push(long.as_object().unwrap().clone());
    for width in [40, 80, 120] {
        let text = text(&report, width);
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width, "{widest} of {width}");
    }
}

#[test]
fn a_broken_promise_is_not_told_as_a_kept_one() {
    let mut lost = report();
    lost.balance.lost = 1;
    assert!(text(&lost, 80).starts_with("flights: PROMISE BROKEN"));
    assert!(!lost.is_kept());
    let unfinished = Report { is_settled: false, ..report() };
    assert!(text(&unfinished, 80).starts_with("flights: NOT FINISHED"));
    assert!(!unfinished.is_kept());
}

#[test]
fn the_json_has_every_figure_by_its_name() {
    let json = report().json();
    assert_eq!(json["accepted"], 1_998);
    assert_eq!(json["latency_ms"], json!({"p50": 850, "p99": 1_250, "max": 12_000}));
    assert_eq!(json["calls_per_event"], 0.25);
    assert_eq!(json["stages"]["ingest"]["reasons"]["decode.json"], 1);
    assert_eq!(json["dead_letter_reasons"]["contract.violation"], 1);
    for name in ["rejected", "written", "dead_lettered", "parked", "lost", "duplicated", "events"] {
        assert!(json[name].is_u64(), "{name}");
    }
    assert_eq!(json["elapsed_s"], 4.24);
}

#[track_caller]
fn check_fit(line: &str, expected: &[&str]) {
    assert_eq!(fit(line, 10), expected);
}

#[test]
fn lines_break_at_spaces_and_long_words_are_cut() {
    check_fit("ten chars!", &["ten chars!"]);
    check_fit("one two three", &["one two", "  three"]);
    check_fit("  one two three", &["  one two", "    three"]);
    check_fit("abcdefghijklmno", &["abcdefghij", "  klmno"]);
    check_fit("one two thr", &["one two", "  thr"]);
    check_fit("1234567890 1", &["1234567890", "  1"]);
}

#[test]
fn numbers_are_grouped_by_thousands() {
    let grouped = [0, 999, 1_000, 27_004, 1_000_000].map(grouped);
    assert_eq!(grouped, ["0", "999", "1,000", "27,004", "1,000,000"]);
}
