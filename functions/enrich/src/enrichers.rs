//! The enrichers of all datasets, ready to be asked: their variables are resolved, and their tables, files and
//! lookups are connected.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contracts::{Contract, Enricher, PerDataset, Source, Variables, in_rounds};
use event::{Code, Failure};
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

/// Where an enricher has its answers from.
pub(crate) enum ReadySource {
    /// A service over HTTP.
    Http(HttpSource),
    /// A DynamoDB table, or a lookup of one's own.
    Lookup(LookupSource),
    /// A file of reference data.
    Reference(ReferenceSource),
}

/// The enrichers of all datasets. Those of a dataset are set up with its first event.
pub(crate) struct Enrichers {
    variables: Variables,
    lookups: Lookups,
    bound: PerDataset<Rounds>,
}

/// The enrichers of a dataset, in rounds. Those of one round are asked at the same time.
pub(crate) type Rounds = Vec<Vec<Ready>>;

/// The sources of all enrichers that send no HTTP requests.
pub(crate) struct Lookups {
    pub(crate) tables: Box<dyn Tables>,
    /// The names of the DynamoDB tables, by the names that contracts give them.
    pub(crate) table_names: BTreeMap<String, String>,
    /// The files of reference data.
    pub(crate) files: Arc<dyn FileStore>,
    /// The lookups that are built into this binary, by the names that contracts give them.
    pub(crate) custom: BTreeMap<String, Arc<dyn Lookup>>,
}

/// Makes lookups that read tables.
pub(crate) trait Tables: Send + Sync {
    fn lookup(&self, table: &str, is_consistent: bool) -> Arc<dyn Lookup>;
}

impl Tables for aws::LookupTables {
    fn lookup(&self, table: &str, is_consistent: bool) -> Arc<dyn Lookup> {
        Arc::new(self.table(table, is_consistent))
    }
}

/// An enricher of a contract cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("the enricher `{enricher}` of `{dataset}`: {problem}")]
pub(crate) struct BindError {
    dataset: String,
    enricher: String,
    #[source]
    problem: Box<BindProblem>,
}

/// The next deployment may bring what is missing.
impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        Self::transient(Code::ContractBroken, error.to_string())
    }
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
    pub(crate) fn new(variables: Variables, lookups: Lookups) -> Self {
        Self { variables, lookups, bound: PerDataset::default() }
    }

    /// The enrichers of a contract.
    ///
    /// # Errors
    /// When the contract names a variable that is not in the file of variables or is malformed for its use, or a table
    /// or a lookup that this function does not have.
    pub(crate) fn of(&self, contract: &Contract) -> Result<Arc<Rounds>, BindError> {
        self.bound.get_or_make(&contract.dataset, || {
            let mut rounds = Vec::new();
            for positions in in_rounds(&contract.enrichers) {
                let mut round = Vec::new();
                for position in positions {
                    let enricher = &contract.enrichers[position];
                    let ready = Ready::bind(enricher, &self.variables, &self.lookups);
                    round.push(ready.map_err(|problem| BindError {
                        dataset: contract.dataset.clone(),
                        enricher: enricher.name.clone(),
                        problem: Box::new(problem),
                    })?);
                }
                rounds.push(round);
            }
            Ok(rounds)
        })
    }
}

impl Ready {
    fn bind(
        enricher: &Enricher,
        variables: &Variables,
        lookups: &Lookups,
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

/// The names as one text for an error; `none` where there are none.
fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests;
