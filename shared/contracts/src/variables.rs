//! The values that the variables of contracts have in one environment. They are in `variables/<environment>.yaml`, a
//! file that is shipped with the contracts.
//!
//! A contract's variable is looked up only in this file. The environment of the process, which has credentials, can
//! therefore not get into a URL or a header.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::SecretReference;
use crate::secret::PREFIX;

/// The variables of one environment. A value is a text, or a reference to a secret.
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

/// Why a file of variables cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariablesError {
    /// The file is not YAML, or does not have the expected shape.
    #[error("{file}: {problem}")]
    Malformed {
        /// The name of the file, as it was given to [`Variables::parse`].
        file: String,
        /// The message of the reader, with line and column.
        problem: String,
    },
    /// A variable has a name that is not allowed.
    #[error("{file}: {source}")]
    Name {
        /// The name of the file, as it was given to [`Variables::parse`].
        file: String,
        /// What is wrong with the name.
        #[source]
        source: NameError,
    },
    /// The value of a variable is empty or only white space.
    #[error(
        "{file}: {name} is empty; expected a text, or a reference such as secret:weather#token"
    )]
    Empty {
        /// The name of the file, as it was given to [`Variables::parse`].
        file: String,
        /// The name of the variable.
        name: String,
    },
    /// A value begins with `secret:` and is not a reference to a secret.
    #[error(
        "{file}: {name} is no reference to a secret; expected secret:NAME or secret:NAME#FIELD"
    )]
    Secret {
        /// The name of the file, as it was given to [`Variables::parse`].
        file: String,
        /// The name of the variable.
        name: String,
    },
}

/// Why a variable cannot have a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name is empty, or has other characters than `A` to `Z`, digits and underscores.
    #[error("`{name}` is no variable's name; expected capital letters, digits and underscores")]
    Malformed {
        /// The name that was refused.
        name: String,
    },
    /// The name belongs to the environment of a Lambda function.
    #[error(
        "`{name}` is a name of Lambda's own environment (AWS_*, LAMBDA_*, _*), which no contract may read"
    )]
    Reserved {
        /// The name that was refused.
        name: String,
    },
}

/// The variables as they are written in the file. They are below a key, so that other keys can be added later.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVariables {
    variables: BTreeMap<String, String>,
}

impl Variables {
    /// Reads the text of a file. `file` names it in messages, such as `variables/production.yaml`.
    ///
    /// # Errors
    /// The first problem that is found, with the name of the file and of the variable.
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

/// Checks the name of a variable.
///
/// # Errors
/// [`NameError::Malformed`], and [`NameError::Reserved`] for the names that Lambda itself uses:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>.
pub(crate) fn check_name(name: &str) -> Result<(), NameError> {
    let is_well_formed = name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    if name.is_empty() || !is_well_formed {
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
