//! Reads a contract file into what the judge needs of it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Dataset, DatasetError, Kind, Mode, Order, RowKey, Sink, Table, Tombstone, Window};
use crate::event_time::{EventTime, TimeFormat};
use crate::json::Json;
use crate::limits::Limits;

#[derive(Deserialize)]
struct Written {
    dataset: String,
    schema: WrittenSchema,
    keys: WrittenKeys,
    time: Option<Limits>,
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
    file: Option<String>,
    #[serde(default)]
    versions: Vec<WrittenVersion>,
}

#[derive(Deserialize)]
struct WrittenVersion {
    file: String,
    /// `active`, if nothing is said.
    state: Option<String>,
}

impl WrittenSchema {
    /// The file of the version that events are held to.
    fn active(&self) -> Option<&str> {
        let mut versions = self.versions.iter();
        let active = versions.find(|each| each.state.as_deref().is_none_or(|it| it == "active"));
        self.file.as_deref().or(active.map(|version| version.file.as_str()))
    }
}

#[derive(Deserialize)]
struct WrittenKeys {
    idempotency: Vec<String>,
    business: Vec<String>,
    event_time: WrittenTime,
    sequence: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenTime {
    Pointer(String),
    Formatted { at: String, format: Option<String>, zone: Option<String> },
}

impl WrittenTime {
    fn read(self) -> Result<EventTime, DatasetError> {
        let (at, format, zone) = match self {
            Self::Pointer(at) => (at, None, None),
            Self::Formatted { at, format, zone } => (at, format, zone),
        };
        let format = format.as_deref().unwrap_or("rfc3339");
        let read = TimeFormat::named(format, zone.as_deref().unwrap_or("UTC"));
        let format = read.ok_or_else(|| {
            let zone = zone.unwrap_or_default();
            DatasetError::Contract(format!("`keys.event_time`: the zone `{zone}` is not known"))
        })?;
        Ok(EventTime { at, format })
    }
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
    /// Reads the text of a contract file. `file` returns the text of a file beside it, by its
    /// name.
    ///
    /// # Errors
    /// [`DatasetError`] if a part is missing that says what the sinks must hold.
    pub fn read(yaml: &str, file: impl Fn(&str) -> Option<String>) -> Result<Self, DatasetError> {
        // The booleans of YAML 1.1 are switched off, so that `n` is a name and not `false`.
        let options = serde_saphyr::options! { strict_booleans: true };
        let written: Written = serde_saphyr::from_str_with_options(yaml, options)
            .map_err(|error| DatasetError::Contract(error.to_string()))?;
        let schema = written.schema.active().and_then(file).and_then(|text| Json::parse(&text));
        let sinks = written.sinks.into_iter().map(|sink| sink.read(&written.keys));
        Ok(Self {
            name: written.dataset,
            sinks: sinks.collect::<Result<_, _>>()?,
            event_time: written.keys.event_time.read()?,
            sequence: written.keys.sequence,
            limits: written.time.unwrap_or_default(),
            missing: written.csv.missing.into_iter().collect(),
            remembered_days: written.retention.idempotency_days,
            enriched: written.enrichers.into_iter().map(|enricher| enricher.into).collect(),
            identity: written.keys.idempotency,
            types: schema.as_ref().map(types_of).unwrap_or_default(),
            schema: schema.unwrap_or(Json::Null),
        })
    }
}

/// The types of each property in a schema.
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
    fn read(self, keys: &WrittenKeys) -> Result<Sink, DatasetError> {
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
            "table" => Kind::Table(self.table(keys)?),
            _ => return Err(self.problem("its kind is none of table, lake, http and custom")),
        };
        Ok(Sink { name: self.name, kind })
    }

    fn table(&self, keys: &WrittenKeys) -> Result<Table, DatasetError> {
        let mode = self.mode.as_deref().unwrap_or("insert");
        let key = match (&self.key, mode) {
            (Some(pointers), _) => RowKey::Pointers(pointers.clone()),
            (None, "insert") => RowKey::Identity,
            (None, _) => RowKey::Pointers(keys.business.clone()),
        };
        let order = match self.order_by.as_deref() {
            None | Some("event_time") => Order::EventTime,
            Some("sequence") => {
                let sequence = keys.sequence.clone();
                Order::Pointer(sequence.ok_or_else(|| self.problem("there is no sequence"))?)
            }
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
