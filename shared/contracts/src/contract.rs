//! Reads and checks a contract: the file `contract.yaml` in the folder of a dataset, beside its schemas.

use std::collections::BTreeMap;
use std::sync::Arc;

use event::{Code, ContractRef, FailureFingerprint};
use serde::Deserialize;

use crate::backlog::{Backlog, RawBacklog};
use crate::canary::CanaryTally;
use crate::changes::{Changes, RawChanges};
use crate::enricher::{self, Enricher, RawEnricher};
use crate::error::{ContractError, check_name, check_pointers, invalid};
use crate::files::{CsvFiles, FileFormat, RawCsv, RawFiles};
use crate::keys::{Keys, MIN_RETENTION_DAYS};
use crate::objectives::{Objectives, RawObjectives};
use crate::pointers::Pointers;
use crate::schema::Schema;
use crate::sink::{self, RawSink, Sink, Target};
use crate::sources::{RawSource, Sources};
use crate::time_rules::{RawTimeRules, TimeRules};
use crate::triage::{self, RawRule, TriageRule};
use crate::versions::{RawSchema, Versions};
use crate::{personal, pointer_tokens, pointers};

/// How often a dead letter may be redriven if its contract does not set `redrive.limit`.
pub const DEFAULT_REDRIVE_LIMIT: u32 = 5;

const MAX_REDRIVE_LIMIT: u32 = 100;

const MAX_CONTACT: usize = 256;
const MAX_TAGS: usize = 20;

/// The contract of one dataset, after all of its checks.
#[derive(Clone, Debug)]
pub struct Contract {
    /// The name of the dataset: 1 to 64 lower-case letters, digits and hyphens. It is part of keys and event types.
    pub dataset: String,
    /// What the dataset holds, for people.
    pub description: String,
    /// The team that is responsible for the dataset.
    pub owner: String,
    /// How the team is reached, such as an address or a channel.
    pub contact: Option<String>,
    /// The part of the business that the dataset belongs to, as a name.
    pub domain: Option<String>,
    /// Names by which datasets are found, each once.
    pub tags: Vec<String>,
    /// The ways by which events may come, and who may send by them.
    pub sources: Sources,
    /// The table whose changes the events are. `None` if an event is what its producer sent.
    pub changes: Option<Changes>,
    /// What the dataset promises to whoever uses it.
    pub objectives: Objectives,
    /// How many events may wait behind ingest. `None` for any number.
    pub backlog: Option<Backlog>,
    /// The number of the active version of the schema.
    pub version: u32,
    /// The schema of the active version.
    pub schema: Schema,
    /// All versions of the schema.
    pub versions: Versions,
    /// Where a payload has its identity and its time.
    pub keys: Keys,
    /// How far the time of an event may be from that at which it is taken in.
    pub time: TimeRules,
    /// The format of its files. `None` if their names and their first bytes say it.
    pub file_format: Option<FileFormat>,
    /// How its CSV files are written.
    pub csv: CsvFiles,
    /// In the order of the file. [`in_rounds`](crate::in_rounds) says in which order they are asked.
    pub enrichers: Vec<Enricher>,
    /// In the order of the file. There is at least one, and names are unique.
    pub sinks: Vec<Sink>,
    /// How many days an idempotency key is remembered: at least [`MIN_RETENTION_DAYS`], and 30 by default.
    pub retention_days: u32,
    /// JSON Pointers to personal data, in which `*` stands for each element of an array and each member of an
    /// object. The values there are masked wherever people see payloads.
    pub personal_data: Vec<String>,
    /// The JSON Pointer to the tenant of an event, which [`Contract::tenant_of`] reads. `None` if the dataset has no
    /// tenants.
    pub tenant: Option<String>,
    /// The JSON Pointer to the region or jurisdiction that an event belongs to. `None` if the dataset has no regions.
    pub region: Option<String>,
    /// How often a dead letter may be redriven before it is quarantined: 1 to 100.
    pub redrive_limit: u32,
    /// The rules for dead letters. The first that applies to a letter counts.
    pub triage: Vec<TriageRule>,
    /// What the canary version refused of the events that were tried.
    pub(crate) canary_tally: Arc<CanaryTally>,
}

