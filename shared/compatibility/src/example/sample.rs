//! Values that fit what is known of a place.

use serde_json::{Value, json};

use super::Search;
use crate::number::Exact;
use crate::prove::claim::{Claim, Facts};
use crate::prove::{Failure, Problem};
use crate::types::Types;

/// How many values are made for one place.
pub(super) const MOST_SAMPLES: usize = 8;
/// How many cases of a choice are gone through.
pub(super) const MOST_CASES: usize = 8;
/// How deeply values are nested that are made.
pub(super) const DEPTH: usize = 10;
/// From which depth on there is only the simplest value of each type.
pub(super) const SIMPLE_DEPTH: usize = 2;

/// What values should be like, so that they break a reader.
#[derive(Default)]
pub(crate) struct Hints {
    /// Numbers to try, and those beside them.
    pub(super) numbers: Vec<Exact>,
    /// How long texts, arrays and objects should be.
    pub(super) counts: Vec<u64>,
    /// Values as they are.
    pub(super) values: Vec<Value>,
    /// Whether arrays should repeat an item.
    pub(super) repeats: bool,
}

impl Search<'_, '_> {
    pub(super) fn hints(&self, failure: &Failure) -> Hints {
        let mut hints = Hints::default();
        match &failure.problem {
            Problem::Number { read, .. } => {
                let Some(read) = Exact::of(read) else { return hints };
                let steps = [
                    Some(Exact::of_integer(0)),
                    Some(Exact::of_integer(1)),
                    Some(Exact::of_integer(-1)),
                ];
                let half = Exact::of_integer(5).tenth();
                let steps = steps.into_iter().chain([half, half.and_then(|half| half.times(-1))]);
                hints.numbers.extend(steps.flatten().filter_map(|step| read.plus(step)));
            }
            Problem::Count { read, .. } => {
                hints.counts = vec![*read, read.saturating_sub(1), read.saturating_add(1)];
                hints.repeats = true;
            }
            Problem::ClosedItems { from } => hints.counts = vec![*from as u64 + 1],
            Problem::Contains { least } => hints.counts = vec![0, *least, least.saturating_sub(1)],
            Problem::Values { written } => hints.values.clone_from(written),
            Problem::Unique => {
                hints.counts = vec![2];
                hints.repeats = true;
            }
            _ => {}
        }
        hints
    }

    /// Some values of the claim, the simplest first of each type. Only those are left out that certainly
    /// do not fit.
    pub(super) fn samples(&mut self, claim: &Claim, hints: &Hints, depth: usize) -> Vec<Value> {
        if depth > DEPTH || !self.prover.evaluator.take(8) {
            return Vec::new();
        }
        if claim.literals.is_empty() && depth > 0 {
            return anything(claim.types);
        }
        let facts = self.prover.facts(claim);
        let mut values = hints.values.clone();
        if let Some(listed) = self.prover.listed_values(&facts) {
            let last = listed.last().cloned();
            values.extend(listed.into_iter().take(MOST_SAMPLES).chain(last));
            return self.fitting(&facts, values);
        }
        if let Some(cases) = facts.choices.first() {
            let most = if depth < SIMPLE_DEPTH { MOST_CASES } else { 2 };
            for case in cases.iter().take(most) {
                let case = claim.with(case.iter().cloned());
                values.extend(self.samples(&case, hints, depth + 1).into_iter().take(MOST_SAMPLES));
            }
            return self.fitting(&facts, values);
        }
        for types in facts.types.each() {
            let found = match types {
                Types::NULL => vec![Value::Null],
                Types::BOOLEAN => vec![Value::Bool(true), Value::Bool(false)],
                Types::INTEGER | Types::FRACTION => self.numbers(&facts, types, hints),
                Types::STRING => self.texts(&facts, hints),
                Types::ARRAY => self.arrays(&facts, hints, depth),
                _ => self.objects(&facts, hints, depth),
            };
            values.extend(found);
        }
        self.fitting(&facts, values)
    }

    fn fitting(&self, facts: &Facts, mut values: Vec<Value>) -> Vec<Value> {
        values.retain(|value| {
            Types::of(value).is_none_or(|types| facts.types.has(types))
                && self.prover.fits(facts, value) != Some(false)
        });
        let mut distinct: Vec<Value> = Vec::new();
        for value in values {
            if !distinct.contains(&value) {
                distinct.push(value);
            }
        }
        distinct
    }

    fn numbers(&mut self, facts: &Facts, types: Types, hints: &Hints) -> Vec<Value> {
        let window = self.prover.window(facts);
        let half = Exact::of_integer(5).tenth();
        let mut near: Vec<Exact> = vec![Exact::of_integer(0), Exact::of_integer(1)];
        near.extend([window.least, window.most].into_iter().flatten().map(|bound| bound.at));
        near.extend(&hints.numbers);
        let mut numbers = Vec::new();
        for number in near {
            numbers.push(number);
            let steps = [Exact::of_integer(1), Exact::of_integer(-1)].into_iter().chain(half);
            numbers.extend(steps.filter_map(|step| number.plus(step)));
            for &schema in &facts.known {
                let divisor = &self.prover.arena().rules(schema).number.multiple_of;
                let divisor = divisor.as_ref().and_then(Exact::of);
                let multiple = divisor.and_then(|divisor| number.next_multiple(divisor));
                numbers.extend(multiple);
                numbers.extend(multiple.zip(divisor).and_then(|(one, two)| one.plus(two)));
            }
        }
        let of_types = numbers.into_iter();
        let of_types = of_types.filter(|number| number.is_integer() == (types == Types::INTEGER));
        of_types.filter_map(|number| number.to_number().map(Value::Number)).collect()
    }
}

/// The simplest value of each type.
fn anything(types: Types) -> Vec<Value> {
    let values = [json!(""), json!(0), json!({}), json!(true), json!(null), json!([]), json!(0.5)];
    let of_types = values.into_iter();
    of_types.filter(|value| Types::of(value).is_some_and(|of_value| types.has(of_value))).collect()
}
