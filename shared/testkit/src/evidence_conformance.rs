//! The conformance suite of the port for what sinks have of events.

use std::collections::BTreeMap;
use std::future::Future;

use contracts::RowVersion;
use event::Timestamp;
use letters::{Evidence, Found, FoundProof, FoundRow, Proof, Seen, SentEvent, VersionedRow};

/// An adapter, and the sinks in which it looks for events.
pub trait EvidenceUnderTest {
    /// The adapter that is tested.
    type Evidence: Evidence;

    /// The adapter, whose sinks must be empty at first.
    fn evidence(&self) -> &Self::Evidence;

    /// Writes what a sink has of an event, as the sink's function writes it.
    fn leave(&self, proof: &Proof, found: &FoundProof) -> impl Future<Output = ()>;

    /// Writes a row that has only its versions, as the sink's function writes them.
    fn leave_row(&self, sink: &str, pk: &str, row: &LeftRow) -> impl Future<Output = ()>;
}

/// The versions of a row.
#[derive(Clone, Debug)]
pub struct LeftRow {
    /// The version of the row itself.
    pub version: RowVersion,
    /// The versions of attributes, by their names; empty unless the sink merges.
    pub attributes: BTreeMap<String, RowVersion>,
}

/// The names of a sink whose table is known, and of one whose table is not.
const KNOWN: &str = "rows";
const UNKNOWN: &str = "elsewhere";

/// Runs every case of the suite, each with empty sinks. `fresh` gets the name of a sink whose table is known, and of
/// one whose table is not.
///
/// # Panics
/// At the first case that fails.
pub async fn evidence_conformance<E: EvidenceUnderTest>(fresh: impl AsyncFn(&str, &str) -> E) {
    what_was_left_is_found_in_its_place(&fresh(KNOWN, UNKNOWN).await).await;
    a_row_is_as_new_as_it_was_left(&fresh(KNOWN, UNKNOWN).await).await;
    many_are_found_in_their_order(&fresh(KNOWN, UNKNOWN).await).await;
    an_event_is_where_all_of_its_proofs_are(&fresh(KNOWN, UNKNOWN).await).await;
}

fn record(sink: &str, key: &str) -> Proof {
    Proof::Record { sink: sink.to_owned(), key: key.to_owned().into() }
}

fn row(sink: &str, pk: &str) -> Proof {
    Proof::Row { sink: sink.to_owned(), pk: pk.to_owned() }
}

fn found(fingerprint: &str, is_in_progress: bool, expires_s: Option<i64>) -> FoundProof {
    let expires_at = expires_s.map(|at| Timestamp::from_unix_ms(at * 1_000));
    FoundProof { fingerprint: fingerprint.to_owned().into(), is_in_progress, expires_at }
}

/// 2026-01-01T00:00:00Z.
const EXPIRES: Option<i64> = Some(1_767_225_600);

async fn what_was_left_is_found_in_its_place<E: EvidenceUnderTest>(sinks: &E) {
    let left = [
        (record(KNOWN, "done"), found("a", false, EXPIRES)),
        (record(UNKNOWN, "done"), found("b", false, EXPIRES)),
        (record(KNOWN, "claimed"), found("c", true, EXPIRES)),
        (row(KNOWN, "orders#for-ever"), found("d", false, None)),
        (row(KNOWN, "orders#for-a-while"), found("e", false, EXPIRES)),
    ];
    for (proof, found) in &left {
        sinks.leave(proof, found).await;
    }
    let absent = [record(KNOWN, "other"), row(KNOWN, "orders#other"), row(KNOWN, "done")];
    let unseen = row(UNKNOWN, "orders#for-ever");
    let mut asked: Vec<Proof> = left.iter().map(|(proof, _)| proof.clone()).collect();
    asked.extend(absent.iter().cloned().chain([unseen]));
    let mut expected: Vec<_> = left.into_iter().map(|(_, found)| Found::There(found)).collect();
    expected.extend([Found::Nothing, Found::Nothing, Found::Nothing, Found::Unseen]);
    assert_eq!(sinks.evidence().find(&asked).await, Ok(expected));
    assert_eq!(sinks.evidence().find(&[]).await, Ok(Vec::new()));
}

