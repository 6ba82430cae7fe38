//! Documents that have a value at a place.

use serde_json::Value;

use super::Search;
use super::sample::{DEPTH, Hints, MOST_CASES};
use super::texts::matching;
use crate::prove::Step;
use crate::prove::claim::{Claim, Facts};

/// How many documents are made for one place.
const MOST_DOCUMENTS: usize = 24;

impl Search<'_, '_> {
    /// Documents of the claim that have one of the values at the end of the steps.
    pub(super) fn placed(
        &mut self,
        claim: &Claim,
        steps: &[Step],
        values: &[Value],
        depth: usize,
    ) -> Vec<Value> {
        let Some((step, rest)) = steps.split_first() else { return values.to_vec() };
        if depth > 4 * DEPTH || !self.prover.evaluator.take(8) {
            return Vec::new();
        }
        let facts = self.prover.facts(claim);
        let mut documents = Vec::new();
        if let Some(cases) = facts.choices.first() {
            for case in cases.iter().take(MOST_CASES) {
                let case = claim.with(case.iter().cloned());
                documents.extend(self.placed(&case, steps, values, depth + 1));
            }
            return documents;
        }
        match step {
            Step::Member(name) => {
                self.with_member(&facts, name, rest, values, depth, &mut documents)
            }
            Step::AnyMember { pattern } => {
                let matching = pattern.iter().flat_map(|pattern| matching(pattern, 1));
                let names = ["extra", "other", "a", "x1"].map(str::to_owned);
                for name in matching.chain(names) {
                    self.with_member(&facts, &name, rest, values, depth, &mut documents);
                }
            }
            Step::Name => {
                for name in values.iter().filter_map(Value::as_str) {
                    let claim = self.prover.member(&facts, name);
                    let values = self.samples(&claim, &Hints::default(), 0);
                    self.with_member(&facts, name, &[], &values, depth, &mut documents);
                }
            }
            Step::Item(index) | Step::AnyItem(index) => {
                let item = self.prover.item(&facts, *index);
                for value in
                    self.placed(&item, rest, values, depth + 1).into_iter().take(MOST_DOCUMENTS)
                {
                    let (least, _) = self.prover.item_counts(&facts);
                    let count = usize::try_from(least).unwrap_or_default().clamp(index + 1, 1_000);
                    let Some(mut items) = self.items(&facts, count, false, 0) else { continue };
                    items[*index] = value;
                    documents.push(Value::Array(items));
                }
            }
        }
        documents
    }

    fn with_member(
        &mut self,
        facts: &Facts,
        name: &str,
        rest: &[Step],
        values: &[Value],
        depth: usize,
        documents: &mut Vec<Value>,
    ) {
        let claim = self.prover.member(facts, name);
        let below = self.placed(&claim, rest, values, depth + 1);
        for value in below.into_iter().take(MOST_DOCUMENTS) {
            let object = self.least_object(facts, Some((name, &value)), 0);
            documents.extend(object.map(Value::Object));
        }
    }
}
