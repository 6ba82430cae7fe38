//! The versions of a dataset's schema. Each version is deprecated, active or a canary.
//!
//! Exactly one version is active. An event that does not fit it but fits a deprecated version is migrated step by step
//! to the active one, so that all functions after ingest know only the active version. A canary is a newer version that
//! events are checked against as a trial; it refuses none.

use std::collections::BTreeMap;

use event::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{ContractError, SchemaError, invalid};
use crate::migration::{Migration, MigrationError, RawStep};
use crate::schema::{Formats, Schema, Unfit};

/// One version of a schema, with the migration that leads to it.
#[derive(Clone, Debug)]
pub struct SchemaVersion {
    /// The number of the version, at least 1. It grows from version to version, and may leave numbers out.
    pub version: u32,
    /// The name of the schema's file in the dataset's folder. No two versions have the same file.
    pub file: String,
    /// The schema in that file.
    pub schema: Schema,
    /// What the version is used for.
    pub state: VersionState,
    /// The steps from the version before this one. `None` means that a payload of the version before cannot be
    /// migrated. A migration without steps means that such a payload is used as it is.
    pub migration: Option<Migration>,
}

/// What a version is used for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum VersionState {
    /// Events of this version are still accepted, and migrated to the active version.
    Deprecated {
        /// The last millisecond, in UTC, of the day on which events may be taken in.
        until: Timestamp,
    },
    /// Events have to fit this version, or be migrated to it.
    Active,
    /// Some events are checked against this version as a trial. Those that do not fit are counted, and accepted.
    Canary {
        /// The share of the events that are checked: above 0, and at most 1, which is the default.
        share: f64,
    },
}

/// The field `schema` of a contract: either one version, or a list of versions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSchema {
    version: Option<u32>,
    file: Option<String>,
    #[serde(default)]
    formats: Formats,
    #[serde(default)]
    compatibility: Compatibility,
    versions: Option<Vec<RawVersion>>,
}

/// Which readers a new version must not break, by the names that schema registries use. The registry of Confluent
/// defines them: <https://docs.confluent.io/platform/current/schema-registry/fundamentals/schema-evolution.html>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Compatibility {
    /// The new version reads what the version before wrote.
    #[default]
    Backward,
    /// The new version reads what all versions before wrote.
    BackwardTransitive,
    /// The version before reads what the new one writes.
    Forward,
    /// All versions before read what the new one writes.
    ForwardTransitive,
    /// Both [`Compatibility::Backward`] and [`Compatibility::Forward`].
    Full,
    /// Both [`Compatibility::BackwardTransitive`] and [`Compatibility::ForwardTransitive`].
    FullTransitive,
    /// Versions are not compared.
    None,
}

impl Compatibility {
    /// The name in capital letters, as schema registries and the crate `sluicegate-compatibility` have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Backward => "BACKWARD",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Self::Forward => "FORWARD",
            Self::ForwardTransitive => "FORWARD_TRANSITIVE",
            Self::Full => "FULL",
            Self::FullTransitive => "FULL_TRANSITIVE",
            Self::None => "NONE",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVersion {
    version: u32,
    file: String,
    #[serde(default)]
    state: RawState,
    until: Option<String>,
    share: Option<f64>,
    migrate: Option<Vec<RawStep>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawState {
    Deprecated,
    #[default]
    Active,
    Canary,
}

/// All versions of a dataset's schema, from the oldest to the newest. Exactly one is active.
#[derive(Clone, Debug)]
pub struct Versions {
    all: Vec<SchemaVersion>,
    /// The index of the active version in `all`.
    active: usize,
    /// What a new version must keep. `sluicegate contracts check` compares the versions by it.
    pub compatibility: Compatibility,
}

/// Why a payload of an older version cannot be migrated to the active version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// The payload fits neither the active version nor an older one.
    #[error("it fits no version of the schema")]
    NoVersion,
    /// The schema of a version cannot be compiled, so that nobody knows whether the payload fits it.
    #[error("version {version} of the schema cannot be used")]
    Broken {
        /// The version whose schema is broken.
        version: u32,
    },
    /// The contract does not have the payload's version, or the version is newer than the active one.
    #[error("the contract has no version {version}")]
    Unknown {
        /// The version of the payload.
        version: u32,
    },
    /// A version on the way declares no migration.
    #[error("the contract does not say how version {version} follows from the one before")]
    NoMigration {
        /// The version without a migration.
        version: u32,
    },
    /// A step of a migration fails.
    #[error("to version {version}: {source}")]
    Failed {
        /// The version that the migration leads to.
        version: u32,
        /// The step that fails.
        #[source]
        source: MigrationError,
    },
}

impl RawSchema {
    pub(crate) fn validate(
        self,
        files: &BTreeMap<String, String>,
    ) -> Result<Versions, ContractError> {
        let raw = match (self.version, self.file, self.versions) {
            (Some(version), Some(file), None) => vec![RawVersion::only(version, file)],
            (None, None, Some(versions)) => versions,
            _ => {
                let expected = "either version and file, or versions, each with version and file";
                return Err(invalid("schema", expected));
            }
        };
        let mut all: Vec<SchemaVersion> = Vec::new();
        for each in raw {
            let before = all.last().map_or(0, |before| before.version);
            if each.version <= before {
                return Err(invalid("schema.versions", "from the oldest to the newest, from 1"));
            }
            if all.iter().any(|other| other.file == each.file) {
                return Err(invalid("schema.versions", "a file of its own for each version"));
            }
            all.push(each.validate(files, self.formats)?);
        }
        let mut active = (0..all.len()).filter(|&place| all[place].state == VersionState::Active);
        let (Some(active), None) = (active.next(), active.next()) else {
            return Err(invalid("schema.versions", "exactly one that is active"));
        };
        if all[active + 1..].iter().any(|each| each.is_deprecated()) {
            return Err(invalid("schema.versions", "deprecated is older than active"));
        }
        let canaries = all.iter().filter(|each| each.is_canary()).count();
        if canaries > 1 || all[..active].iter().any(SchemaVersion::is_canary) {
            return Err(invalid(
                "schema.versions",
                "at most one canary, newer than the active one",
            ));
        }
        Ok(Versions { all, active, compatibility: self.compatibility })
    }
}

impl RawVersion {
    /// The version of a contract that has only one.
    fn only(version: u32, file: String) -> Self {
        let state = RawState::Active;
        Self { version, file, state, until: None, share: None, migrate: None }
    }

