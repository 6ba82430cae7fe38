//! All contracts of a deployment, with the checks that need more than one of them.

mod entry;
mod error;
mod per_dataset;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use event::{Code, Failure};

use self::entry::Entry;
use crate::{
    CanaryCount, ChangeKind, Contract, Dependencies, Dependency, TableMode, TableSink, Target,
};

pub use self::entry::{ContractFiles, ContractTexts};
pub use self::error::CatalogError;
pub use self::per_dataset::PerDataset;

/// All contracts of a deployment, by dataset, with the dependencies that they declare. Clones share the contracts.
///
/// A contract is either read when it is [added](Catalog::add), or [later](Catalog::add_later), when it is first needed.
/// A function adds all of them later. So its start does not depend on how many there are, and a contract that cannot be
/// used stops the events of its own dataset only.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    entries: BTreeMap<String, Arc<Entry>>,
    dependencies: Dependencies,
}

/// An enricher or a sink, and the dependency that it calls.
struct User<'a> {
    name: &'a str,
    dependency: &'a str,
}

impl Contract {
    fn users_of_dependencies(&self) -> Vec<User<'_>> {
        let mut users = Vec::new();
        for enricher in &self.enrichers {
            users.push(User { name: &enricher.name, dependency: &enricher.dependency });
        }
        for sink in &self.sinks {
            if let Target::Http(http) = &sink.target {
                users.push(User { name: &sink.name, dependency: &http.dependency });
            }
        }
        users
    }

    /// The names of the dependencies of its enrichers and HTTP sinks. A dependency of two of them is listed twice.
    #[must_use]
    pub fn dependencies(&self) -> Vec<String> {
        self.users_of_dependencies().into_iter().map(|user| user.dependency.to_owned()).collect()
    }
}

impl Catalog {
    /// Adds the contract of one folder. `yaml` is the text of its `contract.yaml`, and `files` has the texts of the
    /// schema files beside it, by name.
    ///
    /// # Errors
    /// [`CatalogError::Contract`] if the contract is not valid, [`CatalogError::Name`] if the folder does not have the
    /// name of the dataset.
    pub fn add(
        &mut self,
        folder: &str,
        yaml: &str,
        files: &BTreeMap<String, String>,
    ) -> Result<(), CatalogError> {
        let contract = entry::parse(folder, yaml, files)?;
        self.entries.insert(folder.to_owned(), Arc::new(Entry::Given(Box::new(contract))));
        Ok(())
    }

    /// Adds the contract of one folder, which is read from `files` when it is first needed.
    pub fn add_later(&mut self, folder: &str, files: Arc<dyn ContractFiles>) {
        self.entries.insert(folder.to_owned(), Arc::new(Entry::later(files)));
    }

    /// Reads the text of `dependencies.yaml`, and replaces the dependencies that were declared before.
    ///
    /// # Errors
    /// [`CatalogError::Dependencies`] if it is not valid.
    pub fn declare_dependencies(&mut self, yaml: &str) -> Result<(), CatalogError> {
        self.dependencies = Dependencies::parse(yaml)?;
        Ok(())
    }

    /// The dependencies that `dependencies.yaml` declares.
    #[must_use]
    pub fn declared_dependencies(&self) -> &Dependencies {
        &self.dependencies
    }

    /// The settings of a dependency. One that is not declared has the defaults.
    #[must_use]
    pub fn dependency(&self, name: &str) -> Dependency {
        self.dependencies.of(name)
    }

    /// The settings of every dependency that is declared or that an enricher or an HTTP sink names, by name. All
    /// contracts are read for it.
    #[must_use]
    pub fn dependencies(&self) -> BTreeMap<String, Dependency> {
        let mut names: BTreeSet<&str> = self.dependencies.names().collect();
        for contract in self.iter() {
            names.extend(contract.users_of_dependencies().into_iter().map(|user| user.dependency));
        }
        names.into_iter().map(|name| (name.to_owned(), self.dependency(name))).collect()
    }

    /// Checks what contracts say about each other and about dependencies. A contract that was added
    /// [later](Catalog::add_later) is also checked when it is first needed.
    ///
    /// # Errors
    /// The first contract that cannot be used. [`CatalogError::Rows`] if a sink deletes rows that no sink of the same
    /// name upserts in the dataset that it names. Only an upserted row has one version that a deletion can be compared
    /// with. [`CatalogError::Undeclared`] if an enricher or a sink names a dependency that is not declared.
    pub fn check(&self) -> Result<(), CatalogError> {
        for (dataset, entry) in &self.entries {
            let contract = entry.contract(dataset).map_err(Clone::clone)?;
            self.check_contract(contract)?;
            check_zone(contract)?;
        }
        Ok(())
    }

    /// Checks what one contract says about others and about dependencies.
    fn check_contract(&self, contract: &Contract) -> Result<(), CatalogError> {
        self.check_dependencies(contract)?;
        self.check_claims(contract)?;
        self.check_deleted_rows(contract)
    }

    /// All contracts are read for it, but only if this one names a table whose changes it takes.
    fn check_claims(&self, contract: &Contract) -> Result<(), CatalogError> {
        if contract.changes.is_none() {
            return Ok(());
        }
        for (dataset, entry) in &self.entries {
            if *dataset == contract.dataset {
                continue;
            }
            if let Ok(other) = entry.contract(dataset) {
                contract.check_claim(other).map_err(|source| CatalogError::Contract {
                    folder: contract.dataset.clone(),
                    source: Arc::new(source),
                })?;
            }
        }
        Ok(())
    }

