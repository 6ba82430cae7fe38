//! Keywords of objects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::claim::{Claim, Facts, Literal};
use super::{Place, Problem, Prover, Step};
use crate::pattern::are_disjoint;
use crate::schema::{NodeId, ObjectRules};
use crate::types::Types;

/// What is known of the members of objects.
struct Members {
    /// Members that a schema names, and their values. Those that cannot be there are left out.
    named: BTreeMap<String, Claim>,
    /// Members whose names match a pattern.
    patterns: BTreeMap<String, Claim>,
    /// All other members; `None`: there are none.
    other: Option<Claim>,
    /// What is known of the names.
    names: Claim,
}

impl Prover<'_> {
    /// The value of the member of that name, if an object has one.
    pub(crate) fn member(&mut self, facts: &Facts, name: &str) -> Claim {
        if facts.lacks.contains(name) {
            return Claim::impossible();
        }
        let mut schemas = Vec::new();
        for &schema in &facts.known {
            let rules = &self.arena().rules(schema).object;
            if let Some(names) = rules.names
                && self.evaluator.is_valid(names, &Value::String(name.to_owned())) == Some(false)
            {
                return Claim::impossible();
            }
            self.schemas_of_member(rules, name, &mut schemas);
        }
        Claim::of(schemas)
    }

    fn schemas_of_member(&self, rules: &ObjectRules, name: &str, schemas: &mut Vec<NodeId>) {
        let declared = rules.properties.get(name);
        schemas.extend(declared);
        let mut is_additional = declared.is_none();
        for (pattern, schema) in &rules.patterns {
            match self.patterns().matches(pattern, name) {
                Some(true) => {
                    is_additional = false;
                    schemas.push(*schema);
                }
                Some(false) => {}
                None => is_additional = false,
            }
        }
        schemas.extend(rules.additional.filter(|_| is_additional));
    }

    /// The values of members that no known schema names, and that no pattern matches.
    pub(crate) fn other_members(&self, facts: &Facts) -> Claim {
        let rules = facts.known.iter().map(|&schema| &self.arena().rules(schema).object);
        Claim::of(rules.filter_map(|rules| rules.additional))
    }

    pub(crate) fn names(&self, facts: &Facts) -> Claim {
        let rules = facts.known.iter().map(|&schema| &self.arena().rules(schema).object);
        Claim::of(rules.filter_map(|rules| rules.names)).narrowed(Types::STRING)
    }

    fn members(&mut self, facts: &Facts) -> Members {
        let mut named: BTreeSet<String> = facts.has.clone();
        let mut patterns = BTreeMap::new();
        for &schema in &facts.known {
            let rules = &self.arena().rules(schema).object;
            named.extend(rules.properties.keys().cloned());
            for (pattern, schema) in &rules.patterns {
                let claim = patterns.entry(pattern.clone()).or_insert_with(Claim::anything);
                claim.literals.insert(Literal::Is(*schema));
            }
        }
        let names = self.names(facts);
        let mut other = Some(self.other_members(facts));
        if !names.literals.is_empty() {
            let of_names = self.facts(&names);
            if let Some(listed) = self.listed_values(&of_names) {
                // Every name that is possible is listed: there are no others.
                named.extend(listed.iter().filter_map(|name| name.as_str().map(str::to_owned)));
                patterns.clear();
                other = None;
            }
        }
        let rules = facts.known.iter().map(|&schema| &self.arena().rules(schema).object);
        let most = rules.filter_map(|rules| rules.max_properties).min();
        if most.is_some_and(|most| most <= facts.has.len() as u64) {
            // The members that must be there leave no room for others.
            named.clone_from(&facts.has);
            patterns.clear();
            other = None;
        }
        let mut claims = BTreeMap::new();
        for name in named {
            let claim = self.member(facts, &name);
            if !self.is_impossible(&claim) {
                claims.insert(name, claim);
            }
        }
        patterns.retain(|_, claim| !self.is_impossible(claim));
        let other = other.filter(|claim| !self.is_impossible(claim));
        Members { named: claims, patterns, other, names }
    }

    pub(super) fn has_impossible_members(&mut self, facts: &Facts) -> bool {
        let rules = facts.known.iter().map(|&schema| &self.arena().rules(schema).object);
        let least = rules.clone().filter_map(|rules| rules.min_properties).max();
        let most = rules.filter_map(|rules| rules.max_properties).min();
        let least = least.unwrap_or(0).max(facts.has.len() as u64);
        if most.is_some_and(|most| least > most) {
            return true;
        }
        facts.has.iter().any(|name| {
            let claim = self.member(facts, name);
            self.is_impossible(&claim)
        })
    }

    pub(super) fn show_object(
        &mut self,
        claim: &Claim,
        facts: &Facts,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let rules = &self.arena().rules(reader).object;
        let claim = &claim.narrowed(Types::OBJECT);
        let mut is_shown = true;
        for name in &rules.required {
            if !facts.has.contains(name) {
                let problem = Problem::Required { name: name.clone() };
                is_shown &= self.fail(claim, reader, place, problem);
            }
        }
        is_shown &= self.show_dependents(claim, facts, reader, place);
        if (is_shown || self.trying == 0) && speaks_of_members(rules) {
            let members = self.members(facts);
            is_shown &= self.show_member_count(claim, facts, &members, reader, place);
            is_shown &= self.show_members(claim, facts, &members, reader, place);
        }
        is_shown
    }

    fn show_dependents(
        &mut self,
        claim: &Claim,
        facts: &Facts,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let rules = &self.arena().rules(reader).object;
        let mut is_shown = true;
        for (name, needed) in &rules.dependent_required {
            let with_name = self.facts(&claim.with([Literal::Has(name.clone())]));
            if with_name.types.is_empty() || needed.iter().all(|name| facts.has.contains(name)) {
                continue;
            }
            for needs in needed.iter().filter(|name| !with_name.has.contains(*name)) {
                let problem = Problem::Dependent { name: name.clone(), needs: needs.clone() };
                is_shown &= self.fail(claim, reader, place, problem);
            }
        }
        for (name, schema) in &rules.dependent_schemas {
            let with_name = claim.with([Literal::Has(name.clone())]);
            is_shown &= self.demand(&with_name, *schema, place);
        }
        is_shown
    }

    fn show_member_count(
        &mut self,
        claim: &Claim,
        facts: &Facts,
        members: &Members,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let rules = &self.arena().rules(reader).object;
        let known = facts.known.iter().map(|&schema| &self.arena().rules(schema).object);
        let least = known.clone().filter_map(|rules| rules.min_properties).max().unwrap_or(0);
        let least = least.max(facts.has.len() as u64);
        let is_closed = members.other.is_none() && members.patterns.is_empty();
        let counted = is_closed.then_some(members.named.len() as u64);
        let most = known.filter_map(|rules| rules.max_properties).chain(counted).min();
        let mut is_shown = true;
        if let Some(read) = rules.min_properties
            && least < read
        {
            let problem = Problem::Count { keyword: "minProperties", read, written: Some(least) };
            is_shown &= self.fail(claim, reader, place, problem);
        }
        if let Some(read) = rules.max_properties
            && most.is_none_or(|most| most > read)
        {
            let problem = Problem::Count { keyword: "maxProperties", read, written: most };
            is_shown &= self.fail(claim, reader, place, problem);
        }
        is_shown
    }

    fn show_members(
        &mut self,
        claim: &Claim,
        facts: &Facts,
        members: &Members,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let rules = &self.arena().rules(reader).object;
        let mut is_shown = true;
        for (name, schema) in &rules.properties {
            if !members.named.contains_key(name) {
                // Perhaps it matches a pattern, or is one of the other members.
                // With neither, every member that is possible is named.
                let is_possible = members.other.is_some() || !members.patterns.is_empty();
                let member = self.member(facts, name);
                if is_possible && !self.is_impossible(&member) {
                    let step = Step::Member(name.clone());
                    is_shown &= self.demand_below(&member, *schema, place, step);
                }
            }
        }
        for (name, member) in &members.named {
            if !is_shown && self.trying > 0 {
                return false;
            }
            is_shown &= self.show_named(claim, name, member, reader, place);
        }
        for (pattern, member) in &members.patterns {
            is_shown &= self.show_matching(pattern, member, reader, place);
        }
        if let Some(member) = &members.other {
            is_shown &= self.show_others(claim, member, reader, place);
        }
        is_shown && self.show_names(claim, members, reader, place)
    }

    /// A member that the writer names, by every rule that the reader has for it.
    fn show_named(
        &mut self,
        claim: &Claim,
        name: &str,
        member: &Claim,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let rules = &self.arena().rules(reader).object;
        let step = Step::Member(name.to_owned());
        let mut is_shown = true;
        let mut is_additional = true;
        if let Some(schema) = rules.properties.get(name) {
            is_additional = false;
            is_shown &= self.demand_below(member, *schema, place, step.clone());
        }
        for (pattern, schema) in &rules.patterns {
            // What may match is held to the pattern's rule, and to that of other members too.
            let matches = self.patterns().matches(pattern, name);
            if matches != Some(false) {
                is_additional &= matches.is_none();
                is_shown &= self.demand_below(member, *schema, place, step.clone());
            }
        }
        if is_additional && let Some(schema) = rules.additional {
            if self.arena().rules(schema).nothing {
                let problem = Problem::Closed { name: Some(name.to_owned()) };
                return self.fail(claim, reader, place, problem);
            }
            is_shown &= self.demand_below(member, schema, place, step);
        }
        is_shown
    }

    /// Members whose names match a pattern of the writer and that it does not name.
    fn show_matching(
        &mut self,
        pattern: &str,
        member: &Claim,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let rules = &self.arena().rules(reader).object;
        let step = Step::AnyMember { pattern: Some(pattern.to_owned()) };
        let mut is_shown = true;
        for (read, schema) in &rules.patterns {
            if !are_disjoint(pattern, read) {
                is_shown &= self.demand_below(member, *schema, place, step.clone());
            }
        }
        if !rules.patterns.contains_key(pattern)
            && let Some(schema) = rules.additional
        {
            is_shown &= self.demand_below(member, schema, place, step);
        }
        is_shown
    }

    /// Members that the writer neither names nor has a pattern for.
    fn show_others(
        &mut self,
        claim: &Claim,
        member: &Claim,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let rules = &self.arena().rules(reader).object;
        let mut is_shown = true;
        for (pattern, schema) in &rules.patterns {
            let step = Step::AnyMember { pattern: Some(pattern.clone()) };
            is_shown &= self.demand_below(member, *schema, place, step);
        }
        if let Some(schema) = rules.additional {
            if self.arena().rules(schema).nothing {
                return self.fail(claim, reader, place, Problem::Closed { name: None });
            }
            let step = Step::AnyMember { pattern: None };
            is_shown &= self.demand_below(member, schema, place, step);
        }
        is_shown
    }

    fn show_names(
        &mut self,
        claim: &Claim,
        members: &Members,
        reader: NodeId,
        place: &Place,
    ) -> bool {
        let Some(schema) = self.arena().rules(reader).object.names else { return true };
        let mut is_shown = true;
        for name in members.named.keys() {
            if self.evaluator.is_valid(schema, &Value::String(name.clone())) != Some(true) {
                let problem = Problem::Name { name: name.clone() };
                is_shown &= self.fail(claim, schema, place, problem);
            }
        }
        let has_others = members.other.is_some() || !members.patterns.is_empty();
        if has_others {
            is_shown &= self.demand_below(&members.names, schema, place, Step::Name);
        }
        is_shown
    }
}

fn speaks_of_members(rules: &ObjectRules) -> bool {
    !rules.properties.is_empty()
        || !rules.patterns.is_empty()
        || rules.additional.is_some()
        || rules.names.is_some()
        || rules.min_properties.is_some()
        || rules.max_properties.is_some()
}
