//! What a plan takes, compared with numbers that were calculated by hand.

use contracts::RowVersion;
use event::Attributes;
use serde_json::json;
use sluicegate_letters::{
    Coming, Findings, Forecast, Found, FoundProof, FoundRow, Pace, Questions,
};

use super::{NOW, Sent, YAML, alone, catalog, coming, forecast};
use crate::at;

/// By hand: an item of less than 1 KB takes two units, and a cancelled write is billed as if it had been made.
#[test]
fn each_outcome_takes_its_own_writes() {
    let yaml = format!("{YAML}  - {{name: lake, kind: lake}}\n");
    let catalog = catalog(&yaml);
    let sent = Sent { key: 1, row: 1, order: 1, has: (true, true), gone: false, note: 0 };
    let body = sent.envelope(&catalog).to_json().unwrap();
    let fingerprint = sent.envelope(&catalog).fingerprint;
    let claims = 8;
    let version = RowVersion { order: 9.into(), key: "k".to_owned().into() };
    let newer = FoundRow {
        version: Some(version.clone()),
        attributes: ["a", "b"].map(|name| (name.to_owned(), version.sortable())).into(),
    };
    let there = |text: &str| {
        Found::There(FoundProof {
            fingerprint: text.to_owned().into(),
            is_in_progress: false,
            expires_at: None,
        })
    };
    for (stage, proof, row, writes, units) in [
        ("sink", Found::Nothing, Found::Nothing, 5, 2 + 4 + 4),
        ("sink", Found::Nothing, Found::There(newer), 1 + 1 + 1, 2 + 6 + 6),
        ("sink", there(fingerprint.as_str()), Found::Nothing, 0, 2 + 4 + 4),
        ("sink", there("other"), Found::Nothing, 0, 2 + 4 + 4),
        ("lake", Found::Nothing, Found::Nothing, 2, 4),
        ("lake", there(fingerprint.as_str()), Found::Nothing, 0, 2),
    ] {
        let events = [Coming::of_message(stage, &body, &Attributes::new(), &catalog)];
        let questions = Questions::about(&events);
        let (proofs, rows) = (questions.proofs.len(), questions.rows.len());
        let found = questions.into_findings(vec![proof.clone(); proofs], vec![row.clone(); rows]);
        let estimate = forecast(&events, &found).estimate;
        let taken = (estimate.writes, estimate.write_units - claims);
        assert_eq!(taken, (writes, units), "{stage} {proof:?} {row:?}");
    }
    // A row takes two units for each kilobyte that it has begun.
    let mut payload = sent.payload();
    payload["note"] = json!("x".repeat(2_000));
    let large = alone(YAML, "sink", &payload).estimate;
    assert_eq!(large.write_units - claims, 6 + (6 + 2) + 4, "merged rows have no note");
    // An event in the inbox comes through four queues: the inbox, that of enrich, and one for each of two kinds of sinks.
    let ingested = alone(&yaml, "ingest", &sent.payload()).estimate;
    assert_eq!((ingested.lambda_requests, ingested.sqs_requests), (1, 3), "four of ten messages");
    let twenty = vec![Coming::of_message("enrich", &body, &Attributes::new(), &catalog); 20];
    let twenty = forecast(&twenty, &Findings::default()).estimate;
    assert_eq!((twenty.lambda_requests, twenty.sqs_requests), (6, 18), "three messages each");
}

/// By hand: each letter is one message to the stage `sink`, with a row and up to one record for each of three sinks.
#[test]
fn writes_and_costs_are_counted_and_scaled_in_the_open() {
    let catalog = catalog(YAML);
    let mut events = Vec::new();
    for key in 0..100 {
        let sent = Sent { key, row: key, order: 1, has: (true, true), gone: false, note: 0 };
        events.push(coming(&sent, &catalog));
    }
    let questions = Questions::about(&events);
    let (proofs, rows) = (questions.proofs.len(), questions.rows.len());
    let nothing = questions.into_findings(vec![Found::Nothing; proofs], vec![Found::Nothing; rows]);
    let estimate = Forecast::of(100_000, &events, &nothing, &Pace::default(), at(NOW)).estimate;
    assert!(estimate.is_scaled);
    // One sink writes a row that is its own record, and two write a row and a record. Each item has less than 1 KB.
    assert_eq!((estimate.writes, estimate.claims), (500_000, 100_000));
    assert_eq!(estimate.write_units, 2 * 500_000 + 8 * 100_000);
    // Messages are sent, received and deleted ten at a time. Each letter is read on its own.
    assert_eq!(
        (estimate.sqs_requests, estimate.lambda_requests, estimate.s3_gets),
        (30_000, 10_000, 100_000)
    );
    // In millions: 1.8 write units at 0.625, 0.03 SQS requests at 0.40, 0.01 invocations at 0.20, 0.1 reads at 0.40.
    assert_eq!(estimate.cost_micro_usd, 1_125_000 + 12_000 + 2_000 + 40_000);
    assert_eq!(
        estimate.duration_ms,
        u64::try_from(Pace::default().duration(100_000).as_millis()).unwrap()
    );
    let exact = forecast(&events, &nothing);
    assert_eq!((exact.looked_at, exact.letters, exact.estimate.is_scaled), (100, 100, false));
    assert_eq!((exact.estimate.letters, exact.estimate.writes), (100, 500));
    let none = forecast(&[], &Findings::default());
    assert_eq!((none.estimate.cost_micro_usd, none.estimate.duration_ms), (0, 0));
}