/// The contract as it is written in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawContract {
    dataset: String,
    description: String,
    owner: String,
    contact: Option<String>,
    domain: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    sources: Option<Vec<RawSource>>,
    changes: Option<RawChanges>,
    #[serde(default)]
    objectives: RawObjectives,
    backlog: Option<RawBacklog>,
    schema: RawSchema,
    keys: Keys,
    time: Option<RawTimeRules>,
    #[serde(default)]
    csv: RawCsv,
    #[serde(default)]
    files: RawFiles,
    #[serde(default)]
    enrichers: Vec<RawEnricher>,
    sinks: Vec<RawSink>,
    #[serde(default)]
    retention: RawRetention,
    #[serde(default)]
    personal_data: Vec<String>,
    tenant: Option<String>,
    region: Option<String>,
    #[serde(default)]
    redrive: RawRedrive,
    #[serde(default)]
    triage: Vec<RawRule>,
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
    /// What names it in dead letters: its dataset and the version that events are held to.
    #[must_use]
    pub fn reference(&self) -> ContractRef {
        ContractRef { dataset: self.dataset.clone(), version: Some(self.version) }
    }

    /// Reads a contract. `yaml` is its text, and `schemas` has the texts of the schema files beside it, by name.
    ///
    /// Schemas are read but not compiled; [`Versions::compile`] does that.
    ///
    /// # Errors
    /// The first problem that is found. [`ContractError::located`] adds its position in the file.
    pub fn parse(yaml: &str, schemas: &BTreeMap<String, String>) -> Result<Self, ContractError> {
        // YAML 1.1 reads `n` and `off` as `false`. With strict booleans they are texts.
        let options = serde_saphyr::options! { strict_booleans: true };
        let raw: RawContract = serde_saphyr::from_str_with_options(yaml, options)
            .map_err(|error| ContractError::of_yaml(&error))?;
        check_name("dataset", &raw.dataset)?;
        check_ownership(&raw)?;
        let sources = Sources::validate(raw.sources)?;
        let objectives = raw.objectives.validate()?;
        let backlog = raw.backlog.map(RawBacklog::validate).transpose()?;
        check_pointers("keys.idempotency", &raw.keys.idempotency)?;
        check_pointers("keys.business", &raw.keys.business)?;
        check_pointers("keys.event_time", std::slice::from_ref(&raw.keys.event_time.at))?;
        if let Some(sequence) = &raw.keys.sequence {
            check_pointers("keys.sequence", std::slice::from_ref(sequence))?;
        }
        let time = raw.time.map(RawTimeRules::validate).transpose()?.unwrap_or_default();
        let retention_days = raw.retention.idempotency_days;
        if retention_days < MIN_RETENTION_DAYS {
            let problem = format!(
                "{retention_days} days; at least {MIN_RETENTION_DAYS}, since a dead letter can come back after 14"
            );
            return Err(invalid("retention.idempotency_days", &problem));
        }
        let versions = raw.schema.validate(schemas)?;
        let (version, schema) = (versions.active().version, versions.active().schema.clone());
        let enrichers = enricher::validate(raw.enrichers, schemas)?;
        let changes = raw.changes.map(|changes| changes.validate(&enrichers)).transpose()?;
        let sinks = sink::validate(raw.sinks, &raw.keys)?;
        for sink in &sinks {
            if let Target::Lake(lake) = &sink.target {
                lake.check(&schema)?;
            }
        }
        personal::check(&raw.personal_data)?;
        for (field, pointer) in [("tenant", &raw.tenant), ("region", &raw.region)] {
            if let Some(pointer) = pointer {
                check_shown(field, pointer, &raw.personal_data)?;
            }
        }
        let redrive_limit = raw.redrive.limit;
        if !(1..=MAX_REDRIVE_LIMIT).contains(&redrive_limit) {
            return Err(invalid("redrive.limit", "from 1 to 100"));
        }
        let triage = triage::validate(raw.triage, &sinks)?;
        pointers::check(&Pointers {
            schema: &schema,
            keys: &raw.keys,
            tenant: raw.tenant.as_deref(),
            region: raw.region.as_deref(),
            personal_data: &raw.personal_data,
            enrichers: &enrichers,
            sinks: &sinks,
        })?;
        Ok(Self {
            dataset: raw.dataset,
            description: raw.description,
            owner: raw.owner,
            contact: raw.contact,
            domain: raw.domain,
            tags: raw.tags,
            sources,
            changes,
            objectives,
            backlog,
            version,
            schema,
            versions,
            sinks,
            keys: raw.keys,
            time,
            file_format: raw.files.format,
            csv: raw.csv.validate()?,
            enrichers,
            retention_days,
            personal_data: raw.personal_data,
            tenant: raw.tenant,
            region: raw.region,
            redrive_limit,
            triage,
            canary_tally: Arc::default(),
        })
    }

    /// Whether the value at this JSON Pointer is personal data, is part of personal data, or contains personal data.
    #[must_use]
    pub fn is_personal(&self, pointer: &str) -> bool {
        personal::overlaps(&self.personal_data, pointer)
    }

    /// The first triage rule that applies to dead letters of this stage, code and fingerprint.
    #[must_use]
    pub fn rule_for(
        &self,
        stage: &str,
        code: Code,
        fingerprint: &FailureFingerprint,
    ) -> Option<&TriageRule> {
        triage::first_for(&self.triage, stage, code, fingerprint)
    }

    /// The `dataschema` of envelopes of the active version: `<dataset>/<version>`.
    #[must_use]
    pub fn dataschema(&self) -> String {
        format!("{}/{}", self.dataset, self.version)
    }
}

/// Checks the fields that say to whom a dataset belongs.
fn check_ownership(raw: &RawContract) -> Result<(), ContractError> {
    if raw.contact.as_ref().is_some_and(|contact| contact.chars().count() > MAX_CONTACT) {
        return Err(invalid("contact", &format!("longer than {MAX_CONTACT} characters")));
    }
    if let Some(domain) = &raw.domain {
        check_name("domain", domain)?;
    }
    if raw.tags.len() > MAX_TAGS {
        return Err(invalid(
            "tags",
            &format!("{} tags; expected at most {MAX_TAGS}", raw.tags.len()),
        ));
    }
    for (at, tag) in raw.tags.iter().enumerate() {
        check_name("tags", tag)?;
        if raw.tags[..at].contains(tag) {
            return Err(invalid("tags", &format!("`{tag}` is there twice")));
        }
    }
    Ok(())
}

/// Checks that the tenant or the region is a JSON Pointer, and not personal data. Lists show tenants without a mask, and
/// whoever routes messages sees regions.
fn check_shown(field: &str, pointer: &str, personal_data: &[String]) -> Result<(), ContractError> {
    if pointer.is_empty() || pointer_tokens(pointer).is_none() {
        let problem = format!("`{pointer}` is not a JSON Pointer such as /airline");
        return Err(invalid(field, &problem));
    }
    if personal::overlaps(personal_data, pointer) {
        let problem = format!("`{pointer}` is personal data, and a {field} is shown");
        return Err(invalid(field, &problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
