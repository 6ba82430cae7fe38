//! Whether a value is valid by a schema of the arena: yes, no, or unknown.
//!
//! Proofs use it for schemas that list their values, and the search for examples to skip what cannot be
//! valid. An example that is shown is judged by the validator instead.

use std::cell::Cell;
use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use crate::number::Exact;
use crate::pattern::Patterns;
use crate::schema::{Arena, ArrayRules, Condition, NodeId, NumberRules, ObjectRules, TextRules};
use crate::types::{Types, all, any, is_same};

/// How many schemas may be open at once, all references and all steps into the value together.
const DEPTH: usize = 160;

pub(crate) struct Evaluator<'a> {
    pub(crate) arena: &'a Arena,
    pub(crate) patterns: &'a Patterns,
    /// What is left of the steps that all proofs and evaluations of a comparison may take.
    pub(crate) steps: &'a Cell<u64>,
}

impl Evaluator<'_> {
    pub(crate) fn is_valid(&self, schema: NodeId, value: &Value) -> Option<bool> {
        self.at(schema, value, 0)
    }

    /// Takes `count` steps, and says whether there were so many.
    pub(crate) fn take(&self, count: u64) -> bool {
        let left = self.steps.get();
        self.steps.set(left.saturating_sub(count));
        left > count
    }

    fn at(&self, schema: NodeId, value: &Value, depth: usize) -> Option<bool> {
        if depth > DEPTH || !self.take(1) {
            return None;
        }
        let rules = self.arena.rules(schema);
        if rules.nothing {
            return Some(false);
        }
        let types = match (rules.types, Types::of(value)) {
            (Some(allowed), Some(found)) => Some(allowed.has(found)),
            (Some(_), None) => None,
            (None, _) => Some(true),
        };
        let opaque = if rules.opaque.is_empty() { Some(true) } else { None };
        let constant = rules.constant.iter().map(|constant| is_same(constant, value));
        let listed = rules.one_of_values.iter().map(|values| self.is_listed(values, value));
        let own = all([types, opaque].into_iter().chain(constant).chain(listed));
        if own == Some(false) {
            return own;
        }
        let typed = match value {
            Value::Number(number) => number_is_valid(&rules.number, number),
            Value::String(text) => self.text_is_valid(&rules.text, text),
            Value::Object(members) => self.object_is_valid(&rules.object, members, value, depth),
            Value::Array(items) => self.array_is_valid(&rules.array, items, depth),
            Value::Null | Value::Bool(_) => Some(true),
        };
        let conjuncts = rules.references.iter().chain(&rules.all_of);
        let conjuncts = all(conjuncts.map(|&schema| self.at(schema, value, depth + 1)));
        let any_of = rules.any_of.iter();
        let any_of = any_of
            .map(|branches| any(branches.iter().map(|&schema| self.at(schema, value, depth + 1))));
        let one_of = rules.one_of.iter().map(|branches| self.exactly_one(branches, value, depth));
        let not = rules.not.iter().map(|&schema| self.at(schema, value, depth + 1).map(|is| !is));
        let condition = rules.condition.iter();
        let condition = condition.map(|condition| self.condition(*condition, value, depth));
        let rest = any_of.chain(one_of).chain(not).chain(condition);
        all([own, typed, conjuncts].into_iter().chain(rest))
    }

    fn is_listed(&self, values: &[Value], value: &Value) -> Option<bool> {
        if !self.take(values.len() as u64 / 16) {
            return None;
        }
        any(values.iter().map(|listed| is_same(listed, value)))
    }

    fn exactly_one(&self, branches: &[NodeId], value: &Value, depth: usize) -> Option<bool> {
        let mut valid = 0;
        let mut unknown = 0;
        for &branch in branches {
            match self.at(branch, value, depth + 1) {
                Some(true) => valid += 1,
                Some(false) => {}
                None => unknown += 1,
            }
        }
        match (valid, unknown) {
            (2.., _) => Some(false),
            (count, 0) => Some(count == 1),
            _ => None,
        }
    }

    fn condition(&self, condition: Condition, value: &Value, depth: usize) -> Option<bool> {
        let branch = |schema: Option<NodeId>| {
            schema.map_or(Some(true), |schema| self.at(schema, value, depth + 1))
        };
        match self.at(condition.test, value, depth + 1) {
            Some(true) => branch(condition.then),
            Some(false) => branch(condition.otherwise),
            None => match (branch(condition.then), branch(condition.otherwise)) {
                (one, other) if one == other => one,
                _ => None,
            },
        }
    }

    fn text_is_valid(&self, rules: &TextRules, text: &str) -> Option<bool> {
        let length = text.chars().count() as u64;
        let is_long_enough = rules.min_length.is_none_or(|least| length >= least);
        let is_short_enough = rules.max_length.is_none_or(|most| length <= most);
        let pattern = rules.pattern.iter().map(|pattern| self.patterns.matches(pattern, text));
        let format = rules.format.iter().map(|format| self.patterns.has_format(format, text));
        all([Some(is_long_enough && is_short_enough)].into_iter().chain(pattern).chain(format))
    }

    fn object_is_valid(
        &self,
        rules: &ObjectRules,
        members: &Map<String, Value>,
        value: &Value,
        depth: usize,
    ) -> Option<bool> {
        let count = members.len() as u64;
        let has_all = rules.required.iter().all(|name| members.contains_key(name));
        let is_large_enough = rules.min_properties.is_none_or(|least| count >= least);
        let is_small_enough = rules.max_properties.is_none_or(|most| count <= most);
        let dependents = rules.dependent_required.iter().all(|(name, needed)| {
            !members.contains_key(name) || needed.iter().all(|name| members.contains_key(name))
        });
        let mut answers = vec![Some(has_all && is_large_enough && is_small_enough && dependents)];
        for (name, schema) in &rules.dependent_schemas {
            if members.contains_key(name) {
                answers.push(self.at(*schema, value, depth + 1));
            }
        }
        for (name, member) in members {
            if let Some(schema) = rules.names {
                answers.push(self.at(schema, &Value::String(name.clone()), depth + 1));
            }
            answers.push(self.member_is_valid(rules, name, member, depth + 1));
        }
        all(answers)
    }

    fn member_is_valid(
        &self,
        rules: &ObjectRules,
        name: &str,
        member: &Value,
        depth: usize,
    ) -> Option<bool> {
        let mut answers = Vec::new();
        let mut is_declared = Some(false);
        if let Some(schema) = rules.properties.get(name) {
            is_declared = Some(true);
            answers.push(self.at(*schema, member, depth));
        }
        for (pattern, schema) in &rules.patterns {
            match self.patterns.matches(pattern, name) {
                Some(true) => {
                    is_declared = Some(true);
                    answers.push(self.at(*schema, member, depth));
                }
                Some(false) => {}
                None => {
                    is_declared = is_declared.filter(|&is| is);
                    answers.push(self.at(*schema, member, depth).filter(|&is| is));
                }
            }
        }
        if let Some(schema) = rules.additional {
            match is_declared {
                Some(true) => {}
                Some(false) => answers.push(self.at(schema, member, depth)),
                None => answers.push(self.at(schema, member, depth).filter(|&is| is)),
            }
        }
        all(answers)
    }

    fn array_is_valid(&self, rules: &ArrayRules, items: &[Value], depth: usize) -> Option<bool> {
        let count = items.len() as u64;
        let is_large_enough = rules.min_items.is_none_or(|least| count >= least);
        let is_small_enough = rules.max_items.is_none_or(|most| count <= most);
        let mut answers = vec![Some(is_large_enough && is_small_enough)];
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = rules.prefix.get(index).copied().or(rules.items) {
                answers.push(self.at(schema, item, depth + 1));
            }
        }
        if let Some(contains) = rules.contains {
            let found: Vec<_> =
                items.iter().map(|item| self.at(contains.item, item, depth + 1)).collect();
            let certain = found.iter().filter(|&&is| is == Some(true)).count() as u64;
            let possible = found.iter().filter(|&&is| is != Some(false)).count() as u64;
            let most = contains.max.unwrap_or(u64::MAX);
            answers.push(match () {
                () if certain >= contains.min && possible <= most => Some(true),
                () if possible < contains.min || certain > most => Some(false),
                () => None,
            });
        }
        if rules.unique {
            answers.push(self.are_unique(items));
        }
        all(answers)
    }

    fn are_unique(&self, items: &[Value]) -> Option<bool> {
        let pairs = (items.len() as u64).saturating_mul(items.len() as u64);
        if !self.take(pairs / 16) {
            return None;
        }
        let pairs = items.iter().enumerate().flat_map(|(index, item)| {
            items[index + 1..].iter().map(move |other| is_same(item, other))
        });
        any(pairs).map(|any| !any)
    }
}

/// Whether a number is within the bounds, and a multiple.
pub(crate) fn number_is_valid(rules: &NumberRules, number: &Number) -> Option<bool> {
    let compare = |bound: &Option<Number>, accepted: &[Ordering]| {
        let Some(bound) = bound else { return Some(true) };
        let order = Exact::of(number)?.compare(Exact::of(bound)?)?;
        Some(accepted.contains(&order))
    };
    let multiple = match &rules.multiple_of {
        Some(divisor) => {
            Exact::of(number).and_then(|number| number.is_multiple_of(Exact::of(divisor)?))
        }
        None => Some(true),
    };
    all([
        compare(&rules.minimum, &[Ordering::Greater, Ordering::Equal]),
        compare(&rules.exclusive_minimum, &[Ordering::Greater]),
        compare(&rules.maximum, &[Ordering::Less, Ordering::Equal]),
        compare(&rules.exclusive_maximum, &[Ordering::Less]),
        multiple,
    ])
}
