//! Which letters an operator or a rule asks for.

use event::{Code, FailureFingerprint, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Indexed, LetterId, LetterStateName};

/// A selection of letters. A letter is included if each member that is given includes it. An empty list includes all
/// letters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// The letters with these ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub letters: Vec<LetterId>,
    /// Letters that failed at one of these stages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<String>,
    /// Letters of one of these groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<FailureFingerprint>,
    /// Letters whose last failure has one of these codes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Code>,
    /// Letters whose events are of one of these datasets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<String>,
    /// Letters whose events are of one of these tenants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
    /// Letters whose events were held to one of these versions of the contract's schema.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contract_versions: Vec<u32>,
    /// Letters whose last failure was at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_from: Option<Timestamp>,
    /// Letters whose last failure was before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_before: Option<Timestamp>,
    /// Letters that were redriven at least this often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fewest_redrives: Option<u32>,
    /// Letters that were redriven at most this often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_redrives: Option<u32>,
    /// Letters that were redriven by the run with this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Letters whose payload has this value, which is read from the letter's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<PointedValue>,
    /// Letters in this state; dead letters if it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<LetterStateName>,
}

/// A value at a JSON Pointer (RFC 6901) of the payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointedValue {
    /// The JSON Pointer into the payload.
    pub pointer: String,
    /// The value that must be there. Numbers are compared by value, however they are spelled.
    pub value: Value,
}

impl Selection {
    /// The state of all letters that are included.
    #[must_use]
    pub fn shelf(&self) -> LetterStateName {
        self.state.unwrap_or(LetterStateName::Dead)
    }

    /// Whether the selection includes each group of dead letters as a whole or not at all. That is so if it asks only
    /// for what all letters of a group share: stage, code, dataset and the version of the contract.
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

    /// Whether the index includes a letter, by everything but the value in its payload.
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

    /// Whether a letter's payload has the value that is asked for, if one is.
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