    /// An enricher or a sink whose dependency has its own name needs no declaration.
    fn check_dependencies(&self, contract: &Contract) -> Result<(), CatalogError> {
        for User { name: user, dependency } in contract.users_of_dependencies() {
            if user != dependency && !self.dependencies.declares(dependency) {
                let declared: Vec<&str> = self.dependencies.names().take(20).collect();
                let declared =
                    if declared.is_empty() { "none".to_owned() } else { declared.join(", ") };
                return Err(CatalogError::Undeclared {
                    folder: contract.dataset.clone(),
                    user: user.to_owned(),
                    dependency: dependency.to_owned(),
                    declared,
                });
            }
        }
        Ok(())
    }

    fn check_deleted_rows(&self, contract: &Contract) -> Result<(), CatalogError> {
        for sink in &contract.sinks {
            let Target::Table(TableSink { mode: TableMode::Delete { rows_of, .. }, .. }) =
                &sink.target
            else {
                continue;
            };
            if !self.upserts(rows_of, &sink.name) {
                return Err(CatalogError::Rows {
                    folder: contract.dataset.clone(),
                    sink: sink.name.clone(),
                    rows_of: rows_of.clone(),
                });
            }
        }
        Ok(())
    }

    /// Whether a dataset upserts rows by a sink of this name.
    fn upserts(&self, dataset: &str, sink: &str) -> bool {
        let entry = self.entries.get(dataset);
        let contract = entry.and_then(|entry| entry.contract(dataset).ok());
        let mut sinks = contract.into_iter().flat_map(|contract| &contract.sinks);
        sinks.any(|other| other.name == sink && other.target.is_upserted())
    }

    /// The contract of a dataset.
    ///
    /// # Errors
    /// [`Code::UnknownDataset`], permanent, if there is none. The reason lists at most 20 of the datasets that have a
    /// contract. [`Code::ContractBroken`], transient, if it was added [later](Catalog::add_later) and cannot be used:
    /// the next deployment may mend it.
    pub fn get(&self, dataset: &str) -> Result<&Contract, Failure> {
        let Some(entry) = self.entries.get(dataset) else {
            let asked: String = dataset.chars().take(64).collect();
            let known: Vec<&str> = self.entries.keys().map(String::as_str).take(20).collect();
            let reason = format!("no contract for `{asked}`; known: {}", known.join(", "));
            return Err(Failure::permanent(Code::UnknownDataset, reason));
        };
        self.usable(dataset, entry)
            .map_err(|error| Failure::transient(Code::ContractBroken, error.to_string()))
    }

    /// The contract of the dataset that has the changes of a table. All contracts are read for it.
    ///
    /// # Errors
    /// [`Code::UnknownDataset`], permanent, if there is none. [`Code::ContractBroken`], transient, if it cannot be used,
    /// or if none is found and another contract cannot be read, which may be the one.
    pub fn of_table(&self, kind: ChangeKind, table: &str) -> Result<&Contract, Failure> {
        let mut unreadable = None;
        for (dataset, entry) in &self.entries {
            match entry.contract(dataset) {
                Ok(contract) => {
                    if contract.changes.as_ref().is_some_and(|it| it.claim(kind, table)) {
                        return self.get(dataset);
                    }
                }
                Err(error) => unreadable = Some(error),
            }
        }
        if let Some(error) = unreadable {
            return Err(Failure::transient(Code::ContractBroken, error.to_string()));
        }
        let asked: String = table.chars().take(64).collect();
        let reason = format!("no contract whose `changes` are those of the {kind} table `{asked}`");
        Err(Failure::permanent(Code::UnknownDataset, reason))
    }

    fn usable<'a>(
        &self,
        dataset: &str,
        entry: &'a Entry,
    ) -> Result<&'a Contract, &'a CatalogError> {
        entry.checked(dataset, |contract| self.check_contract(contract))
    }

    /// What canary versions would have refused, since this was asked last.
    pub fn take_canary_counts(&self) -> impl Iterator<Item = CanaryCount> {
        self.entries.values().filter_map(|entry| {
            let contract = entry.contract_so_far()?;
            contract.canary_tally.take(&contract.dataset, &contract.versions)
        })
    }

    /// The contracts that can be used, in the alphabetical order of their datasets. Those that were not needed before
    /// are read now.
    pub fn iter(&self) -> impl Iterator<Item = &Contract> {
        self.results().flatten()
    }

    /// As [`Catalog::iter`], with the reasons why the other contracts cannot be used.
    pub fn results(&self) -> impl Iterator<Item = Result<&Contract, &CatalogError>> {
        self.entries.iter().map(|(dataset, entry)| self.usable(dataset, entry))
    }

    /// Whether no contract was added. Declared dependencies do not count.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Checks that the time zone of a contract is known. Functions find that out with the first event, so that those that read
/// no event times do not need the database of time zones.
fn check_zone(contract: &Contract) -> Result<(), CatalogError> {
    contract.keys.event_time.check_zone().map_err(|source| CatalogError::Contract {
        folder: contract.dataset.clone(),
        source: Arc::new(source),
    })
}

#[cfg(test)]
mod tests;
