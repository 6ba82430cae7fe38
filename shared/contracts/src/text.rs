//! Texts of headers: their places are variables and secrets, or an event's.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::place::UrlError;
use crate::place::{Part, check_is_ready, read_parts, scalar_text, variables};
use crate::secret::PREFIX;
use crate::variables::VariableValue;
use crate::{SecretReference, Variables};

/// A text whose places are variables and secrets, or variables and an event's: a secret stands beside nothing that
/// a producer chose.
#[derive(Clone, PartialEq, Eq)]
pub struct TextTemplate {
    parts: Vec<Part>,
}

impl TextTemplate {
    /// # Errors
    /// When a place is not understood, or an event's stands beside a secret.
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

    /// What it needs of an event.
    pub fn pointers(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Pointer(pointer) => Some(pointer.as_str()),
            Part::Text(_) | Part::Variable(_) | Part::Secret(_) => None,
        })
    }

    /// The variables that are not in place yet.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<&str> {
        variables(&self.parts).collect()
    }

    /// The template with its variables' values in place. Secrets stay references.
    ///
    /// # Errors
    /// [`UrlError::Variable`] for one that is not in the file, [`UrlError::Placeholder`] for one that is no
    /// value yet, [`UrlError::BesideSecret`] for a secret beside an event's place.
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

    /// The secrets that it needs, once it is bound.
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

    /// What it says of one event, once it is bound: texts, numbers and truth values of the event, as they are.
    ///
    /// # Errors
    /// [`UrlError::Missing`] when a pointer finds none of these, or an empty text.
    pub fn render_for(&self, payload: &Value) -> Result<String, UrlError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Pointer(pointer) => {
                    let value = payload.pointer(pointer).and_then(scalar_text);
                    let missing = || UrlError::Missing { pointer: pointer.clone() };
                    text.push_str(&value.ok_or_else(missing)?);
                }
                Part::Variable(name) => return Err(UrlError::Unbound { name: name.clone() }),
                Part::Secret(_) => return Err(UrlError::SecretPlace),
            }
        }
        Ok(text)
    }

    /// What it says, once it is bound, with the texts of its secrets.
    ///
    /// # Errors
    /// What `secret` answers; [`UrlError::Unbound`] before it is bound.
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

/// A text is nobody's to see: a token may have been written into it.
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

    #[test]
    fn an_events_values_are_put_in_place_and_never_beside_a_secret() {
        let payload = serde_json::json!({"a": "x y", "n": 1.50, "yes": true, "no": null, "e": ""});
        let of = |text: &str| {
            let bound = TextTemplate::parse(text)?.bind(&variables())?;
            bound.render_for(&payload)
        };
        assert_eq!(of("{REGION}:{/a}:{/yes}").unwrap(), "eu:x y:true");
        for nothing in ["{/no}", "{/e}", "{/other}"] {
            assert!(matches!(of(nothing), Err(UrlError::Missing { .. })), "{nothing}");
        }
        assert!(matches!(of("{TOKEN}{/a}"), Err(UrlError::BesideSecret { .. })));
        assert!(matches!(of("{secret:a}{/a}"), Err(UrlError::BesideSecret { .. })));
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
