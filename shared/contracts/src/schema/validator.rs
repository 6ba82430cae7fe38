//! Compiles a schema with the crate `jsonschema`, and bounds the work of its patterns.

use std::collections::BTreeMap;
use std::error::Error;

use jsonschema::{PatternOptions, Retrieve, Uri};
use serde_json::Value;

use super::Formats;
use super::documents::Documents;
use super::violation::{Violation, schema_violation};
use crate::error::SchemaError;

/// How often a pattern with look-around or back-references may backtrack on one text. Other patterns need no limit,
/// because their time only grows with the length of the text.
const MAX_BACKTRACKS: usize = 100_000;

/// The largest size of a compiled pattern, in bytes. It is the default of the crate `regex`.
const MAX_PATTERN_BYTES: usize = 10 * 1024 * 1024;

/// A compiled schema.
#[derive(Debug)]
pub(super) struct Validator(jsonschema::Validator);

impl Validator {
    /// Compiles the root document with everything that it refers to.
    ///
    /// # Errors
    /// If a document does not fit the schema of its draft, a reference names nothing, a pattern is not valid, or a
    /// format is asserted that is not known.
    pub(super) fn compile(documents: &Documents, formats: Formats) -> Result<Self, SchemaError> {
        let folder = Folder {
            documents: documents
                .by_uri()
                .map(|(uri, document)| (uri.to_owned(), document.clone()))
                .collect(),
        };
        let patterns = PatternOptions::fancy_regex()
            .backtrack_limit(MAX_BACKTRACKS)
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(MAX_PATTERN_BYTES);
        let options = jsonschema::options()
            .with_base_uri(documents.root_uri())
            .with_retriever(folder)
            .with_pattern_options(patterns)
            .should_validate_formats(formats == Formats::Asserted)
            .should_ignore_unknown_formats(formats == Formats::Annotations);
        let built = options.build(documents.root().value).map_err(|error| {
            let Violation { at, problem } = schema_violation(&error);
            SchemaError::at(documents.root_file(), &at, &problem)
        })?;
        Ok(Self(built))
    }

    /// Checks a value.
    ///
    /// # Errors
    /// The first violation that is found.
    pub(super) fn check(&self, value: &Value) -> Result<(), Violation> {
        self.0.validate(value).map_err(|error| Violation::of(&error))
    }
}

/// The documents of a dataset's folder. References are looked up here, and never in a network.
struct Folder {
    /// The documents by their absolute URIs.
    documents: BTreeMap<String, Value>,
}

impl Retrieve for Folder {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let document = self.documents.get(uri.as_str()).cloned();
        document.ok_or_else(|| format!("`{uri}` is no file of the dataset's folder").into())
    }
}
