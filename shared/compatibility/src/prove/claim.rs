//! What is known of a value at one place: which schemas it is valid by, and which not.

use std::collections::BTreeSet;

use crate::schema::{Arena, NodeId, Rules};
use crate::types::Types;

/// One thing that is known of a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Literal {
    /// It is valid by the schema.
    Is(NodeId),
    /// It is not valid by the schema.
    IsNot(NodeId),
    /// If it is an object, it has the member.
    Has(String),
    /// If it is an object, it does not have the member.
    Lacks(String),
}

/// All that is known of a value. The values that fit are at least those that a writer may write there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Claim {
    pub(crate) literals: BTreeSet<Literal>,
    pub(crate) types: Types,
}

impl Claim {
    pub(crate) fn anything() -> Self {
        Self { literals: BTreeSet::new(), types: Types::ALL }
    }

    pub(crate) fn impossible() -> Self {
        Self { literals: BTreeSet::new(), types: Types::NONE }
    }

    pub(crate) fn of(schemas: impl IntoIterator<Item = NodeId>) -> Self {
        let literals = schemas.into_iter().map(Literal::Is).collect();
        Self { literals, types: Types::ALL }
    }

    pub(crate) fn with(&self, literals: impl IntoIterator<Item = Literal>) -> Self {
        let mut claim = self.clone();
        claim.literals.extend(literals);
        claim
    }

    pub(crate) fn narrowed(&self, types: Types) -> Self {
        Self { literals: self.literals.clone(), types: self.types.and(types) }
    }
}

/// Cases of which at least one is true. Each adds its literals to what is known.
pub(crate) type Cases = Vec<Vec<Literal>>;

/// A claim with all that follows from it directly.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) types: Types,
    /// Schemas that the value is valid by, in the order in which they were found.
    pub(crate) known: Vec<NodeId>,
    pub(crate) denied: Vec<NodeId>,
    pub(crate) has: BTreeSet<String>,
    pub(crate) lacks: BTreeSet<String>,
    pub(crate) choices: Vec<Cases>,
    /// How many schemas were looked at to find all this.
    pub(crate) work: u64,
    known_set: BTreeSet<NodeId>,
    denied_set: BTreeSet<NodeId>,
}

impl Facts {
    pub(crate) fn of(claim: &Claim, arena: &Arena) -> Self {
        let mut facts = Self {
            types: claim.types,
            known: Vec::new(),
            denied: Vec::new(),
            has: BTreeSet::new(),
            lacks: BTreeSet::new(),
            choices: Vec::new(),
            work: 0,
            known_set: BTreeSet::new(),
            denied_set: BTreeSet::new(),
        };
        let mut waiting: Vec<Literal> = claim.literals.iter().rev().cloned().collect();
        loop {
            while let Some(literal) = waiting.pop() {
                facts.assume(literal, arena, &mut waiting);
            }
            facts.conclude(arena, &mut waiting);
            if waiting.is_empty() {
                break;
            }
        }
        if facts.known_set.intersection(&facts.denied_set).next().is_some() {
            facts.types = Types::NONE;
        }
        if facts.has.intersection(&facts.lacks).next().is_some() {
            facts.types = facts.types.without(Types::OBJECT);
        }
        facts
    }

    pub(crate) fn knows(&self, schema: NodeId) -> bool {
        self.known_set.contains(&schema)
    }

    fn assume(&mut self, literal: Literal, arena: &Arena, waiting: &mut Vec<Literal>) {
        match literal {
            Literal::Has(name) => _ = self.has.insert(name),
            Literal::Lacks(name) => _ = self.lacks.insert(name),
            Literal::Is(schema) => {
                if !self.known_set.insert(schema) {
                    return;
                }
                self.known.push(schema);
                let rules = arena.rules(schema);
                let types = if rules.nothing { Types::NONE } else { Types::ALL };
                self.types = self.types.and(types).and(rules.types.unwrap_or(Types::ALL));
                self.has.extend(rules.object.required.iter().cloned());
                waiting.extend(rules.not.map(Literal::IsNot));
                let conjuncts = rules.references.iter().chain(&rules.all_of);
                waiting.extend(conjuncts.rev().copied().map(Literal::Is));
            }
            Literal::IsNot(schema) => {
                if self.denied_set.insert(schema) {
                    self.denied.push(schema);
                    self.deny(arena.rules(schema), waiting);
                }
            }
        }
    }

