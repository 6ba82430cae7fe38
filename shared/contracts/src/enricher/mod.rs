//! What knows more about an event, as its contract declares it.

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
use crate::{Schema, UrlError, Variables};

/// Something that knows more about an event.
#[derive(Clone, Debug)]
pub struct Enricher {
    pub name: String,
    pub source: Source,
    /// The member of the payload that takes the answer.
    pub into: String,
    /// What an answer is held to, before a part of it is kept: one that breaks it is the service's failure.
    pub schema: Option<Schema>,
    /// JSON Pointer of the part of the answer that is kept; the empty one is all of it.
    pub keep: String,
    pub missing: Missing,
    pub unavailable: Unavailable,
    /// The service, as [`crate::Dependencies`] and its circuit breaker call it.
    pub dependency: String,
    /// What an environment remembers of its answers. `None`: nothing.
    pub cache: Option<CacheRule>,
}

/// Who knows more about an event.
#[derive(Clone, Debug)]
pub enum Source {
    /// A service, asked by a request for each event.
    Http(HttpEnricher),
    /// A DynamoDB table, asked for the items of many events at once.
    Table(TableLookup),
    /// A file in S3, held in memory.
    Reference(ReferenceData),
    /// A lookup of one's own, in Rust.
    Custom(CustomLookup),
}

/// What it means when the service has no answer for this event (404): an answer, not an outage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// The event goes on with null there, marked.
    #[default]
    Degrade,
    /// The event is a dead letter.
    Fail,
}

/// What becomes of an event while the service is unavailable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unavailable {
    /// It waits, uncounted, for as long as the dependency's longest wait.
    #[default]
    Park,
    /// It goes on with null there, marked; also where calls fail and the breaker is not open yet.
    Degrade,
    /// It is a dead letter at once.
    Fail,
}

/// An enricher, as it is in the file.
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

/// The enrichers of a contract, checked.
pub(crate) fn validate(
    raw: Vec<RawEnricher>,
    schemas: &BTreeMap<String, String>,
) -> Result<Vec<Enricher>, ContractError> {
    let mut enrichers: Vec<Enricher> = Vec::new();
    for each in raw {
        let enricher = Enricher::validate(each, schemas)?;
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

/// The positions of enrichers that can be asked at the same time, round by round: each enricher comes after
/// those whose members its question needs. Those that need each other in a circle are in no round.
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
        let schema = raw.schema.map(|file| Schema::of_file(file, schemas)).transpose()?;
        if let Some(cache) = &raw.cache {
            cache.check()?;
        }
        let sources = Sources {
            http: raw.http,
            table: raw.table,
            reference: raw.reference,
            custom: raw.custom,
        };
        let source = sources.the_one(&name)?;
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

    /// With its variables' values in place.
    ///
    /// # Errors
    /// For a variable that is not in the file, or is not what it is used for.
    pub fn bind(&self, variables: &Variables) -> Result<Self, UrlError> {
        let source = match &self.source {
            Source::Http(http) => Source::Http(http.bind(variables)?),
            Source::Table(table) => Source::Table(table.bind(variables)?),
            Source::Reference(reference) => Source::Reference(reference.bind(variables)?),
            Source::Custom(custom) => Source::Custom(custom.bind(variables)?),
        };
        Ok(Self { source, ..self.clone() })
    }

    /// Whether its question is made of this member of the payload.
    fn needs(&self, member: &str) -> bool {
        let is_in_member = |pointer: &str| {
            let first = pointer.split('/').nth(1).unwrap_or_default();
            first.replace("~1", "/").replace("~0", "~") == member
        };
        self.pointers().into_iter().any(is_in_member)
    }

    /// The JSON Pointers to what its question is made of.
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

/// The sources of one enricher, of which there has to be one.
struct Sources {
    http: Option<http::RawHttp>,
    table: Option<lookup::RawTable>,
    reference: Option<lookup::RawReference>,
    custom: Option<lookup::RawCustom>,
}

impl Sources {
    fn the_one(self, name: &str) -> Result<Source, ContractError> {
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
