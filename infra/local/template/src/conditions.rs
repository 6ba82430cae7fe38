//! Evaluates the `Conditions` section.
//!
//! A condition can refer to parameters, mappings and other conditions, and never to resources:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html>.

use std::collections::BTreeMap;

use super::node::{Entry, Node, Value};
use super::scope::Scope;

/// How deep functions and conditions may be nested.
const MAX_DEPTH: usize = 64;

/// The value of each condition; `None` for a condition that could not be evaluated, which is
/// reported.
pub(super) fn evaluate(
    section: Option<&Node>,
    scope: &Scope<'_>,
) -> BTreeMap<String, Option<bool>> {
    let Some(section) = section else { return BTreeMap::new() };
    let Some(declared) = section.entries() else {
        scope.problem(section.line, "Conditions must be a mapping");
        return BTreeMap::new();
    };
    let by_name = declared.iter().map(|entry| (entry.key.as_str(), entry)).collect();
    let mut conditions = Conditions { scope, declared: by_name, states: BTreeMap::new() };
    for entry in declared {
        conditions.evaluate_named(&entry.key, entry.line, 0);
    }
    conditions.states.into_iter().map(|(name, state)| (name, state.value())).collect()
}

struct Conditions<'a> {
    scope: &'a Scope<'a>,
    declared: BTreeMap<&'a str, &'a Entry>,
    states: BTreeMap<String, State>,
}

#[derive(Clone, Copy)]
enum State {
    Evaluating,
    /// `None` if it could not be evaluated.
    Known(Option<bool>),
}

impl State {
    fn value(self) -> Option<bool> {
        match self {
            Self::Known(value) => value,
            Self::Evaluating => None,
        }
    }
}

impl Conditions<'_> {
    fn evaluate_named(&mut self, name: &str, line: usize, depth: usize) -> Option<bool> {
        match self.states.get(name) {
            Some(State::Known(value)) => return *value,
            Some(State::Evaluating) => {
                self.scope.problem(line, format!("condition {name} refers to itself"));
                return None;
            }
            None => {}
        }
        let Some(entry) = self.declared.get(name).copied() else {
            self.scope.problem(line, format!("there is no condition {name}"));
            return None;
        };
        self.states.insert(name.to_owned(), State::Evaluating);
        let value = self.expression(&entry.value, depth + 1);
        self.states.insert(name.to_owned(), State::Known(value));
        value
    }

    fn expression(&mut self, node: &Node, depth: usize) -> Option<bool> {
        if depth > MAX_DEPTH {
            self.scope.problem(node.line, format!("conditions nested deeper than {MAX_DEPTH}"));
            return None;
        }
        let (function, argument) = match (node.intrinsic(), node.entries()) {
            (Some(found), _) => found,
            (None, Some([only])) if only.key == "Condition" => ("Condition", &only.value),
            (None, _) => ("", node),
        };
        match (function, argument.text(), argument.items()) {
            ("Condition", Some(name), _) => self.evaluate_named(name, node.line, depth),
            ("Equals", _, Some([left, right])) => self.equal(left, right),
            ("Not", _, Some([only])) => self.expression(only, depth + 1).map(|value| !value),
            ("And", _, Some(all)) if (2..=10).contains(&all.len()) => {
                self.all(all, depth).map(|values| values.into_iter().all(|value| value))
            }
            ("Or", _, Some(all)) if (2..=10).contains(&all.len()) => {
                self.all(all, depth).map(|values| values.into_iter().any(|value| value))
            }
            _ => {
                let usage = "a condition is Equals of two values, Not of one condition, And or Or \
                             of 2 to 10, or Condition with a name";
                self.scope.problem(node.line, usage);
                None
            }
        }
    }

    fn all(&mut self, nodes: &[Node], depth: usize) -> Option<Vec<bool>> {
        // Every operand is evaluated, so that every problem is found.
        let values = nodes.iter().map(|node| self.expression(node, depth + 1)).collect::<Vec<_>>();
        values.into_iter().collect()
    }

    fn equal(&self, left: &Node, right: &Node) -> Option<bool> {
        let (left_value, right_value) = (self.scope.resolve(left), self.scope.resolve(right));
        match (left_value.map(|node| node.value), right_value.map(|node| node.value)) {
            (Some(Value::Scalar(left)), Some(Value::Scalar(right))) => Some(left == right),
            (Some(Value::Broken), _) | (_, Some(Value::Broken)) => None,
            _ => {
                self.scope.problem(left.line, "Equals compares two strings");
                None
            }
        }
    }
}
