//! The second opinion: the canonical form of `jsonschema`, which compares sets of values.
//!
//! It is asked about schemas in one form, draft 2020-12 without anything that is not modelled. It is
//! experimental: no verdict rests on it where an example speaks against it.

use jsonschema::Draft;
use jsonschema::canonical::{CanonicalSchema, Containment};
use serde_json::{Map, Number, Value, json};

use crate::document::pattern_options;
use crate::schema::{Arena, NodeId, Rules};
use crate::types::Types;

/// What the library says of two schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opinion {
    /// All that is valid by the writer's schema is valid by the reader's.
    Covered,
    /// Something is not.
    NotCovered,
    Unknown,
}

pub(crate) fn opinion(arena: &Arena, writer: NodeId, reader: NodeId) -> Opinion {
    let (Some(writer), Some(reader)) = (canonical(arena, writer), canonical(arena, reader)) else {
        return Opinion::Unknown;
    };
    match reader.covers(&writer) {
        Ok(Containment::Yes) => Opinion::Covered,
        Ok(Containment::No) => Opinion::NotCovered,
        Ok(Containment::Unknown) | Err(_) => Opinion::Unknown,
    }
}

fn canonical(arena: &Arena, root: NodeId) -> Option<CanonicalSchema> {
    let schema = emit(arena, root)?;
    jsonschema::canonical::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .with_pattern_options(pattern_options())
        .offline()
        .canonicalize(&schema)
        .ok()
}

/// A schema of the arena as one document. `None`: a keyword in it is not modelled.
pub(crate) fn emit(arena: &Arena, root: NodeId) -> Option<Value> {
    let mut emission = Emission { arena, definitions: Map::new(), waiting: Vec::new() };
    let mut document = Map::new();
    document.insert("$ref".to_owned(), emission.reference(root));
    while let Some(schema) = emission.waiting.pop() {
        let emitted = emission.schema(schema)?;
        emission.definitions.insert(name(schema), emitted);
    }
    document.insert("$defs".to_owned(), Value::Object(emission.definitions));
    Some(Value::Object(document))
}

fn name(schema: NodeId) -> String {
    format!("{schema:?}")
}

struct Emission<'a> {
    arena: &'a Arena,
    definitions: Map<String, Value>,
    waiting: Vec<NodeId>,
}

