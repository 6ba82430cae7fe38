//! Objects and arrays.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Search;
use super::sample::{Hints, SIMPLE_DEPTH};
use crate::prove::claim::{Claim, Facts, Literal};

/// How many items or members are made at most.
const MOST_ENTRIES: u64 = 64;
/// How many optional members are tried, one by one.
const MOST_OPTIONAL: usize = 12;

impl Search<'_, '_> {
    pub(super) fn objects(&mut self, facts: &Facts, hints: &Hints, depth: usize) -> Vec<Value> {
        let mut objects = Vec::new();
        let Some(least) = self.least_object(facts, None, depth) else { return objects };
        for &count in hints.counts.iter().filter(|&&count| count <= MOST_ENTRIES) {
            let mut object = least.clone();
            self.fill(&mut object, facts, count, depth);
            objects.push(Value::Object(object));
        }
        if depth > SIMPLE_DEPTH {
            return vec![Value::Object(least)];
        }
        let mut all = least.clone();
        let optional = self.optional_names(facts);
        for name in optional.iter().take(MOST_OPTIONAL) {
            if least.contains_key(name) {
                continue;
            }
            let claim = self.prover.member(facts, name);
            let values = self.samples(&claim, &Hints::default(), depth + 1);
            for value in values.iter().take(2) {
                let mut object = least.clone();
                object.insert(name.clone(), value.clone());
                objects.push(Value::Object(object));
            }
            all.extend(values.into_iter().next().map(|value| (name.clone(), value)));
        }
        // Each member that must be there, with its other values.
        for name in least.keys().take(MOST_OPTIONAL) {
            let claim = self.prover.member(facts, name);
            for value in
                self.samples(&claim, &Hints::default(), depth + 1).into_iter().skip(1).take(4)
            {
                let mut object = least.clone();
                object.insert(name.clone(), value);
                objects.push(Value::Object(object));
            }
        }
        objects.insert(0, Value::Object(least));
        objects.push(Value::Object(all));
        objects
    }

    fn optional_names(&self, facts: &Facts) -> Vec<String> {
        let rules = facts.known.iter().map(|&schema| &self.prover.arena().rules(schema).object);
        let mut names: BTreeSet<String> = BTreeSet::new();
        for rules in rules {
            names.extend(rules.properties.keys().cloned());
            names.extend(
                rules.patterns.keys().flat_map(|pattern| super::texts::matching(pattern, 0)),
            );
            names.extend(rules.dependent_schemas.keys().cloned());
            names.extend(rules.dependent_required.keys().cloned());
        }
        names.retain(|name| !facts.lacks.contains(name));
        names.insert("extra".to_owned());
        names.into_iter().collect()
    }

    /// An object with no more members than it must have, and perhaps one that it is to have.
    pub(super) fn least_object(
        &mut self,
        facts: &Facts,
        with: Option<(&str, &Value)>,
        depth: usize,
    ) -> Option<Map<String, Value>> {
        let mut object = Map::new();
        for name in &facts.has {
            if with.is_none_or(|(with, _)| with != name) {
                let claim = self.prover.member(facts, name);
                let value =
                    self.samples(&claim, &Hints::default(), depth + 1).into_iter().next()?;
                object.insert(name.clone(), value);
            }
        }
        object.extend(with.map(|(name, value)| (name.to_owned(), value.clone())));
        let rules = facts.known.iter().map(|&schema| &self.prover.arena().rules(schema).object);
        let least = rules.filter_map(|rules| rules.min_properties).max().unwrap_or(0);
        self.fill(&mut object, facts, least.min(MOST_ENTRIES), depth);
        Some(object)
    }

    fn fill(&mut self, object: &mut Map<String, Value>, facts: &Facts, count: u64, depth: usize) {
        let declared = self.optional_names(facts);
        let names = declared.into_iter().chain((1..).map(|number| format!("member{number}")));
        for name in names.take(2 * usize::try_from(MOST_ENTRIES).unwrap_or_default()) {
            if object.len() as u64 >= count {
                return;
            }
            if object.contains_key(&name) || facts.lacks.contains(&name) {
                continue;
            }
            let claim = self.prover.member(facts, &name);
            let value = self.samples(&claim, &Hints::default(), depth + 1).into_iter().next();
            object.extend(value.map(|value| (name, value)));
        }
    }

    pub(super) fn arrays(&mut self, facts: &Facts, hints: &Hints, depth: usize) -> Vec<Value> {
        let (least, most) = self.prover.item_counts(facts);
        let mut counts = vec![least, least.saturating_add(1)];
        counts.extend(&hints.counts);
        counts.retain(|&count| count >= least && count <= most && count <= MOST_ENTRIES);
        counts.dedup();
        let mut arrays = Vec::new();
        for count in counts {
            let count = usize::try_from(count).unwrap_or_default();
            arrays.extend(self.items(facts, count, hints.repeats, depth).map(Value::Array));
            if depth > SIMPLE_DEPTH {
                continue;
            }
            // And with each other value in the first place.
            let first = self.prover.item(facts, 0);
            for value in
                self.samples(&first, &Hints::default(), depth + 1).into_iter().skip(1).take(4)
            {
                let Some(mut items) = self.items(facts, count, hints.repeats, depth) else { break };
                if let Some(first) = items.first_mut() {
                    *first = value;
                }
                arrays.push(Value::Array(items));
            }
        }
        arrays
    }

    /// So many items, different ones unless they may be the same.
    pub(super) fn items(
        &mut self,
        facts: &Facts,
        count: usize,
        repeats: bool,
        depth: usize,
    ) -> Option<Vec<Value>> {
        let mut items: Vec<Value> = Vec::with_capacity(count);
        let mut wanted = Vec::new();
        for &schema in &facts.known {
            if let Some(contains) = self.prover.arena().rules(schema).array.contains {
                wanted.extend((0..contains.min.min(MOST_ENTRIES)).map(|_| contains.item));
            }
        }
        for index in 0..count {
            let claim = self.prover.item(facts, index);
            let wanted = wanted.pop().map(Literal::Is);
            let mut values = self.samples(&claim.with(wanted), &Hints::default(), depth + 1);
            if values.is_empty() {
                values = self.samples(&claim, &Hints::default(), depth + 1);
            }
            let fallback = (values.first().cloned()).or_else(|| repeats.then_some(Value::Null))?;
            let distinct = values.into_iter().find(|value| !items.contains(value));
            let item = if repeats { fallback } else { distinct.unwrap_or(fallback) };
            items.push(if !repeats && items.contains(&item) {
                self.other_item(&claim, index)
            } else {
                item
            });
        }
        Some(items)
    }

    /// An item that is not there yet, perhaps: a number or a text of its own.
    fn other_item(&mut self, claim: &Claim, index: usize) -> Value {
        let candidates = [json!(1_000 + index), json!(format!("item{index}")), json!([index])];
        let facts = self.prover.facts(claim);
        let fitting = candidates.into_iter().find(|value| {
            self.prover.fits(&facts, value) == Some(true)
                && crate::types::Types::of(value).is_some_and(|types| facts.types.has(types))
        });
        fitting.unwrap_or(json!(index))
    }
}
