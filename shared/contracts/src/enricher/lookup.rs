//! Enrichers that look something up by a key: an item of a table, a row of reference data, or whatever a
//! lookup of one's own finds.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::key::KeyTemplate;
use crate::error::{ContractError, check_name, invalid};
use crate::{UrlError, Variables};

/// An item of a DynamoDB table, as a JSON document.
#[derive(Clone, Debug)]
pub struct TableLookup {
    /// The table's name in the function's `LOOKUP_TABLES`.
    pub table: String,
    /// By the names of the table's key attributes.
    pub key: KeyTemplate,
    /// Whether a read sees every write that was answered before it; it costs twice as much.
    pub consistent: bool,
    /// How long one attempt may take.
    pub timeout_ms: u64,
}

/// A row of a file in the bucket of reference data, as a JSON document. The file is read once in an
/// environment, and again where its entity tag has changed.
#[derive(Clone, Debug)]
pub struct ReferenceData {
    /// The object's key in the bucket.
    pub object: String,
    pub format: ReferenceFormat,
    /// By the names of the file's columns, or of its documents' members.
    pub key: KeyTemplate,
    /// How long it is used before S3 is asked whether it has changed.
    pub refresh_s: u64,
    /// For how long after that it is used while S3 does not answer, or has a file that cannot be read.
    pub stale_s: u64,
    /// How long one attempt to read it may take.
    pub timeout_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReferenceFormat {
    /// With a header. The enricher's schema says which columns are numbers.
    Csv,
    /// A JSON object a line.
    Ndjson,
}

/// What a lookup of one's own finds, which the function that runs enrich knows by name.
#[derive(Clone, Debug)]
pub struct CustomLookup {
    pub lookup: String,
    pub key: KeyTemplate,
    /// How long one attempt may take.
    pub timeout_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTable {
    name: String,
    key: BTreeMap<String, String>,
    #[serde(default)]
    consistent: bool,
    #[serde(default = "default_timeout_ms")]
    timeout_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReference {
    object: String,
    format: Option<ReferenceFormat>,
    key: BTreeMap<String, String>,
    #[serde(default = "default_refresh_s")]
    refresh_s: u64,
    #[serde(default = "default_stale_s")]
    stale_s: u64,
    #[serde(default = "default_file_timeout_ms")]
    timeout_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCustom {
    lookup: String,
    key: BTreeMap<String, String>,
    #[serde(default = "default_timeout_ms")]
    timeout_ms: u64,
}

fn default_timeout_ms() -> u64 {
    2_000
}

fn default_file_timeout_ms() -> u64 {
    5_000
}

fn default_refresh_s() -> u64 {
    60
}

fn default_stale_s() -> u64 {
    6 * 60 * 60
}

/// The longest that a file of reference data is used without being asked for: a week.
const LONGEST_REFRESH_S: u64 = 7 * 24 * 60 * 60;

impl TableLookup {
    pub(super) fn validate(raw: RawTable, name: &str) -> Result<Self, ContractError> {
        check_name("enrichers.table.name", &raw.name)?;
        check_timeout("enrichers.table.timeout_ms", raw.timeout_ms)?;
        if !(1..=2).contains(&raw.key.len()) {
            let expected =
                "the one or two key attributes of the table, such as {carrier: /carrier}";
            return Err(invalid("enrichers.table.key", expected));
        }
        Ok(Self {
            table: raw.name,
            key: key(&raw.key, name)?,
            consistent: raw.consistent,
            timeout_ms: raw.timeout_ms,
        })
    }

    /// # Errors
    /// Those of [`KeyTemplate::bind`].
    pub fn bind(&self, variables: &Variables) -> Result<Self, UrlError> {
        Ok(Self { key: self.key.bind(variables)?, ..self.clone() })
    }
}

impl ReferenceData {
    pub(super) fn validate(raw: RawReference, name: &str) -> Result<Self, ContractError> {
        if raw.object.is_empty() || raw.object.len() > 1024 {
            return Err(invalid("enrichers.reference.object", "the key of an object"));
        }
        let format = raw.format.or_else(|| ReferenceFormat::of_name(&raw.object));
        let format = format.ok_or_else(|| {
            invalid("enrichers.reference.format", "csv or ndjson, where the name ends with neither")
        })?;
        check_timeout("enrichers.reference.timeout_ms", raw.timeout_ms)?;
        if !(1..=LONGEST_REFRESH_S).contains(&raw.refresh_s) || raw.stale_s > LONGEST_REFRESH_S {
            let expected = "refresh_s and stale_s are at most 604800, and refresh_s is at least 1";
            return Err(invalid("enrichers.reference", expected));
        }
        if raw.key.is_empty() {
            return Err(invalid("enrichers.reference.key", "a column, such as {faa: /origin}"));
        }
        Ok(Self {
            object: raw.object,
            format,
            key: key(&raw.key, name)?,
            refresh_s: raw.refresh_s,
            stale_s: raw.stale_s,
            timeout_ms: raw.timeout_ms,
        })
    }

    /// # Errors
    /// Those of [`KeyTemplate::bind`].
    pub fn bind(&self, variables: &Variables) -> Result<Self, UrlError> {
        Ok(Self { key: self.key.bind(variables)?, ..self.clone() })
    }

    #[must_use]
    pub fn refresh(&self) -> Duration {
        Duration::from_secs(self.refresh_s)
    }

    #[must_use]
    pub fn stale(&self) -> Duration {
        Duration::from_secs(self.stale_s)
    }
}

impl ReferenceFormat {
    fn of_name(object: &str) -> Option<Self> {
        match object.rsplit_once('.')?.1 {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

impl CustomLookup {
    pub(super) fn validate(raw: RawCustom, name: &str) -> Result<Self, ContractError> {
        check_name("enrichers.custom.lookup", &raw.lookup)?;
        check_timeout("enrichers.custom.timeout_ms", raw.timeout_ms)?;
        if raw.key.is_empty() {
            let expected = "what it is asked for, such as {carrier: /carrier}";
            return Err(invalid("enrichers.custom.key", expected));
        }
        Ok(Self { lookup: raw.lookup, key: key(&raw.key, name)?, timeout_ms: raw.timeout_ms })
    }

    /// # Errors
    /// Those of [`KeyTemplate::bind`].
    pub fn bind(&self, variables: &Variables) -> Result<Self, UrlError> {
        Ok(Self { key: self.key.bind(variables)?, ..self.clone() })
    }
}

fn check_timeout(field: &'static str, timeout_ms: u64) -> Result<(), ContractError> {
    match timeout_ms {
        1..=20_000 => Ok(()),
        _ => Err(invalid(field, "from 1 to 20000")),
    }
}

fn key(raw: &BTreeMap<String, String>, name: &str) -> Result<KeyTemplate, ContractError> {
    KeyTemplate::parse(raw).map_err(|source| ContractError::Url { name: name.to_owned(), source })
}
