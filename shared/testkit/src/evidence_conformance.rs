//! What everything that looks into sinks does, whatever they keep their events in.

use std::collections::BTreeMap;
use std::future::Future;

use contracts::RowVersion;
use event::Timestamp;
use letters::{Evidence, Found, FoundProof, FoundRow, Proof, Seen, SentEvent, VersionedRow};

/// An adapter, and the sinks that it looks into.
pub trait EvidenceUnderTest {
    type Evidence: Evidence;

    fn evidence(&self) -> &Self::Evidence;

    /// A sink leaves this, as its function writes it.
    fn leave(&self, proof: &Proof, found: &FoundProof) -> impl Future<Output = ()>;

    /// A sink writes a row that has nothing else, as its function does.
    fn leave_row(&self, sink: &str, pk: &str, row: &LeftRow) -> impl Future<Output = ()>;
}

/// A row's version, and those of its attributes that have one.
#[derive(Clone, Debug)]
pub struct LeftRow {
    pub version: RowVersion,
    pub attributes: BTreeMap<String, RowVersion>,
}

/// The sink whose table is known, and that whose table is not.
const KNOWN: &str = "rows";
const UNKNOWN: &str = "elsewhere";

/// Runs every case of the suite, each with empty sinks; panics at the first that fails. `fresh` is told the name of a
/// sink whose table is known, and of one whose table is not.
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

async fn a_row_is_as_new_as_it_was_left<E: EvidenceUnderTest>(sinks: &E) {
    let replaced = LeftRow { version: version(-3, "k1"), attributes: BTreeMap::new() };
    let attributes = [("a".to_owned(), version(7, "k2")), ("size".to_owned(), version(7, "k2"))];
    let merged = LeftRow { version: version(7, "k2"), attributes: attributes.clone().into() };
    sinks.leave_row(KNOWN, "orders#1", &replaced).await;
    sinks.leave_row(KNOWN, "orders#2", &merged).await;
    let asked = |sink: &str, pk: &str, attributes: &[&str]| VersionedRow {
        sink: sink.to_owned(),
        pk: pk.to_owned(),
        attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
    };
    let rows = [
        asked(KNOWN, "orders#2", &["a", "b", "size"]),
        asked(KNOWN, "orders#1", &[]),
        asked(KNOWN, "orders#3", &["a"]),
        asked(UNKNOWN, "orders#1", &[]),
    ];
    let there = |left: &LeftRow, attributes: &[(String, RowVersion)]| {
        let texts = attributes.iter().map(|(name, version)| (name.clone(), version.sortable()));
        Found::There(FoundRow { version: Some(left.version.clone()), attributes: texts.collect() })
    };
    let expected =
        vec![there(&merged, &attributes), there(&replaced, &[]), Found::Nothing, Found::Unseen];
    assert_eq!(sinks.evidence().find_rows(&rows).await, Ok(expected));
    assert_eq!(sinks.evidence().find_rows(&[]).await, Ok(Vec::new()));
}

/// More than one call asks for.
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

async fn an_event_is_where_all_of_its_proofs_are<E: EvidenceUnderTest>(sinks: &E) {
    let (one, two) = (record(KNOWN, "k"), row(KNOWN, "orders#k"));
    let event = |proofs: &[&Proof], has_unseen| SentEvent {
        fingerprint: "f".to_owned().into(),
        proofs: proofs.iter().map(|&proof| proof.clone()).collect(),
        has_unseen,
    };
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
