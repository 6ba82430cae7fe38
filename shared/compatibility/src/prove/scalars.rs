//! Keywords of numbers and texts.

use std::cmp::Ordering;

use super::claim::{Claim, Facts};
use super::known::{Bound, Window};
use super::{Place, Problem, Prover};
use crate::number::Exact;
use crate::schema::NodeId;
use crate::types::Types;

impl Prover<'_> {
    pub(super) fn show_number(
        &mut self,
        claim: &Claim,
        facts: &Facts,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let rules = &self.arena().rules(reader).number;
        let bounds = [
            ("minimum", &rules.minimum, false, Ordering::Greater),
            ("exclusiveMinimum", &rules.exclusive_minimum, true, Ordering::Greater),
            ("maximum", &rules.maximum, false, Ordering::Less),
            ("exclusiveMaximum", &rules.exclusive_maximum, true, Ordering::Less),
        ];
        let window = self.window(facts);
        let of_integers = !facts.types.has(Types::FRACTION);
        let mut is_shown = true;
        for (keyword, read, is_exclusive, side) in bounds {
            let Some(read) = read else { continue };
            let Some(at) = Exact::of(read) else { continue };
            if !is_within(&window, Bound { at, is_exclusive }, side, of_integers) {
                let problem = Problem::Number { keyword, read: read.clone() };
                is_shown &= self.fail(claim, reader, place, problem);
            }
        }
        if let Some(read) = &rules.multiple_of
            && !self.is_multiple(facts, read, of_integers)
        {
            let problem = Problem::Number { keyword: "multipleOf", read: read.clone() };
            is_shown &= self.fail(claim, reader, place, problem);
        }
        is_shown
    }

    fn is_multiple(&self, facts: &Facts, read: &serde_json::Number, of_integers: bool) -> bool {
        let Some(read) = Exact::of(read) else { return false };
        let known = facts.known.iter().filter_map(|&schema| {
            Exact::of(self.arena().rules(schema).number.multiple_of.as_ref()?)
        });
        let integers = of_integers.then(|| Exact::of_integer(1));
        known.chain(integers).any(|known| known.is_multiple_of(read) == Some(true))
    }

    pub(super) fn show_text(
        &mut self,
        claim: &Claim,
        facts: &Facts,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let rules = &self.arena().rules(reader).text;
        let (least, most) = self.lengths(facts);
        let mut is_shown = true;
        if let Some(read) = rules.min_length
            && least < read
        {
            let problem = Problem::Count { keyword: "minLength", read, written: Some(least) };
            is_shown &= self.fail(claim, reader, place, problem);
        }
        if let Some(read) = rules.max_length
            && most > read
        {
            let written = (most < u64::MAX).then_some(most);
            let problem = Problem::Count { keyword: "maxLength", read, written };
            is_shown &= self.fail(claim, reader, place, problem);
        }
        let arena = self.arena();
        let known = || facts.known.iter().map(|&schema| &arena.rules(schema).text);
        if let Some(read) = &rules.pattern
            && !known().any(|known| known.pattern.as_ref() == Some(read))
            && !self.patterns().matches_everything(read)
        {
            is_shown &= self.fail(claim, reader, place, Problem::Pattern { read: read.clone() });
        }
        if let Some(read) = &rules.format
            && !known().any(|known| known.format.as_ref() == Some(read))
        {
            is_shown &= self.fail(claim, reader, place, Problem::Format { read: read.clone() });
        }
        is_shown
    }
}

/// Whether all numbers that are written keep to a bound of the reader.
fn is_within(window: &Window, read: Bound, side: Ordering, of_integers: bool) -> bool {
    let (known, integer) = match side {
        Ordering::Greater => (window.least, window.integers().0),
        _ => (window.most, window.integers().1),
    };
    let integer = integer.filter(|_| of_integers);
    let integer = integer.map(|at| Bound { at: Exact::of_integer(at), is_exclusive: false });
    [known, integer].into_iter().flatten().any(|known| match known.at.compare(read.at) {
        Some(Ordering::Equal) => known.is_exclusive || !read.is_exclusive,
        Some(order) => order == side,
        None => false,
    })
}
