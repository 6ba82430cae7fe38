//! What sinks will do with events, judged by what is in the places that decide it.
//!
//! Two letters may be of one event, or of one row. It is not known which of them arrives first. A verdict is given only
//! if it is the same in every order of arrival.

use std::collections::{BTreeMap, BTreeSet};

use contracts::RowVersion;
use event::{Fingerprint, Timestamp};

use super::Verdict;
use super::coming::{Coming, ComingWrite, DecidedBy, RowChange};
use crate::{Found, FoundProof, FoundRow, Proof, VersionedRow};

/// The places that decide what becomes of some events. Each place is named once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// The places of proofs, sorted.
    pub proofs: Vec<Proof>,
    /// The rows of which the newest version matters, sorted.
    pub rows: Vec<VersionedRow>,
}

/// What was found in the places of [`Questions`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    proofs: BTreeMap<Proof, Found<FoundProof>>,
    rows: BTreeMap<VersionedRow, Found<FoundRow>>,
}

impl Questions {
    /// The places that decide what becomes of these events.
    #[must_use]
    pub fn about(events: &[Coming]) -> Self {
        let (mut proofs, mut rows) = (BTreeSet::new(), BTreeSet::new());
        for write in writes(events) {
            match &write.decided_by {
                DecidedBy::Refusal(_) | DecidedBy::Unseen => {}
                DecidedBy::Proof(proof) => {
                    proofs.insert(proof.clone());
                }
                DecidedBy::ProofAndRow(proof, change) => {
                    proofs.insert(proof.clone());
                    if let RowChange::To { row, .. } = change {
                        rows.insert(row.clone());
                    }
                }
            }
        }
        Self { proofs: proofs.into_iter().collect(), rows: rows.into_iter().collect() }
    }

    /// The findings, from one answer for each proof and each row, in their order.
    #[must_use]
    pub fn into_findings(
        self,
        proofs: Vec<Found<FoundProof>>,
        rows: Vec<Found<FoundRow>>,
    ) -> Findings {
        Findings {
            proofs: self.proofs.into_iter().zip(proofs).collect(),
            rows: self.rows.into_iter().zip(rows).collect(),
        }
    }
}

fn writes(events: &[Coming]) -> impl Iterator<Item = &ComingWrite> {
    events.iter().flat_map(|coming| match coming {
        Coming::Event(event) => event.writes.as_slice(),
        Coming::Refused(_) | Coming::NotKnown => &[],
    })
}

/// A write under a key under which nothing was written yet.
struct Open<'a> {
    write: &'a ComingWrite,
    fingerprint: &'a Fingerprint,
    change: Option<&'a RowChange>,
}

/// Each write of these events, with its verdict. If several events have one key, the verdicts say how many of them end
/// in which way. They do not say which of the events these are.
pub(super) fn judge<'a>(
    events: &'a [Coming],
    findings: &Findings,
    now: Timestamp,
) -> Vec<(&'a ComingWrite, Verdict)> {
    let mut judged = Vec::new();
    let mut open: BTreeMap<&Proof, Vec<Open<'a>>> = BTreeMap::new();
    for coming in events {
        let Coming::Event(event) = coming else { continue };
        for write in &event.writes {
            let (proof, change) = match &write.decided_by {
                DecidedBy::Refusal(_) => {
                    judged.push((write, Verdict::Refused));
                    continue;
                }
                DecidedBy::Unseen => {
                    judged.push((write, Verdict::NotKnown));
                    continue;
                }
                DecidedBy::Proof(proof) => (proof, None),
                DecidedBy::ProofAndRow(proof, change) => (proof, Some(change)),
            };
            let fingerprint = &event.fingerprint;
            match by_proof(findings.proofs.get(proof), fingerprint, now) {
                Some(verdict) => judged.push((write, verdict)),
                None => open.entry(proof).or_default().push(Open { write, fingerprint, change }),
            }
        }
    }
    let rivals = Rivals::of(open.values().flatten());
    for same_key in open.values() {
        let first = first_of(same_key, findings, &rivals);
        let others = others_of(same_key);
        let verdicts = std::iter::once(first).chain(others);
        judged.extend(same_key.iter().map(|open| open.write).zip(verdicts));
    }
    judged
}

