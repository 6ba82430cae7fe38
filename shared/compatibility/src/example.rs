//! Documents that show a difference: valid by the writer's schema, and not by the reader's.
//!
//! Candidates are made from the writer's schema, at the place of a failure. The validators of both
//! versions judge them, which read the schemas by themselves: what is shown is never this crate's opinion
//! alone.

mod containers;
mod place;
mod sample;
mod shrink;
mod texts;

use jsonschema::Validator;
use serde_json::Value;

use self::sample::Hints;
use crate::document::judge;
use crate::prove::claim::{Claim, Literal};
use crate::prove::{Failure, Problem, Prover};
use crate::schema::NodeId;

/// How many steps the search for one example may take.
const STEPS: u64 = 20_000;
/// How many steps the search for the examples of all failures may take.
const MOST_STEPS: u64 = 100_000;
/// How many candidates are judged for one failure.
const MOST_CANDIDATES: usize = 400;

/// Finds examples for failures.
pub(crate) struct Search<'s, 'a> {
    prover: &'s mut Prover<'a>,
    root: NodeId,
    writer: &'s Validator,
    reader: &'s Validator,
    /// What is left of [`MOST_STEPS`].
    steps: u64,
}

impl<'s, 'a> Search<'s, 'a> {
    pub(crate) fn new(
        prover: &'s mut Prover<'a>,
        root: NodeId,
        writer: &'s Validator,
        reader: &'s Validator,
    ) -> Self {
        Self { prover, root, writer, reader, steps: MOST_STEPS }
    }

    /// A document that the failure is the reason for; the smallest of those found.
    pub(crate) fn example_of(&mut self, failure: &Failure) -> Option<Value> {
        let mut candidates = Vec::new();
        for claim in self.breaking(failure) {
            let steps = STEPS.min(self.steps);
            self.prover.evaluator.steps.set(steps);
            let hints = self.hints(failure);
            let leaves = self.samples(&claim, &hints, 0);
            let root = Claim::of([self.root]);
            candidates.extend(self.placed(&root, &failure.place.steps, &leaves, 0));
            self.steps -= steps - self.prover.evaluator.steps.get();
        }
        let fitting =
            self.smallest(&candidates, |search, document| search.breaks(document, failure));
        fitting.or_else(|| self.smallest(&candidates, Self::shows))
    }

    /// Any document that the reader does not take.
    pub(crate) fn any_example(&mut self) -> Option<Value> {
        self.prover.evaluator.steps.set(STEPS);
        let root = Claim::of([self.root]);
        let candidates = self.samples(&root, &Hints::default(), 0);
        self.smallest(&candidates, Self::shows)
    }

    fn smallest(
        &self,
        candidates: &[Value],
        shows: impl Fn(&Self, &Value) -> bool,
    ) -> Option<Value> {
        let mut candidates: Vec<&Value> = candidates.iter().take(MOST_CANDIDATES).collect();
        candidates.sort_by_cached_key(|candidate| shrink::size(candidate));
        let found = candidates.into_iter().find(|candidate| shows(self, candidate))?;
        Some(shrink::shrink(found.clone(), |candidate| shows(self, candidate)))
    }

    /// Whether a document is valid by the writer's schema, and certainly not by the reader's.
    fn shows(&self, document: &Value) -> bool {
        self.writer.is_valid(document) && judge(self.reader, document) == Some(false)
    }

    /// Whether it shows a difference, and that very one: the reader's validator complains of the same
    /// keyword at the same place.
    fn breaks(&self, document: &Value, failure: &Failure) -> bool {
        self.shows(document)
            && self.reader.iter_errors(document).any(|error| {
                let keyword = error.schema_path().as_str().rsplit('/').next().unwrap_or_default();
                let is_same = failure.problem.keyword().is_none_or(|own| own == keyword);
                is_same && failure.place.is_at(error.instance_path().as_str())
            })
    }

    /// What is known of the values at the place, and beyond that breaks the reader.
    fn breaking(&mut self, failure: &Failure) -> Vec<Claim> {
        let claim = &failure.claim;
        let rules = self.prover.arena().rules(failure.reader);
        let mut claims = match &failure.problem {
            Problem::Types { written, read } => vec![claim.narrowed(written.without(*read))],
            Problem::Required { name } => vec![claim.with([Literal::Lacks(name.clone())])],
            Problem::Closed { name } => {
                let name = name.clone().unwrap_or_else(|| self.unknown_name(failure.reader));
                vec![claim.with([Literal::Has(name)])]
            }
            Problem::Name { name } => vec![claim.with([Literal::Has(name.clone())])],
            Problem::Dependent { name, needs } => {
                vec![claim.with([Literal::Has(name.clone()), Literal::Lacks(needs.clone())])]
            }
            Problem::Not => vec![claim.with(rules.not.map(Literal::Is))],
            Problem::AnyOf => {
                vec![claim.with(rules.any_of.iter().flatten().copied().map(Literal::IsNot))]
            }
            Problem::OneOf => {
                let branches = rules.one_of.clone().unwrap_or_default();
                let mut claims = vec![claim.with(branches.iter().copied().map(Literal::IsNot))];
                for (index, &one) in branches.iter().enumerate().take(6) {
                    for &other in branches[index + 1..].iter().take(6) {
                        claims.push(claim.with([Literal::Is(one), Literal::Is(other)]));
                    }
                }
                claims
            }
            _ => Vec::new(),
        };
        claims.push(claim.clone());
        claims
    }

    /// A name that the reader's schema does not know.
    fn unknown_name(&self, reader: NodeId) -> String {
        let rules = &self.prover.arena().rules(reader).object;
        let mut name = "extra".to_owned();
        while rules.properties.contains_key(&name) {
            name.push('_');
        }
        name
    }
}