    fn validate(
        self,
        files: &BTreeMap<String, String>,
        formats: Formats,
    ) -> Result<SchemaVersion, ContractError> {
        let state = match (self.state, self.until, self.share) {
            (RawState::Active, None, None) => VersionState::Active,
            (RawState::Deprecated, Some(day), None) => {
                VersionState::Deprecated { until: end_of_day(&day)? }
            }
            (RawState::Canary, None, share) => {
                let share = share.unwrap_or(1.0);
                if !(share > 0.0 && share <= 1.0) {
                    return Err(invalid("schema.versions.share", "above 0, and at most 1"));
                }
                VersionState::Canary { share }
            }
            (RawState::Deprecated, None, _) => {
                return Err(invalid("schema.versions.until", "a day, such as 2027-01-31"));
            }
            (_, Some(_), _) => {
                return Err(invalid("schema.versions.until", "only of a deprecated version"));
            }
            (_, _, Some(_)) => {
                return Err(invalid("schema.versions.share", "only of a canary"));
            }
        };
        let migration = self.migrate.map(Migration::validate).transpose()?;
        let schema = Schema::of_file(&self.file, files, formats)?;
        Ok(SchemaVersion { version: self.version, file: self.file, schema, state, migration })
    }
}

/// The last millisecond of a day in UTC.
fn end_of_day(day: &str) -> Result<Timestamp, ContractError> {
    format!("{day}T23:59:59.999Z")
        .parse()
        .map_err(|_| invalid("schema.versions.until", "a day, such as 2027-01-31"))
}

impl SchemaVersion {
    /// Whether events of this version are accepted until a day, and then no more.
    #[must_use]
    pub fn is_deprecated(&self) -> bool {
        matches!(self.state, VersionState::Deprecated { .. })
    }

    /// Whether events are checked against this version only as a trial.
    #[must_use]
    pub fn is_canary(&self) -> bool {
        matches!(self.state, VersionState::Canary { .. })
    }
}

impl Versions {
    /// The version that events have to fit.
    #[must_use]
    pub fn active(&self) -> &SchemaVersion {
        &self.all[self.active]
    }

    /// The newer version that events are checked against as a trial. There is at most one.
    #[must_use]
    pub fn canary(&self) -> Option<&SchemaVersion> {
        self.all.iter().find(|each| each.is_canary())
    }

    /// All versions, from the oldest to the newest.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &SchemaVersion> {
        self.all.iter()
    }

    /// The deprecated versions that are accepted at the time `at`, from the newest to the oldest. Without a time, all
    /// deprecated versions.
    pub(crate) fn older_than_active(
        &self,
        at: Option<Timestamp>,
    ) -> impl Iterator<Item = &SchemaVersion> {
        self.all[..self.active].iter().rev().filter(move |each| match (each.state, at) {
            (VersionState::Deprecated { until }, Some(at)) => at <= until,
            (VersionState::Deprecated { .. }, None) => true,
            (VersionState::Active | VersionState::Canary { .. }, _) => false,
        })
    }

    /// Migrates a payload of the version `from` to the active version, with the steps of each version on the way. The
    /// result is not checked against the schema.
    ///
    /// # Errors
    /// If there is no such version up to the active one, a version on the way has no migration, or a step fails.
    pub fn upgrade(&self, from: u32, payload: &Value) -> Result<Value, UpgradeError> {
        let known = self.all[..=self.active].iter().position(|each| each.version == from);
        let start = known.ok_or(UpgradeError::Unknown { version: from })?;
        let mut payload = payload.clone();
        for next in &self.all[start + 1..=self.active] {
            let version = next.version;
            let migration = next.migration.as_ref().ok_or(UpgradeError::NoMigration { version })?;
            payload = migration
                .apply(&payload)
                .map_err(|source| UpgradeError::Failed { version, source })?;
        }
        Ok(payload)
    }

    /// A payload as one of the active version, whichever version it is of: the newest that it fits.
    ///
    /// # Errors
    /// When it fits none, or those of [`Versions::upgrade`].
    pub fn upgrade_any(&self, payload: &Value) -> Result<Value, UpgradeError> {
        for each in self.all[..=self.active].iter().rev() {
            match each.schema.check(payload) {
                Ok(()) => return self.upgrade(each.version, payload),
                Err(Unfit::Value(_)) => {}
                Err(Unfit::Schema(_)) => {
                    return Err(UpgradeError::Broken { version: each.version });
                }
            }
        }
        Err(UpgradeError::NoVersion)
    }

    /// Compiles the schemas of all versions.
    ///
    /// # Errors
    /// The error of the first schema that cannot be used.
    pub fn compile(&self) -> Result<(), std::sync::Arc<SchemaError>> {
        self.all.iter().try_for_each(|each| each.schema.compile())
    }
}

#[cfg(test)]
mod tests;
