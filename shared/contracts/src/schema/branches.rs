//! Lists the subschemas of a schema: those that apply to the same value, and those that apply to its members and items.

use serde_json::Value;

use super::documents::{Documents, Node};

/// A subschema that applies to the same value as its schema.
#[derive(Clone, Copy)]
pub(super) enum Branch<'a> {
    /// The value has to fit the subschema: a reference, or an element of `allOf`.
    Always(Node<'a>),
    /// The value has to fit one of the alternatives of this keyword, which is `anyOf` or `oneOf`.
    Alternative(&'static str, Node<'a>),
    /// The value has to fit the subschema on a condition, such as `then`.
    Conditional(Node<'a>),
    /// The value need not fit the subschema: `if`, which is only a condition, or `not`.
    NotRequired(Node<'a>),
}

impl<'a> Branch<'a> {
    pub(super) fn node(self) -> Node<'a> {
        match self {
            Self::Always(node)
            | Self::Alternative(_, node)
            | Self::Conditional(node)
            | Self::NotRequired(node) => node,
        }
    }
}

/// The subschemas that apply to the same value as `node` does.
pub(super) fn branches<'a>(documents: &'a Documents, node: Node<'a>) -> Vec<Branch<'a>> {
    let mut found = Vec::new();
    let Some(members) = node.value.as_object() else { return found };
    for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
        let reference = members.get(keyword).and_then(Value::as_str);
        if let Some(target) = reference.and_then(|text| documents.resolve(node, text)) {
            found.push(Branch::Always(target));
        }
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        for value in members.get(keyword).and_then(Value::as_array).into_iter().flatten() {
            let child = documents.child(node, value);
            found.push(match keyword {
                "allOf" => Branch::Always(child),
                _ => Branch::Alternative(keyword, child),
            });
        }
    }
    for keyword in ["then", "else"] {
        if let Some(value) = members.get(keyword) {
            found.push(Branch::Conditional(documents.child(node, value)));
        }
    }
    for keyword in ["dependentSchemas", "dependencies"] {
        for (_, value) in members.get(keyword).and_then(Value::as_object).into_iter().flatten() {
            // In draft 7, `dependencies` can also list names of members.
            if !value.is_array() {
                found.push(Branch::Conditional(documents.child(node, value)));
            }
        }
    }
    for keyword in ["if", "not"] {
        if let Some(value) = members.get(keyword) {
            found.push(Branch::NotRequired(documents.child(node, value)));
        }
    }
    found
}

/// The subschemas that apply to the members and items of the value, and to the names of its members.
pub(super) fn children<'a>(documents: &'a Documents, node: Node<'a>) -> Vec<Node<'a>> {
    let mut found = Vec::new();
    let Some(members) = node.value.as_object() else { return found };
    for keyword in ["properties", "patternProperties"] {
        for (_, value) in members.get(keyword).and_then(Value::as_object).into_iter().flatten() {
            found.push(documents.child(node, value));
        }
    }
    for keyword in [
        "additionalProperties",
        "unevaluatedProperties",
        "propertyNames",
        "additionalItems",
        "unevaluatedItems",
        "contains",
        "contentSchema",
    ] {
        if let Some(value) = members.get(keyword) {
            found.push(documents.child(node, value));
        }
    }
    for keyword in ["items", "prefixItems"] {
        match members.get(keyword) {
            Some(Value::Array(values)) => {
                found.extend(values.iter().map(|value| documents.child(node, value)));
            }
            Some(value) => found.push(documents.child(node, value)),
            None => {}
        }
    }
    found
}
