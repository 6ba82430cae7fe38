//! What a plan takes, counted by hand.

use contracts::RowVersion;
use event::Attributes;
use serde_json::json;
use sluicegate_letters::{
    Coming, Findings, Forecast, Found, FoundProof, FoundRow, Pace, Questions,
};

use super::{NOW, Sent, YAML, alone, catalog, coming, forecast};
use crate::at;

/// By hand: items of less than 1 KB take two units each, and what is cancelled is billed as if it were written.
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
        let told = (estimate.writes, estimate.write_units - claims);
        assert_eq!(told, (writes, units), "{stage} {proof:?} {row:?}");
    }
    // A row of more than a kilobyte takes two units for each that is begun.
    let mut payload = sent.payload();
    payload["note"] = json!("x".repeat(2_000));
    let large = alone(YAML, "sink", &payload).estimate;
    assert_eq!(large.write_units - claims, 6 + (6 + 2) + 4, "merged rows have no note");
    // From the inbox: two queues, and one for each of two kinds of sinks.
    let ingested = alone(&yaml, "ingest", &sent.payload()).estimate;
    assert_eq!((ingested.lambda_requests, ingested.sqs_requests), (1, 3), "four of ten messages");
    let twenty = vec![Coming::of_message("enrich", &body, &Attributes::new(), &catalog); 20];
    let twenty = forecast(&twenty, &Findings::default()).estimate;
    assert_eq!((twenty.lambda_requests, twenty.sqs_requests), (6, 18), "three messages each");
}

/// By hand: a letter of the sink `records` of flights-like rows is one message and one item.
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
    let told = Forecast::of(100_000, &events, &nothing, &Pace::default(), at(NOW)).estimate;
    assert!(told.is_scaled);
    // A row that is its own record, and twice a row and its record; each item is of less than 1 KB.
    assert_eq!((told.writes, told.claims), (500_000, 100_000));
    assert_eq!(told.write_units, 2 * 500_000 + 8 * 100_000);
    // Ten at a time: sent, received, deleted; each of the letters is read.
    assert_eq!((told.sqs_requests, told.lambda_requests, told.s3_gets), (30_000, 10_000, 100_000));
    // 1.8 units at 0.625, 0.03 requests at 0.40, 0.01 at 0.20, 0.1 at 0.40, in millions.
    assert_eq!(told.cost_micro_usd, 1_125_000 + 12_000 + 2_000 + 40_000);
    assert_eq!(
        told.duration_ms,
        u64::try_from(Pace::default().duration(100_000).as_millis()).unwrap()
    );
    let exact = forecast(&events, &nothing);
    assert_eq!((exact.looked_at, exact.letters, exact.estimate.is_scaled), (100, 100, false));
    assert_eq!((exact.estimate.letters, exact.estimate.writes), (100, 500));
    let none = forecast(&[], &Findings::default());
    assert_eq!((none.estimate.cost_micro_usd, none.estimate.duration_ms), (0, 0));
}
