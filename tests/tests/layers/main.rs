//! The direction of dependencies, as cargo itself resolves it.
//!
//! Domain crates know no wire; functions know each other as little as the emulation; nothing that
//! ships has test code in it.

mod circles;
mod features;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, Node, PackageId};

/// Each layer may use those before it.
const LAYERS: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("breaker", &["event"]),
    ("compatibility", &[]),
    ("parquet-rows", &[]),
    ("contracts", &["breaker", "event"]),
    ("metrics", &[]),
    ("outbound", &["breaker", "contracts", "event", "metrics"]),
    ("dedupe", &["event"]),
    ("letters", &["contracts", "event"]),
    ("runtime", &["breaker", "contracts", "dedupe", "event", "metrics"]),
    ("aws", &["breaker", "contracts", "dedupe", "event", "letters", "outbound", "runtime"]),
    ("lake-storage", &["aws", "contracts", "dedupe", "event", "runtime"]),
    ("testkit", &["breaker", "contracts", "dedupe", "event", "letters", "outbound", "runtime"]),
    ("local-builder", &[]),
    ("local-clock", &[]),
    ("local-state", &[]),
    ("local-filters", &[]),
    ("local-iam", &[]),
    ("local-faults", &["local-clock"]),
    ("local-template", &["local-filters", "local-iam"]),
    ("local-dynamodb", &["local-clock"]),
    ("local-secrets", &["local-clock"]),
    ("local-sqs", &["local-clock", "local-faults"]),
    ("local-s3", &["local-clock", "local-template"]),
    ("local-services", &["local-clock", "local-faults"]),
    (
        "local-lambda",
        &[
            "local-clock",
            "local-dynamodb",
            "local-faults",
            "local-filters",
            "local-sqs",
            "local-template",
        ],
    ),
    (
        "local-server",
        &[
            "local-dynamodb",
            "local-faults",
            "local-iam",
            "local-lambda",
            "local-s3",
            "local-secrets",
            "local-services",
            "local-sqs",
            "local-template",
        ],
    ),
    (
        "local-emulation",
        &[
            "local-builder",
            "local-clock",
            "local-dynamodb",
            "local-faults",
            "local-iam",
            "local-lambda",
            "local-s3",
            "local-secrets",
            "local-server",
            "local-services",
            "local-sqs",
            "local-state",
            "local-template",
        ],
    ),
];

/// What every package of the workspace is called by; the tables here leave it out.
const PREFIX: &str = "sluicegate-";

const FUNCTIONS: &[&str] =
    &["collect", "deliver", "enrich", "ingest", "lake", "operators", "polling", "redrive", "sink"];

/// What a function may use.
const BELOW_FUNCTIONS: &[&str] = &[
    "aws",
    "breaker",
    "contracts",
    "dedupe",
    "event",
    "lake-storage",
    "letters",
    "outbound",
    "parquet-rows",
    "runtime",
];

/// The judge of the demo: it shares no code with what it judges, and so uses no member at all.
const WITNESS: &str = "verify";

/// What stands in for the sample's own services: it knows no member, and no part of the framework knows it.
const SAMPLE: &str = "sample";
/// Who starts the emulation with it.
const OF_SAMPLE: &[&str] = &["cli", "tests"];

/// Domain crates: they decide, and do no IO.
const PURE: &[&str] = &[
    "breaker",
    "compatibility",
    "contracts",
    "dedupe",
    "event",
    "letters",
    "metrics",
    "parquet-rows",
];

struct Graph {
    metadata: Metadata,
    nodes: BTreeMap<PackageId, Node>,
}

impl Graph {
    /// With every feature on: what no feature brings in, no build does.
    fn read() -> Self {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let mut command = MetadataCommand::new();
        command.manifest_path(manifest).features(CargoOpt::AllFeatures);
        let options = ["--locked", "--filter-platform", "x86_64-unknown-linux-gnu"];
        let metadata = command.other_options(options.map(str::to_owned)).exec();
        let metadata = metadata.unwrap_or_else(|error| panic!("{error}"));
        let nodes = metadata.resolve.iter().flat_map(|resolve| resolve.nodes.iter().cloned());
        let nodes = nodes.map(|node| (node.id.clone(), node)).collect();
        Self { metadata, nodes }
    }

    fn members(&self) -> BTreeSet<String> {
        let packages = self.metadata.workspace_packages();
        packages.iter().map(|package| short(package.name.as_str())).collect()
    }

    /// Each member's name and the folder of its manifest.
    fn member_folders(&self) -> BTreeMap<String, PathBuf> {
        let mut folders = BTreeMap::new();
        for package in self.metadata.workspace_packages() {
            let folder = package.manifest_path.parent().unwrap_or_else(|| panic!("{package:?}"));
            folders.insert(short(package.name.as_str()), folder.as_std_path().to_path_buf());
        }
        folders
    }

    fn member(&self, name: &str) -> &PackageId {
        let packages = self.metadata.workspace_packages();
        let found = packages.into_iter().find(|package| short(package.name.as_str()) == name);
        &found.unwrap_or_else(|| panic!("no package `{name}`")).id
    }

