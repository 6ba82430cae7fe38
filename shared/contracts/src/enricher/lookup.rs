//! Enrichers that look something up by a key: an item of a table, a row of reference data, or the result of a custom
//! lookup.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::key::KeyTemplate;
use crate::error::{ContractError, check_name, invalid};
use crate::{UrlError, Variables};

/// Looks up an item of a DynamoDB table. The answer is the item as a JSON document.
#[derive(Clone, Debug)]
pub struct TableLookup {
    /// The name of the table in the variable `LOOKUP_TABLES` of the enrich function, which has the real name.
    pub table: String,
    /// One or two parts, which have the names of the table's key attributes.
    pub key: KeyTemplate,
    /// Whether reads are strongly consistent, which costs twice as much:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html>.
    pub consistent: bool,
    /// The longest time of one attempt, in milliseconds: 1 to 20,000, and 2,000 by default.
    pub timeout_ms: u64,
}

/// Looks up a row of a file in the bucket of reference data. The answer is the row as a JSON document.
///
/// An execution environment reads the file once, and again when its entity tag has changed.
#[derive(Clone, Debug)]
pub struct ReferenceData {
    /// The object's key in the bucket.
    pub object: String,
    /// The format of the file. By default it follows from the end of the object's key: `.csv`, `.ndjson` or `.jsonl`.
    pub format: ReferenceFormat,
    /// At least one part. The parts have the names of the file's columns, or of members of its JSON objects.
    pub key: KeyTemplate,
    /// How many seconds the file is used before S3 is asked whether it has changed: 1 to 604,800, and 60 by default.
    pub refresh_s: u64,
    /// How many seconds longer the file is used while S3 does not answer, or has a file that cannot be read: at most
    /// 604,800, and 6 hours by default.
    pub stale_s: u64,
    /// The longest time of one attempt to read the file, in milliseconds: 1 to 20,000, and 5,000 by default.
    pub timeout_ms: u64,
}

/// The format of a file of reference data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReferenceFormat {
    /// CSV with a header. The enricher's schema says which columns are not texts.
    Csv,
    /// One JSON object in each line.
    Ndjson,
}

/// Asks a lookup that the deployment implements in Rust.
#[derive(Clone, Debug)]
pub struct CustomLookup {
    /// The name under which the enrich function registers the lookup.
    pub lookup: String,
    /// At least one part. The lookup decides which names they have.
    pub key: KeyTemplate,
    /// The longest time of one attempt, in milliseconds: 1 to 20,000, and 2,000 by default.
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

/// The largest `refresh_s` and the largest `stale_s`, which is a week.
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

    /// The lookup with the values of the variables in its key.
    ///
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

    /// The reference data with the values of the variables in its key.
    ///
    /// # Errors
    /// Those of [`KeyTemplate::bind`].
    pub fn bind(&self, variables: &Variables) -> Result<Self, UrlError> {
        Ok(Self { key: self.key.bind(variables)?, ..self.clone() })
    }

    /// [`ReferenceData::refresh_s`] as a duration.
    #[must_use]
    pub fn refresh(&self) -> Duration {
        Duration::from_secs(self.refresh_s)
    }

    /// [`ReferenceData::stale_s`] as a duration.
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

    /// The lookup with the values of the variables in its key.
    ///
    /// # Errors
    /// Those of [`KeyTemplate::bind`].
    pub fn bind(&self, variables: &Variables) -> Result<Self, UrlError> {
        Ok(Self { key: self.key.bind(variables)?, ..self.clone() })
    }
}

fn check_timeout(field: &str, timeout_ms: u64) -> Result<(), ContractError> {
    match timeout_ms {
        1..=20_000 => Ok(()),
        _ => Err(invalid(field, "from 1 to 20000")),
    }
}

fn key(raw: &BTreeMap<String, String>, name: &str) -> Result<KeyTemplate, ContractError> {
    KeyTemplate::parse(raw).map_err(|source| ContractError::Url { name: name.to_owned(), source })
}
