//! A sink that is a service, asked over HTTP for each event.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{ContractError, check_name, invalid};
use crate::{TextTemplate, UrlError, UrlTemplate, Variables};

/// One request an event, with its idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSink {
    pub method: HttpMethod,
    pub url: UrlTemplate,
    /// By lower-case names. A token is a reference to a secret, so that it is in no file.
    pub headers: BTreeMap<String, TextTemplate>,
    pub body: HttpBody,
    /// How long one attempt may take.
    pub timeout_ms: u64,
    /// The service, as [`crate::Dependencies`] and its circuit breaker call it.
    pub dependency: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    #[default]
    Post,
    Put,
    Patch,
}

/// What is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HttpBody {
    /// The payload, enriched: `application/json`.
    #[default]
    Payload,
    /// The whole envelope: `application/cloudevents+json`, the structured mode of
    /// <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>.
    Envelope,
}

#[derive(Deserialize)]
pub(crate) struct RawHttpSink {
    #[serde(default)]
    method: HttpMethod,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: HttpBody,
    #[serde(default = "default_timeout_ms")]
    timeout_ms: u64,
    dependency: Option<String>,
}

fn default_timeout_ms() -> u64 {
    2_000
}

/// What is said of a request by others than the contract.
const TAKEN: [&str; 6] =
    ["connection", "content-length", "content-type", "host", "idempotency-key", "traceparent"];

impl RawHttpSink {
    pub(super) fn validate(self, name: &str) -> Result<HttpSink, ContractError> {
        if !(1..=20_000).contains(&self.timeout_ms) {
            return Err(invalid("sinks.timeout_ms", "from 1 to 20000"));
        }
        let unusable = |source| ContractError::SinkUrl { name: name.to_owned(), source };
        let dependency = self.dependency.unwrap_or_else(|| name.to_owned());
        check_name("sinks.dependency", &dependency)?;
        let header = |(header, text): (String, String)| {
            check_header("sinks.headers", &header)?;
            Ok((header, TextTemplate::parse(&text).map_err(unusable)?))
        };
        Ok(HttpSink {
            method: self.method,
            url: UrlTemplate::parse(&self.url).map_err(unusable)?,
            headers: self.headers.into_iter().map(header).collect::<Result<_, _>>()?,
            body: self.body,
            timeout_ms: self.timeout_ms,
            dependency,
        })
    }
}

/// A token of RFC 9110, section 5.6.2, in lower case.
pub(crate) fn check_header(field: &'static str, name: &str) -> Result<(), ContractError> {
    let is_token = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if name.is_empty() || !name.bytes().all(is_token) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(yaml: &str, expected: Result<(HttpMethod, HttpBody, u64), &str>) {
        let raw: RawHttpSink = serde_saphyr::from_str(yaml).unwrap();
        let found = raw.validate("s").map(|sink| (sink.method, sink.body, sink.timeout_ms));
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

    #[test]
    fn a_header_that_cannot_be_sent_is_refused() {
        let with = |header: &str| format!("url: https://a.example\nheaders: {{{header}}}");
        check(&with("x-a: '{secret:a}{/a}'"), Err("takes nothing from an event"));
        check(&with("X-A: b"), Err("no header's name in lower case"));
        check(&with("idempotency-key: b"), Err("not the contract's to say"));
        check(&with("x-a: 'secret:a#b'"), Err("is a place, such as {secret:weather#token}"));
    }

    #[test]
    fn variables_are_put_into_url_and_headers() {
        let yaml = "{url: '{BASE}/x', headers: {authorization: 'Bearer {TOKEN}'}}";
        let raw: RawHttpSink = serde_saphyr::from_str(yaml).unwrap();
        let sink = raw.validate("s").unwrap();
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
