//! What sinks have of events, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event::{Code, Failure};
use letters::{Evidence, Found, FoundProof, FoundRow, Proof, VersionedRow};

/// What sinks have of events. Its clones share one state. The tables of all sinks are known, except those of sinks that
/// are [hidden](MemoryEvidence::hide).
#[derive(Clone, Debug, Default)]
pub struct MemoryEvidence(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    proofs: BTreeMap<Proof, FoundProof>,
    /// The rows by sink and partition key.
    rows: BTreeMap<(String, String), FoundRow>,
    hidden: BTreeSet<String>,
    is_away: bool,
}

impl MemoryEvidence {
    /// Adds what a sink has of an event, or replaces it.
    pub fn leave(&self, proof: Proof, found: FoundProof) {
        self.state().proofs.insert(proof, found);
    }

    /// Adds a row of a sink by its partition key, or replaces it.
    pub fn leave_row(&self, sink: &str, pk: &str, found: FoundRow) {
        self.state().rows.insert((sink.to_owned(), pk.to_owned()), found);
    }

    /// Makes the sink's table unknown.
    pub fn hide(&self, sink: &str) {
        self.state().hidden.insert(sink.to_owned());
    }

    /// Sets whether later calls fail.
    pub fn set_away(&self, is_away: bool) {
        self.state().is_away = is_away;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answering(&self) -> Result<MutexGuard<'_, State>, Failure> {
        let state = self.state();
        if state.is_away {
            return Err(Failure::transient(Code::DependencyUnavailable, "told to be away"));
        }
        Ok(state)
    }
}

impl State {
    fn found<T>(&self, sink: &str, found: Option<T>) -> Found<T> {
        match found {
            _ if self.hidden.contains(sink) => Found::Unseen,
            Some(found) => Found::There(found),
            None => Found::Nothing,
        }
    }
}

impl Evidence for MemoryEvidence {
    async fn find(&self, proofs: &[Proof]) -> Result<Vec<Found<FoundProof>>, Failure> {
        let state = self.answering()?;
        let mut found = Vec::with_capacity(proofs.len());
        for proof in proofs {
            let left = state.proofs.get(proof).cloned();
            found.push(match (proof, left) {
                (Proof::Row { sink, .. }, left) => state.found(sink, left),
                // All dedupe records are in one table.
                (Proof::Record { .. }, Some(left)) => Found::There(left),
                (Proof::Record { .. }, None) => Found::Nothing,
            });
        }
        Ok(found)
    }

    async fn find_rows(&self, rows: &[VersionedRow]) -> Result<Vec<Found<FoundRow>>, Failure> {
        let state = self.answering()?;
        let mut found = Vec::with_capacity(rows.len());
        for VersionedRow { sink, pk, attributes } in rows {
            let mut left = state.rows.get(&(sink.clone(), pk.clone())).cloned();
            if let Some(left) = &mut left {
                left.attributes.retain(|name, _| attributes.contains(name));
            }
            found.push(state.found(sink, left));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EvidenceUnderTest, LeftRow, evidence_conformance};

    struct Memory(MemoryEvidence);

    impl EvidenceUnderTest for Memory {
        type Evidence = MemoryEvidence;

        fn evidence(&self) -> &MemoryEvidence {
            &self.0
        }

        async fn leave(&self, proof: &Proof, found: &FoundProof) {
            self.0.leave(proof.clone(), found.clone());
        }

        async fn leave_row(&self, sink: &str, pk: &str, row: &LeftRow) {
            let mut attributes = BTreeMap::new();
            for (name, version) in &row.attributes {
                attributes.insert(name.clone(), version.sortable());
            }
            let found = FoundRow { version: Some(row.version.clone()), attributes };
            self.0.leave_row(sink, pk, found);
        }
    }

    #[tokio::test]
    async fn the_evidence_in_memory_passes_the_suite_of_its_port() {
        evidence_conformance(async |_, unknown| {
            let evidence = MemoryEvidence::default();
            evidence.hide(unknown);
            Memory(evidence)
        })
        .await;
    }
}
