//! Bounds the work that a schema can ask of a validator for one value.
//!
//! A schema that refers to itself without going into a member or an item never ends, and each further line of `allOf`
//! can double the work. Both are found before the schema is compiled.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::branches::{branches, children};
use super::documents::{Documents, Node};
use crate::error::SchemaError;

/// How many subschemas may apply to one value. A subschema counts each time that it is referred to.
const MAX_BRANCHES: u64 = 20_000;

/// How many subschemas may follow each other by reference and combination, without going into a member or an item.
const MAX_DEPTH: usize = 100;

/// The identity of a subschema, which is the address of its value.
type Place = *const Value;

/// Checks every subschema that the root can reach.
///
/// # Errors
/// If a subschema applies to itself, or too many apply to one value.
pub(super) fn check(documents: &Documents) -> Result<(), SchemaError> {
    let mut walk = Walk { documents, counts: HashMap::new(), path: Vec::new() };
    let mut waiting = vec![documents.root()];
    let mut seen: HashSet<Place> = HashSet::new();
    while let Some(node) = waiting.pop() {
        if !seen.insert(std::ptr::from_ref(node.value)) {
            continue;
        }
        walk.count(node)?;
        waiting.extend(children(documents, node));
        waiting.extend(branches(documents, node).into_iter().map(|branch| branch.node()));
    }
    Ok(())
}

struct Walk<'a> {
    documents: &'a Documents,
    /// How many subschemas apply to a value if this one does, itself included.
    counts: HashMap<Place, u64>,
    /// The subschemas that are being counted, the outermost first.
    path: Vec<Place>,
}

impl<'a> Walk<'a> {
    /// Counts the subschemas that apply to the same value as `node`.
    fn count(&mut self, node: Node<'a>) -> Result<u64, SchemaError> {
        let place = std::ptr::from_ref(node.value);
        if let Some(count) = self.counts.get(&place) {
            return Ok(*count);
        }
        if self.path.contains(&place) {
            return Err(self.refused("a schema applies to itself, without end"));
        }
        if self.path.len() >= MAX_DEPTH {
            let problem = format!("more than {MAX_DEPTH} schemas refer to each other in a row");
            return Err(self.refused(&problem));
        }
        self.path.push(place);
        let mut count = 1_u64;
        for branch in branches(self.documents, node) {
            count = count.saturating_add(self.count(branch.node())?);
        }
        self.path.pop();
        if count > MAX_BRANCHES {
            let problem = format!("more than {MAX_BRANCHES} schemas apply to one value");
            return Err(self.refused(&problem));
        }
        self.counts.insert(place, count);
        Ok(count)
    }

    fn refused(&self, problem: &str) -> SchemaError {
        SchemaError::at(self.documents.root_file(), "", problem)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Map, json};

    use super::*;

    fn checked(schema: &Value) -> Result<(), String> {
        let files = BTreeMap::from([("v1.schema.json".to_owned(), schema.to_string())]);
        let documents = Documents::read("v1.schema.json", &files).unwrap();
        check(&documents).map_err(|error| error.to_string())
    }

    #[test]
    fn a_schema_that_goes_into_a_member_may_come_back_to_itself() {
        let tree = json!({"properties": {"next": {"$ref": "#"}}, "items": {"$ref": "#"}});
        assert_eq!(checked(&tree), Ok(()));
    }

    #[test]
    fn a_schema_that_applies_to_itself_is_refused() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#"}]}}}),
            json!({"properties": {"a": {"not": {"$ref": "#/properties/a"}}}}),
        ] {
            assert!(checked(&schema).unwrap_err().contains("applies to itself"), "{schema}");
        }
    }

    #[test]
    fn a_few_lines_that_double_the_work_are_refused() {
        let mut definitions = Map::new();
        for level in 0..40 {
            let next = json!({"$ref": format!("#/$defs/{}", level + 1)});
            definitions.insert(level.to_string(), json!({"allOf": [next, next]}));
        }
        definitions.insert("40".to_owned(), json!({"type": "string"}));
        let schema = json!({"properties": {"a": {"$ref": "#/$defs/0"}}, "$defs": definitions});
        assert!(checked(&schema).unwrap_err().contains("more than 20000 schemas apply"));
    }

    #[test]
    fn a_long_chain_of_references_is_refused() {
        let mut definitions = Map::new();
        for level in 0..5_000 {
            let next = json!({"$ref": format!("#/$defs/{}", level + 1)});
            definitions.insert(level.to_string(), next);
        }
        definitions.insert("5000".to_owned(), json!(true));
        let schema = json!({"$ref": "#/$defs/0", "$defs": definitions});
        assert!(checked(&schema).unwrap_err().contains("more than 100 schemas refer"));
    }
}
