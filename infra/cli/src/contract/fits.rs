//! Checks the tables of contracts and template. Each table sink needs its table in every function that knows tables,
//! and the permissions on it. Each table needs a sink.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use contracts::{Catalog, Contract, Sink, SinkKind};
use emulation::iam::Decision;
use emulation::template::{Function, Stack};

use super::needs::TableNeeds;
use super::template::Template;
use super::yaml;
use crate::project::TABLES;

/// The sinks whose tables are part of the template even if no contract uses them.
const OWN: [&str; 2] = ["records", "totals"];

/// A difference between a contract and the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Where it is: `template.yaml:484`.
    pub(crate) place: String,
    /// What is wrong, as a sentence.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) next: String,
}

/// A template as the emulation reads it, with its text for the lines of places.
pub(super) struct Deployed<'a> {
    stack: &'a Stack,
    text: Option<Template>,
    functions: Vec<TablesOf<'a>>,
}

/// A function that knows tables, which it finds by the names of their sinks.
struct TablesOf<'a> {
    function: &'a Function,
    tables: BTreeMap<String, String>,
}

impl<'a> Deployed<'a> {
    fn read(root: &Path, stack: &'a Stack) -> Self {
        Self::new(stack, &fs::read_to_string(root.join("template.yaml")).unwrap_or_default())
    }

    /// `text` is the template's text, from which places have their lines. If it cannot be read, places have no lines.
    pub(super) fn new(stack: &'a Stack, text: &str) -> Self {
        let mut functions = Vec::new();
        for function in &stack.functions {
            let tables = function.environment.get(TABLES);
            if let Some(tables) = tables.and_then(|text| serde_json::from_str(text).ok()) {
                functions.push(TablesOf { function, tables });
            }
        }
        Self { stack, text: Template::parse(text).ok(), functions }
    }

    /// The place of a function's variable `TABLES`.
    fn place_of_tables(&self, function: &Function) -> String {
        let text = self.text.as_ref();
        match text.and_then(|text| text.line_of_tables(&function.logical_id)) {
            Some(line) => format!("template.yaml:{line}"),
            None => "template.yaml".to_owned(),
        }
    }

    /// The place of a resource.
    fn place_of(&self, logical_id: &str) -> String {
        match &self.text {
            Some(text) => format!("template.yaml:{}", text.line_of(logical_id)),
            None => "template.yaml".to_owned(),
        }
    }
}

/// What the template lacks for the table sinks of all datasets.
pub(crate) fn missing(root: &Path, catalog: &Catalog, stack: &Stack) -> Vec<Misfit> {
    let deployed = Deployed::read(root, stack);
    let all = catalog.iter().map(|contract| missing_of(root, catalog, contract, &deployed));
    all.flatten().collect()
}

/// What the template lacks for the table sinks of one dataset.
pub(super) fn missing_of(
    root: &Path,
    catalog: &Catalog,
    contract: &Contract,
    deployed: &Deployed<'_>,
) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    for sink in contract.sinks.iter().filter(|it| it.kind() == SinkKind::Table) {
        let needs = TableNeeds::of(catalog, &sink.name);
        let place = place_of_sink(root, contract, sink);
        let mut tables = BTreeSet::new();
        for known in &deployed.functions {
            let Some(table) = known.tables.get(&sink.name) else {
                misfits.push(without_table(place.clone(), contract, sink, known, deployed));
                continue;
            };
            tables.insert(table.as_str());
            let rights = Rights { contract, sink, needs: &needs, known, table };
            misfits.extend(rights.missing(&place, deployed));
        }
        if tables.len() > 1 {
            let tables: Vec<&str> = tables.into_iter().collect();
            misfits.push(Misfit {
                place,
                what: format!("functions know different tables of the sink `{}`", sink.name),
                next: format!("give it one in each {TABLES}: {}", tables.join(" or ")),
            });
        }
    }
    misfits
}

