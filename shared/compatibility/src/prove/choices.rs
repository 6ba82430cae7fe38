//! Case distinctions, and the keywords that combine schemas.

use super::claim::{Claim, Facts, Literal};
use super::{Place, Problem, Prover};
use crate::schema::{Condition, NodeId};
use crate::types::{Types, is_same};

impl Prover<'_> {
    /// The goal for each case of the first choice that is known of the values.
    pub(super) fn show_each_case(
        &mut self,
        claim: &Claim,
        facts: &Facts,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let Some(cases) = facts.choices.first() else { return false };
        let mut is_shown = true;
        for case in cases {
            if !is_shown && self.trying > 0 {
                return false;
            }
            is_shown &= self.demand(&claim.with(case.iter().cloned()), reader, place);
        }
        is_shown
    }

    pub(super) fn show_values(
        &mut self,
        claim: &Claim,
        facts: &Facts,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let rules = self.arena().rules(reader);
        let constant = rules.constant.as_ref().map(std::slice::from_ref);
        let lists = [constant, rules.one_of_values.as_deref()];
        let written = self.listed_values(facts);
        let are_read = written.iter().flatten().all(|value| {
            lists.iter().flatten().all(|list| {
                let is_affordable = self.evaluator.take(list.len() as u64 / 16);
                is_affordable && list.iter().any(|read| is_same(read, value) == Some(true))
            })
        });
        match written {
            Some(_) if are_read => true,
            written => {
                let written = written.unwrap_or_default();
                self.fail(claim, reader, place, Problem::Values { written })
            }
        }
    }

    pub(super) fn show_combinations(
        &mut self,
        claim: &Claim,
        facts: &Facts,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let rules = self.arena().rules(reader);
        let mut is_shown = true;
        if let Some(branches) = &rules.any_of {
            is_shown &= self.show_branches(claim, facts, reader, place, branches, Problem::AnyOf);
        }
        if let Some(branches) = &rules.one_of {
            is_shown &= self.show_branches(claim, facts, reader, place, branches, Problem::OneOf);
        }
        if let Some(schema) = rules.not
            && !self.is_impossible(&claim.with([Literal::Is(schema)]))
        {
            is_shown &= self.fail(claim, reader, place, Problem::Not);
        }
        if let Some(condition) = rules.condition {
            is_shown &= self.show_condition(claim, condition, place);
        }
        is_shown
    }

    fn show_condition(&mut self, claim: &Claim, condition: Condition, place: &Place) -> bool {
        let mut is_shown = true;
        if let Some(then) = condition.then {
            is_shown &= self.demand(&claim.with([Literal::Is(condition.test)]), then, place);
        }
        if let Some(otherwise) = condition.otherwise {
            is_shown &=
                self.demand(&claim.with([Literal::IsNot(condition.test)]), otherwise, place);
        }
        is_shown
    }

    /// `anyOf` or `oneOf`: one branch for all values, or one for the values of each type.
    fn show_branches(
        &mut self,
        claim: &Claim,
        facts: &Facts,
        reader: NodeId,
        place: &Place,
        branches: &[NodeId],
        problem: Problem,
    ) -> bool {
        if self.one_branch_holds(claim, branches, &problem) {
            return true;
        }
        let mut left = Types::NONE;
        for types in facts.types.each() {
            let narrowed = claim.narrowed(types);
            let is_split = narrowed.types != facts.types;
            if !is_split || !self.one_branch_holds(&narrowed, branches, &problem) {
                if self.trying > 0 {
                    return false;
                }
                left = left.or(types);
            }
        }
        let narrowed = claim.narrowed(left);
        left.is_empty() || self.explain_branches(&narrowed, reader, place, branches, &problem)
    }

    fn one_branch_holds(&mut self, claim: &Claim, branches: &[NodeId], problem: &Problem) -> bool {
        if self.is_impossible(claim) {
            return true;
        }
        for &branch in branches {
            if !self.is_demand_met(claim, branch) {
                continue;
            }
            let is_exclusive = problem != &Problem::OneOf || {
                let others = branches.iter().filter(|&&other| other != branch);
                // The same place twice is valid twice.
                others.clone().count() + 1 == branches.len()
                    && others
                        .clone()
                        .all(|&other| self.is_impossible(&claim.with([Literal::Is(other)])))
            };
            if is_exclusive {
                return true;
            }
        }
        false
    }

    /// Names the failure in the branch that the values are meant for, where only one comes into question.
    fn explain_branches(
        &mut self,
        claim: &Claim,
        reader: NodeId,
        place: &Place,
        branches: &[NodeId],
        problem: &Problem,
    ) -> bool {
        let mut possible = branches.to_vec();
        possible.retain(|&branch| !self.is_impossible(&claim.with([Literal::Is(branch)])));
        if let [only] = possible.as_slice() {
            let failures = self.failures.len();
            self.demand(claim, *only, place);
            if self.failures.len() > failures {
                return false;
            }
        }
        self.fail(claim, reader, place, problem.clone())
    }
}
