//! The environment of enrich, and the enrichers that it completes.

use std::collections::BTreeMap;

use aws::ServiceSettings;
use contracts::{Catalog, Dependency, Enricher, SinkKind, Variables, in_rounds};
use outbound::{HeaderTemplates, Unbound};
use runtime::Settings;
use runtime::env::{EnvError, Lookup, is_url, parsed};

use crate::ask::NoAnswer;
use crate::cache::Cache;

/// What the template gives this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    /// The queue of each kind of sink.
    pub(crate) sink_queues: BTreeMap<SinkKind, String>,
    pub(crate) services: ServiceSettings,
}

impl Config {
    pub(crate) fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        let sinks =
            r#"a JSON object from kinds of sink to queue URLs, such as {"table":"https://…"}"#;
        Ok(Self {
            settings: Settings::read(lookup)?,
            sink_queues: parsed(lookup, "SINK_QUEUES", sinks, read_sinks)?,
            services: ServiceSettings::read(lookup)?,
        })
    }
}

fn read_sinks(text: &str) -> Option<BTreeMap<SinkKind, String>> {
    let queues: BTreeMap<SinkKind, String> = serde_json::from_str(text).ok()?;
    (!queues.is_empty() && queues.values().all(|url| is_url(url))).then_some(queues)
}

/// An enricher that can be asked: its variables are in place.
pub(crate) struct Ready {
    pub(crate) enricher: Enricher,
    pub(crate) headers: HeaderTemplates,
    pub(crate) cache: Option<Cache<NoAnswer>>,
}

/// The enrichers of each dataset, in rounds: those of one are asked at the same time.
#[derive(Default)]
pub(crate) struct Enrichers {
    pub(crate) by_dataset: BTreeMap<String, Vec<Vec<Ready>>>,
    /// What they depend on, by name.
    pub(crate) dependencies: BTreeMap<String, Dependency>,
}

/// An enricher cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("the enricher `{enricher}` of `{dataset}`: {source}")]
pub(crate) struct BindError {
    dataset: String,
    enricher: String,
    #[source]
    source: Box<Unbound>,
}

impl Enrichers {
    /// # Errors
    /// When a contract needs a variable that is not in the file, or that is not what it is used for.
    pub(crate) fn bind(contracts: &Catalog, variables: &Variables) -> Result<Self, BindError> {
        let mut bound = Self::default();
        for contract in contracts.iter() {
            let mut rounds = Vec::new();
            for positions in in_rounds(&contract.enrichers) {
                let mut round = Vec::new();
                for position in positions {
                    let enricher = &contract.enrichers[position];
                    let ready = Ready::bind(enricher, variables).map_err(|source| BindError {
                        dataset: contract.dataset.clone(),
                        enricher: enricher.name.clone(),
                        source: Box::new(source),
                    })?;
                    let dependency = contracts.dependency(&enricher.dependency);
                    bound.dependencies.insert(enricher.dependency.clone(), dependency);
                    round.push(ready);
                }
                rounds.push(round);
            }
            bound.by_dataset.insert(contract.dataset.clone(), rounds);
        }
        Ok(bound)
    }

    pub(crate) fn need_tls(&self) -> bool {
        let mut all = self.by_dataset.values().flatten().flatten();
        all.any(|ready| ready.enricher.http.url.begins_with("https://"))
    }
}

impl Ready {
    fn bind(enricher: &Enricher, variables: &Variables) -> Result<Self, Unbound> {
        let http = enricher.http.bind(variables)?;
        let headers = HeaderTemplates::new(&http.headers)?;
        let cache = enricher.cache.map(Cache::new);
        Ok(Self { enricher: Enricher { http, ..enricher.clone() }, headers, cache })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_needed_and_named() {
        let all = BTreeMap::from([
            ("BREAKERS_TABLE", "breakers"),
            ("MAXIMUM_CONCURRENCY", "4"),
            ("SECRETS_PREFIX", "stack/"),
            ("CONTRACTS_DIR", "/opt"),
            ("DEAD_LETTER_QUEUE_URL", "http://127.0.0.1/1/dlq"),
            ("MAX_RECEIVE_COUNT", "5"),
            ("QUEUE_URL", "http://127.0.0.1/1/queue"),
            ("SINK_QUEUES", r#"{"table":"http://127.0.0.1/1/sink"}"#),
            ("VARIABLES_FILE", "/opt/variables/local.yaml"),
        ]);
        testkit::check_each_is_needed(&all, |variables| Config::read(variables));
        let mut wrong = all.clone();
        wrong.insert("SINK_QUEUES", r#"{"tabel":"http://127.0.0.1/1/sink"}"#);
        let error = Config::read(&wrong).unwrap_err().to_string();
        assert!(error.contains("SINK_QUEUES is `{\"tabel\""), "{error}");
    }
    #[test]
    fn an_enricher_whose_variable_is_not_in_the_file_is_named() {
        let variables = Variables::parse("variables/a.yaml", "variables: {OTHER: a}").unwrap();
        let error = Enrichers::bind(&testkit::contracts(), &variables).err().unwrap().to_string();
        let expected = "the enricher `weather` of `flights`: variables/a.yaml has no WEATHER_URL";
        assert!(error.starts_with(expected), "{error}");
    }
}
