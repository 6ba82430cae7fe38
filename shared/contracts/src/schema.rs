//! The schema of a dataset. It is JSON Schema 2020-12, 2019-09 or draft 7, in one or several files of the folder.

mod bounds;
mod branches;
mod csv;
mod documents;
mod members;
mod properties;
mod types;
mod validator;
mod violation;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::Value;

use self::documents::Documents;
pub(crate) use self::members::PathToken;
use self::members::{Declared, declared, types_of_any};
pub use self::properties::{Property, TimestampUnit, ValueKind};
pub(crate) use self::types::{Type, integer};
use self::validator::Validator;
pub(crate) use self::violation::Violation;
use crate::error::SchemaError;

/// Whether values are checked against the keyword `format`.
///
/// The specification makes it an annotation, unless the users of a schema agree on more (JSON Schema 2020-12,
/// validation, section 7.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Formats {
    /// A text has to be of its format. A format that is not known makes the schema unusable.
    Asserted,
    /// Formats are not checked, and may be unknown.
    #[default]
    Annotations,
}

/// A JSON Schema, with the files that it refers to.
///
/// It is read without being compiled, which takes longer. It is compiled when the first value is checked, or by
/// [`Schema::compile`]. A clone shares what was compiled.
#[derive(Clone, Debug)]
pub struct Schema {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    documents: Documents,
    formats: Formats,
    /// The members that the root of the schema declares, by name.
    members: BTreeMap<String, Member>,
    /// The members that every value has to have.
    required: Vec<String>,
    /// Empty until the schema is compiled.
    validator: OnceLock<Result<Validator, Arc<SchemaError>>>,
}

/// Why a value is not accepted.
#[derive(Clone, Debug)]
pub(crate) enum Unfit {
    /// The value does not fit the schema.
    Value(Violation),
    /// The schema cannot be used, so that nothing is known of the value.
    Schema(Arc<SchemaError>),
}

/// What the root of a schema declares about one member.
#[derive(Debug)]
struct Member {
    /// The types that it may have, in the order of the schema. `None` if the schema does not restrict them.
    types: Option<Vec<Type>>,
    /// The `format` that all of its subschemas name. `None` if they do not agree on one.
    format: Option<String>,
}

impl Schema {
    /// Reads a schema that is one document, whose formats are annotations. Errors call the file `schema.json`.
    ///
    /// # Errors
    /// Those of [`Schema::of_file`].
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        const FILE: &str = "schema.json";
        let files = BTreeMap::from([(FILE.to_owned(), text.to_owned())]);
        Self::of_file(FILE, &files, Formats::default())
    }

    /// Reads the schema in `file`, with the files beside it that it refers to. `files` has the texts of the folder's
    /// files, by name.
    ///
    /// # Errors
    /// If a file is missing, is not JSON, is written in a draft that is not accepted, or refers to something outside of
    /// its folder; if the schema applies to itself without end, or checking one value with it would take too much work.
    pub fn of_file(
        file: &str,
        files: &BTreeMap<String, String>,
        formats: Formats,
    ) -> Result<Self, SchemaError> {
        let documents = Documents::read(file, files)?;
        bounds::check(&documents)?;
        let members = properties::members_of(&documents);
        let required = properties::required_of(&documents);
        let validator = OnceLock::new();
        Ok(Self { inner: Arc::new(Inner { documents, formats, members, required, validator }) })
    }

    /// The document that is in the schema's own file.
    #[must_use]
    pub fn root(&self) -> &Value {
        self.inner.documents.root().value
    }

    /// The documents of the other files that it refers to, with the names of the files.
    pub fn other_files(&self) -> impl Iterator<Item = (&str, &Value)> {
        let documents = &self.inner.documents;
        documents.files().filter(|(name, _)| *name != documents.root_file())
    }

    /// Whether the keyword `format` is checked.
    #[must_use]
    pub fn formats(&self) -> Formats {
        self.inner.formats
    }

    /// Compiles the schema, if it is not compiled yet.
    ///
    /// # Errors
    /// If a document does not fit the schema of its draft, a reference names nothing, a pattern is not valid, or a
    /// format is asserted that is not known. Every call returns the same error.
    pub fn compile(&self) -> Result<(), Arc<SchemaError>> {
        self.validator().map(|_| ())
    }

    /// The first problem of `value`, with its JSON Pointer; or the problem of the schema if that cannot be used. `None`
    /// if the value fits. Nothing of the value is quoted.
    #[must_use]
    pub fn problem(&self, value: &Value) -> Option<String> {
        match self.check(value) {
            Ok(()) => None,
            Err(Unfit::Value(violation)) => {
                Some(format!("`{}`: {}", violation.at, violation.problem))
            }
            Err(Unfit::Schema(error)) => Some(format!("the schema cannot be used: {error}")),
        }
    }

    /// Checks a value, and compiles the schema first if that was not done.
    ///
    /// # Errors
    /// The first violation that is found, or the error of [`Schema::compile`].
    pub(crate) fn check(&self, value: &Value) -> Result<(), Unfit> {
        let validator = self.validator().map_err(Unfit::Schema)?;
        validator.check(value).map_err(Unfit::Value)
    }

    fn validator(&self) -> Result<&Validator, Arc<SchemaError>> {
        let compiled = self.inner.validator.get_or_init(|| {
            Validator::compile(&self.inner.documents, self.inner.formats).map_err(Arc::new)
        });
        compiled.as_ref().map_err(Arc::clone)
    }

    /// The types that a value at this place may have. `None` if the schema does not restrict them.
    ///
    /// # Errors
    /// Why no value can be there, or why the schema does not declare the place.
    pub(crate) fn types_at(&self, path: &[PathToken]) -> Result<Option<Vec<Type>>, String> {
        let documents = &self.inner.documents;
        match declared(documents, path) {
            Declared::As(nodes) => Ok(types_of_any(documents, &nodes)),
            Declared::Anything => Ok(None),
            Declared::No { problem } => Err(problem),
        }
    }

    /// The names of the members that every value has to have.
    pub(crate) fn required(&self) -> &[String] {
        &self.inner.required
    }
}

#[cfg(test)]
mod tests;
