//! What the values of one place have in common, over all events. Its size is bounded, whatever the events are.

use std::collections::BTreeMap;

use serde_json::Value;

use super::numbers::Numbers;
use super::texts::Texts;

/// The most places that are described, in all.
const MOST_PLACES: usize = 5_000;

/// The most different members of an object. One with more is a map, whose members are described together.
const MOST_MEMBERS: usize = 200;

/// The longest name of a member, in bytes. A member with a longer name is not described.
const LONGEST_NAME: usize = 256;

/// How many more places may be described.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MOST_PLACES)
    }
}

impl Budget {
    fn take(&mut self) -> bool {
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }

    /// Whether some members were left out, because there were too many places.
    pub(super) fn is_used_up(&self) -> bool {
        self.0 == 0
    }
}

/// The values of one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    pub(super) nulls: u64,
    pub(super) booleans: u64,
    pub(super) numbers: Numbers,
    pub(super) texts: Texts,
    pub(super) arrays: u64,
    /// What all items of all arrays have in common. `None` if there are none.
    pub(super) items: Option<Box<Profile>>,
    pub(super) objects: u64,
    pub(super) members: Members,
}

/// The members of all objects of a place.
#[derive(Clone, Debug)]
pub(super) enum Members {
    /// By their names.
    Named(BTreeMap<String, Member>),
    /// All together, because there are too many names.
    Map(Box<Profile>),
}

impl Default for Members {
    fn default() -> Self {
        Self::Named(BTreeMap::new())
    }
}

/// The values of one member.
#[derive(Clone, Debug, Default)]
pub(super) struct Member {
    /// How many objects have it.
    pub(super) seen: u64,
    pub(super) profile: Profile,
}

impl Profile {
    /// Adds a value.
    pub(super) fn add(&mut self, value: &Value, budget: &mut Budget) {
        match value {
            Value::Null => self.nulls += 1,
            Value::Bool(_) => self.booleans += 1,
            Value::Number(number) => self.numbers.add(number),
            Value::String(text) => self.texts.add(text),
            Value::Array(items) => {
                self.arrays += 1;
                for item in items {
                    if self.items.is_none() && !budget.take() {
                        return;
                    }
                    self.items.get_or_insert_default().add(item, budget);
                }
            }
            Value::Object(members) => {
                self.objects += 1;
                for (name, value) in members {
                    self.add_member(name, value, budget);
                }
            }
        }
    }

    fn add_member(&mut self, name: &str, value: &Value, budget: &mut Budget) {
        if let Members::Named(named) = &mut self.members
            && named.len() == MOST_MEMBERS
            && !named.contains_key(name)
        {
            let mut all = Box::<Self>::default();
            for (_, member) in std::mem::take(named) {
                all.merge(member.profile);
            }
            self.members = Members::Map(all);
        }
        match &mut self.members {
            Members::Map(all) => all.add(value, budget),
            Members::Named(named) => {
                if !named.contains_key(name) {
                    if name.len() > LONGEST_NAME || !budget.take() {
                        return;
                    }
                    named.insert(name.to_owned(), Member::default());
                }
                if let Some(member) = named.get_mut(name) {
                    member.seen += 1;
                    member.profile.add(value, budget);
                }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.nulls += other.nulls;
        self.booleans += other.booleans;
        self.numbers.merge(other.numbers);
        self.texts.merge(other.texts);
        self.arrays += other.arrays;
        if let Some(items) = other.items {
            self.items.get_or_insert_default().merge(*items);
        }
        self.objects += other.objects;
        self.members = match (std::mem::take(&mut self.members), other.members) {
            (Members::Named(mut named), Members::Named(others)) => {
                for (name, member) in others {
                    let known = named.entry(name).or_default();
                    known.seen += member.seen;
                    known.profile.merge(member.profile);
                }
                Members::Named(named)
            }
            (mut one, mut other) => {
                let mut all = one.take_all();
                all.merge(other.take_all());
                Members::Map(Box::new(all))
            }
        };
    }

    /// How many values are there that are not null.
    pub(super) fn values(&self) -> u64 {
        self.booleans + self.numbers.count + self.texts.count + self.arrays + self.objects
    }
}

impl Members {
    /// What all members have in common.
    fn take_all(&mut self) -> Profile {
        match std::mem::take(self) {
            Self::Map(all) => *all,
            Self::Named(named) => {
                let mut all = Profile::default();
                for (_, member) in named {
                    all.merge(member.profile);
                }
                all
            }
        }
    }
}
