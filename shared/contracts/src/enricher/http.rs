//! Enrichers over HTTP: a request for each event, whose answer is a JSON document.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{ContractError, invalid};
use crate::sink::check_header;
use crate::{TextTemplate, UrlError, UrlTemplate, Variables};

/// A request whose answer is a JSON document.
#[derive(Clone, Debug)]
pub struct HttpEnricher {
    pub method: AskMethod,
    pub url: UrlTemplate,
    /// By lower-case names.
    pub headers: BTreeMap<String, TextTemplate>,
    /// How long one attempt may take.
    pub timeout_ms: u64,
}

/// How a service is asked. It may be asked more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AskMethod {
    #[default]
    Get,
    /// With the payload as its body.
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
        let unusable = |source| ContractError::Url { name: name.to_owned(), source };
        let mut headers = BTreeMap::new();
        for (header, text) in raw.headers {
            check_header("enrichers.http.headers", &header)?;
            headers.insert(header, TextTemplate::parse(&text).map_err(unusable)?);
        }
        Ok(Self {
            method: raw.method,
            url: UrlTemplate::parse(&raw.url).map_err(unusable)?,
            headers,
            timeout_ms: raw.timeout_ms,
        })
    }

    /// What it needs of an event.
    pub(super) fn pointers(&self) -> impl Iterator<Item = &str> {
        let of_headers = self.headers.values().flat_map(TextTemplate::pointers);
        self.url.pointers().chain(of_headers)
    }

    /// With its variables' values in place.
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
