use std::sync::Mutex;

use event::FailureKind;

use super::*;

fn schema_file() -> BTreeMap<String, String> {
    BTreeMap::from([("v1.schema.json".to_owned(), r#"{"type":"object"}"#.to_owned())])
}

/// A contract with a table, of which `sink` has the fields.
fn yaml(dataset: &str, sink: &str) -> String {
    format!(
        "
dataset: {dataset}
description: Rows
owner: team
schema: {{version: 1, file: v1.schema.json}}
keys: {{idempotency: [/id], business: [/id], event_time: /at}}
sinks: [{{kind: table, {sink}}}]
"
    )
}

fn catalog(contracts: &[(&str, &str)]) -> Catalog {
    let mut catalog = Catalog::default();
    for (dataset, sink) in contracts {
        catalog.add(dataset, &yaml(dataset, sink), &schema_file()).unwrap();
    }
    catalog
}

#[test]
fn a_catalog_knows_what_was_added_to_it() {
    assert!(Catalog::default().is_empty());
    let catalog = catalog(&[("orders", "name: rows"), ("gone", "name: rows")]);
    assert!(!catalog.is_empty());
    let datasets: Vec<&str> = catalog.iter().map(|it| it.dataset.as_str()).collect();
    assert_eq!(datasets, ["gone", "orders"]);
    let failure = catalog.get("trains").unwrap_err();
    assert_eq!(failure.code, Code::UnknownDataset);
    assert!(failure.reason.contains("`trains`; known: gone, orders"), "{failure}");
}

#[test]
fn a_dependency_that_is_named_is_declared() {
    let sink =
        ("orders", "name: rows}, {kind: http, name: partner, url: http://a.test/, dependency: crm");
    let mut catalog = catalog(&[sink]);
    let error = catalog.check().unwrap_err().to_string();
    let expected = "orders/contract.yaml: `partner` names the dependency `crm`, which";
    assert!(error.starts_with(expected) && error.ends_with("it declares none"), "{error}");
    catalog.declare_dependencies("dependencies: {crm: {longest_wait_s: 60}}").unwrap();
    catalog.check().unwrap();
    assert_eq!(catalog.dependency("crm").longest_wait.as_secs(), 60);
    assert_eq!(catalog.dependency("partner"), Dependency::default());
    assert_eq!(catalog.dependencies().into_keys().collect::<Vec<_>>(), ["crm"]);
    catalog.declare_dependencies("dependencies: {crm: {longest_wait_s: 60}, erp: {}}").unwrap();
    let names: Vec<String> = catalog.dependencies().into_keys().collect();
    assert_eq!(names, ["crm", "erp"], "an unused declaration counts too");
    assert_eq!(catalog.dependencies()["crm"].longest_wait.as_secs(), 60);
    assert!(catalog.declare_dependencies("dependencies: {crm: {longest_wait_s: 1}}").is_err());
}

#[test]
fn what_is_declared_nowhere_is_a_dependency_by_its_own_name() {
    let sink = ("orders", "name: rows}, {kind: http, name: partner, url: http://a.test/");
    let catalog = catalog(&[sink]);
    catalog.check().unwrap();
    let expected = BTreeMap::from([("partner".to_owned(), Dependency::default())]);
    assert_eq!(catalog.dependencies(), expected);
}

#[test]
fn rows_are_deleted_only_where_another_dataset_upserts_them() {
    const DELETE: (&str, &str) = ("gone", "name: rows, mode: delete, rows_of: orders");
    assert!(catalog(&[DELETE, ("orders", "name: rows, mode: upsert")]).check().is_ok());
    for other in [
        ("orders", "name: others, mode: upsert"),
        ("orders", "name: rows, mode: merge, attributes: {a: /a}"),
        ("orders", "name: rows"),
        ("others", "name: rows, mode: upsert"),
    ] {
        let error = catalog(&[DELETE, other]).check().unwrap_err().to_string();
        assert!(error.starts_with("gone/contract.yaml: its sink `rows` deletes"), "{error}");
    }
}

/// Folders with the same schema, of which each was read so often.
#[derive(Debug, Default)]
struct Folders {
    contracts: BTreeMap<String, String>,
    reads: Mutex<Vec<String>>,
}

impl ContractFiles for Folders {
    fn read(&self, folder: &str) -> Result<ContractTexts, String> {
        self.reads.lock().unwrap().push(folder.to_owned());
        let yaml = self.contracts.get(folder).ok_or("no such file")?.clone();
        Ok(ContractTexts { yaml, files: schema_file() })
    }
}

/// A catalog whose contracts are read later. A contract without a sink has no file.
fn later(contracts: &[(&str, &str)]) -> (Catalog, Arc<Folders>) {
    let mut folders = Folders::default();
    for (dataset, sink) in contracts.iter().filter(|(_, sink)| !sink.is_empty()) {
        folders.contracts.insert((*dataset).to_owned(), yaml(dataset, sink));
    }
    let (folders, mut catalog) = (Arc::new(folders), Catalog::default());
    for (dataset, _) in contracts {
        catalog.add_later(dataset, Arc::clone(&folders) as Arc<dyn ContractFiles>);
    }
    (catalog, folders)
}

#[test]
fn a_contract_that_is_added_later_is_read_once_and_when_it_is_needed() {
    let (catalog, folders) = later(&[("orders", "name: rows"), ("trains", "name: rows")]);
    assert_eq!(catalog.take_canary_counts().count(), 0);
    assert!(catalog.get("boats").unwrap_err().reason.ends_with("known: orders, trains"));
    assert!(!catalog.is_empty() && folders.reads.lock().unwrap().is_empty(), "nothing was read");
    for _ in 0..3 {
        assert_eq!(catalog.clone().get("orders").unwrap().dataset, "orders");
    }
    assert_eq!(*folders.reads.lock().unwrap(), ["orders"]);
    assert_eq!(catalog.iter().count(), 2);
    assert_eq!(*folders.reads.lock().unwrap(), ["orders", "trains"]);
}

#[test]
fn a_contract_that_cannot_be_used_stops_its_own_dataset_only() {
    const DELETE: &str = "name: rows, mode: delete, rows_of: orders";
    const DEPENDS: &str = "name: rows}, {kind: http, name: p, url: http://a.test/, dependency: crm";
    let (catalog, folders) = later(&[
        ("depends", DEPENDS),
        ("deletes", DELETE),
        ("invalid", "name: NO"),
        ("missing", ""),
        ("orders", "name: rows"),
    ]);
    for (dataset, reason) in [
        ("depends", "depends/contract.yaml: `p` names the dependency `crm`, which"),
        ("deletes", "deletes/contract.yaml: its sink `rows` deletes rows of `orders`, which"),
        ("invalid", "invalid/contract.yaml: "),
        ("missing", "missing: no such file"),
    ] {
        for _ in 0..2 {
            let failure = catalog.get(dataset).unwrap_err();
            assert_eq!(
                (failure.code, failure.kind),
                (Code::ContractBroken, FailureKind::Transient)
            );
            assert!(failure.reason.starts_with(reason), "{failure}");
        }
        assert_eq!(folders.reads.lock().unwrap().iter().filter(|it| **it == dataset).count(), 1);
    }
    let usable: Vec<&str> = catalog.iter().map(|contract| contract.dataset.as_str()).collect();
    assert_eq!(usable, ["orders"]);
    assert_eq!(catalog.results().filter(Result::is_err).count(), 4);
    assert!(catalog.check().is_err());
}

#[test]
fn contracts_that_delete_each_others_rows_are_read() {
    const UPSERT: &str = "name: rows, mode: upsert}, {kind: table, name: gone, mode: delete";
    let (catalog, _) = later(&[
        ("one", &format!("{UPSERT}, rows_of: other")),
        (
            "other",
            "name: gone, mode: upsert}, {kind: table, name: rows, mode: delete, rows_of: one",
        ),
    ]);
    assert!(catalog.get("one").is_ok() && catalog.get("other").is_ok());
}

#[test]
fn a_value_of_a_dataset_is_made_once() {
    let (values, mut made) = (PerDataset::default(), 0);
    assert_eq!(values.get_or_make("orders", || Err::<u32, _>("not yet")), Err("not yet"));
    for _ in 0..2 {
        let value = values.get_or_make("orders", || {
            made += 1;
            Ok::<u32, &str>(made)
        });
        assert_eq!(value.as_deref(), Ok(&1));
    }
    assert_eq!(values.get_or_make("trains", || Ok::<u32, &str>(9)).as_deref(), Ok(&9));
}

#[test]
fn a_table_is_of_one_dataset() {
    let folders = |claims: &[(&str, &str)]| {
        let mut folders = Folders::default();
        let mut catalog = Catalog::default();
        for (dataset, table) in claims {
            let changes = format!("changes: {{kind: dynamodb, table: {table}}}\n");
            let yaml = yaml(dataset, "name: rows") + if table.is_empty() { "x" } else { &changes };
            folders.contracts.insert((*dataset).to_owned(), yaml);
        }
        let folders: Arc<dyn ContractFiles> = Arc::new(folders);
        for (dataset, _) in claims {
            catalog.add_later(dataset, Arc::clone(&folders));
        }
        catalog
    };
    let of = |catalog: &Catalog, table: &str| {
        let found = catalog.of_table(ChangeKind::DynamoDb, table);
        found
            .map(|contract| contract.dataset.clone())
            .map_err(|failure| (failure.code, failure.kind))
    };
    let clear = folders(&[("one", "a"), ("two", "b")]);
    assert_eq!(of(&clear, "b").as_deref(), Ok("two"));
    assert_eq!(of(&clear, "c"), Err((Code::UnknownDataset, FailureKind::Permanent)));
    assert!(clear.of_table(ChangeKind::Debezium, "b").is_err());
    assert!(clear.check().is_ok());
    let broken = folders(&[("one", "a"), ("two", "")]);
    assert_eq!(of(&broken, "a").as_deref(), Ok("one"));
    assert_eq!(of(&broken, "c"), Err((Code::ContractBroken, FailureKind::Transient)));
    let twice = folders(&[("one", "a"), ("two", "a")]);
    assert_eq!(of(&twice, "a"), Err((Code::ContractBroken, FailureKind::Transient)));
    let told = twice.check().unwrap_err().to_string();
    assert_eq!(told, "one/contract.yaml: `changes.table`: `a` is the table of `two` too");
}
