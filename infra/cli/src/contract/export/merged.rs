//! What a JSON Schema says of one place, put together from its references and its `allOf`.

use std::collections::{BTreeMap, BTreeSet};

use contracts::{Schema, pointer_tokens};
use serde_json::Value;

/// The most references that are followed for one place.
const MOST_STEPS: usize = 100;

/// A part of a schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    schema: &'a Schema,
    /// The document that references are relative to.
    document: &'a Value,
    value: &'a Value,
}

/// What a part says, with everything that it refers to.
#[derive(Debug, Default)]
pub(super) struct Merged<'a> {
    /// The types that a value may have. `None` if it may have any.
    pub(super) types: Option<BTreeSet<&'a str>>,
    /// All keywords but `properties`, `required` and `items`. The outermost of each counts.
    keywords: BTreeMap<&'a str, &'a Value>,
    pub(super) properties: BTreeMap<&'a str, Part<'a>>,
    pub(super) required: BTreeSet<&'a str>,
    pub(super) items: Option<Part<'a>>,
}

impl<'a> Part<'a> {
    pub(super) fn root(schema: &'a Schema) -> Self {
        Self { schema, document: schema.root(), value: schema.root() }
    }

    pub(super) fn merged(self) -> Merged<'a> {
        let mut merged = Merged::default();
        let mut steps = 0;
        merged.add(self, &mut steps);
        merged
    }

    fn at(self, value: &'a Value) -> Self {
        Self { value, ..self }
    }

    /// The part that a reference names: `#/definitions/a`, `file.json` or `file.json#/definitions/a`. `None` for other
    /// references, such as one to an anchor.
    fn target(self, reference: &str) -> Option<Self> {
        let (file, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let document = if file.is_empty() {
            self.document
        } else {
            self.schema.other_files().find(|(name, _)| *name == file)?.1
        };
        let mut value = document;
        for token in pointer_tokens(fragment)? {
            value = match value {
                Value::Object(members) => members.get(&token)?,
                Value::Array(items) => items.get(contracts::pointer_index(&token)?)?,
                _ => return None,
            };
        }
        Some(Self { document, value, ..self })
    }
}

impl<'a> Merged<'a> {
    fn add(&mut self, part: Part<'a>, steps: &mut usize) {
        *steps += 1;
        let Value::Object(keywords) = part.value else { return };
        if *steps > MOST_STEPS {
            return;
        }
        for (name, value) in keywords {
            match (name.as_str(), value) {
                ("type", _) => self.restrict(types_of(value)),
                ("properties", Value::Object(members)) => {
                    for (name, member) in members {
                        self.properties.entry(name).or_insert(part.at(member));
                    }
                }
                ("required", Value::Array(names)) => {
                    self.required.extend(names.iter().filter_map(Value::as_str));
                }
                ("items", Value::Object(_)) => self.items = Some(part.at(value)),
                ("$ref" | "allOf", _) => {}
                _ => drop(self.keywords.entry(name).or_insert(value)),
            }
        }
        if let Some(target) =
            keywords.get("$ref").and_then(Value::as_str).and_then(|it| part.target(it))
        {
            self.add(target, steps);
        }
        for one in keywords.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.add(part.at(one), steps);
        }
        for name in ["anyOf", "oneOf"] {
            let Some(branches) = keywords.get(name).and_then(Value::as_array) else { continue };
            let mut types = Some(BTreeSet::new());
            for branch in branches {
                let mut merged = Merged::default();
                merged.add(part.at(branch), steps);
                types = types
                    .zip(merged.types)
                    .map(|(all, these)| all.union(&these).copied().collect());
            }
            if let Some(types) = types {
                self.restrict(types);
            }
        }
    }

    fn restrict(&mut self, types: BTreeSet<&'a str>) {
        self.types = Some(match self.types.take() {
            Some(known) => known.intersection(&types).copied().collect(),
            None => types,
        });
    }

    pub(super) fn text(&self, keyword: &str) -> Option<&'a str> {
        self.keywords.get(keyword)?.as_str()
    }

    pub(super) fn value(&self, keyword: &str) -> Option<&'a Value> {
        self.keywords.get(keyword).copied()
    }

    /// Whether null is allowed, or nothing is said about it.
    pub(super) fn is_nullable(&self) -> bool {
        self.types.as_ref().is_none_or(|types| types.contains("null"))
    }

    /// The only type besides null. `None` if there are several, or any is allowed.
    pub(super) fn only_type(&self) -> Option<&'a str> {
        let mut types = self.types.as_ref()?.iter().filter(|kind| **kind != "null");
        match (types.next(), types.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }
}

fn types_of(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::String(only) => BTreeSet::from([only.as_str()]),
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    }
}