    /// What is linked into this package's library or binary; tests and builds aside.
    fn direct(&self, id: &PackageId) -> impl Iterator<Item = &PackageId> {
        let deps = self.nodes[id].deps.iter();
        let linked =
            deps.filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
        linked.map(|dep| &dep.pkg)
    }

    fn direct_members(&self, name: &str) -> BTreeSet<String> {
        let members = self.members();
        let names = self.direct(self.member(name)).map(|id| short(self.metadata[id].name.as_str()));
        names.filter(|name| members.contains(name)).collect()
    }

    fn transitive(&self, name: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut waiting = vec![self.member(name)];
        while let Some(id) = waiting.pop() {
            waiting.extend(self.direct(id).filter(|id| found.insert((*id).clone())));
        }
        found.iter().map(|id| short(self.metadata[id].name.as_str())).collect()
    }
}

/// A member's name without the prefix that all have; any other package's name as it is.
fn short(name: &str) -> String {
    name.strip_prefix(PREFIX).unwrap_or(name).to_owned()
}

fn owned(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn each_layer_uses_only_those_below_it() {
    let graph = Graph::read();
    for (layer, below) in LAYERS {
        let used = graph.direct_members(layer);
        assert!(used.is_subset(&owned(below)), "{layer} uses {used:?}; it may use {below:?}");
    }
    for function in FUNCTIONS {
        let used = graph.direct_members(function);
        let below = owned(BELOW_FUNCTIONS);
        assert!(used.is_subset(&below), "{function} uses {used:?}; it may use {below:?}");
    }
}

#[test]
fn every_package_has_its_place() {
    let layers = LAYERS.iter().map(|(layer, _)| *layer);
    let placed: Vec<&str> = layers
        .chain(FUNCTIONS.iter().copied())
        .chain(["bare", "cli", "tests", SAMPLE, WITNESS])
        .collect();
    assert_eq!(Graph::read().members(), owned(&placed), "a package without a layer");
}

#[test]
fn what_checks_a_promise_shares_no_code_with_what_keeps_it() {
    let graph = Graph::read();
    assert_eq!(graph.direct_members(WITNESS), BTreeSet::new(), "{WITNESS} uses members");
    // Nor the crates by which ingest reads: a fault of theirs would be seen by nobody.
    for reader in ["csv", "csv-core", "serde_json", "serde_json_canonicalizer"] {
        let direct = graph.direct(graph.member(WITNESS));
        let mut names = direct.map(|id| graph.metadata[id].name.to_string());
        assert!(!names.any(|name| name == reader), "{WITNESS} uses {reader}");
    }
    // And nothing that ships has a judge in it.
    for function in FUNCTIONS {
        assert!(!graph.transitive(function).contains(WITNESS), "{function} uses {WITNESS}");
    }
}

#[test]
fn the_sample_is_no_part_of_the_framework() {
    let graph = Graph::read();
    assert_eq!(graph.direct_members(SAMPLE), BTreeSet::new(), "{SAMPLE} uses members");
    for member in graph.members() {
        let is_user = OF_SAMPLE.contains(&member.as_str());
        assert_eq!(graph.transitive(&member).contains(SAMPLE), is_user, "{member} and {SAMPLE}");
    }
}

#[test]
fn domain_crates_know_no_wire_even_through_others() {
    let graph = Graph::read();
    let wires = ["tokio", "hyper", "aws", "lambda", "reqwest", "rustls", "axum"];
    for name in PURE {
        for other in graph.transitive(name) {
            let known = |wire: &&str| {
                other
                    .strip_prefix(*wire)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
            };
            assert!(!wires.iter().any(known), "{name} depends on {other}");
        }
    }
}

#[test]
fn nothing_depends_on_a_function_and_what_ships_has_no_test_code() {
    let graph = Graph::read();
    for member in graph.members() {
        let used = graph.transitive(&member);
        for function in FUNCTIONS {
            assert!(!used.contains(*function), "{member} depends on {function}");
        }
        assert!(!used.contains("testkit"), "{member} has testkit beyond its tests");
        if FUNCTIONS.contains(&member.as_str()) {
            let is_emulation = |name: &String| name.starts_with("local-");
            assert!(!used.iter().any(is_emulation) && !used.contains("cli"), "{member}");
        }
    }
}

/// Whatever serves invocations by itself has the wrong time in the emulation.
#[test]
fn functions_serve_through_the_runtime() {
    for function in FUNCTIONS {
        let folder = format!("{}/../functions/{function}/src", env!("CARGO_MANIFEST_DIR"));
        let main = std::fs::read_to_string(format!("{folder}/main.rs"));
        let mut wiring = main.unwrap_or_else(|error| panic!("{function}: {error}"));
        // A function that is a library too may serve there.
        wiring += &std::fs::read_to_string(format!("{folder}/lib.rs")).unwrap_or_default();
        assert!(wiring.contains("serve"), "{function} serves otherwise than by `runtime::serve`");
        assert!(!wiring.contains("lambda_runtime::run"), "{function} serves by itself");
    }
}
