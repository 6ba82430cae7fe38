//! Keywords of arrays.

use super::claim::{Claim, Facts, Literal};
use super::{Place, Problem, Prover, Step};
use crate::schema::{ArrayRules, Contains, NodeId};
use crate::types::Types;

impl Prover<'_> {
    fn array_rules(&self, facts: &Facts) -> Vec<&ArrayRules> {
        facts.known.iter().map(|&schema| &self.arena().rules(schema).array).collect()
    }

    /// The item of that index, if an array has one.
    pub(crate) fn item(&self, facts: &Facts, index: usize) -> Claim {
        let rules = self.array_rules(facts);
        let schemas =
            rules.iter().filter_map(|rules| rules.prefix.get(index).copied().or(rules.items));
        Claim::of(schemas)
    }

    /// The least and the most items that arrays have, by their counts alone.
    pub(crate) fn item_counts(&self, facts: &Facts) -> (u64, u64) {
        let (mut least, mut most) = (0, u64::MAX);
        for rules in self.array_rules(facts) {
            least = least.max(rules.min_items.unwrap_or(0));
            least = least.max(rules.contains.map_or(0, |contains| contains.min));
            most = most.min(rules.max_items.unwrap_or(u64::MAX));
        }
        (least, most)
    }

    /// How many items a prefix names at most.
    fn longest_prefix(&self, facts: &Facts) -> usize {
        self.array_rules(facts).iter().map(|rules| rules.prefix.len()).max().unwrap_or(0)
    }

    /// The most items that arrays have: none is after one that is impossible.
    fn most_items(&mut self, facts: &Facts) -> u64 {
        let (_, most) = self.item_counts(facts);
        for index in 0..=self.longest_prefix(facts) {
            if index as u64 >= most {
                break;
            }
            let item = self.item(facts, index);
            if self.is_impossible(&item) {
                return index as u64;
            }
        }
        most
    }

    pub(super) fn has_impossible_items(&mut self, facts: &Facts) -> bool {
        let (least, most) = self.item_counts(facts);
        least > most || least > 0 && least > self.most_items(facts)
    }

    pub(super) fn show_array(
        &mut self,
        claim: &Claim,
        facts: &Facts,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let rules = &self.arena().rules(reader).array;
        let claim = &claim.narrowed(Types::ARRAY);
        let most = self.most_items(facts);
        let (least, _) = self.item_counts(facts);
        let mut is_shown = true;
        if let Some(read) = rules.min_items
            && least < read
        {
            let problem = Problem::Count { keyword: "minItems", read, written: Some(least) };
            is_shown &= self.fail(claim, reader, place, problem);
        }
        if let Some(read) = rules.max_items
            && most > read
        {
            let written = (most < u64::MAX).then_some(most);
            let problem = Problem::Count { keyword: "maxItems", read, written };
            is_shown &= self.fail(claim, reader, place, problem);
        }
        if rules.unique && most > 1 && !self.array_rules(facts).iter().any(|rules| rules.unique) {
            is_shown &= self.fail(claim, reader, place, Problem::Unique);
        }
        is_shown &= self.show_items(claim, facts, most, reader, place);
        if let Some(contains) = rules.contains {
            is_shown &= self.show_least_contained(claim, facts, contains, reader, place);
            is_shown &= self.show_most_contained(claim, facts, most, contains, reader, place);
        }
        is_shown
    }

    fn show_items(
        &mut self,
        claim: &Claim,
        facts: &Facts,
        most: u64,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let rules = &self.arena().rules(reader).array;
        let prefix = self.longest_prefix(facts).max(rules.prefix.len());
        let mut is_shown = true;
        for index in 0..=prefix {
            if index as u64 >= most {
                return is_shown;
            }
            if !is_shown && self.trying > 0 {
                return false;
            }
            let Some(schema) = rules.prefix.get(index).copied().or(rules.items) else { continue };
            let item = self.item(facts, index);
            if index >= rules.prefix.len() && self.arena().rules(schema).nothing {
                let problem = Problem::ClosedItems { from: index };
                return self.fail(claim, reader, place, problem);
            }
            let step = if index == prefix { Step::AnyItem(index) } else { Step::Item(index) };
            is_shown &= self.demand_below(&item, schema, place, step);
        }
        is_shown
    }

    fn show_least_contained(
        &mut self,
        claim: &Claim,
        facts: &Facts,
        contains: Contains,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        if contains.min == 0 {
            return true;
        }
        let known: Vec<Contains> =
            self.array_rules(facts).iter().filter_map(|rules| rules.contains).collect();
        self.level += 1;
        let mut is_shown = known.iter().any(|known| {
            known.min >= contains.min && self.is_demand_met(&Claim::of([known.item]), contains.item)
        });
        let (least, _) = self.item_counts(facts);
        if !is_shown && least >= contains.min {
            is_shown = (0..=self.longest_prefix(facts)).all(|index| {
                let item = self.item(facts, index);
                self.is_demand_met(&item, contains.item)
            });
        }
        self.level -= 1;
        is_shown || self.fail(claim, reader, place, Problem::Contains { least: contains.min })
    }

    fn show_most_contained(
        &mut self,
        claim: &Claim,
        facts: &Facts,
        most: u64,
        contains: Contains,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let Some(read) = contains.max else { return true };
        if most <= read {
            return true;
        }
        let known: Vec<Contains> =
            self.array_rules(facts).iter().filter_map(|rules| rules.contains).collect();
        self.level += 1;
        let mut is_shown = known.iter().any(|known| {
            known.max.is_some_and(|known| known <= read)
                && self.is_demand_met(&Claim::of([contains.item]), known.item)
        });
        if !is_shown {
            is_shown = (0..=self.longest_prefix(facts)).all(|index| {
                let item = self.item(facts, index).with([Literal::Is(contains.item)]);
                self.is_impossible(&item)
            });
        }
        self.level -= 1;
        let problem = Problem::Count { keyword: "maxContains", read, written: None };
        is_shown || self.fail(claim, reader, place, problem)
    }
}
