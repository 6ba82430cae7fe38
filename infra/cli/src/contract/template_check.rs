//! Checks the contracts against the template before anything is started.
//!
//! Functions refuse to start for the same reasons. Here the reasons are reported with what to add.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use contracts::{Catalog, Contract, Enricher, Sink, SinkKind, Source, Target, UrlError, Variables};
use emulation::template::{Function, Stack};

use super::fits;
use crate::failure::Failure;
use crate::folder::CONTRACTS;
use crate::project::{SINK_QUEUES, TABLES};

/// The file of variables that the local emulation reads.
const LOCAL_VARIABLES: &str = "local.yaml";

/// The variable of the function that reads lookup tables. It has the tables by the names that
/// contracts use.
const LOOKUP_TABLES: &str = "LOOKUP_TABLES";

/// The variable of the function that takes events in. It has the queue for events that are diverted.
const LATE_QUEUE_URL: &str = "LATE_QUEUE_URL";

/// Checks that the template has what each contract needs. The first problem is returned.
pub(crate) fn check_template(root: &Path, catalog: &Catalog, stack: &Stack) -> Result<(), Failure> {
    for contract in catalog.iter() {
        for sink in &contract.sinks {
            check_queue(contract, sink, stack)?;
        }
        check_shared_tables(contract, stack)?;
        check_late_queue(contract, stack)?;
        for enricher in &contract.enrichers {
            check_lookup_table(contract, enricher, stack)?;
        }
    }
    check_tables(root, catalog, stack)?;
    for path in variables_files(root)? {
        let variables = runtime::load_variables(&path).map_err(|error| {
            Failure::new("the contracts' variables cannot be used").because(error)
        })?;
        for contract in catalog.iter() {
            check_variables(contract, &variables)?;
        }
    }
    Ok(())
}

/// The first function that has this variable, and its value. `None` if the value is not a JSON
/// object of texts.
fn variable<'a>(stack: &'a Stack, name: &str) -> Option<(&'a Function, BTreeMap<String, String>)> {
    let mut functions = stack.functions.iter();
    let function = functions.find(|function| function.environment.contains_key(name))?;
    let held = serde_json::from_str(function.environment.get(name)?).ok()?;
    Some((function, held))
}

fn check_queue(contract: &Contract, sink: &Sink, stack: &Stack) -> Result<(), Failure> {
    let Some((function, queues)) = variable(stack, SINK_QUEUES) else { return Ok(()) };
    let kind = sink.kind().to_string();
    if queues.contains_key(&kind) {
        return Ok(());
    }
    let known: Vec<&str> = queues.keys().map(String::as_str).collect();
    let (dataset, name) = (&contract.dataset, &sink.name);
    let what = format!("the sink `{name}` of `{dataset}` is of kind `{kind}`, which has no queue");
    Err(Failure::new(what).next(format!(
        "add \"{kind}\":\"${{YourQueue}}\" to {SINK_QUEUES} of {} in template.yaml, with the queue and \
         its function; there are queues for {}",
        function.logical_id,
        known.join(", ")
    )))
}

/// Reports everything that table sinks lack, and what to do about the first of it.
fn check_tables(root: &Path, catalog: &Catalog, stack: &Stack) -> Result<(), Failure> {
    let misfits = fits::missing(root, catalog, stack);
    let Some(first) = misfits.first() else { return Ok(()) };
    let lines: Vec<String> =
        misfits.iter().map(|misfit| format!("{}: {}", misfit.place, misfit.what)).collect();
    Err(Failure::new(lines.join("\n  ")).next(&first.next))
}

fn check_shared_tables(contract: &Contract, stack: &Stack) -> Result<(), Failure> {
    let Some((function, tables)) = variable(stack, TABLES) else { return Ok(()) };
    let mut taken = BTreeMap::new();
    for sink in contract.sinks.iter().filter(|sink| sink.kind() == SinkKind::Table) {
        let Some(table) = tables.get(&sink.name) else { continue };
        if let Some(other) = taken.insert(table, &sink.name) {
            let dataset = &contract.dataset;
            let what = format!(
                "the sinks `{other}` and `{}` of `{dataset}` have one table, {table}",
                sink.name
            );
            let next = format!("give each its own in {TABLES} of {}", function.logical_id);
            return Err(Failure::new(what).next(next));
        }
    }
    Ok(())
}

