//! The headers of a request, as a contract declares them.

use std::collections::{BTreeMap, BTreeSet};

use contracts::{SecretReference, TextTemplate, UrlError};
use event::{Code, Failure};
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;

/// Headers whose variables are filled in. Some are ready, some are made from each event, and those with secrets are
/// filled in for each attempt.
#[derive(Clone, Debug, Default)]
pub struct HeaderTemplates {
    ready: HeaderMap,
    of_events: Vec<(HeaderName, TextTemplate)>,
    with_secrets: Vec<(HeaderName, TextTemplate)>,
}

/// Why a header cannot be sent. It never holds the header's value, which may be a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The name is no token of RFC 9110, section 5.6.2.
    #[error("`{header}` is no header's name")]
    Name {
        /// The name, as the contract has it.
        header: String,
    },
    /// The value has a character that no header can hold, such as a line break.
    #[error("what its header `{header}` says is no header's value")]
    Value {
        /// The name, as the contract has it.
        header: String,
    },
    /// A variable of the value was not filled in.
    #[error("its header `{header}`: {source}")]
    Unbound {
        /// The name, as the contract has it.
        header: String,
        /// Which variable.
        #[source]
        source: UrlError,
    },
}

/// Why a request that a contract declares cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum Unbound {
    /// A variable of its URL or of a header is missing or does not fit.
    #[error(transparent)]
    Variable(#[from] UrlError),
    /// A header cannot be sent.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// The headers of one attempt. [`crate::Secrets`] sees in them which secrets were sent.
#[derive(Clone, Debug)]
pub struct FilledHeaders {
    /// All headers, with those that hold a secret.
    pub headers: HeaderMap,
    /// The version of each secret that they hold, by the secret's name.
    pub(crate) used: BTreeMap<String, u64>,
}

/// Why a template could not be rendered.
enum Unfilled {
    Secret(Failure),
    Template(UrlError),
}

impl From<UrlError> for Unfilled {
    fn from(error: UrlError) -> Self {
        Self::Template(error)
    }
}

impl HeaderTemplates {
    /// `templates` are templates whose variables are filled in, by the names of their headers. All values are marked as
    /// sensitive.
    ///
    /// # Errors
    /// When a name or a value cannot be sent, or a variable is not filled in.
    pub fn new(templates: &BTreeMap<String, TextTemplate>) -> Result<Self, HeaderError> {
        let mut made = Self::default();
        for (header, template) in templates {
            let name = HeaderName::try_from(header)
                .map_err(|_| HeaderError::Name { header: header.clone() })?;
            if !template.secrets().is_empty() {
                made.with_secrets.push((name, template.clone()));
                continue;
            }
            if template.pointers().next().is_some() {
                made.of_events.push((name, template.clone()));
                continue;
            }
            let text = template
                .render(|reference| Err(UrlError::Unbound { name: reference.to_string() }))
                .map_err(|source| HeaderError::Unbound { header: header.clone(), source })?;
            let value =
                sensitive(text).ok_or_else(|| HeaderError::Value { header: header.clone() })?;
            made.ready.insert(name, value);
        }
        Ok(made)
    }

    /// Adds the headers that are made from an event to its request.
    ///
    /// # Errors
    /// The JSON pointer at which the event has nothing that a header can hold, which is a string of visible ASCII
    /// characters and spaces, a number or a boolean (<https://www.rfc-editor.org/rfc/rfc9110#section-5.5>).
    pub fn add_of_event(&self, payload: &Value, headers: &mut HeaderMap) -> Result<(), String> {
        for (name, template) in &self.of_events {
            let first = template.pointers().next().unwrap_or_default();
            let text = template.render_for(payload).map_err(|error| match error {
                UrlError::Missing { pointer } => pointer,
                _ => first.to_owned(),
            })?;
            let value = sensitive(text)
                .filter(|value| value.to_str().is_ok())
                .ok_or_else(|| first.to_owned())?;
            headers.insert(name.clone(), value);
        }
        Ok(())
    }

    /// Whether any header holds a secret.
    #[must_use]
    pub fn need_secrets(&self) -> bool {
        !self.with_secrets.is_empty()
    }

    pub(crate) fn secret_names(&self) -> BTreeSet<&str> {
        let templates = self.with_secrets.iter();
        let references = templates.flat_map(|(_, template)| template.secrets());
        references.map(|reference| reference.name.as_str()).collect()
    }
}

impl FilledHeaders {
    /// The headers that are the same for each event.
    pub(crate) fn of(templates: &HeaderTemplates) -> Self {
        Self { headers: templates.ready.clone(), used: BTreeMap::new() }
    }

    /// Adds the headers that hold secrets, whose texts `secret` returns.
    ///
    /// # Errors
    /// The failure that `secret` returns, or one for a text that no header can hold.
    pub(crate) fn add_secret(
        &mut self,
        templates: &HeaderTemplates,
        secret: impl Fn(&SecretReference) -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        for (name, template) in &templates.with_secrets {
            let rendered = template.render(|reference| secret(reference).map_err(Unfilled::Secret));
            let text = rendered.map_err(|unfilled| match unfilled {
                Unfilled::Secret(failure) => failure,
                Unfilled::Template(error) => {
                    Failure::transient(Code::DependencyRefused, error.to_string())
                }
            })?;
            let value = sensitive(text).ok_or_else(|| unfit_secret(name, template))?;
            self.headers.insert(name, value);
        }
        Ok(())
    }
}

fn unfit_secret(header: &HeaderName, template: &TextTemplate) -> Failure {
    let secrets: Vec<_> = template.secrets().into_iter().map(ToString::to_string).collect();
    let reason = format!("the header `{header}` cannot hold what `{}` is", secrets.join(", "));
    Failure::transient(Code::DependencyRefused, reason)
}

/// A value that its debug output does not show; `None` if no header can hold the text.
fn sensitive(text: String) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use contracts::Variables;
    use serde_json::json;

    use super::*;

    /// The value of the header for an event whose `a` is given, or the pointer at which it has no value.
    fn header(text: &str, a: &Value) -> Result<String, String> {
        let variables = Variables::parse("variables/a.yaml", "variables: {REGION: eu}").unwrap();
        let template = TextTemplate::parse(text).unwrap().bind(&variables).unwrap();
        let templates = BTreeMap::from([("x-a".to_owned(), template)]);
        let mut headers = HeaderMap::new();
        let templates = HeaderTemplates::new(&templates).unwrap();
        templates.add_of_event(&json!({ "a": a }), &mut headers)?;
        Ok(headers["x-a"].to_str().unwrap().to_owned())
    }

    #[test]
    fn a_header_is_made_of_an_event() {
        assert_eq!(header("{REGION}-{/a}", &json!("x y")).unwrap(), "eu-x y");
        assert_eq!(header("{/a}", &json!(12)).unwrap(), "12");
    }

    /// Otherwise a producer could add headers of its own.
    #[test]
    fn what_no_header_can_hold_is_refused_with_its_pointer() {
        for value in
            [json!("a\r\nx-b: c"), json!("a\nb"), json!("\u{0}"), json!("Zürich"), json!([1])]
        {
            assert_eq!(header("{/a}", &value), Err("/a".to_owned()), "{value}");
        }
        assert_eq!(header("{/a}{/b}", &json!(1)), Err("/b".to_owned()));
    }
}
