//! The errors of a contract, and the checks of names and pointers that all of its parts share.

use crate::place::UrlError;

#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// With line and column.
    #[error("{0}")]
    Malformed(String),
    #[error("`{field}`: {problem}")]
    Invalid { field: &'static str, problem: String },
    #[error("the schema file `{file}` is not there")]
    SchemaMissing { file: String },
    #[error("`{file}`: {source}")]
    Schema {
        file: String,
        #[source]
        source: SchemaError,
    },
    #[error("sink `{name}`: {source}")]
    SinkUrl {
        name: String,
        #[source]
        source: UrlError,
    },
    #[error("enricher `{name}`: {source}")]
    Url {
        name: String,
        #[source]
        source: UrlError,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error("malformed JSON: {0}")]
    Json(#[source] serde_json::Error),
    #[error("at `{at}`: {problem}")]
    Invalid { at: String, problem: String },
}

pub(crate) fn invalid(field: &'static str, problem: &str) -> ContractError {
    ContractError::Invalid { field, problem: problem.to_owned() }
}

/// Names become parts of keys, paths and types: lower-case letters, digits and hyphens.
pub(crate) fn check_name(field: &'static str, name: &str) -> Result<(), ContractError> {
    if is_name(name) {
        return Ok(());
    }
    Err(invalid(field, "1 to 64 lower-case letters, digits and hyphens"))
}

pub(crate) fn is_name(name: &str) -> bool {
    let fits = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}

pub(crate) fn check_pointers(
    field: &'static str,
    pointers: &[String],
) -> Result<(), ContractError> {
    if pointers.is_empty() {
        return Err(invalid(field, "at least one JSON Pointer is needed"));
    }
    match pointers.iter().find(|pointer| !pointer.starts_with('/')) {
        Some(pointer) => {
            let problem = format!("`{pointer}` is not a JSON Pointer such as /id");
            Err(ContractError::Invalid { field, problem })
        }
        None => Ok(()),
    }
}
