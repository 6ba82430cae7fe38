//! Letters of one cause, grouped and counted.

use std::collections::{BTreeMap, BTreeSet};

use event::{Code, FailureFingerprint, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Indexed, LetterId};

/// The letters whose failures have the same fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The fingerprint that they share.
    pub group: FailureFingerprint,
    /// The stage that they failed at.
    pub stage: String,
    /// The code of their failures.
    pub code: Code,
    /// Where the letter in `example` failed: a JSON Pointer, a line, or a place in the code.
    pub at: Option<String>,
    /// The dataset of their events; absent if their failures do not name one.
    pub dataset: Option<String>,
    /// All versions of the contract's schema that their events were held to.
    pub contract_versions: BTreeSet<u32>,
    /// How many letters there are.
    pub letters: u64,
    /// How many of them were redriven before.
    pub came_back: u64,
    /// When the first of them failed for the first time.
    pub first_failed_at: Timestamp,
    /// When the last of them failed.
    pub last_failed_at: Timestamp,
    /// The id of the letter that failed last.
    pub example: LetterId,
    /// Why the letter in `example` failed.
    pub reason: String,
}

/// Counts letters by group. Its size depends on the number of causes, and not on the number of letters.
#[derive(Clone, Debug, Default)]
pub struct Groups(BTreeMap<FailureFingerprint, Group>);

impl Groups {
    /// Adds a letter to its group.
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

    /// The groups, the one with the most letters first; groups of equal size are sorted by fingerprint.
    #[must_use]
    pub fn ranked(self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.0.into_values().collect();
        groups.sort_by(|a, b| b.letters.cmp(&a.letters).then_with(|| a.group.cmp(&b.group)));
        groups
    }
}
