//! The enrichers of a contract. Each asks something for more about an event, and puts the answer into its payload.

mod cache;
mod http;
mod key;
mod lookup;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

pub use self::cache::CacheRule;
pub use self::http::{AskMethod, HttpEnricher};
pub use self::key::{KeyTemplate, LookupKey};
pub use self::lookup::{CustomLookup, ReferenceData, ReferenceFormat, TableLookup};
use crate::error::{ContractError, check_name, invalid};
use crate::{Formats, Schema, UrlError, Variables};

/// One enricher of a contract.
#[derive(Clone, Debug)]
pub struct Enricher {
    /// The name, which is unique in its contract: 1 to 64 lower-case letters, digits and hyphens.
    pub name: String,
    /// What is asked, and how.
    pub source: Source,
    /// The member of the payload that gets the answer. No two enrichers of a contract set the same member.
    pub into: String,
    /// The schema that an answer has to fit, before a part of it is kept. An answer that does not fit counts as a
    /// failure of the service. `None` if answers are not checked.
    pub schema: Option<Schema>,
    /// The JSON Pointer of the part of the answer that is kept. The empty pointer keeps the whole answer.
    pub keep: String,
    /// What happens to an event that the source knows nothing about.
    pub missing: Missing,
    /// What happens to an event while the source is unavailable.
    pub unavailable: Unavailable,
    /// The name of the source in [`crate::Dependencies`], which is also the name of its circuit breaker. By default it
    /// is the name of the enricher.
    pub dependency: String,
    /// How an execution environment remembers answers. `None` if it does not.
    pub cache: Option<CacheRule>,
}

/// The source of an enricher's answers.
#[derive(Clone, Debug)]
pub enum Source {
    /// A service that gets one request for each event.
    Http(HttpEnricher),
    /// A DynamoDB table that is read for many events at once.
    Table(TableLookup),
    /// A file in S3 that is held in memory.
    Reference(ReferenceData),
    /// A lookup that the deployment implements in Rust.
    Custom(CustomLookup),
}

/// What happens to an event that the source has no answer for, such as HTTP 404. This is an answer, not an outage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// The event goes on with null in its member, and its envelope names the enricher in `degraded`.
    #[default]
    Degrade,
    /// The event becomes a dead letter.
    Fail,
}

/// What happens to an event while the service is unavailable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unavailable {
    /// The event waits, at most for the `longest_wait` of the dependency. The wait does not count as an attempt.
    #[default]
    Park,
    /// The event goes on with null in its member, and its envelope names the enricher in `degraded`. This also happens
    /// if a call fails while the circuit breaker is closed.
    Degrade,
    /// The event becomes a dead letter at once.
    Fail,
}

/// An enricher as it is written in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawEnricher {
    name: String,
    http: Option<http::RawHttp>,
    table: Option<lookup::RawTable>,
    reference: Option<lookup::RawReference>,
    custom: Option<lookup::RawCustom>,
    into: String,
    #[serde(default)]
    keep: String,
    schema: Option<String>,
    cache: Option<CacheRule>,
    #[serde(default)]
    missing: Missing,
    #[serde(default)]
    unavailable: Unavailable,
    dependency: Option<String>,
}

/// Checks the enrichers of a contract.
pub(crate) fn validate(
    raw: Vec<RawEnricher>,
    schemas: &BTreeMap<String, String>,
) -> Result<Vec<Enricher>, ContractError> {
    let mut enrichers: Vec<Enricher> = Vec::new();
    for each in raw {
        let name = each.name.clone();
        let enricher = Enricher::validate(each, schemas)
            .map_err(|error| error.of_element("enrichers", &name))?;
        if enrichers.iter().any(|other| other.name == enricher.name) {
            return Err(invalid("enrichers.name", "two of one name"));
        }
        if enrichers.iter().any(|other| other.into == enricher.into) {
            return Err(invalid("enrichers.into", "two that set one member"));
        }
        enrichers.push(enricher);
    }
    let placed = in_rounds(&enrichers).iter().map(Vec::len).sum::<usize>();
    if placed < enrichers.len() {
        return Err(invalid("enrichers", "some need each other's members, in a circle"));
    }
    Ok(enrichers)
}

