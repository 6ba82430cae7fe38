//! Letters of one cause, counted.

use std::collections::{BTreeMap, BTreeSet};

use event::{Code, FailureFingerprint, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Indexed, LetterId};

/// Letters whose failures have one fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub group: FailureFingerprint,
    pub stage: String,
    pub code: Code,
    /// The place that they share, as one of them has it.
    pub at: Option<String>,
    pub dataset: Option<String>,
    pub contract_versions: BTreeSet<u32>,
    pub letters: u64,
    /// Of these, how many were redriven before.
    pub came_back: u64,
    pub first_failed_at: Timestamp,
    pub last_failed_at: Timestamp,
    /// The one that failed last: its id and its reason.
    pub example: LetterId,
    pub reason: String,
}

/// Groups, while letters are counted. As large as there are causes, however many letters there are.
#[derive(Clone, Debug, Default)]
pub struct Groups(BTreeMap<FailureFingerprint, Group>);

impl Groups {
    pub fn count(&mut self, indexed: &Indexed) {
        let Indexed { entry, letter } = indexed;
        let group = self.0.entry(entry.group.clone()).or_insert_with(|| Group {
            group: entry.group.clone(),
            stage: entry.stage.clone(),
            code: entry.code,
            at: entry.at.clone(),
            dataset: entry.dataset.clone(),
            contract_versions: BTreeSet::new(),
            letters: 0,
            came_back: 0,
            first_failed_at: entry.first_failed_at,
            last_failed_at: entry.last_failed_at,
            example: entry.id.clone(),
            reason: entry.reason.clone(),
        });
        group.letters += 1;
        group.came_back += u64::from(letter.redrives().max(entry.redrives) > 0);
        group.contract_versions.extend(entry.contract_version);
        group.first_failed_at = group.first_failed_at.min(entry.first_failed_at);
        if (entry.last_failed_at, &entry.id) > (group.last_failed_at, &group.example) {
            group.last_failed_at = entry.last_failed_at;
            group.example = entry.id.clone();
            group.at.clone_from(&entry.at);
            group.reason.clone_from(&entry.reason);
        }
    }

    /// The largest first.
    #[must_use]
    pub fn ranked(self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.0.into_values().collect();
        groups.sort_by(|a, b| b.letters.cmp(&a.letters).then_with(|| a.group.cmp(&b.group)));
        groups
    }
}
