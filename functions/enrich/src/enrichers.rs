//! The enrichers of all datasets, ready to be asked: their variables are in place, and what they look things up
//! in is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contracts::{Catalog, Dependency, Enricher, Source, Variables, in_rounds};
use outbound::{HeaderTemplates, Unbound};
use runtime::{FileStore, Lookup};

use crate::cache::Cache;
use crate::http::HttpSource;
use crate::lookup::LookupSource;
use crate::question::NoAnswer;
use crate::reference::ReferenceSource;

/// An enricher that can be asked.
pub(crate) struct Ready {
    pub(crate) enricher: Enricher,
    pub(crate) source: ReadySource,
    pub(crate) cache: Option<Cache<NoAnswer>>,
}

/// Who is asked.
pub(crate) enum ReadySource {
    Http(HttpSource),
    Lookup(LookupSource),
    Reference(ReferenceSource),
}

/// The enrichers of each dataset, in rounds: those of one are asked at the same time.
#[derive(Default)]
pub(crate) struct Enrichers {
    pub(crate) by_dataset: BTreeMap<String, Vec<Vec<Ready>>>,
    /// What they depend on, by name.
    pub(crate) dependencies: BTreeMap<String, Dependency>,
}

/// What enrichers look things up in that are no HTTP requests.
pub(crate) struct Lookups<'a> {
    pub(crate) tables: &'a dyn Tables,
    /// The names of tables, by the names that contracts give them.
    pub(crate) table_names: &'a BTreeMap<String, String>,
    pub(crate) files: Arc<dyn FileStore>,
    pub(crate) custom: &'a BTreeMap<String, Arc<dyn Lookup>>,
}

/// Makes lookups of tables.
pub(crate) trait Tables {
    fn lookup(&self, table: &str, is_consistent: bool) -> Arc<dyn Lookup>;
}

impl Tables for aws::LookupTables {
    fn lookup(&self, table: &str, is_consistent: bool) -> Arc<dyn Lookup> {
        Arc::new(self.table(table, is_consistent))
    }
}

/// An enricher cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("the enricher `{enricher}` of `{dataset}`: {problem}")]
pub(crate) struct BindError {
    dataset: String,
    enricher: String,
    #[source]
    problem: Box<BindProblem>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum BindProblem {
    #[error(transparent)]
    Unbound(#[from] Unbound),
    #[error("LOOKUP_TABLES has no `{table}`; it has {known}")]
    Table { table: String, known: String },
    #[error("this function has no lookup `{lookup}`; it has {known}")]
    Custom { lookup: String, known: String },
}

impl Enrichers {
    /// # Errors
    /// When a contract needs a variable that is not in the file, or that is not what it is used for; or a table
    /// or a lookup that this function does not have.
    pub(crate) fn bind(
        contracts: &Catalog,
        variables: &Variables,
        lookups: &Lookups<'_>,
    ) -> Result<Self, BindError> {
        let mut bound = Self::default();
        for contract in contracts.iter() {
            let mut rounds = Vec::new();
            for positions in in_rounds(&contract.enrichers) {
                let mut round = Vec::new();
                for position in positions {
                    let enricher = &contract.enrichers[position];
                    let ready = Ready::bind(enricher, variables, lookups);
                    round.push(ready.map_err(|problem| BindError {
                        dataset: contract.dataset.clone(),
                        enricher: enricher.name.clone(),
                        problem: Box::new(problem),
                    })?);
                    let dependency = contracts.dependency(&enricher.dependency);
                    bound.dependencies.insert(enricher.dependency.clone(), dependency);
                }
                rounds.push(round);
            }
            bound.by_dataset.insert(contract.dataset.clone(), rounds);
        }
        Ok(bound)
    }

    pub(crate) fn need_tls(&self) -> bool {
        let mut all = self.by_dataset.values().flatten().flatten();
        all.any(|ready| match &ready.source {
            ReadySource::Http(source) => source.http.url.begins_with("https://"),
            ReadySource::Lookup(_) | ReadySource::Reference(_) => false,
        })
    }
}

impl Ready {
    fn bind(
        enricher: &Enricher,
        variables: &Variables,
        lookups: &Lookups<'_>,
    ) -> Result<Self, BindProblem> {
        let enricher = enricher.bind(variables).map_err(Unbound::from)?;
        let source = match &enricher.source {
            Source::Http(http) => {
                let headers = HeaderTemplates::new(&http.headers).map_err(Unbound::from)?;
                ReadySource::Http(HttpSource { http: http.clone(), headers })
            }
            Source::Table(table) => {
                let name = lookups.table_names.get(&table.table).ok_or_else(|| {
                    let known = names(lookups.table_names.keys());
                    BindProblem::Table { table: table.table.clone(), known }
                })?;
                let lookup = lookups.tables.lookup(name, table.consistent);
                let limit = Duration::from_millis(table.timeout_ms);
                ReadySource::Lookup(LookupSource::new(table.key.clone(), lookup, limit))
            }
            Source::Custom(custom) => {
                let lookup = lookups.custom.get(&custom.lookup).ok_or_else(|| {
                    let known = names(lookups.custom.keys());
                    BindProblem::Custom { lookup: custom.lookup.clone(), known }
                })?;
                let limit = Duration::from_millis(custom.timeout_ms);
                let lookup = LookupSource::new(custom.key.clone(), Arc::clone(lookup), limit);
                ReadySource::Lookup(lookup)
            }
            Source::Reference(reference) => {
                let files = Arc::clone(&lookups.files);
                ReadySource::Reference(ReferenceSource::new(reference.clone(), files))
            }
        };
        let cache = enricher.cache.map(Cache::new);
        Ok(Self { enricher, source, cache })
    }
}

/// For a person to read.
fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests;
