//! Which letters are meant.

use event::{Code, FailureFingerprint, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Indexed, LetterId, LetterStateName};

/// Which letters are meant: those that every given member lets through. An empty list lets through all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub letters: Vec<LetterId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<FailureFingerprint>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Code>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contract_versions: Vec<u32>,
    /// That failed last at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_from: Option<Timestamp>,
    /// That failed last before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_before: Option<Timestamp>,
    /// That were redriven so often at least, and at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fewest_redrives: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_redrives: Option<u32>,
    /// That were redriven by this run, and came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Whose payload has this value: read from each letter's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<PointedValue>,
    /// In which state; dead, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<LetterStateName>,
}

/// A value at a JSON Pointer (RFC 6901) of the payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointedValue {
    pub pointer: String,
    pub value: Value,
}

impl Selection {
    /// The shelf on which all of them are.
    #[must_use]
    pub fn shelf(&self) -> LetterStateName {
        self.state.unwrap_or(LetterStateName::Dead)
    }

    /// Whether each group of dead letters is let through whole, or not at all: stage, code, dataset and the version of
    /// its contract are the same for all letters of a group.
    #[must_use]
    pub fn has_whole_groups(&self) -> bool {
        let by_group = Self {
            stages: self.stages.clone(),
            groups: self.groups.clone(),
            codes: self.codes.clone(),
            datasets: self.datasets.clone(),
            contract_versions: self.contract_versions.clone(),
            state: self.state,
            ..Self::default()
        };
        *self == by_group && self.shelf() == LetterStateName::Dead
    }

    /// Whether the index lets a letter through: all that is asked for but its payload's value.
    #[must_use]
    pub fn includes(&self, indexed: &Indexed) -> bool {
        let Indexed { entry, letter } = indexed;
        let redrives = entry.redrives.max(letter.redrives());
        let failed_at = entry.last_failed_at;
        letter.state.shelf() == self.shelf()
            && one_of(&self.letters, Some(&entry.id))
            && one_of(&self.stages, Some(&entry.stage))
            && one_of(&self.groups, Some(&entry.group))
            && one_of(&self.codes, Some(&entry.code))
            && one_of(&self.datasets, entry.dataset.as_ref())
            && one_of(&self.tenants, entry.tenant.as_ref())
            && one_of(&self.contract_versions, entry.contract_version.as_ref())
            && self.failed_from.is_none_or(|from| from <= failed_at)
            && self.failed_before.is_none_or(|before| failed_at < before)
            && self.fewest_redrives.is_none_or(|fewest| fewest <= redrives)
            && self.most_redrives.is_none_or(|most| redrives <= most)
            && self.run.as_ref().is_none_or(|run| letter.runs.iter().any(|it| it.0 == *run))
    }

    /// Whether a payload lets its letter through; a number is one whatever its spelling.
    #[must_use]
    pub fn includes_payload(&self, payload: &Value) -> bool {
        self.value.as_ref().is_none_or(|PointedValue { pointer, value }| {
            payload.pointer(pointer).is_some_and(|found| event::is_same_value(found, value))
        })
    }
}

fn one_of<T: PartialEq>(allowed: &[T], found: Option<&T>) -> bool {
    allowed.is_empty() || found.is_some_and(|found| allowed.contains(found))
}
