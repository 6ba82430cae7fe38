//! The errors of contracts and schemas, and the checks of names and pointers that all parts of a contract share.

use std::collections::BTreeMap;

use crate::place::UrlError;
use crate::pointer::pointer_tokens;
use crate::positions::{Position, position_of};

/// The name of the contract's file in the folder of its dataset.
pub const CONTRACT_FILE: &str = "contract.yaml";

/// Why a contract cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// The file is not YAML, or does not have the fields and types of a contract.
    #[error("{problem}")]
    Malformed {
        /// Where reading stopped. `None` if the reader of YAML gives no place.
        position: Option<Position>,
        /// The reader's message, which names the position too.
        problem: String,
    },
    /// A field has a value that a contract does not allow.
    #[error("`{field}`: {problem}")]
    Invalid {
        /// The path of the field, separated by points, such as `sinks.totals.window`.
        field: String,
        /// What was expected, or what is wrong with the value.
        problem: String,
    },
    /// Another error, with the position of the field that it is about.
    #[error("{position}: {source}")]
    At {
        /// Where the field is in the contract.
        position: Position,
        /// The error without a position.
        #[source]
        source: Box<ContractError>,
    },
    /// The schema of a version or of an enricher's answers cannot be used.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A JSON Pointer finds nothing in any payload, or finds a value of a type that cannot be used there.
    #[error("`{field}`: `{pointer}`: {problem}")]
    Pointer {
        /// The path of the field that holds the pointer, such as `keys.business`.
        field: String,
        /// The pointer as the contract has it.
        pointer: String,
        /// What the schema declares instead.
        problem: String,
    },
    /// The URL or a header of an HTTP sink cannot be read.
    #[error("sink `{name}`: {source}")]
    SinkUrl {
        /// The name of the sink.
        name: String,
        /// What is wrong with the template.
        #[source]
        source: UrlError,
    },
    /// The URL, a header or a lookup key of an enricher cannot be read.
    #[error("enricher `{name}`: {source}")]
    Url {
        /// The name of the enricher.
        name: String,
        /// What is wrong with the template.
        #[source]
        source: UrlError,
    },
}

/// Why a schema cannot be used, with the file that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The contract names a file that is not in the folder of its dataset.
    #[error("the schema file `{file}` is not there")]
    Missing {
        /// The name of the file.
        file: String,
    },
    /// The file cannot be parsed as JSON.
    #[error("`{file}` is not JSON: {source}")]
    Json {
        /// The name of the file, in the folder of its dataset.
        file: String,
        /// The parser's error, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// A part of the schema is not what JSON Schema or this crate allows.
    #[error("`{file}` at `{at}`: {problem}")]
    Invalid {
        /// The name of the file, in the folder of its dataset.
        file: String,
        /// The JSON Pointer of the part in its file. The empty pointer is the whole file.
        at: String,
        /// What is wrong there, or what was expected.
        problem: String,
    },
    /// [`SchemaError::Invalid`] with the line and column of the part.
    #[error("`{file}`, {position}, at `{at}`: {problem}")]
    Located {
        /// The name of the file, in the folder of its dataset.
        file: String,
        /// Where the part begins in the text of the file.
        position: Position,
        /// The JSON Pointer of the part in its file.
        at: String,
        /// What is wrong there, or what was expected.
        problem: String,
    },
}

impl SchemaError {
    pub(crate) fn at(file: &str, at: &str, problem: &str) -> Self {
        Self::Invalid { file: file.to_owned(), at: at.to_owned(), problem: problem.to_owned() }
    }

    /// The name of the file that has to be changed, and the position in it if that is known. For a missing file it is
    /// the contract, which names that file.
    #[must_use]
    pub fn place(&self) -> (&str, Option<Position>) {
        match self {
            Self::Missing { .. } => (CONTRACT_FILE, None),
            Self::Json { file, source } => {
                let line = u64::try_from(source.line()).unwrap_or(0);
                let column = u64::try_from(source.column()).unwrap_or(0);
                (file, Some(Position { line, column }))
            }
            Self::Invalid { file, .. } => (file, None),
            Self::Located { file, position, .. } => (file, Some(*position)),
        }
    }

