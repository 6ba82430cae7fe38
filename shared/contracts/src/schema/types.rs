//! The types of JSON Schema, and which of them a schema allows.

use serde_json::{Number, Value};

use event::Decimal;

use super::branches::{Branch, branches};
use super::documents::{Documents, Node};

/// A type of JSON Schema (2020-12, core, section 4.2.1, and `integer` of validation, section 6.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Type {
    const ALL: [Self; 7] = [
        Self::Null,
        Self::Boolean,
        Self::Integer,
        Self::Number,
        Self::String,
        Self::Array,
        Self::Object,
    ];

    /// The name of the type in JSON Schema.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    /// The type with this name in JSON Schema.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|candidate| candidate.name() == name)
    }

    /// The names of types for a message, with null last: `integer or null`.
    pub(crate) fn expectation(types: &[Self]) -> String {
        let mut names: Vec<&str> = types.iter().map(|each| each.name()).collect();
        names.sort_by_key(|name| *name == "null");
        if names.is_empty() { "nothing".to_owned() } else { names.join(" or ") }
    }

    /// The narrowest type of a value. A number whose fraction is zero is an integer.
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if integer(number.clone()).is_some() => Self::Integer,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }

    /// Whether every value of this type is also a value of the type `other`.
    fn is_within(self, other: Self) -> bool {
        self == other || (self == Self::Integer && other == Self::Number)
    }
}

/// A whole number in the notation without a point or an exponent. Spreadsheets write `141.0`, which becomes `141`.
/// `None` if the number is not whole.
pub(crate) fn integer(number: Number) -> Option<Number> {
    if !number.as_str().contains(['.', 'e', 'E']) {
        return Some(number);
    }
    let whole = Decimal::of(&number).ok().filter(|number| number.is_integer())?;
    whole.to_string().parse().ok()
}

/// The types that a schema allows, in the order in which it names them. `None` if it does not restrict types.
pub(super) fn types_of(documents: &Documents, node: Node<'_>) -> Option<Vec<Type>> {
    let mut types = own_types(node.value);
    let mut alternatives: Vec<(&str, Option<Vec<Type>>)> = Vec::new();
    for branch in branches(documents, node) {
        match branch {
            Branch::Always(branch) => types = both(types, types_of(documents, branch)),
            Branch::Alternative(keyword, branch) => {
                let more = types_of(documents, branch);
                match alternatives.iter_mut().find(|(name, _)| *name == keyword) {
                    Some((_, found)) => *found = either(found.take(), more),
                    None => alternatives.push((keyword, more)),
                }
            }
            Branch::Conditional(_) | Branch::NotRequired(_) => {}
        }
    }
    for (_, alternative) in alternatives {
        types = both(types, alternative);
    }
    types
}

/// The types that `type`, `const` and `enum` of one subschema allow.
fn own_types(schema: &Value) -> Option<Vec<Type>> {
    if *schema == Value::Bool(false) {
        return Some(Vec::new());
    }
    let members = schema.as_object()?;
    let named = match members.get("type") {
        // A name that is none is told when the schema is compiled.
        Some(Value::String(name)) => Type::named(name).map(|named| vec![named]),
        Some(Value::Array(names)) => names.iter().map(|name| Type::named(name.as_str()?)).collect(),
        _ => None,
    };
    let of_values = match (members.get("const"), members.get("enum")) {
        (Some(value), _) => Some(vec![Type::of(value)]),
        (None, Some(Value::Array(values))) => {
            let mut types = Vec::new();
            for value in values {
                let found = Type::of(value);
                if !types.contains(&found) {
                    types.push(found);
                }
            }
            Some(types)
        }
        _ => None,
    };
    both(named, of_values)
}

/// The types that both lists allow. `None` stands for every type.
fn both(one: Option<Vec<Type>>, other: Option<Vec<Type>>) -> Option<Vec<Type>> {
    let (Some(one), Some(other)) = (&one, &other) else { return one.or(other) };
    let mut types = Vec::new();
    for &left in one {
        for &right in other {
            let narrow = if right.is_within(left) { right } else { left };
            let fits = left.is_within(right) || right.is_within(left);
            if fits && !types.contains(&narrow) {
                types.push(narrow);
            }
        }
    }
    Some(types)
}

/// The types that at least one of the lists allows. `None` stands for every type.
fn either(one: Option<Vec<Type>>, other: Option<Vec<Type>>) -> Option<Vec<Type>> {
    let (mut types, other) = (one?, other?);
    for each in other {
        if !types.contains(&each) {
            types.push(each);
        }
    }
    Some(types)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: &Value, expected: Option<&str>) {
        let files = BTreeMap::from([("v1.schema.json".to_owned(), schema.to_string())]);
        let documents = Documents::read("v1.schema.json", &files).unwrap();
        let types = types_of(&documents, documents.root()).map(|types| Type::expectation(&types));
        assert_eq!(types.as_deref(), expected, "{schema}");
    }

    #[test]
    fn the_types_of_a_schema_are_those_that_all_of_it_admits() {
        check(&json!({}), None);
        check(&json!(false), Some("nothing"));
        check(&json!({"type": "int"}), None);
        check(&json!({"type": ["int", "null"]}), None);
        check(&json!({"type": "int"}), None);
        check(&json!({"type": ["int", "null"]}), None);
        check(&json!({"type": ["null", "integer"]}), Some("integer or null"));
        check(
            &json!({"enum": ["a", null, 1, 2.5, "b"]}),
            Some("string or integer or number or null"),
        );
        check(&json!({"type": "number", "enum": ["a", 1.0]}), Some("integer"));
        check(&json!({"const": {}}), Some("object"));
        check(&json!({"anyOf": [{"type": "string"}, {"type": "null"}]}), Some("string or null"));
        check(&json!({"anyOf": [{"type": "string"}, {}]}), None);
        let both = json!({"oneOf": [{"type": "string"}, {"type": "object"}], "anyOf": [{"type": "object"}]});
        check(&both, Some("object"));
        check(
            &json!({"allOf": [{"type": "number"}, {"type": ["integer", "string"]}]}),
            Some("integer"),
        );
        check(&json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "array"}}}), Some("array"));
    }
}
