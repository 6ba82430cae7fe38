//! What a judge has to know of a dataset: its keys and its sinks, from the contract file itself.
//!
//! What does not concern it is passed over: whether a contract is a good one is for others to say.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::json::Json;

/// A dataset, as its contract has it.
#[derive(Clone, Debug)]
pub struct Dataset {
    pub name: String,
    /// JSON Pointers to what makes an event one.
    pub identity: Vec<String>,
    pub event_time: String,
    /// The texts that mean "no value" in a CSV file; an empty field always does.
    pub missing: BTreeSet<String>,
    /// For how many days a key is remembered.
    pub remembered_days: u32,
    /// The members that enrichers set: what they hold is not the event's.
    pub enriched: BTreeSet<String>,
    pub sinks: Vec<Sink>,
    /// What the schema says of each member of its own: the types that it may have.
    pub types: BTreeMap<String, Vec<String>>,
    /// The schema itself; null where it cannot be read.
    pub schema: Json,
}

#[derive(Clone, Debug)]
pub struct Sink {
    pub name: String,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Table(Table),
    /// Objects, each with a row for each event.
    Lake,
    /// A service; what is sent is the payload, or the whole envelope.
    Http {
        url: String,
        sends_envelope: bool,
    },
    /// What a function of one's own writes to.
    Custom {
        by: String,
    },
}

#[derive(Clone, Debug)]
pub struct Table {
    /// What a row is found by.
    pub key: RowKey,
    pub mode: Mode,
    /// JSON Pointers by the names of attributes; without any, the whole payload is `payload`.
    pub attributes: BTreeMap<String, String>,
    pub ttl_days: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKey {
    /// What makes an event one.
    Identity,
    Pointers(Vec<String>),
}

#[derive(Clone, Debug)]
pub enum Mode {
    Insert,
    Upsert {
        order: Order,
        tombstone: Option<Tombstone>,
    },
    Merge {
        order: Order,
        tombstone: Option<Tombstone>,
    },
    /// Of rows of this dataset.
    Delete {
        order: Order,
        rows_of: String,
    },
    Accumulate {
        window: Window,
        count: Option<String>,
        sums: BTreeMap<String, String>,
    },
}

/// What makes an event the newer one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    EventTime,
    Pointer(String),
}

/// An event with one of these values there deletes its row.
#[derive(Clone, Debug)]
pub struct Tombstone {
    pub at: String,
    pub values: Vec<Json>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    Hour,
    Day,
    Month,
    None,
}

#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error("the contract cannot be read: {0}")]
    Contract(String),
    #[error("sink `{sink}`: {problem}")]
    Sink { sink: String, problem: &'static str },
}

impl Sink {
    /// As enrich routes events: each kind has a queue of its own.
    #[must_use]
    pub fn kind_name(&self) -> String {
        match &self.kind {
            Kind::Table(_) => "table".to_owned(),
            Kind::Lake => "lake".to_owned(),
            Kind::Http { .. } => "http".to_owned(),
            Kind::Custom { by } => format!("custom:{by}"),
        }
    }

    /// For a person: `table, upsert`.
    #[must_use]
    pub fn about(&self) -> String {
        let Kind::Table(table) = &self.kind else { return self.kind_name() };
        let mode = match table.mode {
            Mode::Insert => "insert",
            Mode::Upsert { .. } => "upsert",
            Mode::Merge { .. } => "merge",
            Mode::Delete { .. } => "delete",
            Mode::Accumulate { .. } => "accumulate",
        };
        format!("table, {mode}")
    }
}

#[derive(Deserialize)]
struct Written {
    dataset: String,
    schema: WrittenSchema,
    keys: WrittenKeys,
    #[serde(default)]
    csv: WrittenCsv,
    #[serde(default)]
    enrichers: Vec<WrittenEnricher>,
    sinks: Vec<WrittenSink>,
    #[serde(default)]
    retention: WrittenRetention,
}

#[derive(Deserialize)]
struct WrittenSchema {
    file: String,
}

#[derive(Deserialize)]
struct WrittenKeys {
    idempotency: Vec<String>,
    business: Vec<String>,
    event_time: String,
}

#[derive(Default, Deserialize)]
struct WrittenCsv {
    #[serde(default)]
    missing: Vec<String>,
}

#[derive(Deserialize)]
struct WrittenEnricher {
    into: String,
}

#[derive(Deserialize)]
struct WrittenRetention {
    idempotency_days: u32,
}

impl Default for WrittenRetention {
    fn default() -> Self {
        Self { idempotency_days: 30 }
    }
}

#[derive(Deserialize)]
struct WrittenSink {
    name: String,
    kind: String,
    mode: Option<String>,
    key: Option<Vec<String>>,
    order_by: Option<String>,
    tombstone: Option<WrittenTombstone>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    ttl_days: Option<u32>,
    rows_of: Option<String>,
    window: Option<Window>,
    count: Option<String>,
    #[serde(default)]
    sums: BTreeMap<String, String>,
    url: Option<String>,
    body: Option<String>,
    by: Option<String>,
}

