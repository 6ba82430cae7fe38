//! All contracts that a function was shipped with.

use std::collections::{BTreeMap, BTreeSet};

use event::{Code, Failure};

use crate::{
    Contract, ContractError, Dependencies, DependenciesError, Dependency, TableMode, TableSink,
    Target,
};

/// Contracts by dataset.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    contracts: BTreeMap<String, Contract>,
    dependencies: Dependencies,
}

#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("{folder}/contract.yaml: {source}")]
    Contract {
        folder: String,
        #[source]
        source: Box<ContractError>,
    },
    #[error("{folder}/contract.yaml: its dataset is `{dataset}`; folder and dataset have one name")]
    Name { folder: String, dataset: String },
    #[error(
        "{folder}/contract.yaml: its sink `{sink}` deletes rows of `{rows_of}`, which upserts none by a sink of that name"
    )]
    Rows { folder: String, sink: String, rows_of: String },
    #[error(transparent)]
    Dependencies(#[from] DependenciesError),
    #[error(
        "{folder}/contract.yaml: `{user}` names the dependency `{dependency}`, which dependencies.yaml does not declare; it declares {declared}"
    )]
    Undeclared { folder: String, user: String, dependency: String, declared: String },
}

/// An enricher or a sink, and whom it calls.
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

    /// The dependencies that its enrichers and HTTP sinks name, each as often as it is named.
    #[must_use]
    pub fn dependencies(&self) -> Vec<String> {
        self.users_of_dependencies().into_iter().map(|user| user.dependency.to_owned()).collect()
    }
}

impl Catalog {
    /// Adds the contract of one folder: its `contract.yaml` and its other files, by name.
    ///
    /// # Errors
    /// When the contract is not valid, or not its folder's.
    pub fn add(
        &mut self,
        folder: &str,
        yaml: &str,
        files: &BTreeMap<String, String>,
    ) -> Result<(), CatalogError> {
        let contract = Contract::parse(yaml, files).map_err(|source| CatalogError::Contract {
            folder: folder.to_owned(),
            source: Box::new(source),
        })?;
        if contract.dataset != folder {
            let dataset = contract.dataset;
            return Err(CatalogError::Name { folder: folder.to_owned(), dataset });
        }
        self.contracts.insert(folder.to_owned(), contract);
        Ok(())
    }

    /// Takes what `dependencies.yaml` declares.
    ///
    /// # Errors
    /// When it is not valid.
    pub fn declare_dependencies(&mut self, yaml: &str) -> Result<(), CatalogError> {
        self.dependencies = Dependencies::parse(yaml)?;
        Ok(())
    }

    /// How a dependency is called: as it is declared, or with the defaults.
    #[must_use]
    pub fn dependency(&self, name: &str) -> Dependency {
        self.dependencies.of(name)
    }

    /// Every dependency that is declared, or that an enricher or an HTTP sink names.
    #[must_use]
    pub fn dependencies(&self) -> BTreeMap<String, Dependency> {
        let mut names: BTreeSet<&str> = self.dependencies.names().collect();
        for contract in self.contracts.values() {
            names.extend(contract.users_of_dependencies().into_iter().map(|user| user.dependency));
        }
        names.into_iter().map(|name| (name.to_owned(), self.dependency(name))).collect()
    }

    /// What contracts say of each other, and of dependencies.
    ///
    /// # Errors
    /// When one deletes rows that no other writes: only an upserted row has one version that a deletion
    /// can be older than. When one names a dependency that is not declared.
    pub fn check(&self) -> Result<(), CatalogError> {
        for contract in self.contracts.values() {
            self.check_dependencies(contract)?;
        }
        self.check_deleted_rows()
    }

    /// What has no dependency but its own name need not be declared.
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

    fn check_deleted_rows(&self) -> Result<(), CatalogError> {
        for contract in self.contracts.values() {
            for sink in &contract.sinks {
                let Target::Table(TableSink { mode: TableMode::Delete { rows_of, .. }, .. }) =
                    &sink.target
                else {
                    continue;
                };
                let other = self.contracts.get(rows_of).into_iter().flat_map(|it| &it.sinks);
                let mut same = other.filter(|other| other.name == sink.name);
                if !same.any(|other| other.target.is_upserted()) {
                    return Err(CatalogError::Rows {
                        folder: contract.dataset.clone(),
                        sink: sink.name.clone(),
                        rows_of: rows_of.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// # Errors
    /// [`Code::UnknownDataset`], permanent, naming the datasets that are known.
    pub fn get(&self, dataset: &str) -> Result<&Contract, Failure> {
        self.contracts.get(dataset).ok_or_else(|| {
            let asked: String = dataset.chars().take(64).collect();
            let known: Vec<&str> = self.contracts.keys().map(String::as_str).take(20).collect();
            let reason = format!("no contract for `{asked}`; known: {}", known.join(", "));
            Failure::permanent(Code::UnknownDataset, reason)
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Contract> {
        self.contracts.values()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contracts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(contracts: &[(&str, &str)]) -> Catalog {
        let files =
            BTreeMap::from([("v1.schema.json".to_owned(), r#"{"type":"object"}"#.to_owned())]);
        let mut catalog = Catalog::default();
        for (dataset, sink) in contracts {
            let yaml = format!(
                "
dataset: {dataset}
description: Rows
owner: team
schema: {{version: 1, file: v1.schema.json}}
keys: {{idempotency: [/id], business: [/id], event_time: /at}}
sinks: [{{kind: table, {sink}}}]
"
            );
            catalog.add(dataset, &yaml, &files).unwrap();
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
        let sink = (
            "orders",
            "name: rows}, {kind: http, name: partner, url: http://a.test/, dependency: crm",
        );
        let mut catalog = catalog(&[sink]);
        let error = catalog.check().unwrap_err().to_string();
        let expected = "orders/contract.yaml: `partner` names the dependency `crm`, which";
        assert!(error.starts_with(expected) && error.ends_with("it declares none"), "{error}");
        catalog.declare_dependencies("dependencies: {crm: {longest_wait_s: 60}}").unwrap();
        catalog.check().unwrap();
        assert_eq!(catalog.dependency("crm").longest_wait.as_secs(), 60);
        assert_eq!(catalog.dependency("partner"), Dependency::default());
        let names = |catalog: &Catalog| catalog.dependencies().into_keys().collect::<Vec<_>>();
        assert_eq!(names(&catalog), ["crm"]);
        catalog.declare_dependencies("dependencies: {crm: {longest_wait_s: 60}, erp: {}}").unwrap();
        assert_eq!(names(&catalog), ["crm", "erp"], "declared, be it named or not");
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
}
