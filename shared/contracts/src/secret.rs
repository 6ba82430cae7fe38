//! References to secrets. A contract names a secret, and never has its text.

use std::fmt;

/// The beginning of a reference, such as `secret:weather#token`.
pub(crate) const PREFIX: &str = "secret:";

/// The name of a secret, or of one member of a secret that is a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretReference {
    /// The name within the stack. In AWS Secrets Manager, the name of the stack is put before it.
    pub name: String,
    /// The member of the secret's JSON object. `None` means the whole text of the secret.
    pub field: Option<String>,
}

impl SecretReference {
    /// Reads `secret:NAME` or `secret:NAME#FIELD`. `None` for any other text, and for a name that
    /// Secrets Manager does not accept:
    /// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, field) = match text.strip_prefix(PREFIX)?.split_once('#') {
            Some((name, field)) => (name, Some(field)),
            None => (text.strip_prefix(PREFIX)?, None),
        };
        if !is_name(name) || name.starts_with('/') || field == Some("") {
            return None;
        }
        Some(Self { name: name.to_owned(), field: field.map(str::to_owned) })
    }
}

fn is_name(name: &str) -> bool {
    (1..=256).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte))
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
