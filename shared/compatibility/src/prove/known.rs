//! What is known of values: their types, whether there are any, and all of them where they are few.

use std::cmp::Ordering;

use serde_json::Value;

use super::Prover;
use super::claim::{Claim, Facts, Literal};
use crate::number::Exact;
use crate::schema::NodeId;
use crate::types::{Types, all};

/// How many integers a range may have whose numbers are gone through one by one.
const MOST_INTEGERS: i128 = 64;
/// How many steps into a document it is looked whether values are impossible.
const IMPOSSIBLE_DEPTH: usize = 4;

/// A bound of numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) at: Exact,
    pub(crate) is_exclusive: bool,
}

/// The bounds that are known of numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    pub(crate) least: Option<Bound>,
    pub(crate) most: Option<Bound>,
}

impl Window {
    /// The integers in it, as an inclusive range.
    pub(crate) fn integers(&self) -> (Option<i128>, Option<i128>) {
        let least = self.least.and_then(|bound| {
            let floor = bound.at.floor()?;
            let is_itself = bound.at.is_integer() && !bound.is_exclusive;
            if is_itself { Some(floor) } else { floor.checked_add(1) }
        });
        let most = self.most.and_then(|bound| {
            let floor = bound.at.floor()?;
            let is_excluded = bound.at.is_integer() && bound.is_exclusive;
            if is_excluded { floor.checked_sub(1) } else { Some(floor) }
        });
        (least, most)
    }

    fn is_empty(&self, of_integers: bool) -> bool {
        if of_integers && let (Some(least), Some(most)) = self.integers() {
            return least > most;
        }
        let (Some(least), Some(most)) = (self.least, self.most) else { return false };
        match least.at.compare(most.at) {
            Some(Ordering::Greater) => true,
            Some(Ordering::Equal) => least.is_exclusive || most.is_exclusive,
            _ => false,
        }
    }
}