impl Emission<'_> {
    fn reference(&mut self, schema: NodeId) -> Value {
        if self.definitions.insert(name(schema), Value::Null).is_none() {
            self.waiting.push(schema);
        }
        json!(format!("#/$defs/{}", name(schema)))
    }

    fn schema(&mut self, schema: NodeId) -> Option<Value> {
        let rules = self.arena.rules(schema);
        if rules.nothing {
            return Some(Value::Bool(false));
        }
        if !rules.opaque.is_empty() {
            return None;
        }
        let mut members = Map::new();
        emit_scalars(rules, &mut members);
        self.emit_object(rules, &mut members)?;
        self.emit_array(rules, &mut members)?;
        self.emit_combinations(rules, &mut members)?;
        Some(Value::Object(members))
    }

    fn schemas(&mut self, schemas: &[NodeId]) -> Option<Value> {
        schemas.iter().map(|&schema| self.schema(schema)).collect()
    }

    fn map<'s>(
        &mut self,
        schemas: impl Iterator<Item = (&'s String, &'s NodeId)>,
    ) -> Option<Value> {
        let members = schemas.map(|(name, &schema)| Some((name.clone(), self.schema(schema)?)));
        members.collect()
    }

    fn emit_object(&mut self, rules: &Rules, members: &mut Map<String, Value>) -> Option<()> {
        let object = &rules.object;
        if !object.required.is_empty() {
            members.insert("required".to_owned(), json!(object.required));
        }
        insert(members, "minProperties", object.min_properties);
        insert(members, "maxProperties", object.max_properties);
        if !object.dependent_required.is_empty() {
            members.insert("dependentRequired".to_owned(), json!(object.dependent_required));
        }
        let maps = [
            ("properties", &object.properties),
            ("patternProperties", &object.patterns),
            ("dependentSchemas", &object.dependent_schemas),
        ];
        for (keyword, schemas) in maps {
            if !schemas.is_empty() {
                let emitted = self.map(schemas.iter())?;
                members.insert(keyword.to_owned(), emitted);
            }
        }
        self.emit_one("additionalProperties", object.additional, members)?;
        self.emit_one("propertyNames", object.names, members)
    }

    fn emit_array(&mut self, rules: &Rules, members: &mut Map<String, Value>) -> Option<()> {
        let array = &rules.array;
        insert(members, "minItems", array.min_items);
        insert(members, "maxItems", array.max_items);
        if array.unique {
            members.insert("uniqueItems".to_owned(), Value::Bool(true));
        }
        if !array.prefix.is_empty() {
            members.insert("prefixItems".to_owned(), self.schemas(&array.prefix)?);
        }
        if let Some(contains) = array.contains {
            members.insert("contains".to_owned(), self.schema(contains.item)?);
            insert(members, "minContains", Some(contains.min));
            insert(members, "maxContains", contains.max);
        }
        self.emit_one("items", array.items, members)
    }

    fn emit_combinations(&mut self, rules: &Rules, members: &mut Map<String, Value>) -> Option<()> {
        let mut all_of = Vec::new();
        for &target in &rules.references {
            all_of.push(json!({ "$ref": self.reference(target) }));
        }
        for &schema in &rules.all_of {
            all_of.push(self.schema(schema)?);
        }
        if !all_of.is_empty() {
            members.insert("allOf".to_owned(), Value::Array(all_of));
        }
        for (keyword, branches) in [("anyOf", &rules.any_of), ("oneOf", &rules.one_of)] {
            if let Some(branches) = branches {
                members.insert(keyword.to_owned(), self.schemas(branches)?);
            }
        }
        self.emit_one("not", rules.not, members)?;
        if let Some(condition) = rules.condition {
            self.emit_one("if", Some(condition.test), members)?;
            self.emit_one("then", condition.then, members)?;
            self.emit_one("else", condition.otherwise, members)?;
        }
        Some(())
    }

    fn emit_one(
        &mut self,
        keyword: &str,
        schema: Option<NodeId>,
        members: &mut Map<String, Value>,
    ) -> Option<()> {
        if let Some(schema) = schema {
            members.insert(keyword.to_owned(), self.schema(schema)?);
        }
        Some(())
    }
}

fn insert(members: &mut Map<String, Value>, keyword: &str, count: Option<u64>) {
    members.extend(count.map(|count| (keyword.to_owned(), json!(count))));
}

fn emit_scalars(rules: &Rules, members: &mut Map<String, Value>) {
    let (number, text) = (&rules.number, &rules.text);
    if let Some(types) = rules.types {
        members.insert("type".to_owned(), emit_types(types));
    }
    if let Some(values) = &rules.one_of_values {
        members.insert("enum".to_owned(), json!(values));
    }
    if let Some(constant) = &rules.constant {
        members.insert("const".to_owned(), constant.clone());
    }
    let numbers: [(&str, &Option<Number>); 5] = [
        ("minimum", &number.minimum),
        ("exclusiveMinimum", &number.exclusive_minimum),
        ("maximum", &number.maximum),
        ("exclusiveMaximum", &number.exclusive_maximum),
        ("multipleOf", &number.multiple_of),
    ];
    for (keyword, number) in numbers {
        let number = number.clone().map(Value::Number);
        members.extend(number.map(|number| (keyword.to_owned(), number)));
    }
    insert(members, "minLength", text.min_length);
    insert(members, "maxLength", text.max_length);
    for (keyword, text) in [("pattern", &text.pattern), ("format", &text.format)] {
        let text = text.clone().map(Value::String);
        members.extend(text.map(|text| (keyword.to_owned(), text)));
    }
}

fn emit_types(types: Types) -> Value {
    json!(types.names())
}
