//! The proof that every value which a writer may write is valid by a reader's schema.
//!
//! It goes through the reader's keywords, and shows for each that what is known of the writer's values
//! implies it. What it cannot show is a [`Failure`] at its place. The proof is sound and not complete: a
//! failure says that nothing was shown, and an example shows that there is a difference.

mod arrays;
mod choices;
pub(crate) mod claim;
mod failure;
mod known;
mod objects;
mod scalars;

use std::cell::Cell;
use std::collections::HashMap;

use self::claim::{Claim, Facts};
pub(crate) use self::failure::{Failure, Place, Problem, Step};
use crate::evaluate::Evaluator;
use crate::pattern::Patterns;
use crate::schema::{Arena, NodeId};
use crate::types::Types;

/// How deeply goals may be nested: each level takes some frames of the stack.
const DEPTH: usize = 96;

/// What is to be shown: that each value of the claim is valid by the schema.
type Goal = (Claim, NodeId);

/// A goal that was begun, and perhaps reached.
#[derive(Clone, Copy)]
struct Begun {
    /// How many steps into the document its values are.
    level: usize,
    is_reached: bool,
}

pub(crate) struct Prover<'a> {
    pub(crate) evaluator: Evaluator<'a>,
    pub(crate) failures: Vec<Failure>,
    most_failures: usize,
    /// Goals that may be relied on, and the order in which they were begun.
    ///
    /// A goal that is not reached yet may be relied on for values that are smaller than its own: the
    /// proof is then one by induction over the size of the value.
    begun: HashMap<Goal, Begun>,
    order: Vec<(Goal, Option<Begun>)>,
    level: usize,
    depth: usize,
    /// More than zero while something is only tried: then nothing is noted as a failure.
    trying: usize,
    /// Whether it is being shown that nothing fits a claim. This is not nested.
    is_refuting: bool,
    /// How many steps into the document it is looked whether values are impossible.
    looking: usize,
}

impl<'a> Prover<'a> {
    pub(crate) fn new(
        arena: &'a Arena,
        patterns: &'a Patterns,
        steps: &'a Cell<u64>,
        most_failures: usize,
    ) -> Self {
        Self {
            evaluator: Evaluator { arena, patterns, steps },
            failures: Vec::new(),
            most_failures,
            begun: HashMap::new(),
            order: Vec::new(),
            level: 0,
            depth: 0,
            trying: 0,
            is_refuting: false,
            looking: 0,
        }
    }

