//! The environment of enrich, and the enrichers that it completes.

use std::collections::BTreeMap;

use contracts::{Catalog, Enricher, SinkKind};
use runtime::Settings;
use runtime::env::{EnvError, Lookup, bind_url, is_url, parsed};

/// What the template gives this function.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    /// The queue of each kind of sink.
    pub(crate) sink_queues: BTreeMap<SinkKind, String>,
}

impl Config {
    pub(crate) fn read(lookup: &dyn Lookup) -> Result<Self, EnvError> {
        let sinks =
            r#"a JSON object from kinds of sink to queue URLs, such as {"table":"https://…"}"#;
        Ok(Self {
            settings: Settings::read(lookup)?,
            sink_queues: parsed(lookup, "SINK_QUEUES", sinks, read_sinks)?,
        })
    }
}

fn read_sinks(text: &str) -> Option<BTreeMap<SinkKind, String>> {
    let queues: BTreeMap<SinkKind, String> = serde_json::from_str(text).ok()?;
    (!queues.is_empty() && queues.values().all(|url| is_url(url))).then_some(queues)
}

/// The enrichers of each dataset, their URLs' variables filled in.
pub(crate) type Bound = BTreeMap<String, Vec<Enricher>>;

/// # Errors
/// When a contract needs a variable that is not set, or that is no URL.
pub(crate) fn bind(contracts: &Catalog, lookup: &dyn Lookup) -> Result<Bound, EnvError> {
    let mut bound = Bound::new();
    for contract in contracts.iter() {
        for enricher in &contract.enrichers {
            let mut enricher = enricher.clone();
            enricher.http.url = bind_url(lookup, &enricher.http.url)?;
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
        ]);
        testkit::check_each_is_needed(&all, |variables| Config::read(variables));
        let mut wrong = all.clone();
        wrong.insert("SINK_QUEUES", r#"{"tabel":"http://127.0.0.1/1/sink"}"#);
        let error = Config::read(&wrong).unwrap_err().to_string();
        assert!(error.contains("SINK_QUEUES is `{\"tabel\""), "{error}");
    }
}
