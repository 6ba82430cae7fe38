//! What a new dataset needs of the template, and whether all contracts and the template then fit each other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use contracts::{Catalog, Contract, SinkKind};
use runtime::{ContractFolder, contract_folders, read_contract_folder};

use crate::contract::TEMPLATE;
use crate::contract::add::add;
use crate::contract::check_template;
use crate::contract::needs::TableNeeds;
use crate::failure::Failure;
use crate::folder::CONTRACTS;

/// The template as it will be.
pub(super) struct Deployment {
    pub(super) template: String,
    /// What was added to it: `template.yaml:526  SinkFunctionRole: dynamodb:PutItem on OrdersTable`.
    pub(super) additions: Vec<String>,
}

impl Deployment {
    /// Adds to the template what the tables of the new dataset need, and checks it with all contracts.
    ///
    /// # Errors
    /// If the contracts that are there cannot be read, the template cannot be edited, or something else is missing in
    /// it.
    pub(super) fn of(
        root: &Path,
        texts: &ContractFolder,
        contract: &Contract,
    ) -> Result<Self, Failure> {
        let catalog = catalog_with(root, texts)?;
        let path = root.join(TEMPLATE);
        let mut template = fs::read_to_string(&path).map_err(|error| {
            Failure::new(format!("{} cannot be read", path.display())).because(error)
        })?;
        let mut written = Vec::new();
        for sink in contract.sinks.iter().filter(|sink| sink.kind() == SinkKind::Table) {
            let needs = TableNeeds::of(&catalog, &sink.name);
            add(&mut template, &sink.name, &needs, &mut written).map_err(|error| {
                Failure::new(format!(
                    "{TEMPLATE} cannot be given what `{}` needs: {error}",
                    sink.name
                ))
            })?;
        }
        let stack =
            emulation::stack_of_text(&template, root, &BTreeMap::new()).map_err(|error| {
                Failure::new(format!("{TEMPLATE} could not be read any more")).because(error)
            })?;
        check_template(root, &catalog, &stack)?;
        let mut lines: Vec<(usize, String)> =
            written.iter().map(|each| (each.line(&template), each.what.clone())).collect();
        lines.sort_unstable();
        let additions =
            lines.into_iter().map(|(line, what)| format!("{TEMPLATE}:{line:<5} {what}")).collect();
        Ok(Self { template, additions })
    }
}

/// All contracts that are there, and the new one.
fn catalog_with(root: &Path, new: &ContractFolder) -> Result<Catalog, Failure> {
    let folder = root.join(CONTRACTS);
    let mut catalog = Catalog::default();
    for path in contract_folders(&folder).map_err(unusable)? {
        let texts = read_contract_folder(&path).map_err(unusable)?;
        catalog.add(&texts.dataset, &texts.yaml, &texts.files).map_err(unusable)?;
    }
    catalog.add(&new.dataset, &new.yaml, &new.files).map_err(unusable)?;
    let dependencies = folder.join("dependencies.yaml");
    if dependencies.is_file() {
        let text = fs::read_to_string(&dependencies).map_err(unusable)?;
        catalog.declare_dependencies(&text).map_err(unusable)?;
    }
    catalog.check().map_err(unusable)?;
    Ok(catalog)
}

fn unusable(error: impl std::error::Error) -> Failure {
    Failure::new("the contracts cannot be used together").because(error)
}
