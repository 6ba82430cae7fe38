//! The services that contracts deliver to, with their variables filled in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contracts::{
    Contract, HttpBody, HttpMethod, HttpSink, PerDataset, Target, UrlTemplate, Variables,
};
use event::{Code, Failure};
use http::Method;
use outbound::{HeaderTemplates, Unbound};

/// The service of one sink of a dataset.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) method: Method,
    pub(crate) url: UrlTemplate,
    /// The headers that the contract declares.
    pub(crate) headers: Arc<HeaderTemplates>,
    pub(crate) body: HttpBody,
    /// The longest time for one attempt.
    pub(crate) limit: Duration,
    /// The name of the dependency, which is that of its circuit breaker.
    pub(crate) dependency: String,
}

/// The services of all datasets. Those of a dataset are set up with its first event.
pub(crate) struct Services {
    variables: Variables,
    bound: PerDataset<ServicesOfDataset>,
}

/// The services of one dataset, by the names of its sinks.
pub(crate) type ServicesOfDataset = BTreeMap<String, Service>;

/// Why events cannot be delivered to a sink.
#[derive(Debug, thiserror::Error)]
#[error("the sink `{sink}` of `{dataset}`: {source}")]
pub(crate) struct ServiceError {
    dataset: String,
    sink: String,
    #[source]
    source: Box<Unbound>,
}

/// The next deployment may bring what is missing.
impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::transient(Code::ContractBroken, error.to_string())
    }
}

impl Services {
    pub(crate) fn new(variables: Variables) -> Self {
        Self { variables, bound: PerDataset::default() }
    }

    /// The services of a contract.
    ///
    /// # Errors
    /// When the contract needs a variable that the file does not have, or that does not fit its use.
    pub(crate) fn of(&self, contract: &Contract) -> Result<Arc<ServicesOfDataset>, ServiceError> {
        self.bound.get_or_make(&contract.dataset, || {
            let mut services = ServicesOfDataset::new();
            for sink in &contract.sinks {
                let Target::Http(http) = &sink.target else { continue };
                let service =
                    Service::bind(http, &self.variables).map_err(|source| ServiceError {
                        dataset: contract.dataset.clone(),
                        sink: sink.name.clone(),
                        source: Box::new(source),
                    })?;
                services.insert(sink.name.clone(), service);
            }
            Ok(services)
        })
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
