//! Templates for the values of headers. Their placeholders are variables, secrets and pointers into a payload.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::place::{Part, UrlError, check_is_ready, read_parts, scalar_text, variables};
use crate::secret::PREFIX;
use crate::variables::VariableValue;
use crate::{SecretReference, Variables};

/// The template for the value of a header.
///
/// Its placeholders are `{NAME}`, `{secret:NAME#FIELD}` and `{/pointer}`. A template with a secret has no pointers, so
/// that a producer of events cannot write anything beside a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct TextTemplate {
    parts: Vec<Part>,
}

impl TextTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// If a placeholder is none of the three, if the text has a secret and a pointer, or if it begins with `secret:`.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.starts_with(PREFIX) {
            return Err(UrlError::BareSecret);
        }
        Self { parts: read_parts(text)? }.validate()
    }

    fn validate(self) -> Result<Self, UrlError> {
        if let Some(pointer) = self.pointers().next()
            && !self.secrets().is_empty()
        {
            return Err(UrlError::BesideSecret { pointer: pointer.to_owned() });
        }
        Ok(self)
    }

    /// The JSON Pointers to the values of a payload that the template needs.
    pub fn pointers(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Pointer(pointer) => Some(pointer.as_str()),
            Part::Text(_) | Part::Variable(_) | Part::Secret(_) => None,
        })
    }

    /// The names of the variables that have no value yet.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<&str> {
        variables(&self.parts).collect()
    }

    /// The template with the values of its variables. Secrets stay references.
    ///
    /// # Errors
    /// [`UrlError::Variable`] for a variable that is not in the file, [`UrlError::Placeholder`] for a value that still
    /// has to be replaced, [`UrlError::BesideSecret`] for a secret in a template with pointers.
    pub fn bind(&self, variables: &Variables) -> Result<Self, UrlError> {
        let mut parts = Vec::new();
        for part in &self.parts {
            let Part::Variable(name) = part else {
                parts.push(part.clone());
                continue;
            };
            parts.push(match variables.get(name) {
                Some(VariableValue::Secret(reference)) => Part::Secret(reference.clone()),
                Some(VariableValue::Text(text)) => {
                    check_is_ready(variables, name, text)?;
                    Part::Text(text.clone())
                }
                None => return Err(UrlError::missing(variables, name)),
            });
        }
        Self { parts }.validate()
    }

    /// The secrets that the template needs. Secrets that are the values of variables are listed once it is bound.
    #[must_use]
    pub fn secrets(&self) -> BTreeSet<&SecretReference> {
        let mut secrets = BTreeSet::new();
        for part in &self.parts {
            if let Part::Secret(reference) = part {
                secrets.insert(reference);
            }
        }
        secrets
    }

    /// The text for one payload. The template must be bound. Texts, numbers and booleans are inserted without escapes.
    ///
    /// # Errors
    /// [`UrlError::Missing`] if a pointer finds nothing, an empty text, or a value of another type;
    /// [`UrlError::Unbound`] if the template is not bound; [`UrlError::SecretPlace`] if it has a secret.
    pub fn render_for(&self, payload: &Value) -> Result<String, UrlError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Pointer(pointer) => match payload.pointer(pointer).and_then(scalar_text) {
                    Some(value) => text.push_str(&value),
                    None => return Err(UrlError::Missing { pointer: pointer.clone() }),
                },
                Part::Variable(name) => return Err(UrlError::Unbound { name: name.clone() }),
                Part::Secret(_) => return Err(UrlError::SecretPlace),
            }
        }
        Ok(text)
    }

    /// The text of a template without pointers. The template must be bound, and `secret` returns the text of a secret.
    ///
    /// # Errors
    /// The error of `secret`; [`UrlError::Unbound`] if the template is not bound, or has a pointer.
    pub fn render<E: From<UrlError>>(
        &self,
        secret: impl Fn(&SecretReference) -> Result<String, E>,
    ) -> Result<String, E> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Secret(reference) => text.push_str(&secret(reference)?),
                Part::Variable(name) | Part::Pointer(name) => {
                    return Err(UrlError::Unbound { name: name.clone() }.into());
                }
            }
        }
        Ok(text)
    }
}

/// The text is not shown, because somebody may have written a token into it.
impl fmt::Debug for TextTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TextTemplate")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let yaml = "
variables:
  REGION: eu
  TOKEN: secret:weather#token
  BASE: '{LOCAL_WEATHER}'
";
        Variables::parse("variables/test.yaml", yaml).unwrap()
    }

    fn render(text: &str) -> Result<String, UrlError> {
        let bound = TextTemplate::parse(text)?.bind(&variables())?;
        bound.render(|reference| Ok(format!("<{reference}>")))
    }

    #[test]
    fn variables_and_secrets_are_put_in_place() {
        assert_eq!(render("a {REGION} b").unwrap(), "a eu b");
        assert_eq!(render("Bearer {TOKEN}").unwrap(), "Bearer <secret:weather#token>");
        assert_eq!(render("{secret:a}/{secret:b#c}").unwrap(), "<secret:a>/<secret:b#c>");
        let template = TextTemplate::parse("{TOKEN} {REGION}").unwrap();
        assert_eq!(template.variables(), BTreeSet::from(["REGION", "TOKEN"]));
        assert_eq!(template.secrets().len(), 0, "not before it is bound");
        assert_eq!(template.bind(&variables()).unwrap().secrets().len(), 1);
        assert_eq!(format!("{template:?}"), "TextTemplate");
    }

    fn render_for(text: &str, payload: &Value) -> Result<String, UrlError> {
        TextTemplate::parse(text)?.bind(&variables())?.render_for(payload)
    }

    #[test]
    fn an_events_values_are_put_in_place_and_never_beside_a_secret() {
        let payload = serde_json::json!({"a": "x y", "n": 1.50, "yes": true, "no": null, "e": ""});
        assert_eq!(render_for("{REGION}:{/a}:{/yes}", &payload).unwrap(), "eu:x y:true");
        for nothing in ["{/no}", "{/e}", "{/other}"] {
            assert!(
                matches!(render_for(nothing, &payload), Err(UrlError::Missing { .. })),
                "{nothing}"
            );
        }
        assert!(matches!(render_for("{TOKEN}{/a}", &payload), Err(UrlError::BesideSecret { .. })));
        assert!(matches!(
            render_for("{secret:a}{/a}", &payload),
            Err(UrlError::BesideSecret { .. })
        ));
    }

    #[test]
    fn what_cannot_be_put_in_place_is_refused() {
        assert!(matches!(render("{OTHER}"), Err(UrlError::Variable { .. })));
        assert!(matches!(render("{BASE}"), Err(UrlError::Placeholder { .. })));
        assert!(matches!(render("{AWS_SESSION_TOKEN}"), Err(UrlError::Name(_))));
        assert!(matches!(render("secret:weather#token"), Err(UrlError::BareSecret)));
        assert!(matches!(render("{secret:}"), Err(UrlError::Place { .. })));
        let unbound = TextTemplate::parse("{REGION}").unwrap();
        let text: Result<String, UrlError> = unbound.render(|_| Ok(String::new()));
        assert!(matches!(text, Err(UrlError::Unbound { .. })));
    }
}