    /// What follows from a schema that does not hold, if it has a single demand.
    fn deny(&mut self, rules: &Rules, waiting: &mut Vec<Literal>) {
        if !rules.opaque.is_empty() || demands(rules) != 1 {
            if demands(rules) == 0 && rules.opaque.is_empty() {
                // Everything is valid by it.
                self.types = Types::NONE;
            }
            return;
        }
        if let Some(types) = rules.types {
            self.types = self.types.without(types);
        }
        if let [name] = rules.object.required.as_slice() {
            self.types = self.types.and(Types::OBJECT);
            self.lacks.insert(name.clone());
        }
        waiting.extend(rules.not.map(Literal::Is));
        if let [schema] = rules.references.as_slice() {
            waiting.push(Literal::IsNot(*schema));
        }
        if let [schema] = rules.all_of.as_slice() {
            waiting.push(Literal::IsNot(*schema));
        }
        waiting.extend(rules.any_of.iter().flatten().copied().map(Literal::IsNot));
    }

    /// What follows from several facts together; and the choices that are left.
    fn conclude(&mut self, arena: &Arena, waiting: &mut Vec<Literal>) {
        self.choices.clear();
        for index in 0..self.known.len() {
            let rules = arena.rules(self.known[index]);
            let branches = rules.any_of.iter().chain(&rules.one_of).flatten().count();
            self.work += 1 + branches as u64;
            for branches in rules.any_of.iter().chain(&rules.one_of) {
                self.choose(branches, waiting);
            }
            if let Some(branches) = &rules.one_of {
                let mut held = branches.iter().filter(|branch| self.known_set.contains(branch));
                if let Some(held) = held.next() {
                    let others = branches.iter().filter(|&branch| branch != held);
                    let others = others.filter(|branch| !self.denied_set.contains(branch));
                    waiting.extend(others.copied().map(Literal::IsNot));
                }
            }
            if let Some(condition) = rules.condition {
                let (test, then) = (condition.test, condition.then);
                let follows = if self.known_set.contains(&test) {
                    then
                } else if self.denied_set.contains(&test) {
                    condition.otherwise
                } else {
                    if then.is_some() || condition.otherwise.is_some() {
                        self.choices
                            .push(vec![vec![Literal::Is(test)], vec![Literal::IsNot(test)]]);
                    }
                    None
                };
                self.wait_for(follows, waiting);
            }
            for (name, schema) in &rules.object.dependent_schemas {
                // Only of objects: another type may be valid by nothing of it.
                if self.has.contains(name) && self.types.is_within(Types::OBJECT) {
                    self.wait_for(Some(*schema), waiting);
                }
            }
            for (name, needed) in &rules.object.dependent_required {
                if self.has.contains(name) {
                    self.has.extend(needed.iter().cloned());
                }
            }
        }
    }

    fn wait_for(&self, schema: Option<NodeId>, waiting: &mut Vec<Literal>) {
        waiting.extend(schema.filter(|schema| !self.known_set.contains(schema)).map(Literal::Is));
    }

    fn choose(&mut self, branches: &[NodeId], waiting: &mut Vec<Literal>) {
        if branches.iter().any(|branch| self.known_set.contains(branch)) {
            return;
        }
        let left = branches.iter().filter(|branch| !self.denied_set.contains(branch));
        let left: Vec<NodeId> = left.copied().collect();
        match left.as_slice() {
            [] => self.types = Types::NONE,
            [only] => waiting.push(Literal::Is(*only)),
            _ => self
                .choices
                .push(left.into_iter().map(|branch| vec![Literal::Is(branch)]).collect()),
        }
    }
}

/// How many demands a schema has that reject documents each by itself.
fn demands(rules: &Rules) -> usize {
    let (number, text) = (&rules.number, &rules.text);
    let (object, array) = (&rules.object, &rules.array);
    let present = [
        rules.nothing,
        rules.types.is_some(),
        rules.one_of_values.is_some(),
        rules.constant.is_some(),
        rules.any_of.is_some(),
        rules.one_of.is_some(),
        rules.not.is_some(),
        rules.condition.is_some(),
        number.minimum.is_some(),
        number.exclusive_minimum.is_some(),
        number.maximum.is_some(),
        number.exclusive_maximum.is_some(),
        number.multiple_of.is_some(),
        text.min_length.is_some(),
        text.max_length.is_some(),
        text.pattern.is_some(),
        text.format.is_some(),
        object.additional.is_some(),
        object.names.is_some(),
        object.min_properties.is_some(),
        object.max_properties.is_some(),
        array.items.is_some(),
        array.min_items.is_some(),
        array.max_items.is_some(),
        array.unique,
        array.contains.is_some(),
    ];
    present.into_iter().filter(|&is| is).count()
        + rules.references.len()
        + rules.all_of.len()
        + object.properties.len()
        + object.patterns.len()
        + object.required.len()
        + object.dependent_required.len()
        + object.dependent_schemas.len()
        + array.prefix.len()
}