/// Groups enrichers into rounds. Those of one round can be asked at the same time, because each enricher is in a later
/// round than those whose answers it needs.
///
/// A round has indexes into `enrichers`. Enrichers that need each other's answers in a circle are in no round; a
/// checked contract has none.
#[must_use]
pub fn in_rounds(enrichers: &[Enricher]) -> Vec<Vec<usize>> {
    let mut rounds = Vec::new();
    let mut waiting: BTreeSet<usize> = (0..enrichers.len()).collect();
    loop {
        let mut round = Vec::new();
        for &position in &waiting {
            let mut others = waiting.iter().map(|&other| &enrichers[other]);
            if !others.any(|other| enrichers[position].needs(&other.into)) {
                round.push(position);
            }
        }
        if round.is_empty() {
            return rounds;
        }
        waiting.retain(|position| !round.contains(position));
        rounds.push(round);
    }
}

impl Enricher {
    fn validate(
        raw: RawEnricher,
        schemas: &BTreeMap<String, String>,
    ) -> Result<Self, ContractError> {
        let name = raw.name;
        check_name("enrichers.name", &name)?;
        if raw.into.is_empty() {
            return Err(invalid("enrichers.into", "the name of a member"));
        }
        if !raw.keep.is_empty() && !raw.keep.starts_with('/') {
            return Err(invalid("enrichers.keep", "a JSON Pointer such as /current"));
        }
        let dependency = raw.dependency.unwrap_or_else(|| name.clone());
        check_name("enrichers.dependency", &dependency)?;
        let schema = match &raw.schema {
            Some(file) => Some(Schema::of_file(file, schemas, Formats::default())?),
            None => None,
        };
        if let Some(cache) = &raw.cache {
            cache.check()?;
        }
        let sources = Sources {
            http: raw.http,
            table: raw.table,
            reference: raw.reference,
            custom: raw.custom,
        };
        let source = sources.single(&name)?;
        if matches!(source, Source::Reference(_)) && raw.cache.is_some() {
            let expected = "nothing for reference data, which is in memory: see refresh_s";
            return Err(invalid("enrichers.cache", expected));
        }
        Ok(Self {
            source,
            name,
            into: raw.into,
            schema,
            keep: raw.keep,
            cache: raw.cache,
            missing: raw.missing,
            unavailable: raw.unavailable,
            dependency,
        })
    }

    /// The enricher with the values of its variables.
    ///
    /// # Errors
    /// If a variable is not in the file, or its value cannot be used at its place.
    pub fn bind(&self, variables: &Variables) -> Result<Self, UrlError> {
        let source = match &self.source {
            Source::Http(http) => Source::Http(http.bind(variables)?),
            Source::Table(table) => Source::Table(table.bind(variables)?),
            Source::Reference(reference) => Source::Reference(reference.bind(variables)?),
            Source::Custom(custom) => Source::Custom(custom.bind(variables)?),
        };
        Ok(Self { source, ..self.clone() })
    }

    /// Whether its request needs something from this member of the payload.
    fn needs(&self, member: &str) -> bool {
        self.pointers().into_iter().any(|pointer| {
            let first = pointer.split('/').nth(1).unwrap_or_default();
            first.replace("~1", "/").replace("~0", "~") == member
        })
    }

    /// The JSON Pointers to the values of a payload that its request needs.
    #[must_use]
    pub fn pointers(&self) -> Vec<&str> {
        match &self.source {
            Source::Http(http) => http.pointers().collect(),
            Source::Table(table) => table.key.pointers().collect(),
            Source::Reference(reference) => reference.key.pointers().collect(),
            Source::Custom(custom) => custom.key.pointers().collect(),
        }
    }
}

/// The sources that an enricher has in the file. Exactly one is allowed.
struct Sources {
    http: Option<http::RawHttp>,
    table: Option<lookup::RawTable>,
    reference: Option<lookup::RawReference>,
    custom: Option<lookup::RawCustom>,
}

impl Sources {
    fn single(self, name: &str) -> Result<Source, ContractError> {
        match (self.http, self.table, self.reference, self.custom) {
            (Some(http), None, None, None) => HttpEnricher::validate(http, name).map(Source::Http),
            (None, Some(table), None, None) => {
                TableLookup::validate(table, name).map(Source::Table)
            }
            (None, None, Some(reference), None) => {
                ReferenceData::validate(reference, name).map(Source::Reference)
            }
            (None, None, None, Some(custom)) => {
                CustomLookup::validate(custom, name).map(Source::Custom)
            }
            _ => Err(invalid("enrichers", "one of http, table, reference and custom in each")),
        }
    }
}

#[cfg(test)]
mod tests;
