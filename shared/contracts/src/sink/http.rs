//! The sink that sends an HTTP request for each event.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{ContractError, check_name, invalid};
use crate::{TextTemplate, UrlError, UrlTemplate, Variables};

/// The HTTP request that a sink sends for each event. The header `idempotency-key` is added to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSink {
    /// The method of the request: `POST` by default.
    pub method: HttpMethod,
    /// The template for the URL.
    pub url: UrlTemplate,
    /// The templates for the headers, by their names in lower case. A token is a reference to a secret, so that no file
    /// has its text.
    pub headers: BTreeMap<String, TextTemplate>,
    /// The body of the request: the payload by default.
    pub body: HttpBody,
    /// The longest time of one attempt, in milliseconds: 1 to 20,000, and 2,000 by default.
    pub timeout_ms: u64,
    /// The name of the service in [`crate::Dependencies`], which is also the name of its circuit breaker. By default it
    /// is the name of the sink.
    pub dependency: String,
}

/// The HTTP method of a sink. In the file, it is in capital letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// `POST`, which is not idempotent by itself (RFC 9110, section 9.2.2). The service needs the idempotency key.
    #[default]
    Post,
    /// `PUT`, which is idempotent.
    Put,
    /// `PATCH` (RFC 5789), which is not idempotent by itself.
    Patch,
}

/// The body of a sink's request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HttpBody {
    /// The payload with what enrichers added, as `application/json`.
    #[default]
    Payload,
    /// The whole envelope as `application/cloudevents+json`. This is the structured content mode of
    /// <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>.
    Envelope,
}

/// The longest time of one attempt if the contract does not set it.
pub(crate) const DEFAULT_TIMEOUT_MS: u64 = 2_000;

pub(crate) struct RawHttpSink {
    pub(crate) method: HttpMethod,
    pub(crate) url: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: HttpBody,
    pub(crate) timeout_ms: u64,
    pub(crate) dependency: Option<String>,
}

/// The headers that a contract cannot set, because the function or the HTTP client sets them.
const TAKEN: [&str; 6] =
    ["connection", "content-length", "content-type", "host", "idempotency-key", "traceparent"];

impl RawHttpSink {
    pub(super) fn validate(self, name: &str) -> Result<HttpSink, ContractError> {
        if !(1..=20_000).contains(&self.timeout_ms) {
            return Err(invalid("sinks.timeout_ms", "from 1 to 20000"));
        }
        let dependency = self.dependency.unwrap_or_else(|| name.to_owned());
        check_name("sinks.dependency", &dependency)?;
        let mut headers = BTreeMap::new();
        for (header, text) in self.headers {
            check_header("sinks.headers", &header)?;
            let template = TextTemplate::parse(&text).map_err(|source| url_error(name, source))?;
            headers.insert(header, template);
        }
        Ok(HttpSink {
            method: self.method,
            url: UrlTemplate::parse(&self.url).map_err(|source| url_error(name, source))?,
            headers,
            body: self.body,
            timeout_ms: self.timeout_ms,
            dependency,
        })
    }
}

fn url_error(name: &str, source: UrlError) -> ContractError {
    ContractError::SinkUrl { name: name.to_owned(), source }
}

/// Checks the name of a header. Of the characters of a token (RFC 9110, section 5.6.2), lower-case letters, digits,
/// hyphens and underscores are allowed.
pub(crate) fn check_header(field: &str, name: &str) -> Result<(), ContractError> {
    let is_token = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
    if name.is_empty() || !is_token {
        let problem = format!("`{name}` is no header's name in lower case");
        return Err(invalid(field, &problem));
    }
    if TAKEN.contains(&name) {
        let problem = format!("`{name}` is not the contract's to say");
        return Err(invalid(field, &problem));
    }
    Ok(())
}

impl HttpSink {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::{Target, parse};

    fn sink(yaml: &str) -> Result<HttpSink, ContractError> {
        match parse("http", yaml)? {
            Target::Http(sink) => Ok(sink),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn check(yaml: &str, expected: Result<(HttpMethod, HttpBody, u64), &str>) {
        let found = sink(yaml).map(|sink| (sink.method, sink.body, sink.timeout_ms));
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{yaml}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, _) => panic!("{yaml}: {found:?}"),
        }
    }

    #[test]
    fn a_request_is_as_it_is_declared() {
        let url = "url: 'https://a.example/{/id}'";
        let default = (HttpMethod::Post, HttpBody::Payload, 2_000);
        check(url, Ok(default));
        let whole = format!(
            "{url}\nmethod: PUT\nbody: envelope\ntimeout_ms: 500\nheaders: {{authorization: 'Bearer {{T}}'}}"
        );
        check(&whole, Ok((HttpMethod::Put, HttpBody::Envelope, 500)));
        check("url: '{/host}/x'", Err("so that no event chooses the host"));
        check(&format!("{url}\ntimeout_ms: 0"), Err("sinks.timeout_ms"));
    }

    fn with(header: &str) -> String {
        format!("url: https://a.example\nheaders: {{{header}}}")
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_refused() {
        check(&with("x-a: '{secret:a}{/a}'"), Err("takes nothing from an event"));
        check(&with("X-A: b"), Err("no header's name in lower case"));
        check(&with("idempotency-key: b"), Err("not the contract's to say"));
        check(&with("x-a: 'secret:a#b'"), Err("is a place, such as {secret:weather#token}"));
    }

    #[test]
    fn variables_are_put_into_url_and_headers() {
        let yaml = "{url: '{BASE}/x', headers: {authorization: 'Bearer {TOKEN}'}}";
        let sink = sink(yaml).unwrap();
        let values = "variables: {BASE: http://a.test, TOKEN: 'secret:a#b'}";
        let bound = sink.bind(&Variables::parse("test.yaml", values).unwrap()).unwrap();
        assert!(bound.url.begins_with("http://a.test"));
        let secrets = bound.headers["authorization"].secrets();
        assert_eq!(
            secrets.into_iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["secret:a#b"]
        );
        let less = Variables::parse("test.yaml", "variables: {BASE: http://a.test}").unwrap();
        let unknown = UrlError::Variable { file: "test.yaml".into(), name: "TOKEN".into() };
        assert_eq!(sink.bind(&less), Err(unknown));
    }
}
