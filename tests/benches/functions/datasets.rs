//! The start of each function with a few datasets and with many.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sluicegate_tests::{World, contracts_with, root};

use crate::host::Host;
use crate::invocation::variables;
use crate::table::{Budget, Table, median};

/// The functions that read contracts, by their binaries.
const FUNCTIONS: &[(&str, &str)] = &[
    ("ingest", "IngestFunction"),
    ("enrich", "EnrichFunction"),
    ("sink", "SinkFunction"),
    ("lake", "LakeFunction"),
    ("deliver", "DeliverFunction"),
];

const MANY: usize = 200;

/// From spawn to the first request for work, over so many starts of each, in turns.
pub(crate) async fn measure(world: &World, folder: &Path, starts: usize, table: &mut Table) {
    let many_contracts = many_contracts();
    for (name, function) in FUNCTIONS {
        let few = variables(world, function, "few", world.emulation().endpoint());
        let mut many = few.clone();
        many.insert("CONTRACTS_DIR".to_owned(), many_contracts.display().to_string());
        let (mut with_many, mut with_few) = (Vec::new(), Vec::new());
        for _ in 0..starts {
            with_many.push(start_ms(&folder.join(name), &many).await);
            with_few.push(start_ms(&folder.join(name), &few).await);
        }
        let medians = (median(with_many), median(with_few));
        table.add(name, "start, ms", medians, Budget::Ratio(1.1));
    }
}

async fn start_ms(binary: &Path, variables: &BTreeMap<String, String>) -> f64 {
    Host::start(binary, variables).await.start.as_secs_f64() * 1e3
}

/// The tests' contracts, and copies of one of them under other names.
fn many_contracts() -> PathBuf {
    let (folder, original) = (contracts_with(&[]), root().join("tests/contracts/flights"));
    let contract = std::fs::read_to_string(original.join("contract.yaml")).unwrap();
    assert!(contract.contains("dataset: flights"), "the contract looks different now");
    for number in 2..MANY {
        let dataset = format!("flights-{number}");
        let copy = folder.join(&dataset);
        std::fs::create_dir(&copy).unwrap();
        std::fs::copy(original.join("v1.schema.json"), copy.join("v1.schema.json")).unwrap();
        let renamed = contract.replace("dataset: flights", &format!("dataset: {dataset}"));
        std::fs::write(copy.join("contract.yaml"), renamed).unwrap();
    }
    folder
}