    pub(crate) fn arena(&self) -> &'a Arena {
        self.evaluator.arena
    }

    fn patterns(&self) -> &'a Patterns {
        self.evaluator.patterns
    }

    /// Whether all that a writer writes is shown to be valid by the reader's schema.
    pub(crate) fn prove(&mut self, writer: NodeId, reader: NodeId) -> bool {
        self.demand(&Claim::of([writer]), reader, &Place::root())
    }

    pub(crate) fn ran_out_of_steps(&self) -> bool {
        self.evaluator.steps.get() == 0
    }

    /// Whether every value of the claim is valid by the reader's schema; failures are noted.
    fn demand(&mut self, claim: &Claim, reader: NodeId, place: &Place) -> bool {
        let cost = 1 + claim.literals.len() as u64;
        if self.depth > DEPTH || !self.evaluator.take(cost) {
            return self.fail(claim, reader, place, Problem::TooComplex);
        }
        if self.is_written_alike(claim, reader) {
            return true;
        }
        let goal = (claim.clone(), reader);
        if let Some(begun) = self.begun.get(&goal) {
            let is_reliable =
                if begun.is_reached { begun.level <= self.level } else { begun.level < self.level };
            if is_reliable {
                return true;
            }
            if !begun.is_reached {
                // A circle of references at one value, which means nothing.
                return self.fail(claim, reader, place, Problem::TooComplex);
            }
        }
        let mark = self.order.len();
        let level = self.level;
        let before = self.begun.insert(goal.clone(), Begun { level, is_reached: false });
        self.order.push((goal.clone(), before));
        self.depth += 1;
        let is_shown = self.show(claim, reader, place);
        self.depth -= 1;
        if is_shown {
            self.begun.insert(goal, Begun { level, is_reached: true });
        } else {
            self.forget_since(mark);
        }
        is_shown
    }

    /// Forgets the goals that were begun since: they may have relied on one that is not reached.
    fn forget_since(&mut self, mark: usize) {
        while self.order.len() > mark {
            match self.order.pop() {
                Some((goal, Some(before))) => _ = self.begun.insert(goal, before),
                Some((goal, None)) => _ = self.begun.remove(&goal),
                None => return,
            }
        }
    }

    /// The same, for values one step into the document.
    fn demand_below(&mut self, claim: &Claim, reader: NodeId, place: &Place, step: Step) -> bool {
        self.level += 1;
        let is_shown = self.demand(claim, reader, &place.below(step));
        self.level -= 1;
        is_shown
    }

    /// Tries the goal, and notes nothing if it is not reached.
    fn is_demand_met(&mut self, claim: &Claim, reader: NodeId) -> bool {
        self.trying += 1;
        let is_shown = self.demand(claim, reader, &Place::root());
        self.trying -= 1;
        is_shown
    }

    fn show(&mut self, claim: &Claim, reader: NodeId, place: &Place) -> bool {
        let facts = self.facts(claim);
        if self.is_impossible_by(claim, &facts) || facts.knows(reader) {
            return true;
        }
        if let Some(values) = self.listed_values(&facts) {
            let answers = values.iter().map(|value| self.evaluator.is_valid(reader, value));
            let answers: Vec<Option<bool>> = answers.collect();
            if answers.iter().all(|&answer| answer == Some(true)) {
                return true;
            }
            let invalid = values.iter().zip(&answers).filter(|(_, answer)| **answer == Some(false));
            let invalid: Vec<_> = invalid.map(|(value, _)| value.clone()).collect();
            if !invalid.is_empty() && self.is_keyword_of_values(reader) {
                return self.fail(claim, reader, place, Problem::Values { written: invalid });
            }
        }
        if facts.choices.is_empty() || self.arena().rules(reader).nothing {
            return self.show_keywords(claim, &facts, reader, place);
        }
        // First without a case distinction, and then case by case.
        self.trying += 1;
        let is_shown = self.show_keywords(claim, &facts, reader, place);
        self.trying -= 1;
        is_shown || self.show_each_case(claim, &facts, reader, place)
    }

    fn is_keyword_of_values(&self, reader: NodeId) -> bool {
        let rules = self.arena().rules(reader);
        rules.one_of_values.is_some() || rules.constant.is_some()
    }

    /// Every keyword of the reader's schema by itself.
    fn show_keywords(
        &mut self,
        claim: &Claim,
        facts: &Facts,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let rules = self.arena().rules(reader);
        let mut is_shown = true;
        if rules.nothing {
            return self.fail(claim, reader, place, Problem::Nothing);
        }
        if let Some(keyword) = rules.opaque.first() {
            let problem = Problem::Opaque { keyword: keyword.clone() };
            is_shown &= self.fail(claim, reader, place, problem);
        }
        if let Some(read) = rules.types
            && !facts.types.is_within(read)
        {
            let problem = Problem::Types { written: facts.types, read };
            is_shown &= self.fail(claim, reader, place, problem);
        }
        // Beyond the types that are read, the other keywords would only repeat the failure.
        let types = facts.types.and(rules.types.unwrap_or(Types::ALL));
        for schema in rules.references.iter().chain(&rules.all_of) {
            if !is_shown && self.trying > 0 {
                return false;
            }
            is_shown &= self.demand(claim, *schema, place);
        }
        if rules.one_of_values.is_some() || rules.constant.is_some() {
            is_shown &= self.show_values(claim, facts, reader, place);
        }
        if is_shown || self.trying == 0 {
            if types.has(Types::NUMBER) {
                is_shown &= self.show_number(claim, facts, reader, place);
            }
            if types.has(Types::STRING) {
                is_shown &= self.show_text(claim, facts, reader, place);
            }
            if types.has(Types::OBJECT) {
                is_shown &= self.show_object(claim, facts, reader, place);
            }
            if types.has(Types::ARRAY) {
                is_shown &= self.show_array(claim, facts, reader, place);
            }
        }
        if is_shown || self.trying == 0 {
            is_shown &= self.show_combinations(claim, facts, reader, place);
        }
        is_shown
    }

    /// Notes a failure, unless something is only tried. Always false.
    fn fail(&mut self, claim: &Claim, reader: NodeId, place: &Place, problem: Problem) -> bool {
        if self.trying == 0 && self.failures.len() < self.most_failures {
            let failure = Failure {
                place: place.clone(),
                writer: self.written_at(claim),
                reader,
                claim: claim.clone(),
                problem,
            };
            if !self.failures.contains(&failure) {
                self.failures.push(failure);
            }
        }
        false
    }
}
