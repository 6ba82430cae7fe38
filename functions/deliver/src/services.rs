//! The services that contracts deliver to, ready to be asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contracts::{
    Catalog, Dependency, HttpBody, HttpMethod, HttpSink, Target, UrlTemplate, Variables,
};
use http::Method;
use outbound::{HeaderTemplates, Unbound};

/// One sink of one dataset.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) method: Method,
    pub(crate) url: UrlTemplate,
    /// What every request says, as the contract has it.
    pub(crate) headers: Arc<HeaderTemplates>,
    pub(crate) body: HttpBody,
    /// Of one attempt.
    pub(crate) limit: Duration,
    /// As its circuit breaker is called.
    pub(crate) dependency: String,
}

/// Those of each dataset, by the names of its sinks.
pub(crate) struct Services {
    by_dataset: BTreeMap<String, BTreeMap<String, Service>>,
    dependencies: BTreeMap<String, Dependency>,
}

/// A sink cannot be delivered to.
#[derive(Debug, thiserror::Error)]
#[error("the sink `{sink}` of `{dataset}`: {source}")]
pub(crate) struct ServiceError {
    dataset: String,
    sink: String,
    #[source]
    source: Box<Unbound>,
}

impl Services {
    /// # Errors
    /// When a contract needs a variable that is not in the file, or that is not what it is used for.
    pub(crate) fn bind(contracts: &Catalog, variables: &Variables) -> Result<Self, ServiceError> {
        let (mut by_dataset, mut dependencies) = (BTreeMap::new(), BTreeMap::new());
        for contract in contracts.iter() {
            let mut of_dataset = BTreeMap::new();
            for sink in &contract.sinks {
                let Target::Http(http) = &sink.target else { continue };
                let service = Service::bind(http, variables).map_err(|source| ServiceError {
                    dataset: contract.dataset.clone(),
                    sink: sink.name.clone(),
                    source: Box::new(source),
                })?;
                let name = service.dependency.clone();
                dependencies.insert(name, contracts.dependency(&service.dependency));
                of_dataset.insert(sink.name.clone(), service);
            }
            by_dataset.insert(contract.dataset.clone(), of_dataset);
        }
        Ok(Self { by_dataset, dependencies })
    }

    pub(crate) fn of(&self, dataset: &str, sink: &str) -> Option<&Service> {
        self.by_dataset.get(dataset)?.get(sink)
    }

    /// What they depend on, by name.
    pub(crate) fn dependencies(&self) -> BTreeMap<String, Dependency> {
        self.dependencies.clone()
    }

    pub(crate) fn need_tls(&self) -> bool {
        let mut all = self.by_dataset.values().flat_map(BTreeMap::values);
        all.any(|service| service.url.begins_with("https://"))
    }
}

impl Service {
    fn bind(sink: &HttpSink, variables: &Variables) -> Result<Self, Unbound> {
        let sink = sink.bind(variables)?;
        Ok(Self {
            method: match sink.method {
                HttpMethod::Post => Method::POST,
                HttpMethod::Put => Method::PUT,
                HttpMethod::Patch => Method::PATCH,
            },
            headers: Arc::new(HeaderTemplates::new(&sink.headers)?),
            url: sink.url,
            body: sink.body,
            limit: Duration::from_millis(sink.timeout_ms),
            dependency: sink.dependency,
        })
    }
}
