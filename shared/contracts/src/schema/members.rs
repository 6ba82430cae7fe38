//! Finds what a schema declares about a place within a value.

use std::collections::HashSet;

use serde_json::Value;

use super::branches::branches;
use super::documents::{Documents, Node};
use super::types::{Type, types_of};
use crate::pointer::pointer_index;

/// How many names of members a message lists at most.
const MOST_NAMES: usize = 20;

/// What a schema declares about a place.
#[derive(Debug)]
pub(crate) enum Declared<'a> {
    /// The schema declares the place with these subschemas, each of which may apply to it.
    As(Vec<Node<'a>>),
    /// The schema does not declare the place, and allows any value there.
    Anything,
    /// No value can be there, or the schema declares other members and not this one.
    No { problem: String },
}

/// One token of the path to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathToken {
    /// The name of a member, or the index of an item.
    Name(String),
    /// Every member, or every item.
    Any,
}

/// What the schema declares about the place at the end of a path.
pub(crate) fn declared<'a>(documents: &'a Documents, path: &[PathToken]) -> Declared<'a> {
    let mut nodes = vec![documents.root()];
    let mut at = String::new();
    for token in path {
        let all = applying(documents, &nodes);
        match step(documents, &nodes, &all, token) {
            Step::To(next) => nodes = next,
            Step::Anything => return Declared::Anything,
            Step::Nowhere(problem) => {
                let place = if at.is_empty() { "the schema".to_owned() } else { format!("`{at}`") };
                return Declared::No { problem: format!("{place} {problem}") };
            }
        }
        match token {
            PathToken::Name(name) => at.push_str(&event::pointer_to(name)),
            PathToken::Any => at.push_str("/*"),
        }
    }
    Declared::As(nodes)
}

/// The types that at least one of these subschemas allows. `None` if one of them does not restrict types.
pub(crate) fn types_of_any(documents: &Documents, nodes: &[Node<'_>]) -> Option<Vec<Type>> {
    let mut all = Vec::new();
    for node in nodes {
        for each in types_of(documents, *node)? {
            if !all.contains(&each) {
                all.push(each);
            }
        }
    }
    Some(all)
}

/// The members that the root declares by name, with the subschemas of each. Every name is listed once.
pub(super) fn root_members(documents: &Documents) -> Vec<(&str, Vec<Node<'_>>)> {
    let mut found: Vec<(&str, Vec<Node<'_>>)> = Vec::new();
    for node in applying(documents, &[documents.root()]) {
        for (name, schema) in named_members(node) {
            let child = documents.child(node, schema);
            match found.iter_mut().find(|(known, _)| *known == name) {
                Some((_, nodes)) => nodes.push(child),
                None => found.push((name, vec![child])),
            }
        }
    }
    found
}

/// Where one token leads from the subschemas of a value.
enum Step<'a> {
    /// To a member or item that has these subschemas.
    To(Vec<Node<'a>>),
    /// To a member or item that is not declared, and may be anything.
    Anything,
    /// To nothing, for this reason.
    Nowhere(String),
}

/// Follows one token. `nodes` are the subschemas of the value, and `all` has those too that they refer to and combine.
fn step<'a>(
    documents: &'a Documents,
    nodes: &[Node<'a>],
    all: &[Node<'a>],
    token: &PathToken,
) -> Step<'a> {
    let mut found = Found::default();
    for node in all {
        found.look_at(documents, *node, token);
    }
    if let Some(types) = types_of_any(documents, nodes) {
        let may_be_index = match token {
            PathToken::Name(name) => pointer_index(name).is_some(),
            PathToken::Any => true,
        };
        let can_lead_on =
            types.contains(&Type::Object) || (types.contains(&Type::Array) && may_be_index);
        if !can_lead_on {
            return Step::Nowhere(format!(
                "is {}, without such a member",
                Type::expectation(&types)
            ));
        }
    }
    found.next.retain(|node| *node.value != Value::Bool(false));
    if !found.next.is_empty() {
        return Step::To(found.next);
    }
    if found.is_open || !found.says_something {
        return Step::Anything;
    }
    Step::Nowhere(found.problem(token))
}

/// What the subschemas of one value declare about one of its members or items.
#[derive(Default)]
struct Found<'a> {
    /// The subschemas of the member or item.
    next: Vec<Node<'a>>,
    /// Whether a subschema explicitly allows members that it does not declare.
    is_open: bool,
    /// Whether a subschema declares or forbids members or items at all.
    says_something: bool,
    /// The names of all members that are declared.
    names: Vec<&'a str>,
}

impl<'a> Found<'a> {
    fn look_at(&mut self, documents: &'a Documents, node: Node<'a>, token: &PathToken) {
        let Some(members) = node.value.as_object() else { return };
        for (name, schema) in named_members(node) {
            self.says_something = true;
            self.names.push(name);
            let is_meant = match token {
                PathToken::Any => true,
                PathToken::Name(wanted) => wanted == name,
            };
            if is_meant {
                self.next.push(documents.child(node, schema));
            }
        }
        // Patterns are not matched here. Each of them could match this name, so that each counts.
        let patterns = members.get("patternProperties").and_then(Value::as_object);
        for (_, schema) in patterns.into_iter().flatten() {
            self.next.push(documents.child(node, schema));
        }
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            match members.get(keyword) {
                Some(Value::Bool(false)) => self.says_something = true,
                Some(Value::Bool(true)) => self.is_open = true,
                Some(schema) => self.next.push(documents.child(node, schema)),
                None => {}
            }
        }
        let items = match token {
            PathToken::Any => every_item_schema(documents, node),
            PathToken::Name(name) => match pointer_index(name) {
                Some(index) => item_schemas(documents, node, index),
                None => Vec::new(),
            },
        };
        self.says_something |= !items.is_empty();
        self.next.extend(items);
    }

    fn problem(mut self, token: &PathToken) -> String {
        let PathToken::Name(token) = token else { return "has no members and no items".to_owned() };
        self.names.sort_unstable();
        self.names.dedup();
        if self.names.is_empty() {
            return format!("allows no member `{token}`");
        }
        let listed = self.names.iter().take(MOST_NAMES).copied().collect::<Vec<_>>().join(", ");
        let rest = if self.names.len() > MOST_NAMES { ", …" } else { "" };
        format!("declares no member `{token}`; it declares {listed}{rest}")
    }
}

