//! A version of a schema: its documents, and the validator that judges examples by it.

use std::collections::BTreeMap;

use jsonschema::{Draft, PatternOptions, Validator};
use referencing::{Registry, Uri};
use serde_json::Value;

/// One version of a schema: a root document, and the other documents of its folder.
///
/// A `$ref` leads to a place in these documents, and nothing else is ever read. A document is found by
/// its `$id`, or by its file name relative to the root document.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaDocument {
    /// The document that events are valid by.
    pub root: Value,
    /// The other documents, by file name.
    pub files: BTreeMap<String, Value>,
    /// Whether `format` rejects texts.
    pub formats: Formats,
}

/// What the keyword `format` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Formats {
    /// A text that does not have the format is invalid.
    Asserted,
    /// A format says something about a text and rejects none.
    Annotations,
}

impl SchemaDocument {
    /// A version that has no other documents.
    #[must_use]
    pub fn new(root: Value, formats: Formats) -> Self {
        Self { root, files: BTreeMap::new(), formats }
    }
}

/// Where the root document is, unless its `$id` says otherwise. Nothing is read from there.
const HOME: &str = "json-schema:///schema.json";

/// How often a regular expression may go back before its verdict is given up.
const BACKTRACKS: usize = 20_000;
/// The bytes that a compiled regular expression may take.
const PATTERN_BYTES: usize = 1 << 20;

/// A version whose references can be followed.
pub(crate) struct Resolved<'a> {
    pub(crate) registry: Registry<'a>,
    pub(crate) base: Uri<String>,
    pub(crate) draft: Draft,
}

/// # Errors
/// With a fragment of a sentence, where the version is none that this crate reads.
pub(crate) fn resolve(document: &SchemaDocument) -> Result<Resolved<'_>, String> {
    let draft = supported_draft(&document.root, Draft::Draft202012)?;
    let id = document.root.get("$id").and_then(Value::as_str).unwrap_or_default();
    let home = referencing::uri::from_str(HOME).map_err(|error| error.to_string())?;
    let base = if id.is_empty() || id.starts_with('#') {
        home
    } else {
        referencing::uri::resolve_against(&home.borrow(), id.trim_end_matches('#'))
            .map_err(|error| format!("its `$id` is no URI: {error}"))?
    };
    let mut builder = Registry::new().draft(draft).retriever(Offline);
    builder = builder.add(base.as_str(), &document.root).map_err(|error| error.to_string())?;
    for (name, file) in &document.files {
        supported_draft(file, draft).map_err(|problem| format!("`{name}`: {problem}"))?;
        let place = referencing::uri::resolve_against(&base.borrow(), name).map_err(|error| {
            format!("`{name}` is no file name that a reference can have: {error}")
        })?;
        builder = builder.add(place.as_str(), file).map_err(|error| error.to_string())?;
    }
    let registry = builder.prepare().map_err(|error| format!("a reference is broken: {error}"))?;
    Ok(Resolved { registry, base, draft })
}

/// The draft of a schema, which is `default` where it names none.
pub(crate) fn supported_draft(schema: &Value, default: Draft) -> Result<Draft, String> {
    let Some(name) = schema.get("$schema") else { return Ok(default) };
    let draft = name.as_str().map(|name| Draft::from_schema_uri(name.trim_end_matches('#')));
    match draft {
        Some(draft @ (Draft::Draft7 | Draft::Draft201909 | Draft::Draft202012)) => Ok(draft),
        _ => Err(format!(
            "its `$schema` is {name}, and only drafts 7, 2019-09 and 2020-12 are compared"
        )),
    }
}

/// The validator of a version, by the library's own reading of the documents.
pub(crate) fn validator(
    resolved: &Resolved<'_>,
    document: &SchemaDocument,
) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(resolved.draft)
        .with_registry(&resolved.registry)
        .with_base_uri(resolved.base.as_str())
        .with_retriever(Offline)
        .should_validate_formats(document.formats == Formats::Asserted)
        .with_pattern_options(pattern_options())
        .build(&document.root)
        .map_err(|error| format!("it is not a valid schema: {error}"))
}

pub(crate) fn pattern_options() -> PatternOptions<jsonschema::FancyRegex> {
    PatternOptions::fancy_regex()
        .backtrack_limit(BACKTRACKS)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
}

/// Fetches nothing.
struct Offline;

impl referencing::Retrieve for Offline {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("`{uri}` is none of the given documents, and nothing is fetched").into())
    }
}

/// What a validator says of a document. `None`: it gave up, at a regular expression.
pub(crate) fn judge(validator: &Validator, document: &Value) -> Option<bool> {
    if validator.is_valid(document) {
        return Some(true);
    }
    let gave_up = validator.iter_errors(document).any(|error| {
        matches!(
            error.kind(),
            jsonschema::error::ValidationErrorKind::BacktrackLimitExceeded { .. }
        )
    });
    (!gave_up).then_some(false)
}
