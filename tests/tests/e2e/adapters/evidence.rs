//! The adapter that looks into sinks, at what the adapter that writes them has left.

use std::collections::BTreeMap;

use aws::{EvidenceTables, Field, Head, Insert, Item, Merge, Row, TableEffect, Upsert};
use dedupe::{
    Change, Completed, DedupeRecord, Expected, InProgress, Owner, RecordId, Store as _, Transaction,
};
use event::Timestamp;
use letters::{FoundProof, Proof};
use testkit::{EvidenceUnderTest, LeftRow, evidence_conformance};

use super::{Tables, sdk};

struct Sinks {
    tables: Tables,
    evidence: EvidenceTables,
}

impl Sinks {
    async fn commit(&self, changes: Vec<Change>, effects: Vec<TableEffect>) {
        let transaction = Transaction { changes, effects };
        self.tables.store.commit(transaction, Timestamp::from_unix_ms(0)).await.unwrap();
    }
}

impl EvidenceUnderTest for Sinks {
    type Evidence = EvidenceTables;

    fn evidence(&self) -> &EvidenceTables {
        &self.evidence
    }

    async fn leave(&self, proof: &Proof, found: &FoundProof) {
        let FoundProof { fingerprint, is_in_progress, expires_at } = found.clone();
        match proof {
            Proof::Record { sink, key } => {
                let id = RecordId { sink: sink.clone(), key: key.clone() };
                let expires_at = expires_at.unwrap();
                let record = match is_in_progress {
                    true => DedupeRecord::InProgress(InProgress {
                        owner: Owner::from("o-1".to_owned()),
                        lease_ends_at: expires_at,
                        fingerprint,
                        expires_at,
                    }),
                    false => {
                        DedupeRecord::Completed(Completed { fingerprint, place: None, expires_at })
                    }
                };
                let change = Change { id, expected: Expected::Free, to: Some(record) };
                self.commit(vec![change], Vec::new()).await;
            }
            Proof::Row { sink, pk } => {
                let id = RecordId { sink: sink.clone(), key: pk.clone().into() };
                let row = Row::new("records", pk);
                let insert = Insert { row, id, fingerprint, expires_at, item: Item::new() };
                self.commit(Vec::new(), vec![TableEffect::Insert(insert)]).await;
            }
        }
    }

    async fn leave_row(&self, _sink: &str, pk: &str, left: &LeftRow) {
        let (row, version) = (Row::new("records", pk), left.version.clone());
        let effect = match left.attributes.is_empty() {
            true => TableEffect::Upsert(Upsert { row, version, item: Item::new() }),
            false => {
                let mut fields = BTreeMap::new();
                for (name, version) in &left.attributes {
                    let field = Field { version: version.clone(), value: None };
                    fields.insert(name.clone(), field);
                }
                let head = Some(Head { version, item: Item::new(), without: Vec::new() });
                TableEffect::Merge(Merge { row, head, fields })
            }
        };
        self.commit(Vec::new(), vec![effect]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dynamodb_evidence_passes_the_suite_of_its_port() {
    evidence_conformance(async |known, _| {
        let tables = Tables::new().await;
        let of_sinks = [(known.to_owned(), "records".to_owned())].into();
        let evidence = EvidenceTables::new(&sdk(&tables.dynamodb), "dedupe".to_owned(), of_sinks);
        Sinks { tables, evidence }
    })
    .await;
}
