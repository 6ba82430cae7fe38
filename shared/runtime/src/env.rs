//! Environment variables, parsed once at the start.
//!
//! A missing or malformed variable stops the start, with its name, its value, and what was expected.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where variables come from. A test passes a map.
pub trait Lookup {
    /// The value of a variable; absent if it is not set.
    fn get(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process;

impl Lookup for Process {
    #[expect(clippy::disallowed_methods, reason = "the one adapter to the environment")]
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl Lookup for BTreeMap<&str, &str> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).map(|value| (*value).to_owned())
    }
}

/// Why a variable cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvError {
    /// It is not set, or is blank.
    #[error("environment variable {name} is not set; expected {expected}")]
    Missing {
        /// The name of the variable.
        name: String,
        /// What a person would put there.
        expected: String,
    },
    /// It is set to something else than what is expected.
    #[error("environment variable {name} is `{found}`; expected {expected}")]
    Malformed {
        /// The name of the variable.
        name: String,
        /// The first 120 characters of its value.
        found: String,
        /// What a person would put there.
        expected: String,
    },
}

/// A variable that must be set and not be blank. `expected` says what a person would put there.
///
/// # Errors
/// [`EnvError::Missing`].
pub fn required(lookup: &dyn Lookup, name: &str, expected: &str) -> Result<String, EnvError> {
    let value = lookup.get(name).filter(|value| !value.trim().is_empty());
    value.ok_or_else(|| EnvError::Missing { name: name.to_owned(), expected: expected.to_owned() })
}

/// A variable whose value `parse` accepts.
///
/// # Errors
/// [`EnvError::Missing`] or [`EnvError::Malformed`].
pub fn parsed<T>(
    lookup: &dyn Lookup,
    name: &str,
    expected: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, EnvError> {
    let text = required(lookup, name, expected)?;
    parse(&text).ok_or_else(|| EnvError::Malformed {
        name: name.to_owned(),
        found: text.chars().take(120).collect(),
        expected: expected.to_owned(),
    })
}

/// `VARIABLES_FILE`: the path of the YAML file with the values of the contracts' variables.
///
/// # Errors
/// [`EnvError::Missing`].
pub fn variables_file(lookup: &dyn Lookup) -> Result<PathBuf, EnvError> {
    let file = "a file such as /opt/variables/production.yaml";
    Ok(required(lookup, "VARIABLES_FILE", file)?.into())
}

/// The URL of an SQS queue.
///
/// # Errors
/// [`EnvError`].
pub fn queue_url(lookup: &dyn Lookup, name: &str) -> Result<String, EnvError> {
    let expected = "the URL of a queue, such as https://sqs.eu-west-1.amazonaws.com/123456789012/a";
    parsed(lookup, name, expected, |text| is_url(text).then(|| text.to_owned()))
}

/// The URL of an SQS queue; `None` if the variable is not set. A blank one is a mistake.
///
/// # Errors
/// [`EnvError`].
pub fn optional_queue_url(lookup: &dyn Lookup, name: &str) -> Result<Option<String>, EnvError> {
    match lookup.get(name) {
        None => Ok(None),
        Some(_) => queue_url(lookup, name).map(Some),
    }
}

/// A whole number within a range.
///
/// # Errors
/// [`EnvError`].
pub fn number(
    lookup: &dyn Lookup,
    name: &str,
    range: std::ops::RangeInclusive<u32>,
) -> Result<u32, EnvError> {
    let expected = format!("a whole number from {} to {}", range.start(), range.end());
    parsed(lookup, name, &expected, |text| text.parse().ok().filter(|n| range.contains(n)))
}

/// Whether the text is `http://` or `https://` followed by a host.
#[must_use]
pub fn is_url(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.starts_with('/') && !host.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: std::fmt::Debug>(result: Result<T, EnvError>, expected: &str) {
        assert_eq!(result.unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_bad_variable_is_named_with_what_was_expected() {
        let held = BTreeMap::from([("EMPTY", " "), ("COUNT", "many"), ("URL", "sqs")]);
        let url = "the URL of a queue, such as https://sqs.eu-west-1.amazonaws.com/123456789012/a";
        check(
            required(&held, "EMPTY", "the name of a table"),
            "environment variable EMPTY is not set; expected the name of a table",
        );
        check(
            number(&held, "COUNT", 1..=1000),
            "environment variable COUNT is `many`; expected a whole number from 1 to 1000",
        );
        check(
            queue_url(&held, "URL"),
            &format!("environment variable URL is `sqs`; expected {url}"),
        );
    }
}
