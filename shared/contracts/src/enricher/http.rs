//! Enrichers that send an HTTP request for each event and get a JSON document.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{ContractError, invalid};
use crate::sink::check_header;
use crate::{TextTemplate, UrlError, UrlTemplate, Variables};

/// The HTTP request that an enricher sends for each event.
#[derive(Clone, Debug)]
pub struct HttpEnricher {
    /// The method, which also decides whether the request has a body.
    pub method: AskMethod,
    /// The template for the URL.
    pub url: UrlTemplate,
    /// The templates for the headers, by their names in lower case.
    pub headers: BTreeMap<String, TextTemplate>,
    /// The longest time of one attempt, in milliseconds: 1 to 20,000, and 2,000 by default.
    pub timeout_ms: u64,
}

/// The HTTP method of an enricher. Requests may be repeated, so that they must have no effect on the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AskMethod {
    /// `GET` without a body.
    #[default]
    Get,
    /// `POST` with the payload as its body.
    Post,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHttp {
    #[serde(default)]
    method: AskMethod,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default = "default_timeout_ms")]
    timeout_ms: u64,
}

fn default_timeout_ms() -> u64 {
    2_000
}

impl HttpEnricher {
    pub(super) fn validate(raw: RawHttp, name: &str) -> Result<Self, ContractError> {
        if !(1..=20_000).contains(&raw.timeout_ms) {
            return Err(invalid("enrichers.http.timeout_ms", "from 1 to 20000"));
        }
        let mut headers = BTreeMap::new();
        for (header, text) in raw.headers {
            check_header("enrichers.http.headers", &header)?;
            let template = TextTemplate::parse(&text).map_err(|source| url_error(name, source))?;
            headers.insert(header, template);
        }
        Ok(Self {
            method: raw.method,
            url: UrlTemplate::parse(&raw.url).map_err(|source| url_error(name, source))?,
            headers,
            timeout_ms: raw.timeout_ms,
        })
    }

    /// The JSON Pointers to the values of a payload that the URL and the headers need.
    pub(super) fn pointers(&self) -> impl Iterator<Item = &str> {
        let of_headers = self.headers.values().flat_map(TextTemplate::pointers);
        self.url.pointers().chain(of_headers)
    }

    /// The request with the values of its variables.
    ///
    /// # Errors
    /// Those of [`UrlTemplate::bind`] and [`TextTemplate::bind`].
    pub fn bind(&self, variables: &Variables) -> Result<Self, UrlError> {
        let mut headers = BTreeMap::new();
        for (name, text) in &self.headers {
            headers.insert(name.clone(), text.bind(variables)?);
        }
        Ok(Self { url: self.url.bind(variables)?, headers, ..self.clone() })
    }
}

fn url_error(name: &str, source: UrlError) -> ContractError {
    ContractError::Url { name: name.to_owned(), source }
}
