//! Schemas of all drafts in one form, their references followed.

mod read;
mod reader;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Number, Value};

pub(crate) use self::reader::escaped;
use crate::types::Types;

/// A place in one of the two versions: an index into [`Arena::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(usize);

/// All schemas of two versions.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    nodes: Vec<Node>,
}

impl Arena {
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        // Ids are made by the arena alone, and nothing is ever removed.
        &self.nodes[id.0]
    }

    pub(crate) fn rules(&self, id: NodeId) -> &Rules {
        &self.node(id).rules
    }

    /// Whether schemas lead to each other in a circle without a step into the document. Such schemas mean
    /// nothing, and a validator might never end.
    pub(crate) fn has_circle(&self) -> bool {
        // Each schema is left once all that it leads to is known to be in no circle.
        let (mut left, mut open) = (BTreeSet::new(), BTreeSet::new());
        for start in (0..self.nodes.len()).map(NodeId) {
            let mut path = vec![(start, self.in_place(start))];
            open.insert(start);
            while let Some((schema, next)) = path.last_mut() {
                match next.pop() {
                    Some(next) if open.contains(&next) && !left.contains(&next) => return true,
                    Some(next) if !left.contains(&next) => {
                        open.insert(next);
                        path.push((next, self.in_place(next)));
                    }
                    Some(_) => {}
                    None => {
                        left.insert(*schema);
                        path.pop();
                    }
                }
            }
        }
        false
    }

    /// The most cases that the choices at one value have, all combinations counted. The schemas must be in
    /// no circle.
    pub(crate) fn cases(&self, root: NodeId) -> u64 {
        let mut known = BTreeMap::new();
        let mut waiting = vec![root];
        let mut seen = BTreeSet::new();
        let mut most = 1;
        while let Some(schema) = waiting.pop() {
            if seen.insert(schema) {
                most = most.max(self.cases_at(schema, &mut known));
                waiting.extend(self.in_place(schema));
                waiting.extend(self.below(schema));
            }
        }
        most
    }

    fn cases_at(&self, schema: NodeId, known: &mut BTreeMap<NodeId, u64>) -> u64 {
        if let Some(cases) = known.get(&schema) {
            return *cases;
        }
        let rules = self.rules(schema);
        let mut cases: u64 = 1;
        for &part in rules.references.iter().chain(&rules.all_of).chain(&rules.not) {
            cases = cases.saturating_mul(self.cases_at(part, known));
        }
        for branches in rules.any_of.iter().chain(&rules.one_of) {
            let branches = branches.iter().map(|&branch| self.cases_at(branch, known));
            cases = cases.saturating_mul(branches.fold(0, u64::saturating_add).max(1));
        }
        if let Some(condition) = rules.condition {
            let parts = [Some(condition.test), condition.then, condition.otherwise];
            let parts = parts.into_iter().flatten().map(|part| self.cases_at(part, known));
            cases = cases.saturating_mul(parts.fold(0, u64::saturating_add));
        }
        for &schema in rules.object.dependent_schemas.values() {
            cases = cases.saturating_mul(self.cases_at(schema, known).saturating_add(1));
        }
        known.insert(schema, cases);
        cases
    }

    /// The schemas that a schema holds other values to: members, names and items.
    fn below(&self, schema: NodeId) -> Vec<NodeId> {
        let (object, array) = (&self.rules(schema).object, &self.rules(schema).array);
        let mut schemas: Vec<NodeId> = object.properties.values().copied().collect();
        schemas.extend(object.patterns.values());
        schemas.extend(object.additional.into_iter().chain(object.names));
        schemas.extend(array.prefix.iter().chain(&array.items));
        schemas.extend(array.contains.map(|contains| contains.item));
        schemas
    }

    /// The schemas that a schema holds the same value to.
    fn in_place(&self, schema: NodeId) -> Vec<NodeId> {
        let rules = self.rules(schema);
        let mut schemas = rules.references.clone();
        schemas.extend(&rules.all_of);
        schemas.extend(rules.any_of.iter().chain(&rules.one_of).flatten());
        schemas.extend(rules.not);
        if let Some(condition) = rules.condition {
            schemas.push(condition.test);
            schemas.extend(condition.then.into_iter().chain(condition.otherwise));
        }
        schemas.extend(rules.object.dependent_schemas.values());
        schemas
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }
}

/// One schema, and where it is written.
#[derive(Debug)]
pub(crate) struct Node {
    /// The file's name; empty for the root document.
    pub(crate) document: String,
    /// The JSON Pointer in it.
    pub(crate) pointer: String,
    pub(crate) rules: Rules,
    /// The schema as it is written, where it refers to nothing: two that are written the same mean the
    /// same.
    pub(crate) text: Option<String>,
}

/// What a schema demands. Every field that is empty demands nothing.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// `false`, which nothing is valid by.
    pub(crate) nothing: bool,
    pub(crate) types: Option<Types>,
    pub(crate) one_of_values: Option<Vec<Value>>,
    pub(crate) constant: Option<Value>,
    pub(crate) number: NumberRules,
    pub(crate) text: TextRules,
    pub(crate) object: ObjectRules,
    pub(crate) array: ArrayRules,
    /// Schemas that a reference leads to.
    pub(crate) references: Vec<NodeId>,
    pub(crate) all_of: Vec<NodeId>,
    pub(crate) any_of: Option<Vec<NodeId>>,
    pub(crate) one_of: Option<Vec<NodeId>>,
    pub(crate) not: Option<NodeId>,
    pub(crate) condition: Option<Condition>,
    /// Keywords that may reject a document in a way that is not modelled here.
    pub(crate) opaque: Vec<String>,
}

/// `if`, `then` and `else`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Condition {
    pub(crate) test: NodeId,
    pub(crate) then: Option<NodeId>,
    pub(crate) otherwise: Option<NodeId>,
}

#[derive(Debug, Default)]
pub(crate) struct NumberRules {
    pub(crate) minimum: Option<Number>,
    pub(crate) exclusive_minimum: Option<Number>,
    pub(crate) maximum: Option<Number>,
    pub(crate) exclusive_maximum: Option<Number>,
    pub(crate) multiple_of: Option<Number>,
}

#[derive(Debug, Default)]
pub(crate) struct TextRules {
    pub(crate) min_length: Option<u64>,
    pub(crate) max_length: Option<u64>,
    pub(crate) pattern: Option<String>,
    /// The format, where formats are asserted.
    pub(crate) format: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct ObjectRules {
    pub(crate) properties: BTreeMap<String, NodeId>,
    pub(crate) patterns: BTreeMap<String, NodeId>,
    pub(crate) additional: Option<NodeId>,
    pub(crate) names: Option<NodeId>,
    pub(crate) required: Vec<String>,
    pub(crate) min_properties: Option<u64>,
    pub(crate) max_properties: Option<u64>,
    pub(crate) dependent_required: BTreeMap<String, Vec<String>>,
    pub(crate) dependent_schemas: BTreeMap<String, NodeId>,
}

#[derive(Debug, Default)]
pub(crate) struct ArrayRules {
    pub(crate) prefix: Vec<NodeId>,
    /// What items after the prefix must be.
    pub(crate) items: Option<NodeId>,
    pub(crate) min_items: Option<u64>,
    pub(crate) max_items: Option<u64>,
    pub(crate) unique: bool,
    pub(crate) contains: Option<Contains>,
}

/// `contains` with its counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contains {
    pub(crate) item: NodeId,
    pub(crate) min: u64,
    pub(crate) max: Option<u64>,
}