impl Prover<'_> {
    /// What follows from a claim, without types that no value of it can have.
    pub(crate) fn facts(&mut self, claim: &Claim) -> Facts {
        let mut facts = Facts::of(claim, self.arena());
        self.evaluator.take(facts.work + claim.literals.len() as u64);
        let (arena, known) = (self.arena(), &facts.known);
        let numbers = || known.iter().map(|&schema| &arena.rules(schema).number);
        let divisors = numbers().filter_map(|rules| Exact::of(rules.multiple_of.as_ref()?));
        if divisors.into_iter().any(Exact::is_integer) {
            facts.types = facts.types.without(Types::FRACTION);
        }
        let window = self.window(&facts);
        if window.is_empty(true) {
            facts.types = facts.types.without(Types::INTEGER);
        }
        if window.is_empty(false) {
            facts.types = facts.types.without(Types::FRACTION);
        }
        let (least, most) = self.lengths(&facts);
        if least > most {
            facts.types = facts.types.without(Types::STRING);
        }
        if facts.types.has(Types::OBJECT) && self.has_impossible_members(&facts) {
            facts.types = facts.types.without(Types::OBJECT);
        }
        if facts.types.has(Types::ARRAY) && self.has_impossible_items(&facts) {
            facts.types = facts.types.without(Types::ARRAY);
        }
        facts
    }

    pub(crate) fn window(&self, facts: &Facts) -> Window {
        let mut window = Window::default();
        for &schema in &facts.known {
            let rules = &self.arena().rules(schema).number;
            for (number, is_exclusive) in
                [(&rules.minimum, false), (&rules.exclusive_minimum, true)]
            {
                let Some(at) = number.as_ref().and_then(Exact::of) else { continue };
                window.least = tighter(window.least, Bound { at, is_exclusive }, Ordering::Greater);
            }
            for (number, is_exclusive) in
                [(&rules.maximum, false), (&rules.exclusive_maximum, true)]
            {
                let Some(at) = number.as_ref().and_then(Exact::of) else { continue };
                window.most = tighter(window.most, Bound { at, is_exclusive }, Ordering::Less);
            }
        }
        window
    }

    /// The least and the most characters that texts have.
    pub(crate) fn lengths(&self, facts: &Facts) -> (u64, u64) {
        let rules = facts.known.iter().map(|&schema| &self.arena().rules(schema).text);
        let (mut least, mut most) = (0, u64::MAX);
        for rules in rules {
            least = least.max(rules.min_length.unwrap_or(0));
            most = most.min(rules.max_length.unwrap_or(u64::MAX));
        }
        (least, most)
    }

    /// Whether no value fits a claim, as far as that is found out.
    pub(crate) fn is_impossible(&mut self, claim: &Claim) -> bool {
        if claim.types.is_empty() {
            return true;
        }
        let is_too_deep = self.looking >= IMPOSSIBLE_DEPTH;
        if claim.literals.is_empty() || is_too_deep || !self.evaluator.take(1) {
            return false;
        }
        self.looking += 1;
        let facts = self.facts(claim);
        let is_impossible = self.is_impossible_by(claim, &facts);
        self.looking -= 1;
        is_impossible
    }

    pub(super) fn is_impossible_by(&mut self, claim: &Claim, facts: &Facts) -> bool {
        if facts.types.is_empty() || self.listed_values(facts).is_some_and(|list| list.is_empty()) {
            return true;
        }
        if facts.denied.is_empty() && facts.choices.is_empty() || self.is_refuting {
            return false;
        }
        // What is valid by a schema that it is known not to be valid by is nothing.
        self.is_refuting = true;
        let positive = claim.literals.iter().filter(|one| !matches!(one, Literal::IsNot(_)));
        let positive = Claim { literals: positive.cloned().collect(), types: facts.types };
        let denied = facts.denied.clone();
        let mut is_impossible =
            denied.into_iter().any(|denied| self.is_demand_met(&positive, denied));
        if !is_impossible && let Some(cases) = facts.choices.first() {
            is_impossible = cases.iter().all(|case| {
                let facts = self.facts(&claim.with(case.iter().cloned()));
                facts.types.is_empty()
                    || self.listed_values(&facts).is_some_and(|list| list.is_empty())
            });
        }
        self.is_refuting = false;
        is_impossible
    }

    /// All values, where they are listed or few. Those that are certainly not valid are left out.
    pub(crate) fn listed_values(&self, facts: &Facts) -> Option<Vec<Value>> {
        let listed = facts.known.iter().find_map(|&schema| {
            let rules = self.arena().rules(schema);
            rules.constant.as_ref().map(std::slice::from_ref).or(rules.one_of_values.as_deref())
        });
        let values = match listed {
            Some(values) => values.to_vec(),
            None if facts.types.is_within(Types::NULL.or(Types::BOOLEAN)) => {
                vec![Value::Null, Value::Bool(false), Value::Bool(true)]
            }
            None if facts.types == Types::INTEGER => self.few_integers(facts)?,
            None => return None,
        };
        let possible = values.into_iter().filter(|value| {
            Types::of(value).is_none_or(|types| facts.types.has(types))
                && self.fits(facts, value) != Some(false)
        });
        Some(possible.collect())
    }

    fn few_integers(&self, facts: &Facts) -> Option<Vec<Value>> {
        let (Some(least), Some(most)) = self.window(facts).integers() else { return None };
        if most.checked_sub(least)? > MOST_INTEGERS {
            return None;
        }
        let numbers = (least..=most).map(|number| Exact::of_integer(number).to_number());
        numbers.map(|number| number.map(Value::Number)).collect()
    }

    /// Whether a value is one of those that something is known of.
    pub(crate) fn fits(&self, facts: &Facts, value: &Value) -> Option<bool> {
        let known = facts.known.iter().map(|&schema| self.evaluator.is_valid(schema, value));
        let denied = facts.denied.iter();
        let denied = denied.map(|&schema| self.evaluator.is_valid(schema, value).map(|is| !is));
        let members = value.as_object().map(|members| {
            facts.has.iter().all(|name| members.contains_key(name))
                && !facts.lacks.iter().any(|name| members.contains_key(name))
        });
        all(known.chain(denied).chain([Some(members.unwrap_or(true))]))
    }

    /// Whether the claim has a schema that is written word for word as the reader's.
    pub(super) fn is_written_alike(&self, claim: &Claim, reader: NodeId) -> bool {
        let Some(text) = &self.arena().node(reader).text else { return false };
        claim.literals.iter().any(|literal| match literal {
            Literal::Is(schema) => self.arena().node(*schema).text.as_ref() == Some(text),
            _ => false,
        })
    }
}

fn tighter(known: Option<Bound>, other: Bound, order: Ordering) -> Option<Bound> {
    let Some(known) = known else { return Some(other) };
    match other.at.compare(known.at) {
        Some(found) if found == order => Some(other),
        Some(Ordering::Equal) if other.is_exclusive => Some(other),
        _ => Some(known),
    }
}
