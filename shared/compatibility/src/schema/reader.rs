//! Reads the schemas of a version into the arena: finds where references lead, and under which draft.

use std::collections::{BTreeMap, HashMap};

use jsonschema::Draft;
use referencing::Resolver;
use serde_json::{Map, Value};

use super::{Arena, Node, NodeId, Rules};
use crate::document::{Resolved, supported_draft};
use crate::{Formats, SchemaDocument};

/// Where a value is written: its document's name and its JSON Pointer.
type Place = (String, String);

/// The documents, by where their values are in memory: that is how a value that a reference leads to is
/// recognized. The documents are borrowed all the while.
pub(super) struct Places {
    by_address: HashMap<usize, Place>,
}

impl Places {
    fn of(document: &SchemaDocument) -> Self {
        let mut places = Self { by_address: HashMap::new() };
        places.add(&document.root, "", String::new());
        for (name, file) in &document.files {
            places.add(file, name, String::new());
        }
        places
    }

    fn add(&mut self, value: &Value, document: &str, pointer: String) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    self.add(member, document, format!("{pointer}/{}", escaped(name)));
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.add(item, document, format!("{pointer}/{index}"));
                }
            }
            _ => {}
        }
        self.by_address.insert(address(value), (document.to_owned(), pointer));
    }
}

fn address(value: &Value) -> usize {
    std::ptr::from_ref(value) as usize
}

/// A name as a token of a JSON Pointer (RFC 6901, section 3).
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A schema that is still to be read.
struct Waiting<'a> {
    id: NodeId,
    value: &'a Value,
    resolver: Resolver<'a>,
    draft: Draft,
}

pub(super) struct Reader<'a, 'b> {
    arena: &'b mut Arena,
    places: Places,
    known: HashMap<usize, NodeId>,
    waiting: Vec<Waiting<'a>>,
    pub(super) formats: Formats,
    dynamic_anchors: BTreeMap<String, usize>,
}

impl Arena {
    /// # Errors
    /// With a fragment of a sentence, where a reference leads nowhere.
    pub(crate) fn read<'a>(
        &mut self,
        document: &'a SchemaDocument,
        resolved: &'a Resolved<'a>,
    ) -> Result<NodeId, String> {
        let mut dynamic_anchors = BTreeMap::new();
        for value in std::iter::once(&document.root).chain(document.files.values()) {
            count_dynamic_anchors(value, &mut dynamic_anchors);
        }
        let mut reader = Reader {
            arena: self,
            places: Places::of(document),
            known: HashMap::new(),
            waiting: Vec::new(),
            formats: document.formats,
            dynamic_anchors,
        };
        let resolver = resolved.registry.resolver(resolved.base.clone());
        let root = reader.enqueue(&document.root, resolver, resolved.draft)?;
        while let Some(next) = reader.waiting.pop() {
            reader.read(next)?;
        }
        Ok(root)
    }
}

impl<'a> Reader<'a, '_> {
    fn enqueue(
        &mut self,
        value: &'a Value,
        resolver: Resolver<'a>,
        draft: Draft,
    ) -> Result<NodeId, String> {
        if let Some(id) = self.known.get(&address(value)) {
            return Ok(*id);
        }
        let place = self.places.by_address.get(&address(value)).cloned();
        let (document, pointer) =
            place.ok_or("a reference leads out of the given documents".to_owned())?;
        let text = refers_to_nothing(value).then(|| canonical_text(value, draft, self.formats));
        let id = self.arena.add(Node { document, pointer, rules: Rules::default(), text });
        self.known.insert(address(value), id);
        self.waiting.push(Waiting { id, value, resolver, draft });
        Ok(id)
    }

    fn read(&mut self, waiting: Waiting<'a>) -> Result<(), String> {
        let mut rules = Rules::default();
        match waiting.value {
            Value::Bool(valid) => rules.nothing = !valid,
            Value::Object(members) => {
                let draft = supported_draft(waiting.value, waiting.draft)?;
                let resource = draft.create_resource_ref(waiting.value);
                let resolver = waiting.resolver.in_subresource(resource);
                let resolver = resolver.map_err(|error| format!("an `$id` is broken: {error}"))?;
                let scope = Scope { members, resolver, draft };
                self.read_members(&scope, &mut rules)?;
            }
            _ => {
                let place = &self.arena.node(waiting.id).pointer;
                return Err(format!("`{place}` is neither an object nor a truth value"));
            }
        }
        self.arena.nodes[waiting.id.0].rules = rules;
        Ok(())
    }

    /// The schema below a keyword of the one that is read.
    pub(super) fn child(&mut self, scope: &Scope<'a>, value: &'a Value) -> Result<NodeId, String> {
        self.enqueue(value, scope.resolver.clone(), scope.draft)
    }

    pub(super) fn reference(
        &mut self,
        scope: &Scope<'a>,
        reference: &str,
    ) -> Result<NodeId, String> {
        let found = scope.resolver.lookup(reference);
        let found =
            found.map_err(|error| format!("the reference `{reference}` is broken: {error}"))?;
        let (value, resolver, draft) = found.into_inner();
        self.enqueue(value, resolver, draft)
    }

    /// Whether only one place has this anchor: then a dynamic reference to it is a plain one.
    pub(super) fn is_only_dynamic_anchor(&self, name: &str) -> bool {
        self.dynamic_anchors.get(name).is_none_or(|&count| count == 1)
    }
}

/// The schema that is read, and what references in it are relative to.
pub(super) struct Scope<'a> {
    pub(super) members: &'a Map<String, Value>,
    resolver: Resolver<'a>,
    pub(super) draft: Draft,
}

/// The key that stands for `$recursiveAnchor: true`.
pub(super) const RECURSIVE: &str = "$recursiveAnchor";

fn count_dynamic_anchors(value: &Value, counts: &mut BTreeMap<String, usize>) {
    match value {
        Value::Object(members) => {
            if let Some(name) = members.get("$dynamicAnchor").and_then(Value::as_str) {
                *counts.entry(name.to_owned()).or_default() += 1;
            }
            if members.get("$recursiveAnchor") == Some(&Value::Bool(true)) {
                *counts.entry(RECURSIVE.to_owned()).or_default() += 1;
            }
            members.values().for_each(|member| count_dynamic_anchors(member, counts));
        }
        Value::Array(items) => items.iter().for_each(|item| count_dynamic_anchors(item, counts)),
        _ => {}
    }
}

fn refers_to_nothing(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().all(|(name, member)| {
            !matches!(name.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef" | "$id" | "$schema")
                && refers_to_nothing(member)
        }),
        Value::Array(items) => items.iter().all(refers_to_nothing),
        _ => true,
    }
}

/// The text of a schema with its members sorted. The draft is part of it, and what formats do: the same
/// keyword may mean something else there.
fn canonical_text(value: &Value, draft: Draft, formats: Formats) -> String {
    format!("{draft:?} {formats:?} {}", sorted(value))
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, &Value> = members.iter().collect();
            members.into_iter().map(|(name, member)| (name.clone(), sorted(member))).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
