//! References to secrets: which secret a text stands for, never what it holds.

use std::fmt;

/// How a reference begins: `secret:weather#token`.
pub(crate) const PREFIX: &str = "secret:";

/// A secret, or one member of a secret that is a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretReference {
    /// As the stack knows it: in AWS Secrets Manager it has the stack's name before it.
    pub name: String,
    /// The member of the secret; its whole text without one.
    pub field: Option<String>,
}

impl SecretReference {
    /// Reads `secret:NAME` or `secret:NAME#FIELD`; `None` for any other text, and for a name that
    /// Secrets Manager does not take:
    /// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, field) = match text.strip_prefix(PREFIX)?.split_once('#') {
            Some((name, field)) => (name, Some(field)),
            None => (text.strip_prefix(PREFIX)?, None),
        };
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"/_+=.@-".contains(&b);
        let is_name = (1..=256).contains(&name.len()) && name.bytes().all(fits);
        let is_reference = is_name && !name.starts_with('/') && field != Some("");
        is_reference.then(|| Self { name: name.to_owned(), field: field.map(str::to_owned) })
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{PREFIX}{}#{field}", self.name),
            None => write!(f, "{PREFIX}{}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_a_secret_and_maybe_its_field() {
        for text in ["secret:weather", "secret:team/weather#token", "secret:a_b+c=d.e@f-g#a b"] {
            assert_eq!(SecretReference::parse(text).unwrap().to_string(), text);
        }
        let read = SecretReference::parse("secret:weather#api#key").unwrap();
        assert_eq!((read.name.as_str(), read.field.as_deref()), ("weather", Some("api#key")));
    }

    #[test]
    fn what_is_no_reference_is_none() {
        for text in ["weather", "secret:", "secret:#a", "secret:a#", "secret:/a", "secret:a b"] {
            assert_eq!(SecretReference::parse(text), None, "{text}");
        }
    }
}