/// The verdict that follows from the record or row under the event's key. `None` if there is none, or it has expired.
fn by_proof(
    found: Option<&Found<FoundProof>>,
    fingerprint: &Fingerprint,
    now: Timestamp,
) -> Option<Verdict> {
    let proof = match found {
        Some(Found::There(proof)) => proof,
        Some(Found::Nothing) => return None,
        Some(Found::Unseen) | None => return Some(Verdict::NotKnown),
    };
    if proof.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return None;
    }
    Some(match &proof.fingerprint {
        // The owner of the claim may write the event or give the claim back.
        _ if proof.is_in_progress => Verdict::NotKnown,
        first if first == fingerprint => Verdict::Duplicate,
        _ => Verdict::Conflict,
    })
}

/// What becomes of the event of one key that arrives first.
fn first_of(same_key: &[Open<'_>], findings: &Findings, rivals: &Rivals<'_>) -> Verdict {
    let mut verdicts = same_key.iter().map(|open| match open.change {
        None => Verdict::Written,
        Some(change) => by_row(open, change, findings, rivals),
    });
    let first = verdicts.next().unwrap_or(Verdict::NotKnown);
    if verdicts.all(|other| other == first) { first } else { Verdict::NotKnown }
}

/// What becomes of the other events of that key: each is a duplicate of the first one or conflicts with it.
fn others_of(same_key: &[Open<'_>]) -> Vec<Verdict> {
    let mut payloads: BTreeMap<&str, usize> = BTreeMap::new();
    for open in same_key {
        *payloads.entry(open.fingerprint.as_str()).or_default() += 1;
    }
    let copies = payloads.values().next().copied().unwrap_or(0);
    if payloads.values().any(|count| *count != copies) {
        return vec![Verdict::NotKnown; same_key.len() - 1];
    }
    let mut others = vec![Verdict::Duplicate; copies - 1];
    others.resize(same_key.len() - 1, Verdict::Conflict);
    others
}

/// The verdict that follows from the stored row and from the plan's other events of the row.
fn by_row(
    open: &Open<'_>,
    change: &RowChange,
    findings: &Findings,
    rivals: &Rivals<'_>,
) -> Verdict {
    let RowChange::To { row, version, sets, may_set } = change else { return Verdict::NotKnown };
    let found = match findings.rows.get(row) {
        Some(Found::There(found)) => found,
        Some(Found::Nothing) => &FoundRow::default(),
        Some(Found::Unseen) | None => return Verdict::NotKnown,
    };
    let text = version.sortable();
    let is_newer =
        Some(version) > found.version.as_ref() || has_older_attribute(found, sets, &text);
    if !is_newer && has_older_attribute(found, may_set, &text) {
        return Verdict::NotKnown;
    }
    match is_newer {
        true if rivals.may_overtake(&open.write.sink, row, version) => Verdict::NotKnown,
        true => Verdict::Written,
        false => Verdict::Stale,
    }
}

/// Whether one of these attributes has an older version in the row, or none.
fn has_older_attribute(row: &FoundRow, names: &[String], version: &str) -> bool {
    names.iter().any(|name| row.attributes.get(name).is_none_or(|held| held.as_str() < version))
}

/// The newest version of each row among the events of the plan that may be written.
#[derive(Default)]
struct Rivals<'a> {
    newest: BTreeMap<&'a VersionedRow, &'a RowVersion>,
    /// The sinks with events whose row is not known.
    of_any_row: BTreeSet<&'a str>,
}

impl<'a> Rivals<'a> {
    fn of(open: impl Iterator<Item = &'a Open<'a>>) -> Self {
        let mut rivals = Self::default();
        for Open { write, change, .. } in open {
            match change {
                Some(RowChange::To { row, version, .. }) => {
                    let newest = rivals.newest.entry(row).or_insert(version);
                    *newest = version.max(newest);
                }
                Some(RowChange::NotKnown) => {
                    rivals.of_any_row.insert(&write.sink);
                }
                None => {}
            }
        }
        rivals
    }

    /// Whether a newer event of the plan may be written to the row before this one arrives.
    fn may_overtake(&self, sink: &str, row: &VersionedRow, version: &RowVersion) -> bool {
        let is_newer = self.newest.get(row).is_some_and(|newest| *newest > version);
        is_newer || self.of_any_row.contains(sink)
    }
}
