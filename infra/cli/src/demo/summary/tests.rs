use std::time::Duration;

use serde_json::json;
use verify::judge::Verdict;
use verify::letters::Fault;

use super::super::latency::Latency;
use super::super::stages::Stage;
use super::*;

fn letters(stage: &str, code: &str, fault: Fault, count: u64) -> LetterGroup {
    LetterGroup {
        stage: stage.to_owned(),
        code: code.to_owned(),
        fault,
        count,
        queue: "sluicegate-SinkDlq".to_owned(),
        reason: "writing: no such table".to_owned(),
        at: None,
        id: "tag:17".to_owned(),
    }
}

fn sink(name: &str, about: &str, items: u64) -> SinkVerdict {
    SinkVerdict {
        name: name.to_owned(),
        about: about.to_owned(),
        is_seen: true,
        expected: 1_998,
        present: 1_998,
        items,
        ..SinkVerdict::default()
    }
}

fn report() -> Report {
    let stage = |name: &str, events_in, events_out, retried, reasons: &[(&str, u64)]| StageReport {
        name: name.to_owned(),
        counts: Stage { invocations: 200, events_in, events_out, retried, ..Stage::default() },
        reasons: reasons.iter().map(|(code, count)| ((*code).to_owned(), *count)).collect(),
    };
    let calls = |operation: &str, count| BTreeMap::from([(operation.to_owned(), count)]);
    let flight = r#"{"dataset": "flights", "subject": "UA-1545-EWR",
        "event_time": "2013-01-01T10:00:00.000Z",
        "payload": {"carrier": "UA", "flight": 1545, "origin": "EWR", "dest": "IAH",
                    "weather": {"temp": 39.02, "wind_speed": 12.66}}}"#;
    let other = r#"{"dataset": "readings", "subject": "m-1",
        "event_time": "2026-01-01T00:00:00.000Z", "payload": {"meter": "m-1"}}"#;
    let unseen = SinkVerdict { is_seen: false, ..sink("partners", "custom:announce", 0) };
    Report {
        dataset: "flights".to_owned(),
        is_settled: true,
        redriven: 0,
        not_started: BTreeMap::new(),
        verdict: Verdict {
            events: 2_000,
            accepted: 1_998,
            rejected: 2,
            written: 1_998,
            dead_lettered: 2,
            sinks: vec![
                sink("records", "table, insert", 1_998),
                sink("totals", "table, accumulate", 31),
                unseen,
            ],
            letters: vec![
                letters("ingest", "contract.violation", Fault::Event, 1),
                letters("ingest", "decode.json", Fault::Event, 1),
            ],
            ..Verdict::default()
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
        samples: [flight, other].map(|row| Json::parse(row).unwrap()).into(),
        elapsed: Duration::from_millis(4_240),
    }
}

fn shown(report: &Report, width: usize) -> String {
    summarize(report, &Demo::default(), width)
}

