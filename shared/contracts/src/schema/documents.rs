//! Reads the JSON Schema documents of a dataset's folder, and resolves their references.
//!
//! A schema may only refer to files beside it. Files that nothing refers to are not read.

mod uri;

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};

use self::uri::{directory, join};
use crate::error::SchemaError;

/// The base URI of the documents that have no `$id`.
const FOLDER: &str = "sluicegate:///";

/// The largest size of all documents of one schema together.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The drafts that are accepted: <https://json-schema.org/specification#published-drafts>.
const DRAFTS: [&str; 3] = [
    "json-schema.org/draft/2020-12/schema",
    "json-schema.org/draft/2019-09/schema",
    "json-schema.org/draft-07/schema",
];

/// The beginning of a resource or the place of an anchor: a file, and a JSON Pointer in it.
#[derive(Clone, Debug)]
struct Position {
    file: String,
    pointer: String,
}

/// A subschema in one of the documents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) value: &'a Value,
    /// The URI that its references are resolved against.
    base: &'a str,
}

/// The documents that one schema consists of.
#[derive(Debug)]
pub(crate) struct Documents {
    /// The documents by the names of their files.
    files: BTreeMap<String, Value>,
    root_file: String,
    /// The absolute URI of the root document.
    root_uri: String,
    /// Every document and every subschema with an `$id`, by absolute URI without a fragment.
    resources: BTreeMap<String, Position>,
    /// By the absolute URI of the resource, and the name of the anchor.
    anchors: BTreeMap<(String, String), Position>,
}

impl Documents {
    /// Reads the file `root` and all files that it refers to, from the texts of a folder's files.
    ///
    /// # Errors
    /// If a file is missing, is not JSON, is written in a draft that is not accepted, or refers to something outside of
    /// the folder; if the files are too large together.
    pub(crate) fn read(root: &str, texts: &BTreeMap<String, String>) -> Result<Self, SchemaError> {
        let mut documents = Self {
            files: BTreeMap::new(),
            root_file: root.to_owned(),
            root_uri: format!("{FOLDER}{root}"),
            resources: BTreeMap::new(),
            anchors: BTreeMap::new(),
        };
        let folder = Folder { texts, by_id: OnceCell::new() };
        let mut bytes = 0;
        let mut waiting = vec![root.to_owned()];
        while let Some(file) = waiting.pop() {
            if documents.files.contains_key(&file) {
                continue;
            }
            let text =
                texts.get(&file).ok_or_else(|| SchemaError::Missing { file: file.clone() })?;
            bytes += text.len();
            if bytes > MAX_BYTES {
                let problem = format!("the schema's files have more than {MAX_BYTES} bytes");
                return Err(SchemaError::at(&file, "", &problem));
            }
            let value: Value = serde_json::from_str(text)
                .map_err(|source| SchemaError::Json { file: file.clone(), source })?;
            let references = documents.add(&file, value)?;
            for reference in references {
                if let Some(name) = documents.file_of(&reference, &folder, &file)? {
                    waiting.push(name);
                }
            }
        }
        Ok(documents)
    }

    /// Adds one document, and returns its references.
    fn add(&mut self, file: &str, value: Value) -> Result<Vec<Reference>, SchemaError> {
        if !value.is_object() && !value.is_boolean() {
            return Err(SchemaError::at(file, "", "a schema is an object, `true` or `false`"));
        }
        check_draft(file, &value)?;
        let retrieved_from = format!("{}{file}", directory(&self.root_uri));
        let start = Position { file: file.to_owned(), pointer: String::new() };
        self.resources.insert(retrieved_from.clone(), start);
        let mut found =
            Found { file, references: Vec::new(), uris: HashSet::new(), documents: self };
        found.walk(&value, &retrieved_from, String::new());
        let references = found.references;
        if self.files.is_empty()
            && let Some(id) = identifier(&value)
        {
            self.root_uri = join(&retrieved_from, id);
        }
        self.files.insert(file.to_owned(), value);
        Ok(references)
    }

    /// The name of the file that has to be read for a reference. `None` if its target is known already, or is the
    /// schema of a draft.
    fn file_of(
        &self,
        reference: &Reference,
        folder: &Folder<'_>,
        file: &str,
    ) -> Result<Option<String>, SchemaError> {
        let uri = reference.uri.as_str();
        if self.resources.contains_key(uri) || uri.contains("://json-schema.org/") {
            return Ok(None);
        }
        let beside = directory(uri);
        let name = &uri[beside.len()..];
        if beside == directory(&self.root_uri) && folder.texts.contains_key(name) {
            return Ok(Some(name.to_owned()));
        }
        if let Some(name) = folder.file_with_id(uri) {
            return Ok(Some(name.to_owned()));
        }
        let problem = format!(
            "`{}` is no file of the dataset's folder; a schema refers to nothing else",
            reference.text
        );
        Err(SchemaError::at(file, &reference.at, &problem))
    }

