//! Keywords of each draft into [`Rules`].
//!
//! What a draft does not know is ignored, as validators do. What is known and not modelled is named in
//! [`Rules::opaque`].

use std::collections::BTreeMap;

use jsonschema::Draft;
use serde_json::{Number, Value};

use super::reader::{RECURSIVE, Reader, Scope};
use super::{Condition, Contains, NodeId, Rules};
use crate::Formats;
use crate::number::Exact;
use crate::types::Types;

/// Keywords that evaluate members or items beside those of the same schema object.
const IN_PLACE: &[&str] = &[
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "dependentSchemas",
    "dependencies",
];

impl<'a> Reader<'a, '_> {
    pub(super) fn read_members(
        &mut self,
        scope: &Scope<'a>,
        rules: &mut Rules,
    ) -> Result<(), String> {
        self.read_references(scope, rules)?;
        if scope.draft == Draft::Draft7 && scope.members.contains_key("$ref") {
            // Draft 7, core, section 8.3: what is beside a `$ref` is ignored.
            return Ok(());
        }
        for (keyword, value) in scope.members {
            let is_known = self.read_value_rule(scope, keyword, value, rules).is_some()
                && self.read_schema_rule(scope, keyword, value, rules)?.is_some();
            if !is_known {
                rules.opaque.push(keyword.clone());
            }
        }
        self.read_condition(scope, rules)?;
        self.read_items(scope, rules)?;
        self.read_contains(scope, rules)?;
        self.read_unevaluated(scope, rules)
    }

    fn read_references(&mut self, scope: &Scope<'a>, rules: &mut Rules) -> Result<(), String> {
        if let Some(reference) = scope.members.get("$ref").and_then(Value::as_str) {
            rules.references.push(self.reference(scope, reference)?);
        }
        if scope.draft == Draft::Draft202012
            && let Some(reference) = scope.members.get("$dynamicRef").and_then(Value::as_str)
        {
            let anchor = reference.split_once('#').map_or("", |(_, anchor)| anchor);
            if self.is_only_dynamic_anchor(anchor) {
                rules.references.push(self.reference(scope, reference)?);
            } else {
                rules.opaque.push("$dynamicRef".to_owned());
            }
        }
        if scope.draft == Draft::Draft201909 && scope.members.contains_key("$recursiveRef") {
            if self.is_only_dynamic_anchor(RECURSIVE) {
                rules.references.push(self.reference(scope, "#")?);
            } else {
                rules.opaque.push("$recursiveRef".to_owned());
            }
        }
        Ok(())
    }

    /// Keywords without a schema in them. `None`: the value is none that the keyword may have.
    fn read_value_rule(
        &self,
        scope: &Scope<'a>,
        keyword: &str,
        value: &Value,
        rules: &mut Rules,
    ) -> Option<()> {
        let (number, text) = (&mut rules.number, &mut rules.text);
        let (object, array) = (&mut rules.object, &mut rules.array);
        match keyword {
            "type" => rules.types = Some(read_types(value)?),
            "enum" => rules.one_of_values = Some(value.as_array()?.clone()),
            "const" => rules.constant = Some(value.clone()),
            "minimum" => number.minimum = Some(read_number(value)?),
            "exclusiveMinimum" => number.exclusive_minimum = Some(read_number(value)?),
            "maximum" => number.maximum = Some(read_number(value)?),
            "exclusiveMaximum" => number.exclusive_maximum = Some(read_number(value)?),
            "multipleOf" => number.multiple_of = Some(read_number(value)?),
            "minLength" => text.min_length = Some(read_count(value)?),
            "maxLength" => text.max_length = Some(read_count(value)?),
            "pattern" => text.pattern = Some(value.as_str()?.to_owned()),
            "format" => {
                let format = value.as_str()?;
                if self.formats == Formats::Asserted && is_checked(scope.draft, format) {
                    text.format = Some(format.to_owned());
                }
            }
            "required" => object.required = read_names(value)?,
            "minProperties" => object.min_properties = Some(read_count(value)?),
            "maxProperties" => object.max_properties = Some(read_count(value)?),
            "minItems" => array.min_items = Some(read_count(value)?),
            "maxItems" => array.max_items = Some(read_count(value)?),
            "uniqueItems" => array.unique = value.as_bool()?,
            "dependentRequired" if scope.draft != Draft::Draft7 => {
                for (name, names) in value.as_object()? {
                    object.dependent_required.insert(name.clone(), read_names(names)?);
                }
            }
            // They reject texts in draft 7, and none since.
            "contentEncoding" | "contentMediaType" if scope.draft == Draft::Draft7 => return None,
            // They stay for those who still read them; the later drafts do not say who does.
            "dependencies" if scope.draft != Draft::Draft7 => return None,
            _ => {}
        }
        Some(())
    }

    fn read_schema_rule(
        &mut self,
        scope: &Scope<'a>,
        keyword: &str,
        value: &'a Value,
        rules: &mut Rules,
    ) -> Result<Option<()>, String> {
        match keyword {
            "properties" => return self.map(scope, value, &mut rules.object.properties),
            "patternProperties" => return self.map(scope, value, &mut rules.object.patterns),
            "additionalProperties" => rules.object.additional = Some(self.child(scope, value)?),
            "propertyNames" => rules.object.names = Some(self.child(scope, value)?),
            "dependentSchemas" if scope.draft != Draft::Draft7 => {
                return self.map(scope, value, &mut rules.object.dependent_schemas);
            }
            "dependencies" if scope.draft == Draft::Draft7 => {
                let Some(members) = value.as_object() else { return Ok(None) };
                for (name, dependency) in members {
                    if dependency.is_array() {
                        let Some(names) = read_names(dependency) else { return Ok(None) };
                        rules.object.dependent_required.insert(name.clone(), names);
                    } else {
                        let schema = self.child(scope, dependency)?;
                        rules.object.dependent_schemas.insert(name.clone(), schema);
                    }
                }
            }
            "not" => rules.not = Some(self.child(scope, value)?),
            "allOf" => match self.list(scope, value)? {
                Some(schemas) => rules.all_of = schemas,
                None => return Ok(None),
            },
            "anyOf" => {
                rules.any_of = self.list(scope, value)?;
                return Ok(rules.any_of.is_some().then_some(()));
            }
            "oneOf" => {
                rules.one_of = self.list(scope, value)?;
                return Ok(rules.one_of.is_some().then_some(()));
            }
            _ => {}
        }
        Ok(Some(()))
    }

    fn map(
        &mut self,
        scope: &Scope<'a>,
        value: &'a Value,
        into: &mut BTreeMap<String, NodeId>,
    ) -> Result<Option<()>, String> {
        let Some(members) = value.as_object() else { return Ok(None) };
        for (name, member) in members {
            into.insert(name.clone(), self.child(scope, member)?);
        }
        Ok(Some(()))
    }

    fn list(&mut self, scope: &Scope<'a>, value: &'a Value) -> Result<Option<Vec<NodeId>>, String> {
        let Some(items) = value.as_array() else { return Ok(None) };
        let mut schemas = Vec::with_capacity(items.len());
        for item in items {
            schemas.push(self.child(scope, item)?);
        }
        Ok(Some(schemas))
    }

    fn optional(&mut self, scope: &Scope<'a>, keyword: &str) -> Result<Option<NodeId>, String> {
        scope.members.get(keyword).map(|value| self.child(scope, value)).transpose()
    }

    fn read_condition(&mut self, scope: &Scope<'a>, rules: &mut Rules) -> Result<(), String> {
        if let Some(test) = self.optional(scope, "if")? {
            let then = self.optional(scope, "then")?;
            let otherwise = self.optional(scope, "else")?;
            rules.condition = Some(Condition { test, then, otherwise });
        }
        Ok(())
    }

    fn read_items(&mut self, scope: &Scope<'a>, rules: &mut Rules) -> Result<(), String> {
        let (prefix, rest) = if scope.draft == Draft::Draft202012 {
            ("prefixItems", "items")
        } else {
            ("items", "additionalItems")
        };
        match scope.members.get(prefix) {
            Some(value @ Value::Array(_)) => {
                rules.array.prefix = self.list(scope, value)?.unwrap_or_default();
                rules.array.items = self.optional(scope, rest)?;
            }
            Some(value) if scope.draft != Draft::Draft202012 => {
                rules.array.items = Some(self.child(scope, value)?);
            }
            // Without a prefix, `additionalItems` demands nothing.
            None if scope.draft != Draft::Draft202012 => {}
            _ => rules.array.items = self.optional(scope, rest)?,
        }
        Ok(())
    }

    fn read_contains(&mut self, scope: &Scope<'a>, rules: &mut Rules) -> Result<(), String> {
        let Some(item) = self.optional(scope, "contains")? else { return Ok(()) };
        let mut contains = Contains { item, min: 1, max: None };
        if scope.draft != Draft::Draft7 {
            for keyword in ["minContains", "maxContains"] {
                let Some(value) = scope.members.get(keyword) else { continue };
                match (keyword, read_count(value)) {
                    ("minContains", Some(count)) => contains.min = count,
                    ("maxContains", Some(count)) => contains.max = Some(count),
                    _ => rules.opaque.push(keyword.to_owned()),
                }
            }
        }
        rules.array.contains = Some(contains);
        Ok(())
    }

    /// `unevaluated…` is `additional…` where nothing else can evaluate; elsewhere it is not modelled.
    fn read_unevaluated(&mut self, scope: &Scope<'a>, rules: &mut Rules) -> Result<(), String> {
        if scope.draft == Draft::Draft7 {
            return Ok(());
        }
        let is_alone = !IN_PLACE.iter().any(|keyword| scope.members.contains_key(*keyword));
        if let Some(value) = scope.members.get("unevaluatedProperties") {
            if rules.object.additional.is_some() || value == &Value::Bool(true) {
                // Every member is evaluated, or none is rejected.
            } else if is_alone {
                rules.object.additional = Some(self.child(scope, value)?);
            } else {
                rules.opaque.push("unevaluatedProperties".to_owned());
            }
        }
        if let Some(value) = scope.members.get("unevaluatedItems") {
            if rules.array.items.is_some() || value == &Value::Bool(true) {
                // Every item is evaluated, or none is rejected.
            } else if is_alone && rules.array.contains.is_none() {
                rules.array.items = Some(self.child(scope, value)?);
            } else {
                rules.opaque.push("unevaluatedItems".to_owned());
            }
        }
        Ok(())
    }
}

fn read_types(value: &Value) -> Option<Types> {
    match value {
        Value::String(name) => Types::named(name),
        Value::Array(names) => {
            let mut types = Types::NONE;
            for name in names {
                types = types.or(Types::named(name.as_str()?)?);
            }
            Some(types)
        }
        _ => None,
    }
}

fn read_number(value: &Value) -> Option<Number> {
    match value {
        // A number that cannot be computed with is as good as none.
        Value::Number(number) => Exact::of(number).map(|_| number.clone()),
        _ => None,
    }
}

fn read_count(value: &Value) -> Option<u64> {
    let integer = Exact::of(value.as_number()?)?.to_integer()?;
    u64::try_from(integer).ok()
}

fn read_names(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

/// Whether the validator checks a format of that name under that draft; every other one it ignores.
fn is_checked(draft: Draft, format: &str) -> bool {
    jsonschema::options().is_known_format(draft, format)
}