/// The subschemas of all items.
fn every_item_schema<'a>(documents: &'a Documents, node: Node<'a>) -> Vec<Node<'a>> {
    let mut found = Vec::new();
    for keyword in ["prefixItems", "items", "additionalItems"] {
        match node.value.get(keyword) {
            Some(Value::Array(schemas)) => {
                found.extend(schemas.iter().map(|schema| documents.child(node, schema)));
            }
            Some(schema) => found.push(documents.child(node, schema)),
            None => {}
        }
    }
    found
}

/// The subschemas of the item at an index.
///
/// In draft 7 and 2019-09, an array in `items` means what `prefixItems` means in 2020-12, and `additionalItems` applies
/// to the items after it.
fn item_schemas<'a>(documents: &'a Documents, node: Node<'a>, index: usize) -> Vec<Node<'a>> {
    let Some(members) = node.value.as_object() else { return Vec::new() };
    let places = match (members.get("prefixItems"), members.get("items")) {
        (Some(Value::Array(prefix)), _) | (None, Some(Value::Array(prefix))) => Some(prefix),
        _ => None,
    };
    if let Some(schema) = places.and_then(|places| places.get(index)) {
        return vec![documents.child(node, schema)];
    }
    let rest = match (members.get("items"), members.get("additionalItems")) {
        (Some(Value::Array(_)), rest) => rest,
        (rest, _) => rest,
    };
    rest.map(|schema| documents.child(node, schema)).into_iter().collect()
}

/// The members in `properties`, with their subschemas.
fn named_members(node: Node<'_>) -> impl Iterator<Item = (&str, &Value)> {
    let properties = node.value.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema))
}

/// These subschemas, and all others that apply to the same value by reference or combination.
fn applying<'a>(documents: &'a Documents, nodes: &[Node<'a>]) -> Vec<Node<'a>> {
    let mut found = Vec::new();
    let mut seen: HashSet<*const Value> = HashSet::new();
    let mut waiting: Vec<Node<'a>> = nodes.iter().rev().copied().collect();
    while let Some(node) = waiting.pop() {
        if !seen.insert(std::ptr::from_ref(node.value)) {
            continue;
        }
        found.push(node);
        let more = branches(documents, node);
        waiting.extend(more.into_iter().rev().map(|branch| branch.node()));
    }
    found
}

#[cfg(test)]
mod tests;