fn check_late_queue(contract: &Contract, stack: &Stack) -> Result<(), Failure> {
    let mut functions = stack.functions.iter();
    let is_known = functions.any(|function| function.environment.contains_key(LATE_QUEUE_URL));
    if is_known || !contract.may_divert() {
        return Ok(());
    }
    let dataset = &contract.dataset;
    let what = format!("`{dataset}` diverts events by their time, and there is no queue for them");
    Err(Failure::new(what).next(format!(
        "add the queue to template.yaml, as {LATE_QUEUE_URL} of the function that takes events in, and the right to \
         send to it (sqs:SendMessage)"
    )))
}

fn check_lookup_table(
    contract: &Contract,
    enricher: &Enricher,
    stack: &Stack,
) -> Result<(), Failure> {
    let Some((function, tables)) = variable(stack, LOOKUP_TABLES) else { return Ok(()) };
    let Source::Table(lookup) = &enricher.source else { return Ok(()) };
    let table = &lookup.table;
    if tables.contains_key(table) {
        return Ok(());
    }
    let what = format!(
        "the enricher `{}` of `{}` looks things up in `{table}`, which the template does not know",
        enricher.name, contract.dataset
    );
    Err(Failure::new(what).next(format!(
        "add \"{table}\":\"${{YourTable}}\" to {LOOKUP_TABLES} of {} in template.yaml, and the right to read \
         it (dynamodb:BatchGetItem)",
        function.logical_id
    )))
}

