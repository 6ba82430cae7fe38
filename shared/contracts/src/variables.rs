//! What the variables of contracts stand for in one environment: `variables/<environment>.yaml`, a file
//! that ships with the contracts.
//!
//! A contract's variable is looked up here and nowhere else, so that no URL and no header can carry the
//! process's own environment away.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::SecretReference;
use crate::secret::PREFIX;

/// The values of one file, by their variables' names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    file: String,
    values: BTreeMap<String, VariableValue>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VariableValue {
    Text(String),
    Secret(SecretReference),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariablesError {
    /// With line and column.
    #[error("{file}: {problem}")]
    Malformed { file: String, problem: String },
    #[error("{file}: {source}")]
    Name {
        file: String,
        #[source]
        source: NameError,
    },
    #[error(
        "{file}: {name} is empty; expected a text, or a reference such as secret:weather#token"
    )]
    Empty { file: String, name: String },
    #[error(
        "{file}: {name} is no reference to a secret; expected secret:NAME or secret:NAME#FIELD"
    )]
    Secret { file: String, name: String },
}

/// Why a name cannot be a variable's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("`{name}` is no variable's name; expected capital letters, digits and underscores")]
    Malformed { name: String },
    #[error(
        "`{name}` is a name of Lambda's own environment (AWS_*, LAMBDA_*, _*), which no contract may read"
    )]
    Reserved { name: String },
}

/// The file, as it is in the file. Below a key of its own, so that others can join it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVariables {
    variables: BTreeMap<String, String>,
}

impl Variables {
    /// Reads a file; `file` is what a person knows it by, such as `variables/production.yaml`.
    ///
    /// # Errors
    /// The first thing that is wrong, with the name of the file and of the variable.
    pub fn parse(file: &str, yaml: &str) -> Result<Self, VariablesError> {
        let file = file.to_owned();
        let options = serde_saphyr::options! { strict_booleans: true };
        let raw: RawVariables =
            serde_saphyr::from_str_with_options(yaml, options).map_err(|error| {
                VariablesError::Malformed { file: file.clone(), problem: error.to_string() }
            })?;
        let mut values = BTreeMap::new();
        for (name, text) in raw.variables {
            check_name(&name)
                .map_err(|source| VariablesError::Name { file: file.clone(), source })?;
            if text.trim().is_empty() {
                return Err(VariablesError::Empty { file, name });
            }
            let value = match SecretReference::parse(&text) {
                Some(reference) => VariableValue::Secret(reference),
                None if text.starts_with(PREFIX) => {
                    return Err(VariablesError::Secret { file, name });
                }
                None => VariableValue::Text(text),
            };
            values.insert(name, value);
        }
        Ok(Self { file, values })
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    pub(crate) fn get(&self, name: &str) -> Option<&VariableValue> {
        self.values.get(name)
    }
}

/// # Errors
/// For what is no name, and for the names of Lambda's own variables:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>.
pub(crate) fn check_name(name: &str) -> Result<(), NameError> {
    let fits = |b: u8| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_');
    if name.is_empty() || !name.bytes().all(fits) {
        return Err(NameError::Malformed { name: name.to_owned() });
    }
    if ["AWS_", "LAMBDA_", "_"].iter().any(|start| name.starts_with(start)) {
        return Err(NameError::Reserved { name: name.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_text_or_a_reference() {
        let yaml = "variables: {BASE: 'https://a.test', TOKEN: 'secret:a#b', PORT: '80'}";
        let variables = Variables::parse("variables/test.yaml", yaml).unwrap();
        let base = VariableValue::Text("https://a.test".to_owned());
        assert_eq!(variables.get("BASE"), Some(&base));
        assert!(matches!(variables.get("TOKEN"), Some(VariableValue::Secret(_))));
        assert_eq!(variables.get("HOME"), None);
    }

    #[track_caller]
    fn check_refused(yaml: &str, told: &str) {
        let error = Variables::parse("variables/test.yaml", yaml).unwrap_err().to_string();
        assert!(error.starts_with("variables/test.yaml: ") && error.contains(told), "{error}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_file() {
        check_refused("variables: {AWS_SECRET_ACCESS_KEY: a}", "Lambda's own environment");
        check_refused("variables: {LAMBDA_TASK_ROOT: a}", "`LAMBDA_TASK_ROOT`");
        check_refused("variables: {_HANDLER: a}", "`_HANDLER`");
        check_refused("variables: {base: a}", "no variable's name");
        check_refused("variables: {BASE: ' '}", "BASE is empty");
        check_refused("variables: {TOKEN: 'secret:a b'}", "expected secret:NAME");
        check_refused("BASE: a", "BASE");
    }
}
