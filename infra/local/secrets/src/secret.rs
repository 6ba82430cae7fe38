//! A secret: its versions, and the stages of the versions.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version>.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::SecretError;
use super::errors::{exists, invalid_parameter, not_found};

pub(super) const CURRENT: &str = "AWSCURRENT";
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";
/// The number of versions that are kept. If there are more, the oldest ones without a stage are
/// deleted.
const MAX_VERSIONS: usize = 100;

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Content {
    Text(String),
    Bytes(Vec<u8>),
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content")
    }
}

#[derive(Clone, Debug)]
pub(super) struct Secret {
    pub(super) description: Option<String>,
    pub(super) kms_key_id: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) created_ms: u64,
    pub(super) changed_ms: u64,
    /// If the secret is deleted, when its recovery window ends.
    pub(super) deleted_ms: Option<u64>,
    /// In the order in which they were added.
    pub(super) versions: Vec<Version>,
}

#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) content: Content,
    pub(super) stages: BTreeSet<String>,
    pub(super) created_ms: u64,
}

impl Secret {
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            description: None,
            kms_key_id: None,
            tags: BTreeMap::new(),
            created_ms: now_ms,
            changed_ms: now_ms,
            deleted_ms: None,
            versions: Vec::new(),
        }
    }

    /// The version with this id, or with this stage. Without either, the current version.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, or `InvalidParameterException` if the version of `id` does
    /// not have `stage`.
    pub(super) fn version(
        &self,
        id: Option<&str>,
        stage: Option<&str>,
    ) -> Result<&Version, SecretError> {
        if let Some(id) = id {
            let found = self.versions.iter().find(|version| version.id == id);
            let found = found.ok_or_else(|| no_version(&format!("VersionId: {id}")))?;
            if stage.is_some_and(|stage| !found.stages.contains(stage)) {
                return Err(invalid_parameter(
                    "You provided a VersionStage that is not associated to the provided VersionId.",
                ));
            }
            return Ok(found);
        }
        let stage = stage.unwrap_or(CURRENT);
        let mut in_stage = self.versions.iter().filter(|version| version.stages.contains(stage));
        in_stage.next().ok_or_else(|| no_version(&format!("staging label: {stage}")))
    }

    /// Adds a version with an id that the caller chooses. The same content under the same id
    /// changes nothing.
    ///
    /// # Errors
    /// `ResourceExistsException` if the id has another content.
    pub(super) fn put(
        &mut self,
        id: &str,
        content: Content,
        stages: &BTreeSet<String>,
        now_ms: u64,
    ) -> Result<(), SecretError> {
        if let Some(known) = self.versions.iter().find(|version| version.id == id) {
            if known.content == content {
                return Ok(());
            }
            return Err(exists(format!(
                "You can't use ClientRequestToken {id} because that value is already in use for a version \
                 of this secret."
            )));
        }
        let (id, created_ms) = (id.to_owned(), now_ms);
        self.versions.push(Version {
            id: id.clone(),
            content,
            stages: BTreeSet::new(),
            created_ms,
        });
        for stage in stages {
            self.move_stage(stage, Some(&id));
        }
        self.changed_ms = now_ms;
        self.forget_old();
        Ok(())
    }

    /// Gives a stage to the version `to`, and takes it from the version that had it. A version
    /// that loses `AWSCURRENT` gets `AWSPREVIOUS`.
    pub(super) fn move_stage(&mut self, stage: &str, to: Option<&str>) {
        let mut before = None;
        for version in &mut self.versions {
            if version.stages.remove(stage) {
                before = Some(version.id.clone());
            }
            if to == Some(version.id.as_str()) {
                version.stages.insert(stage.to_owned());
            }
        }
        if stage == CURRENT && before.is_some() && before.as_deref() != to {
            self.move_stage(PREVIOUS, before.as_deref());
        }
    }

    fn forget_old(&mut self) {
        while self.versions.len() > MAX_VERSIONS {
            let Some(at) = self.versions.iter().position(|version| version.stages.is_empty())
            else {
                return;
            };
            self.versions.remove(at);
        }
    }
}

fn no_version(which: &str) -> SecretError {
    not_found(&format!("Secrets Manager can't find the specified secret value for {which}"))
}
