//! `sluicegate contracts list` lists the datasets with their owners, versions and sinks.

use std::path::Path;
use std::process::ExitCode;

use contracts::{Contract, VersionState};
use serde_json::json;

use super::args::List;
use crate::failure::Failure;
use crate::options::{Color, Format};
use crate::output::Output;
use crate::output::page::Page;
use crate::output::table::{Column, Table};
use crate::project::contracts_of;

pub(super) fn list(root: &Path, args: &List, output: &Output) -> Result<ExitCode, Failure> {
    let catalog = contracts_of(root)?;
    match args.format {
        Format::Json => {
            let all: Vec<_> = catalog.iter().map(json_of).collect();
            output.result(&json!({ "contracts": all }).to_string());
        }
        Format::Text => {
            let mut table = Table::new(vec![
                Column::words("dataset", 32),
                Column::words("owner", 24),
                Column::words("versions", 24),
                Column::words("sinks", 99),
            ]);
            for contract in catalog.iter() {
                table.add(vec![
                    contract.dataset.clone().into(),
                    contract.owner.clone().into(),
                    versions_of(contract).into(),
                    sinks_of(contract).into(),
                ]);
            }
            let (head, lines) = table.lines(&Page::new(output, Color::Never));
            output.result(&format!("{head}\n{}", lines.join("\n")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The versions of a contract, such as `1 deprecated, 2, 3 canary`. The active version has no word beside it.
pub(super) fn versions_of(contract: &Contract) -> String {
    let mut texts = Vec::new();
    for version in contract.versions.iter() {
        texts.push(match version.state {
            VersionState::Active => version.version.to_string(),
            VersionState::Deprecated { .. } => format!("{} deprecated", version.version),
            VersionState::Canary { .. } => format!("{} canary", version.version),
        });
    }
    texts.join(", ")
}

fn sinks_of(contract: &Contract) -> String {
    let sinks: Vec<String> =
        contract.sinks.iter().map(|sink| format!("{} ({})", sink.name, sink.kind())).collect();
    sinks.join(", ")
}

/// The sinks of a contract with their kinds.
pub(super) fn json_of_sinks(contract: &Contract) -> serde_json::Value {
    let mut sinks = Vec::new();
    for sink in &contract.sinks {
        sinks.push(json!({ "name": sink.name, "kind": sink.kind().to_string() }));
    }
    json!(sinks)
}

fn json_of(contract: &Contract) -> serde_json::Value {
    json!({
        "dataset": contract.dataset,
        "description": contract.description,
        "owner": contract.owner,
        "version": contract.version,
        "versions": contract.versions.iter().map(|each| each.version).collect::<Vec<_>>(),
        "sinks": json_of_sinks(contract),
    })
}
