//! The contract file: `contract.yaml` in the dataset's folder, beside its schema.

use std::collections::BTreeMap;

use event::{Code, FailureFingerprint};
use serde::Deserialize;

use crate::enricher::{self, Enricher, RawEnricher};
use crate::error::{ContractError, check_name, check_pointers, invalid};
use crate::keys::{Keys, MIN_RETENTION_DAYS};
use crate::schema::Schema;
use crate::sink::{self, RawSink, Sink, Target};
use crate::triage::{self, RawRule, TriageRule};
use crate::{personal, pointer_tokens};

/// How often a letter may be redriven where no contract says it.
pub const DEFAULT_REDRIVE_LIMIT: u32 = 5;

const MAX_REDRIVE_LIMIT: u32 = 100;

/// One dataset's promises, checked.
#[derive(Clone, Debug)]
pub struct Contract {
    pub dataset: String,
    pub description: String,
    /// The team that answers for it.
    pub owner: String,
    pub version: u32,
    pub schema: Schema,
    pub keys: Keys,
    /// The texts that mean that a CSV field has no value; an empty field always does.
    pub csv_missing: Vec<String>,
    pub enrichers: Vec<Enricher>,
    pub sinks: Vec<Sink>,
    /// How long an idempotency key is remembered.
    pub retention_days: u32,
    /// JSON Pointers to personal data, in which `*` stands for each element of an array and each member of an
    /// object. Where people see payloads, the values there are masked.
    pub personal_data: Vec<String>,
    /// The JSON Pointer to whose event it is: [`Contract::tenant_of`].
    pub tenant: Option<String>,
    /// How often a letter may be redriven before it is quarantined.
    pub redrive_limit: u32,
    pub triage: Vec<TriageRule>,
}

/// The file, as it is in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawContract {
    dataset: String,
    description: String,
    owner: String,
    schema: RawSchema,
    keys: Keys,
    #[serde(default)]
    csv: RawCsv,
    #[serde(default)]
    enrichers: Vec<RawEnricher>,
    sinks: Vec<RawSink>,
    #[serde(default)]
    retention: RawRetention,
    #[serde(default)]
    personal_data: Vec<String>,
    tenant: Option<String>,
    #[serde(default)]
    redrive: RawRedrive,
    #[serde(default)]
    triage: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSchema {
    version: u32,
    file: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCsv {
    missing: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRetention {
    idempotency_days: u32,
}

impl Default for RawRetention {
    fn default() -> Self {
        Self { idempotency_days: 30 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRedrive {
    limit: u32,
}

impl Default for RawRedrive {
    fn default() -> Self {
        Self { limit: DEFAULT_REDRIVE_LIMIT }
    }
}

impl Contract {
    /// Reads a contract from `yaml` and the texts of the schema files beside it, by name.
    ///
    /// # Errors
    /// The first thing that is wrong, with where it is.
    pub fn parse(yaml: &str, schemas: &BTreeMap<String, String>) -> Result<Self, ContractError> {
        // Without YAML 1.1's booleans: `n` is a name, and no `false`.
        let options = serde_saphyr::options! { strict_booleans: true };
        let raw: RawContract = serde_saphyr::from_str_with_options(yaml, options)
            .map_err(|error| ContractError::Malformed(error.to_string()))?;
        check_name("dataset", &raw.dataset)?;
        check_pointers("keys.idempotency", &raw.keys.idempotency)?;
        check_pointers("keys.business", &raw.keys.business)?;
        check_pointers("keys.event_time", std::slice::from_ref(&raw.keys.event_time))?;
        let retention_days = raw.retention.idempotency_days;
        if retention_days < MIN_RETENTION_DAYS {
            let problem = format!(
                "{retention_days} days; at least {MIN_RETENTION_DAYS}, since a dead letter can come back after 14"
            );
            return Err(ContractError::Invalid { field: "retention.idempotency_days", problem });
        }
        let schema = Schema::of_file(raw.schema.file, schemas)?;
        let enrichers = enricher::validate(raw.enrichers, schemas)?;
        let sinks = sink::validate(raw.sinks, &raw.keys)?;
        for sink in &sinks {
            if let Target::Lake(lake) = &sink.target {
                lake.check(&schema)?;
            }
        }
        personal::check(&raw.personal_data)?;
        if let Some(tenant) = &raw.tenant {
            check_tenant(tenant, &raw.personal_data)?;
        }
        let redrive_limit = raw.redrive.limit;
        if !(1..=MAX_REDRIVE_LIMIT).contains(&redrive_limit) {
            return Err(invalid("redrive.limit", "from 1 to 100"));
        }
        let triage = triage::validate(raw.triage, &sinks)?;
        Ok(Self {
            dataset: raw.dataset,
            description: raw.description,
            owner: raw.owner,
            version: raw.schema.version,
            schema,
            sinks,
            keys: raw.keys,
            csv_missing: raw.csv.missing,
            enrichers,
            retention_days,
            personal_data: raw.personal_data,
            tenant: raw.tenant,
            redrive_limit,
            triage,
        })
    }

    /// Whether what is at this JSON Pointer is personal data, or a part of it, or has a part that is.
    #[must_use]
    pub fn is_personal(&self, pointer: &str) -> bool {
        personal::overlaps(&self.personal_data, pointer)
    }

    /// The rule for letters of this cause: the first that applies.
    #[must_use]
    pub fn rule_for(
        &self,
        stage: &str,
        code: Code,
        fingerprint: &FailureFingerprint,
    ) -> Option<&TriageRule> {
        triage::first_for(&self.triage, stage, code, fingerprint)
    }

    /// `<dataset>/<version>`, as the envelope's `dataschema` has it.
    #[must_use]
    pub fn dataschema(&self) -> String {
        format!("{}/{}", self.dataset, self.version)
    }
}

/// A tenant is shown in lists, where nothing is masked.
fn check_tenant(tenant: &str, personal_data: &[String]) -> Result<(), ContractError> {
    if tenant.is_empty() || pointer_tokens(tenant).is_none() {
        let problem = format!("`{tenant}` is not a JSON Pointer such as /airline");
        return Err(ContractError::Invalid { field: "tenant", problem });
    }
    if personal::overlaps(personal_data, tenant) {
        let problem = format!("`{tenant}` is personal data, and a tenant is shown");
        return Err(ContractError::Invalid { field: "tenant", problem });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