fn version(order: i64, key: &str) -> RowVersion {
    RowVersion { order: order.into(), key: key.to_owned().into() }
}

fn versioned_row(sink: &str, pk: &str, attributes: &[&str]) -> VersionedRow {
    VersionedRow {
        sink: sink.to_owned(),
        pk: pk.to_owned(),
        attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn there(row: &LeftRow) -> Found<FoundRow> {
    let mut attributes = BTreeMap::new();
    for (name, version) in &row.attributes {
        attributes.insert(name.clone(), version.sortable());
    }
    Found::There(FoundRow { version: Some(row.version.clone()), attributes })
}

async fn a_row_is_as_new_as_it_was_left<E: EvidenceUnderTest>(sinks: &E) {
    let replaced = LeftRow { version: version(-3, "k1"), attributes: BTreeMap::new() };
    let attributes = [("a".to_owned(), version(7, "k2")), ("size".to_owned(), version(7, "k2"))];
    let merged = LeftRow { version: version(7, "k2"), attributes: attributes.into() };
    sinks.leave_row(KNOWN, "orders#1", &replaced).await;
    sinks.leave_row(KNOWN, "orders#2", &merged).await;
    let rows = [
        versioned_row(KNOWN, "orders#2", &["a", "b", "size"]),
        versioned_row(KNOWN, "orders#1", &[]),
        versioned_row(KNOWN, "orders#3", &["a"]),
        versioned_row(UNKNOWN, "orders#1", &[]),
    ];
    let expected = vec![there(&merged), there(&replaced), Found::Nothing, Found::Unseen];
    assert_eq!(sinks.evidence().find_rows(&rows).await, Ok(expected));
    assert_eq!(sinks.evidence().find_rows(&[]).await, Ok(Vec::new()));
}

/// These are more than one call can read.
async fn many_are_found_in_their_order<E: EvidenceUnderTest>(sinks: &E) {
    let (mut asked, mut expected) = (Vec::new(), Vec::new());
    for n in 0..230 {
        let proof = record(KNOWN, &format!("k{n}"));
        let there = found(&format!("f{n}"), false, EXPIRES);
        if n % 3 == 0 {
            sinks.leave(&proof, &there).await;
        }
        asked.push(proof);
        expected.push(if n % 3 == 0 { Found::There(there) } else { Found::Nothing });
    }
    asked.reverse();
    expected.reverse();
    assert_eq!(sinks.evidence().find(&asked).await, Ok(expected));
}

fn event(proofs: &[&Proof], has_unseen: bool) -> SentEvent {
    SentEvent {
        fingerprint: "f".to_owned().into(),
        proofs: proofs.iter().map(|&proof| proof.clone()).collect(),
        has_unseen,
    }
}

async fn an_event_is_where_all_of_its_proofs_are<E: EvidenceUnderTest>(sinks: &E) {
    let (one, two) = (record(KNOWN, "k"), row(KNOWN, "orders#k"));
    let elsewhere = row(UNKNOWN, "orders#k");
    let events = [
        event(&[&one, &two], false),
        event(&[&one], false),
        event(&[&one], true),
        event(&[&one, &elsewhere], false),
        event(&[&two, &elsewhere], true),
        event(&[], true),
    ];
    sinks.leave(&one, &found("f", false, EXPIRES)).await;
    let expected = vec![
        Seen::Missing,
        Seen::Everywhere,
        Seen::NotKnown,
        Seen::NotKnown,
        Seen::Missing,
        Seen::NotKnown,
    ];
    assert_eq!(sinks.evidence().look(&events).await, Ok(expected));
    sinks.leave(&two, &found("f", false, None)).await;
    let seen = sinks.evidence().look(&events[..1]).await;
    assert_eq!(seen, Ok(vec![Seen::Everywhere]));
    assert_eq!(sinks.evidence().look(&[]).await, Ok(Vec::new()));
}