#[derive(Deserialize)]
struct WrittenTombstone {
    at: String,
    values: Vec<Scalar>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Whole(i64),
    Real(f64),
    Text(String),
}

impl Scalar {
    fn json(self) -> Json {
        match self {
            Self::Bool(value) => Json::Bool(value),
            Self::Whole(number) => Json::Number(number.to_string()),
            Self::Real(number) => Json::Number(number.to_string()),
            Self::Text(text) => Json::Text(text),
        }
    }
}

impl Dataset {
    /// From a contract file, and what answers the texts of the files beside it.
    ///
    /// # Errors
    /// When a part is missing that says what must come out.
    pub fn read(yaml: &str, file: impl Fn(&str) -> Option<String>) -> Result<Self, DatasetError> {
        // Without YAML 1.1's booleans: `n` is a name, and no `false`.
        let options = serde_saphyr::options! { strict_booleans: true };
        let written: Written = serde_saphyr::from_str_with_options(yaml, options)
            .map_err(|error| DatasetError::Contract(error.to_string()))?;
        let schema = file(&written.schema.file).and_then(|text| Json::parse(&text));
        let sinks = written.sinks.into_iter().map(|sink| sink.read(&written.keys.business));
        Ok(Self {
            name: written.dataset,
            event_time: written.keys.event_time,
            missing: written.csv.missing.into_iter().collect(),
            remembered_days: written.retention.idempotency_days,
            enriched: written.enrichers.into_iter().map(|enricher| enricher.into).collect(),
            sinks: sinks.collect::<Result<_, _>>()?,
            identity: written.keys.idempotency,
            types: schema.as_ref().map(types_of).unwrap_or_default(),
            schema: schema.unwrap_or(Json::Null),
        })
    }
}

/// The types of each property that a schema names.
fn types_of(schema: &Json) -> BTreeMap<String, Vec<String>> {
    let mut types = BTreeMap::new();
    if let Some(Json::Object(properties)) = schema.member("properties") {
        for (name, property) in properties {
            let named: Vec<String> = match property.member("type") {
                Some(Json::Text(one)) => vec![one.clone()],
                Some(Json::List(some)) => {
                    some.iter().filter_map(Json::as_text).map(str::to_owned).collect()
                }
                _ => Vec::new(),
            };
            types.insert(name.clone(), named);
        }
    }
    types
}

impl WrittenSink {
    fn read(self, business: &[String]) -> Result<Sink, DatasetError> {
        let kind = match self.kind.as_str() {
            "lake" => Kind::Lake,
            "http" => Kind::Http {
                url: self.url.clone().unwrap_or_default(),
                sends_envelope: self.body.as_deref() == Some("envelope"),
            },
            "custom" => {
                let by = self.by.clone().ok_or_else(|| self.problem("by whom is not said"))?;
                Kind::Custom { by }
            }
            "table" => Kind::Table(self.table(business)?),
            _ => return Err(self.problem("its kind is none of table, lake, http and custom")),
        };
        Ok(Sink { name: self.name, kind })
    }

    fn table(&self, business: &[String]) -> Result<Table, DatasetError> {
        let mode = self.mode.as_deref().unwrap_or("insert");
        let key = match (&self.key, mode) {
            (Some(pointers), _) => RowKey::Pointers(pointers.clone()),
            (None, "insert") => RowKey::Identity,
            (None, _) => RowKey::Pointers(business.to_vec()),
        };
        let order = match self.order_by.as_deref() {
            None | Some("event_time") => Order::EventTime,
            Some(pointer) => Order::Pointer(pointer.to_owned()),
        };
        let tombstone = self.tombstone.as_ref().map(|written| Tombstone {
            at: written.at.clone(),
            values: written.values.iter().cloned().map(Scalar::json).collect(),
        });
        let mode = match mode {
            "insert" => Mode::Insert,
            "upsert" => Mode::Upsert { order, tombstone },
            "merge" => Mode::Merge { order, tombstone },
            "delete" => {
                let rows_of = self.rows_of.clone();
                let rows_of = rows_of.ok_or_else(|| self.problem("whose rows is not said"))?;
                Mode::Delete { order, rows_of }
            }
            "accumulate" => Mode::Accumulate {
                window: self.window.ok_or_else(|| self.problem("its window is not said"))?,
                count: self.count.clone(),
                sums: self.sums.clone(),
            },
            _ => return Err(self.problem("its mode is not known")),
        };
        Ok(Table { key, mode, attributes: self.attributes.clone(), ttl_days: self.ttl_days })
    }

    fn problem(&self, problem: &'static str) -> DatasetError {
        DatasetError::Sink { sink: self.name.clone(), problem }
    }
}

#[cfg(test)]
mod tests;
