//! Reads policy documents.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>. A document
//! is read completely or refused. A refusal lists everything that is not understood, with its
//! place.

use serde_json::{Map, Value};

use super::pattern::{ActionPattern, ResourcePattern};
use super::policy::{Effect, Policy, Statement};

const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];

/// A part of a document that is wrong or not emulated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {message}", at.join("."))]
pub struct Refusal {
    /// The keys and indexes of the place: `["Statement", "0", "Action"]`.
    pub at: Vec<String>,
    /// What is wrong, as the end of a sentence that begins with the place: `is not emulated`.
    pub message: String,
}

/// Collects refusals while a document is read.
#[derive(Default)]
pub(super) struct Reader {
    refusals: Vec<Refusal>,
}

/// A value in a document, with the keys and indexes that lead to it.
#[derive(Clone)]
pub(super) struct Place<'a> {
    pub(super) value: &'a Value,
    at: Vec<String>,
}

impl<'a> Place<'a> {
    pub(super) fn top(value: &'a Value) -> Self {
        Self { value, at: Vec::new() }
    }

    pub(super) fn below(&self, step: &str, value: &'a Value) -> Self {
        let mut at = self.at.clone();
        at.push(step.to_owned());
        Self { value, at }
    }

    pub(super) fn member(&self, key: &str) -> Option<Self> {
        Some(self.below(key, self.value.get(key)?))
    }

    /// The items of a list. Any other value is treated as a list with one item.
    pub(super) fn items(&self) -> Vec<Self> {
        match self.value.as_array() {
            Some(items) => {
                let items = items.iter().enumerate();
                items.map(|(index, item)| self.below(&index.to_string(), item)).collect()
            }
            None => vec![self.clone()],
        }
    }
}

impl Reader {
    pub(super) fn refuse(&mut self, place: &Place<'_>, message: impl Into<String>) {
        self.refusals.push(Refusal { at: place.at.clone(), message: message.into() });
    }

    /// Returns `read`, unless something was refused.
    ///
    /// # Errors
    /// Everything that was refused.
    pub(super) fn finish<T>(self, read: T) -> Result<T, Vec<Refusal>> {
        if self.refusals.is_empty() { Ok(read) } else { Err(self.refusals) }
    }

    /// A mapping. Each key that is not in `known` is refused.
    pub(super) fn mapping<'a>(
        &mut self,
        place: &Place<'a>,
        known: &[&str],
    ) -> Option<&'a Map<String, Value>> {
        let Some(mapping) = place.value.as_object() else {
            self.refuse(place, "must be a mapping");
            return None;
        };
        for (key, value) in mapping {
            if !known.contains(&key.as_str()) {
                self.refuse(&place.below(key, value), "is not emulated");
            }
        }
        Some(mapping)
    }

    /// The strings of a member, which has to be there and must not be empty.
    pub(super) fn texts<'a>(&mut self, place: &Place<'a>, key: &str) -> Vec<(Place<'a>, &'a str)> {
        let Some(member) = place.member(key) else {
            self.refuse(place, format!("has no {key}"));
            return Vec::new();
        };
        let items = member.items();
        if items.is_empty() {
            self.refuse(&member, "is empty");
        }
        let mut texts = Vec::new();
        for item in items {
            match item.value.as_str() {
                Some(text) => texts.push((item, text)),
                None => self.refuse(&item, "must be a string"),
            }
        }
        texts
    }

    /// The unread statements of a document.
    pub(super) fn statements<'a>(&mut self, document: &Place<'a>) -> Vec<Place<'a>> {
        if self.mapping(document, &["Id", "Statement", "Version"]).is_none() {
            return Vec::new();
        }
        if let Some(version) = document.member("Version")
            && !version.value.as_str().is_some_and(|text| VERSIONS.contains(&text))
        {
            self.refuse(&version, format!("must be {}", VERSIONS[0]));
        }
        let Some(statements) = document.member("Statement") else {
            self.refuse(document, "has no Statement");
            return Vec::new();
        };
        let items = statements.items();
        if items.is_empty() {
            self.refuse(&statements, "is empty");
        }
        items
    }

    pub(super) fn effect(&mut self, statement: &Place<'_>) -> Option<Effect> {
        match statement.member("Effect") {
            None => self.refuse(statement, "has no Effect"),
            Some(effect) => match effect.value.as_str() {
                Some("Allow") => return Some(Effect::Allow),
                Some("Deny") => return Some(Effect::Deny),
                _ => self.refuse(&effect, "must be Allow or Deny"),
            },
        }
        None
    }

    fn statement(&mut self, place: &Place<'_>) -> Option<Statement> {
        self.mapping(place, &["Action", "Effect", "Resource", "Sid"])?;
        let effect = self.effect(place);
        let mut actions = Vec::new();
        for (item, text) in self.texts(place, "Action") {
            match ActionPattern::parse(text) {
                Ok(action) => actions.push(action),
                Err(rule) => self.refuse(&item, format!("is {text}: it {rule}")),
            }
        }
        let mut resources = Vec::new();
        for (item, text) in self.texts(place, "Resource") {
            match ResourcePattern::parse(text) {
                Ok(resource) => resources.push(resource),
                Err(rule) => self.refuse(&item, format!("is {text}: it {rule}")),
            }
        }
        Some(Statement { effect: effect?, actions, resources })
    }
}

impl Policy {
    /// Reads the document of an identity-based policy.
    ///
    /// # Errors
    /// Everything in it that is wrong or not emulated.
    pub fn read(document: &Value) -> Result<Self, Vec<Refusal>> {
        let mut reader = Reader::default();
        let mut statements = Vec::new();
        for place in reader.statements(&Place::top(document)) {
            statements.extend(reader.statement(&place));
        }
        reader.finish(Self { statements })
    }
}