    /// [`SchemaError::Invalid`] as [`SchemaError::Located`]. `files` has the texts of the files in the dataset's
    /// folder, by name. `None` for other errors, and if the position cannot be found.
    #[must_use]
    pub fn located(&self, files: &BTreeMap<String, String>) -> Option<Self> {
        let Self::Invalid { file, at, problem } = self else { return None };
        let tokens = pointer_tokens(at)?;
        let position = position_of(files.get(file)?, tokens.iter().map(String::as_str))?;
        let (file, at, problem) = (file.clone(), at.clone(), problem.clone());
        Some(Self::Located { file, position, at, problem })
    }
}

impl ContractError {
    /// Puts the name of an element into the path of an invalid field: `sinks.window` becomes `sinks.totals.window`.
    pub(crate) fn of_element(self, list: &str, name: &str) -> Self {
        match self {
            Self::Invalid { field, problem } => {
                let field = match field.strip_prefix(list).and_then(|rest| rest.strip_prefix('.')) {
                    Some(rest) => format!("{list}.{name}.{rest}"),
                    None => field,
                };
                Self::Invalid { field, problem }
            }
            other => other,
        }
    }

    /// The error for a file that the reader of YAML refused. For an unknown field or value, it lists those that are
    /// allowed.
    pub(crate) fn of_yaml(error: &serde_saphyr::Error) -> Self {
        let plain = error.without_snippet();
        let position = plain
            .location()
            .map(|location| Position { line: location.line(), column: location.column() });
        let problem = match (plain, position) {
            (serde_saphyr::Error::SerdeUnknownField { field, expected, .. }, Some(position)) => {
                format!("{position}: unknown field `{field}`; there are {}", expected.join(", "))
            }
            (
                serde_saphyr::Error::SerdeUnknownVariant { variant, expected, .. },
                Some(position),
            ) => {
                format!("{position}: `{variant}` is none of {}", expected.join(", "))
            }
            _ => error.to_string(),
        };
        Self::Malformed { position, problem }
    }

    /// The name of the file that has to be changed, which is `contract.yaml` or a schema beside it, and the position in
    /// it if that is known.
    #[must_use]
    pub fn place(&self) -> (&str, Option<Position>) {
        match self {
            Self::Malformed { position, .. } => (CONTRACT_FILE, *position),
            Self::At { position, .. } => (CONTRACT_FILE, Some(*position)),
            Self::Schema(error) => error.place(),
            Self::Invalid { .. }
            | Self::Pointer { .. }
            | Self::SinkUrl { .. }
            | Self::Url { .. } => (CONTRACT_FILE, None),
        }
    }

    /// Adds the position of what the error names: a field in the text of the contract, or a place in one of the schema's
    /// files. The command line asks for it. Functions do not, so that they need not have what finds positions.
    #[must_use]
    pub fn located(self, yaml: &str, files: &BTreeMap<String, String>) -> Self {
        if let Self::Schema(error) = &self
            && let Some(located) = error.located(files)
        {
            return Self::Schema(located);
        }
        let path: Vec<&str> = match &self {
            Self::Invalid { field, .. } | Self::Pointer { field, .. } => field.split('.').collect(),
            Self::SinkUrl { name, .. } => vec!["sinks", name],
            Self::Url { name, .. } => vec!["enrichers", name],
            Self::Schema(SchemaError::Missing { .. }) => vec!["schema"],
            Self::Malformed { .. } | Self::Schema(_) | Self::At { .. } => return self,
        };
        match position_of(yaml, path) {
            Some(position) => Self::At { position, source: Box::new(self) },
            None => self,
        }
    }
}

pub(crate) fn invalid(field: &str, problem: &str) -> ContractError {
    ContractError::Invalid { field: field.to_owned(), problem: problem.to_owned() }
}

/// Checks a name. Names become parts of keys, paths and event types, so that only lower-case letters, digits and
/// hyphens are allowed.
pub(crate) fn check_name(field: &str, name: &str) -> Result<(), ContractError> {
    if is_name(name) {
        return Ok(());
    }
    Err(invalid(field, "1 to 64 lower-case letters, digits and hyphens"))
}

pub(crate) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

pub(crate) fn check_pointers(field: &str, pointers: &[String]) -> Result<(), ContractError> {
    if pointers.is_empty() {
        return Err(invalid(field, "at least one JSON Pointer is needed"));
    }
    match pointers.iter().find(|pointer| !pointer.starts_with('/')) {
        Some(pointer) => {
            Err(invalid(field, &format!("`{pointer}` is not a JSON Pointer such as /id")))
        }
        None => Ok(()),
    }
}