    /// The subschema that is the whole root document.
    pub(crate) fn root(&self) -> Node<'_> {
        let value = self.files.get(&self.root_file).unwrap_or(&Value::Bool(true));
        Node { value, base: self.resource_uri(&self.root_uri) }
    }

    pub(crate) fn root_file(&self) -> &str {
        &self.root_file
    }

    /// The absolute URI of the root document.
    pub(crate) fn root_uri(&self) -> &str {
        &self.root_uri
    }

    /// Every resource with its absolute URI. A document that has an `$id` is listed under two URIs.
    pub(crate) fn by_uri(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.resources.iter().filter_map(|(uri, position)| {
            let value = self.files.get(&position.file)?.pointer(&position.pointer)?;
            Some((uri.as_str(), value))
        })
    }

    /// Every document with the name of its file.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.files.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The subschema `value`, which is directly within `parent`.
    pub(crate) fn child<'a>(&'a self, parent: Node<'a>, value: &'a Value) -> Node<'a> {
        let base = match identifier(value) {
            Some(id) => self.resource_uri(&join(parent.base, id)),
            None => parent.base,
        };
        Node { value, base: if base.is_empty() { parent.base } else { base } }
    }

    /// The subschema that a reference in `node` names. `None` if it names nothing in these documents.
    pub(crate) fn resolve<'a>(&'a self, node: Node<'a>, reference: &str) -> Option<Node<'a>> {
        let (uri, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let uri = join(node.base, uri);
        let (base, position) = self.resources.get_key_value(&uri)?;
        let resource = self.files.get(&position.file)?.pointer(&position.pointer)?;
        let value = if fragment.is_empty() {
            resource
        } else if fragment.starts_with('/') {
            resource.pointer(&uri::percent_decoded(fragment)?)?
        } else {
            let anchor = self.anchors.get(&(uri, fragment.to_owned()))?;
            self.files.get(&anchor.file)?.pointer(&anchor.pointer)?
        };
        Some(Node { value, base })
    }

    fn resource_uri(&self, uri: &str) -> &str {
        self.resources.get_key_value(uri).map_or("", |(uri, _)| uri.as_str())
    }
}

/// The files of a dataset's folder.
struct Folder<'a> {
    /// The texts by the names of the files.
    texts: &'a BTreeMap<String, String>,
    /// The names of the files by the `$id`s of their documents. Most schemas never ask for it, so it is made when one does.
    by_id: OnceCell<BTreeMap<String, &'a str>>,
}

impl Folder<'_> {
    /// The file whose document has this `$id`.
    fn file_with_id(&self, uri: &str) -> Option<&str> {
        let by_id = self.by_id.get_or_init(|| {
            let mut by_id = BTreeMap::new();
            for (name, text) in self.texts {
                let document: Option<Value> = serde_json::from_str(text).ok();
                if let Some(id) = document.as_ref().and_then(identifier) {
                    by_id.entry(id.to_owned()).or_insert(name.as_str());
                }
            }
            by_id
        });
        by_id.get(uri).copied()
    }
}

/// A reference to another document.
struct Reference {
    /// The reference as the file has it.
    text: String,
    /// The absolute URI of the resource that it names, without a fragment.
    uri: String,
    /// The JSON Pointer of the reference in its file.
    at: String,
}

/// Collects the resources, anchors and references of one document.
struct Found<'a> {
    file: &'a str,
    /// The first reference to each resource.
    references: Vec<Reference>,
    /// The URIs of these resources.
    uris: HashSet<String>,
    documents: &'a mut Documents,
}

impl Found<'_> {
    fn walk(&mut self, value: &Value, base: &str, pointer: String) {
        match value {
            Value::Object(members) => self.walk_object(members, base, &pointer),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.walk(item, base, format!("{pointer}/{index}"));
                }
            }
            _ => {}
        }
    }

    fn walk_object(&mut self, members: &Map<String, Value>, base: &str, pointer: &str) {
        let position = Position { file: self.file.to_owned(), pointer: pointer.to_owned() };
        let mut base = base.to_owned();
        match members.get("$id").and_then(Value::as_str) {
            // In draft 7, an `$id` that begins with `#` is an anchor:
            // <https://json-schema.org/draft-07/json-schema-core#rfc.section.8.2.3>.
            Some(id) if id.starts_with('#') => {
                let name = id[1..].to_owned();
                self.documents.anchors.insert((base.clone(), name), position.clone());
            }
            Some(id) => {
                base = join(&base, id);
                self.documents.resources.insert(base.clone(), position.clone());
            }
            None => {}
        }
        for keyword in ["$anchor", "$dynamicAnchor"] {
            if let Some(name) = members.get(keyword).and_then(Value::as_str) {
                self.documents.anchors.insert((base.clone(), name.to_owned()), position.clone());
            }
        }
        for (name, value) in members {
            let at = format!("{pointer}{}", event::pointer_to(name));
            match (name.as_str(), value) {
                ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(text)) => {
                    let uri = join(&base, text.split('#').next().unwrap_or_default());
                    if self.uris.insert(uri.clone()) {
                        self.references.push(Reference { text: text.clone(), uri, at });
                    }
                }
                // The values of these keywords are examples of values, not subschemas.
                ("enum" | "const" | "default" | "examples", _) => {}
                _ => self.walk(value, &base, at),
            }
        }
    }
}

/// The `$id` of a subschema without its empty fragment. `None` if it has none, or if its `$id` is an anchor of draft 7.
fn identifier(value: &Value) -> Option<&str> {
    let id = value.get("$id")?.as_str()?;
    if id.starts_with('#') { None } else { Some(id.trim_end_matches('#')) }
}

/// Whether the draft that the `$schema` of a document names is accepted. Without one, it is the newest.
fn has_accepted_draft(value: &Value) -> bool {
    let Some(dialect) = value.get("$schema") else { return true };
    let uri = dialect.as_str().unwrap_or_default().trim_end_matches('#');
    let name = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"));
    name.is_some_and(|name| DRAFTS.contains(&name))
}

fn check_draft(file: &str, value: &Value) -> Result<(), SchemaError> {
    if has_accepted_draft(value) {
        return Ok(());
    }
    let problem = "expected the URI of JSON Schema 2020-12, 2019-09 or draft 7, such as \
                   https://json-schema.org/draft/2020-12/schema";
    Err(SchemaError::at(file, "/$schema", problem))
}

#[cfg(test)]
mod tests;