/// The tables that no contract has a sink for.
pub(crate) fn unused(root: &Path, catalog: &Catalog, stack: &Stack) -> Vec<Misfit> {
    let deployed = Deployed::read(root, stack);
    let sinks = catalog.iter().flat_map(|contract| &contract.sinks);
    let sinks = sinks.filter(|sink| sink.kind() == SinkKind::Table);
    let names: BTreeSet<&str> = sinks.map(|sink| sink.name.as_str()).chain(OWN).collect();
    let mut misfits = Vec::new();
    for known in &deployed.functions {
        let (function, place) = (known.function, deployed.place_of_tables(known.function));
        for name in known.tables.keys().filter(|name| !names.contains(name.as_str())) {
            misfits.push(Misfit {
                place: place.clone(),
                what: format!(
                    "{TABLES} of {} has a table for `{name}`, and no contract has a table sink of that name",
                    function.logical_id
                ),
                next: format!("take \"{name}\" out of {TABLES}, with the rights and the table itself"),
            });
        }
    }
    misfits
}

fn without_table(
    place: String,
    contract: &Contract,
    sink: &Sink,
    known: &TablesOf<'_>,
    deployed: &Deployed<'_>,
) -> Misfit {
    let (dataset, name, function) = (&contract.dataset, &sink.name, &known.function.logical_id);
    let tables: Vec<String> =
        known.tables.iter().map(|(sink, table)| format!("{sink} ({table})")).collect();
    Misfit {
        place,
        what: format!("the sink `{name}` of `{dataset}` has no table in {function}"),
        next: format!(
            "run `sluicegate contracts add-tables {dataset}`, or add \"{name}\":\"${{YourTable}}\" to \
             {TABLES} of {function} ({}), the table itself as a resource, and the right to use it; the \
             sinks with a table are {}",
            deployed.place_of_tables(known.function),
            tables.join(", ")
        ),
    }
}

/// A function, and the table of a sink that it needs permissions for.
struct Rights<'a> {
    contract: &'a Contract,
    sink: &'a Sink,
    needs: &'a TableNeeds,
    known: &'a TablesOf<'a>,
    table: &'a str,
}

impl Rights<'_> {
    fn missing(&self, place: &str, deployed: &Deployed<'_>) -> Vec<Misfit> {
        let (function, table) = (self.known.function, self.table);
        let (dataset, name) = (&self.contract.dataset, &self.sink.name);
        let Some(declared) = deployed.stack.tables.iter().find(|it| it.name == *table) else {
            return vec![Misfit {
                place: deployed.place_of_tables(function),
                what: format!("the table {table} of the sink `{name}` is no resource"),
                next: format!("declare it, or name another one in {TABLES}"),
            }];
        };
        let Some(role) = deployed.stack.roles.iter().find(|role| role.arn == function.role) else {
            return Vec::new();
        };
        let arn = arn_of(function, table);
        let mut misfits = Vec::new();
        for action in self.needs.actions(&function.binary) {
            if role.rights.decide(action, &arn) == Decision::Allowed {
                continue;
            }
            let (role, table) = (&role.logical_id, &declared.logical_id);
            misfits.push(Misfit {
                place: format!("{}, {place}", deployed.place_of(role)),
                what: format!(
                    "{role} lacks {action} on {table}, as the sink `{name}` of `{dataset}` needs it"
                ),
                next: format!(
                    "run `sluicegate contracts add-tables {dataset}`, or grant it to {role} by hand"
                ),
            });
        }
        misfits
    }
}

/// The ARN of a table in the region and account of a function.
fn arn_of(function: &Function, table: &str) -> String {
    let mut parts = function.arn.split(':').skip(1);
    let partition = parts.next().unwrap_or_default();
    let mut after_service = parts.skip(1);
    let region = after_service.next().unwrap_or_default();
    let account = after_service.next().unwrap_or_default();
    format!("arn:{partition}:dynamodb:{region}:{account}:table/{table}")
}

/// The place of a sink in its contract: `infra/contracts/orders/contract.yaml:15`.
fn place_of_sink(root: &Path, contract: &Contract, sink: &Sink) -> String {
    let file = format!("infra/contracts/{}/contract.yaml", contract.dataset);
    let text = fs::read_to_string(root.join(&file)).unwrap_or_default();
    let Ok(tree) = yaml::parse(&text) else { return file };
    let sinks = tree.at(&["sinks"]).map(yaml::Node::items).unwrap_or_default();
    for node in sinks {
        if node.at(&["name"]).and_then(yaml::Node::text) == Some(&sink.name) {
            return format!("{file}:{}", node.line);
        }
    }
    file
}

#[cfg(test)]
mod tests;