/// The files of all environments. That of the local emulation is always listed.
fn variables_files(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let folder = root.join(CONTRACTS).join("variables");
    let mut files = vec![folder.join(LOCAL_VARIABLES)];
    if folder.is_dir() {
        let found = yaml_files(&folder).map_err(|error| {
            Failure::new(format!("{} cannot be read", folder.display())).because(error)
        })?;
        files.extend(found);
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn yaml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Checks that every variable in senders, URLs, headers and keys has a value in an environment. A value in the latter
/// three may still be a placeholder, which the emulation or an operator replaces.
fn check_variables(contract: &Contract, variables: &Variables) -> Result<(), Failure> {
    let dataset = &contract.dataset;
    contract.sources.check_variables(variables).map_err(|error| {
        Failure::new(format!("who may send `{dataset}` is not known")).because(error)
    })?;
    for enricher in &contract.enrichers {
        if let Some(error) = missing(enricher.bind(variables).err()) {
            let what = format!("the enricher `{}` of `{dataset}` cannot be asked", enricher.name);
            return Err(Failure::new(what).because(error));
        }
    }
    for sink in &contract.sinks {
        let Target::Http(http) = &sink.target else { continue };
        if let Some(error) = missing(http.bind(variables).err()) {
            let what = format!("the sink `{}` of `{dataset}` cannot be delivered to", sink.name);
            return Err(Failure::new(what).because(error));
        }
    }
    Ok(())
}

fn missing(error: Option<UrlError>) -> Option<UrlError> {
    error.filter(|error| !matches!(error, UrlError::Placeholder { .. }))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::contract::samples::orders_contract;
    use crate::project::contracts_of;

    fn repository() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
    }

    fn stack() -> Stack {
        emulation::stack(repository(), &BTreeMap::new()).unwrap()
    }

    /// A temporary repository with one contract, which is removed when the value is dropped.
    struct Root(PathBuf);

    impl Root {
        fn new(name: &str, sinks: &str) -> Self {
            let root = std::env::temp_dir().join(format!("check-{name}-{}", std::process::id()));
            let folder = root.join("infra/contracts/orders");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("contract.yaml"), orders_contract(sinks)).unwrap();
            let variables = root.join("infra/contracts/variables");
            fs::create_dir_all(&variables).unwrap();
            let values = "variables: {ORDERS: 'https://orders.example', LOCAL: '{LOCAL_WEATHER}'}";
            fs::write(variables.join("local.yaml"), values).unwrap();
            fs::write(variables.join("production.yaml"), "variables: {LOCAL: https://a.test}")
                .unwrap();
            fs::write(folder.join("v1.schema.json"), r#"{"type":"object"}"#).unwrap();
            Self(root)
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn check_repository(root: &Path) -> Result<(), Failure> {
        check_template(root, &contracts_of(root)?, &stack())
    }

    #[track_caller]
    fn check_refused(name: &str, sinks: &str, expected: &[&str]) {
        let root = Root::new(name, sinks);
        let failure = check_repository(&root.0).unwrap_err().to_string();
        for each in expected {
            assert!(failure.contains(each), "{each} is not in: {failure}");
        }
    }

    #[test]
    fn a_sink_without_its_place_in_the_template_is_refused_with_what_to_add() {
        check_refused(
            "table",
            "{name: nowhere, kind: table, mode: upsert}",
            &[
                "the sink `nowhere` of `orders` has no table",
                "\"nowhere\":\"${YourTable}\" to TABLES of SinkFunction",
                "records (sluicegate-RecordsTable)",
            ],
        );
        check_refused(
            "queue",
            "{name: own, kind: custom, by: announce}",
            &[
                "kind `custom:announce`, which has no queue",
                "SINK_QUEUES of EnrichFunction",
                "there are queues for http, lake, table",
            ],
        );
        check_refused(
            "url",
            "{name: out, kind: http, url: '{ORDERS_URL}/x'}",
            &[
                "the sink `out` of `orders` cannot be delivered to",
                "variables/local.yaml has no ORDERS_URL; expected `ORDERS_URL: <value>`",
            ],
        );
        check_refused(
            "deployed",
            "{name: out, kind: http, url: '{ORDERS}/x'}",
            &["variables/production.yaml has no ORDERS"],
        );
        check_refused(
            "reserved",
            "{name: out, kind: http, url: 'https://a.test', headers: {x-a: '{AWS_SESSION_TOKEN}'}}",
            &["`AWS_SESSION_TOKEN` is a name of Lambda's own environment"],
        );
        check_refused(
            "broken",
            "{name: state, kind: table, mode: replace}",
            &["the contracts cannot be used", "orders/contract.yaml", "mend the contract"],
        );
    }

    #[test]
    fn a_contract_that_diverts_needs_the_late_queue() {
        let root = Root::new("late", "{name: lake, kind: lake}");
        let path = root.0.join("infra/contracts/orders/contract.yaml");
        let yaml = fs::read_to_string(&path).unwrap();
        let mut stack = stack();
        for function in &mut stack.functions {
            function.environment.remove(LATE_QUEUE_URL);
        }
        for (beyond, is_refused) in [("accept", false), ("divert", true), ("reject", false)] {
            let time = format!("time: {{lateness: {{allowed_s: 1, beyond: {beyond}}}}}");
            fs::write(&path, format!("{yaml}\n{time}\n")).unwrap();
            let catalog = contracts_of(&root.0).unwrap();
            let told = check_template(&root.0, &catalog, &stack).map_err(|error| error.to_string());
            let is_told = told.is_err_and(|error| error.contains("there is no queue for them"));
            assert_eq!(is_told, is_refused, "{beyond}");
            check_template(&root.0, &catalog, &self::stack()).unwrap();
        }
    }

    #[test]
    fn whoever_may_send_is_known_in_each_environment() {
        let root = Root::new("senders", "{name: lake, kind: lake}");
        let path = root.0.join("infra/contracts/orders/contract.yaml");
        let yaml = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{yaml}\nsources: [inbox: {{senders: ['{{SHOP}}']}}]\n")).unwrap();
        let production = root.0.join("infra/contracts/variables/production.yaml");
        let variables = |value: &str| format!("variables: {{SHOP: {value}}}");
        let local = root.0.join("infra/contracts/variables/local.yaml");
        fs::write(&local, variables("'000000000000'")).unwrap();
        for (value, told) in [
            (None, "variables/production.yaml has no SHOP"),
            (Some("shop"), "`shop` is no unique id"),
        ] {
            if let Some(value) = value {
                fs::write(&production, variables(value)).unwrap();
            }
            let failure = check_repository(&root.0).unwrap_err().to_string();
            assert!(failure.contains("who may send `orders` is not known"), "{failure}");
            assert!(failure.contains(told), "{failure}");
        }
        fs::write(&production, variables("AROA1234567890ABCDEF")).unwrap();
        check_repository(&root.0).unwrap();
    }

    #[test]
    fn what_the_repository_has_is_right() {
        check_repository(repository()).unwrap();
        let sinks = "{name: records, kind: table}, {name: lake, kind: lake}, \
                     {name: out, kind: http, url: '{LOCAL}/x'}";
        let root = Root::new("right", sinks);
        check_repository(&root.0).unwrap();
    }
}
