//! A forecast comes true in whatever order the letters arrive. The forecast is compared with sinks that are implemented
//! here in a few lines and share no code with it.

use std::collections::{BTreeMap, BTreeSet};

use contracts::{Catalog, RowVersion};
use event::Timestamp;
use proptest::prelude::*;
use sluicegate_letters::{
    Coming, Findings, Found, FoundProof, FoundRow, Proof, Questions, SinkForecast, VersionedRow,
};

use super::{NOW, SINKS, Sent, YAML, catalog, coming, forecast};

/// A sink that behaves as its documentation says.
#[derive(Clone, Debug, Default)]
struct Table {
    /// The payload that was written under each key, and until when it is remembered.
    keys: BTreeMap<String, (String, Option<i64>)>,
    /// The newest event of each row and of each of its attributes, as its order and key. The empty name stands for the
    /// row.
    rows: BTreeMap<String, BTreeMap<&'static str, (i64, String)>>,
}

impl Table {
    fn take(&mut self, sink: &str, sent: &Sent, catalog: &Catalog, count: &mut SinkForecast) {
        let envelope = sent.envelope(catalog);
        let (key, payload) =
            (envelope.idempotencykey.to_string(), envelope.fingerprint.to_string());
        let written =
            self.keys.get(&key).filter(|(_, until)| until.is_none_or(|until| until > NOW));
        if let Some((first, _)) = written {
            *(if *first == payload { &mut count.duplicate } else { &mut count.conflict }) += 1;
            return;
        }
        self.keys.insert(key.clone(), (payload, None));
        let mut sets = vec![""];
        if sink == "merged" {
            sets.extend((sent.gone || sent.has.0).then_some("a"));
            sets.extend((sent.gone || sent.has.1).then_some("b"));
        }
        let row = self.rows.entry(format!("orders#[{}]", sent.row)).or_default();
        let version = (sent.order, key);
        let mut is_changed = sink == "inserted";
        for name in sets {
            if row.get(name).is_none_or(|held| *held < version) {
                row.insert(name, version.clone());
                is_changed = true;
            }
        }
        *(if is_changed { &mut count.written } else { &mut count.stale }) += 1;
    }
}

/// What is found in these sinks.
fn findings(events: &[Coming], sinks: &BTreeMap<&str, Table>) -> Findings {
    let questions = Questions::about(events);
    let mut proofs = Vec::new();
    for proof in &questions.proofs {
        let (sink, key) = match proof {
            Proof::Record { sink, key } => (sink, key.to_string()),
            Proof::Row { sink, pk } => (sink, pk.strip_prefix("orders#").unwrap().to_owned()),
        };
        proofs.push(match sinks[sink.as_str()].keys.get(&key) {
            None => Found::Nothing,
            Some((payload, until)) => Found::There(FoundProof {
                fingerprint: payload.clone().into(),
                is_in_progress: false,
                expires_at: until.map(Timestamp::from_unix_ms),
            }),
        });
    }
    let mut rows = Vec::new();
    for VersionedRow { sink, pk, .. } in &questions.rows {
        let version = |(order, key): &(i64, String)| RowVersion {
            order: (*order).into(),
            key: key.clone().into(),
        };
        rows.push(match sinks[sink.as_str()].rows.get(pk) {
            None => Found::Nothing,
            Some(row) => {
                let attributes = row.iter().filter(|(name, _)| !name.is_empty());
                Found::There(FoundRow {
                    version: row.get("").map(version),
                    attributes: attributes
                        .map(|(name, held)| ((*name).to_owned(), version(held).sortable()))
                        .collect(),
                })
            }
        });
    }
    questions.into_findings(proofs, rows)
}

fn any_sent() -> impl Strategy<Value = Sent> {
    (0_u8..6, 0_u8..3, -2_i64..3, any::<(bool, bool, bool)>(), 0_u8..2).prop_map(
        |(key, row, order, (a, b, gone), note)| Sent { key, row, order, has: (a, b), gone, note },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Events are written, some of them are forgotten, and then the events of a plan arrive.
    #[test]
    fn what_is_forecast_comes_in_every_order(
        before in proptest::collection::vec(any_sent(), 0..6),
        forgotten in proptest::collection::btree_set(0_u8..6, 0..3),
        (planned, shuffled) in proptest::collection::vec(any_sent(), 0..7)
            .prop_flat_map(|planned| (Just(planned.clone()), Just(planned).prop_shuffle())),
    ) {
        let catalog = catalog(YAML);
        let mut sinks: BTreeMap<&str, Table> = SINKS.map(|sink| (sink, Table::default())).into();
        for (sink, table) in &mut sinks {
            for sent in &before {
                table.take(sink, sent, &catalog, &mut SinkForecast::default());
            }
            for sent in before.iter().filter(|sent| forgotten.contains(&sent.key)) {
                let key = sent.envelope(&catalog).idempotencykey.to_string();
                table.keys.get_mut(&key).unwrap().1 = Some(NOW);
            }
        }
        let events: Vec<Coming> = planned.iter().map(|sent| coming(sent, &catalog)).collect();
        let forecast = forecast(&events, &findings(&events, &sinks));
        for (sink, mut table) in sinks {
            let foreseen = forecast.sinks.get(sink).copied().unwrap_or_default();
            let mut came = SinkForecast::default();
            for sent in &shuffled {
                table.take(sink, sent, &catalog, &mut came);
            }
            let open = foreseen.not_known;
            for (name, foreseen, came) in [
                ("written", foreseen.written, came.written),
                ("duplicate", foreseen.duplicate, came.duplicate),
                ("stale", foreseen.stale, came.stale),
                ("conflict", foreseen.conflict, came.conflict),
            ] {
                prop_assert!(foreseen <= came && came <= foreseen + open, "{}: {} {} {:?}", sink, name, came, foreseen);
            }
            let all = foreseen.written + foreseen.duplicate + foreseen.stale + foreseen.conflict + open;
            prop_assert_eq!(all, planned.len() as u64);
            // If each key and each row has one event only, every outcome is known.
            let keys: BTreeSet<u8> = planned.iter().map(|sent| sent.key).collect();
            let rows: BTreeSet<u8> = planned.iter().map(|sent| sent.row).collect();
            if keys.len() == planned.len() && (sink == "inserted" || rows.len() == planned.len()) {
                prop_assert_eq!(open, 0, "{}", sink);
            }
        }
    }
}
