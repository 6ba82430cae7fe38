//! The services that contracts deliver to, ready to be asked.

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::{Catalog, HttpBody, HttpMethod, HttpSink, Target, TextTemplate, UrlTemplate};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use runtime::env::{EnvError, Lookup, bind_url, required};

/// One sink of one dataset.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) method: Method,
    pub(crate) url: UrlTemplate,
    /// What every request says.
    pub(crate) headers: HeaderMap,
    pub(crate) body: HttpBody,
    /// Of one attempt.
    pub(crate) limit: Duration,
}

/// Those of each dataset, by the names of its sinks.
pub(crate) struct Services(BTreeMap<String, BTreeMap<String, Service>>);

#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    #[error("the sink `{sink}` of `{dataset}`: {source}")]
    Variable {
        dataset: String,
        sink: String,
        #[source]
        source: EnvError,
    },
    /// Without the value, which may be a secret.
    #[error(
        "the sink `{sink}` of `{dataset}`: what its header `{header}` says is no header's value"
    )]
    Header { dataset: String, sink: String, header: String },
}

impl Services {
    /// # Errors
    /// When a contract needs a variable that is not set, or that is not what it is used for.
    pub(crate) fn bind(contracts: &Catalog, lookup: &dyn Lookup) -> Result<Self, ServiceError> {
        let mut all = BTreeMap::new();
        for contract in contracts.iter() {
            let mut of_dataset = BTreeMap::new();
            for sink in &contract.sinks {
                let Target::Http(http) = &sink.target else { continue };
                let service = Service::bind(http, lookup, &contract.dataset, &sink.name)?;
                of_dataset.insert(sink.name.clone(), service);
            }
            all.insert(contract.dataset.clone(), of_dataset);
        }
        Ok(Self(all))
    }

    pub(crate) fn of(&self, dataset: &str, sink: &str) -> Option<&Service> {
        self.0.get(dataset)?.get(sink)
    }

    pub(crate) fn need_tls(&self) -> bool {
        let mut all = self.0.values().flat_map(BTreeMap::values);
        all.any(|service| service.url.begins_with("https://"))
    }
}

impl Service {
    fn bind(
        sink: &HttpSink,
        lookup: &dyn Lookup,
        dataset: &str,
        name: &str,
    ) -> Result<Self, ServiceError> {
        let unset = |source| ServiceError::Variable {
            dataset: dataset.to_owned(),
            sink: name.to_owned(),
            source,
        };
        let mut headers = HeaderMap::new();
        for (header, text) in &sink.headers {
            let text = header_text(text, lookup).map_err(unset)?;
            let unfit = || ServiceError::Header {
                dataset: dataset.to_owned(),
                sink: name.to_owned(),
                header: header.clone(),
            };
            let mut value = HeaderValue::try_from(text).map_err(|_| unfit())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::try_from(header).map_err(|_| unfit())?, value);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(sink.body)));
        Ok(Self {
            method: match sink.method {
                HttpMethod::Post => Method::POST,
                HttpMethod::Put => Method::PUT,
                HttpMethod::Patch => Method::PATCH,
            },
            url: bind_url(lookup, &sink.url).map_err(unset)?,
            headers,
            body: sink.body,
            limit: Duration::from_millis(sink.timeout_ms),
        })
    }
}

fn header_text(text: &TextTemplate, lookup: &dyn Lookup) -> Result<String, EnvError> {
    let expected = "what a header of a contract's request says";
    for name in text.variables() {
        required(lookup, name, expected)?;
    }
    let unset = |error: contracts::UrlError| EnvError::Missing {
        name: error.to_string(),
        expected: expected.to_owned(),
    };
    text.bind(|name| lookup.get(name)).and_then(|bound| bound.text()).map_err(unset)
}

fn content_type(body: HttpBody) -> &'static str {
    match body {
        HttpBody::Payload => "application/json",
        HttpBody::Envelope => "application/cloudevents+json",
    }
}