#[test]
fn a_summary_tells_everything_within_eighty_columns() {
    let expected = "\
flights: nothing lost, nothing written twice; 2 dead through their own fault
2,000 events, 1,998 accepted, 1,998 written, 2 rejected, 2 in dead-letter
  queues, 0 lost, 0 duplicated

1 dead letter of ingest, contract.violation: writing: no such table
  such as event tag:17, in sluicegate-SinkDlq
1 dead letter of ingest, decode.json: writing: no such table
  such as event tag:17, in sluicegate-SinkDlq

sink      into                  events    items     lost    wrong
records   table, insert          1,998    1,998        0        0
totals    table, accumulate      1,998       31        0        0
partners  custom:announce     not looked into from here

stage          in      out  retried  dead letters
ingest      2,000    1,998        0  2 (contract.violation 1, decode.json 1)
sink        1,998    1,998       12  0

latency  ingest to table: p50 850 ms, p99 1.25 s, max 12.00 s
calls    0.25 an event, by the functions
         ingest: sqs.SendMessageBatch 200
         sink: dynamodb.TransactWriteItems 300
         batches that event source mappings polled and deleted: 600
elapsed  4.2 s

some of the rows
  flights UA1545 EWR→IAH 2013-01-01 10:00 UTC, 39 °F, wind 13 mph
  readings m-1 2026-01-01T00:00:00.000Z {\"meter\":\"m-1\"}

The table, the queues and the buckets were in this process's memory, and are
  gone.
Next:
  cargo run -- demo --events 27004    all flights of January 2013
  cargo run -- local up               the same services, until Ctrl-C";
    assert_eq!(shown(&report(), 80), expected);
}

#[test]
fn no_line_is_wider_than_asked_whatever_the_records_hold() {
    let mut report = report();
    let long = format!(r#"{{"dataset": "x", "payload": {{"text": "{}"}}}}"#, "ü".repeat(5_000));
    report.samples.push(Json::parse(&long).unwrap());
    report.verdict.examples.push("ü".repeat(5_000));
    for width in [40, 80, 120] {
        let text = shown(&report, width);
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width, "{widest} of {width}");
        assert!(text.lines().count() < 90, "a payload is cut: {text}");
    }
}

#[test]
fn a_broken_promise_is_not_told_as_a_kept_one() {
    let mut lost = report();
    lost.verdict.lost = 1;
    assert!(shown(&lost, 80).starts_with("flights: PROMISE BROKEN: 1 lost\n"));
    assert!(!lost.is_kept());
    let unfinished = Report { is_settled: false, ..report() };
    assert!(shown(&unfinished, 80).starts_with("flights: NOT FINISHED"));
    assert!(!unfinished.is_kept());
}

#[test]
fn dead_letters_that_are_the_pipeline_s_fault_are_told_with_how_to_look() {
    let mut dead = report();
    dead.verdict.failed = 200;
    dead.verdict.letters.push(letters("sink", "dependency.refused", Fault::Pipeline, 200));
    dead.not_started.insert("LakeFunction".to_owned(), "LAKE_BUCKET is not set".to_owned());
    assert!(!dead.is_kept());
    let text = shown(&dead, 120);
    for told in [
        "flights: PROMISE BROKEN: 200 dead through no fault of their own",
        "LakeFunction did not start: LAKE_BUCKET is not set",
        "200 dead letters of sink, dependency.refused: writing: no such table",
        "such as event tag:17, in sluicegate-SinkDlq",
        "cargo run -- local send flights events/flights-2013-01.ndjson.gz",
        "/000000000000/sluicegate-SinkDlq",
    ] {
        assert!(text.contains(told), "{told} is not in: {text}");
    }
}

#[test]
fn the_json_has_every_figure_by_its_name() {
    let json = report().json();
    assert_eq!((&json["accepted"], &json["kept"]), (&json!(1_998), &json!(true)));
    assert_eq!(json["latency_ms"], json!({"p50": 850, "p99": 1_250, "max": 12_000}));
    assert_eq!(json["calls_per_event"], 0.25);
    assert_eq!(json["stages"]["ingest"]["reasons"]["decode.json"], 1);
    assert_eq!(json["dead_letter_reasons"]["contract.violation"], 1);
    assert_eq!(json["sinks"][1]["items"], 31);
    assert_eq!(json["dead_letters"][0]["fault"], "event");
    for name in ["rejected", "written", "dead_lettered", "parked", "lost", "duplicated", "events"] {
        assert!(json[name].is_u64(), "{name}");
    }
    assert_eq!(json["elapsed_s"], 4.24);
}

#[test]
fn events_without_an_enrichers_answer_are_told_of() {
    let mut report = report();
    let told = "went on without an enricher's answer";
    assert!(!stages(&report.stages).join("\n").contains(told));
    report.stages[1].counts.degraded = 1_998;
    let expected = format!("sink: 1,998 {told} (degraded)");
    assert_eq!(stages(&report.stages).last(), Some(&expected));
}
