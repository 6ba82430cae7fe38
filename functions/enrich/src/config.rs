//! The environment of enrich, and the enrichers that it completes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use contracts::{Catalog, Enricher, SinkKind, UrlError, Variables};
use outbound::Reach;
use runtime::Settings;
use runtime::env::{EnvError, Lookup, is_url, parsed, required};

const VARIABLES_FILE: &str = "a file such as /opt/variables/production.yaml";

/// What the template gives this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    /// The queue of each kind of sink.
    pub(crate) sink_queues: BTreeMap<SinkKind, String>,
    /// `VARIABLES_FILE`: what the contracts' variables stand for.
    pub(crate) variables_file: PathBuf,
    pub(crate) reach: Reach,
}

impl Config {
    pub(crate) fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        let sinks =
            r#"a JSON object from kinds of sink to queue URLs, such as {"table":"https://…"}"#;
        Ok(Self {
            settings: Settings::read(lookup)?,
            sink_queues: parsed(lookup, "SINK_QUEUES", sinks, read_sinks)?,
            variables_file: required(lookup, "VARIABLES_FILE", VARIABLES_FILE)?.into(),
            reach: Reach::beside(lookup.get("AWS_ENDPOINT_URL").as_deref()),
        })
    }
}

fn read_sinks(text: &str) -> Option<BTreeMap<SinkKind, String>> {
    let queues: BTreeMap<SinkKind, String> = serde_json::from_str(text).ok()?;
    (!queues.is_empty() && queues.values().all(|url| is_url(url))).then_some(queues)
}

/// The enrichers of each dataset, their URLs' variables filled in.
pub(crate) type Bound = BTreeMap<String, Vec<Enricher>>;

/// An enricher cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("the enricher `{enricher}` of `{dataset}`: {source}")]
pub(crate) struct BindError {
    dataset: String,
    enricher: String,
    #[source]
    source: Box<UrlError>,
}

/// # Errors
/// When a contract needs a variable that is not in the file, or that is no URL.
pub(crate) fn bind(contracts: &Catalog, variables: &Variables) -> Result<Bound, BindError> {
    let mut bound = Bound::new();
    for contract in contracts.iter() {
        for enricher in &contract.enrichers {
            let mut enricher = enricher.clone();
            enricher.http.url = enricher.http.url.bind(variables).map_err(|source| BindError {
                dataset: contract.dataset.clone(),
                enricher: enricher.name.clone(),
                source: Box::new(source),
            })?;
            bound.entry(contract.dataset.clone()).or_default().push(enricher);
        }
    }
    Ok(bound)
}

pub(crate) fn needs_tls(enrichers: &Bound) -> bool {
    enrichers.values().flatten().any(|enricher| enricher.http.url.begins_with("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_needed_and_named() {
        let all = BTreeMap::from([
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
        let error = bind(&testkit::contracts(), &variables).unwrap_err().to_string();
        let expected = "the enricher `weather` of `flights`: variables/a.yaml has no WEATHER_URL";
        assert!(error.starts_with(expected), "{error}");
    }
}
