//! What is in the lake, read by the Parquet crate's own reader.

use std::collections::{BTreeMap, BTreeSet};

use emulation::dynamodb::ChangeEvent;
use emulation::s3::StoredObject;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value, json};
use verify::Instant;

use crate::flights::id_of;
use crate::ledger::{assert_as_sent, plain};
use crate::{Flight, World};

/// The flights' lake sink, and so where its objects begin.
const SINK: &str = "lake";

/// A Parquet object, tombstones among them.
#[derive(Clone, Debug)]
pub struct LakeObject {
    pub key: String,
    pub bytes: usize,
    /// A row's idempotency key, and the payload that its columns stand for.
    pub rows: Vec<(String, Value)>,
}

impl World {
    /// Every Parquet object, in the order of their keys, replaced ones too: what a reader finds that
    /// lists the bucket.
    ///
    /// # Panics
    /// When one cannot be read.
    #[must_use]
    pub fn lake_objects(&self) -> Vec<LakeObject> {
        let objects = self.stored().into_iter().filter(|object| object.key.ends_with(".parquet"));
        objects.map(read).collect()
    }

    /// A text column's values over all Parquet objects; a row without one has none.
    ///
    /// # Panics
    /// When an object cannot be read, or the column has other values.
    #[must_use]
    pub fn lake_texts(&self, column: &str) -> Vec<String> {
        let text = |field: &Field| match field {
            Field::Str(text) => text.clone(),
            other => panic!("{column}: {other}"),
        };
        self.lake_column(column, text)
    }

    /// The same of a decimal column, each value with all of its decimals.
    ///
    /// # Panics
    /// When an object cannot be read, or the column has other values.
    #[must_use]
    pub fn lake_decimals(&self, column: &str) -> Vec<String> {
        let text = |field: &Field| match field {
            Field::Decimal(decimal) => {
                let unscaled = i128::from_be_bytes(decimal.data().try_into().unwrap());
                let places = usize::try_from(decimal.scale()).unwrap();
                let digits = format!("{:0width$}", unscaled.unsigned_abs(), width = places + 1);
                let (whole, fraction) = digits.split_at(digits.len() - places);
                format!("{}{whole}.{fraction}", if unscaled < 0 { "-" } else { "" })
            }
            other => panic!("{column}: {other}"),
        };
        self.lake_column(column, text)
    }

    fn lake_column(&self, column: &str, text: impl Fn(&Field) -> String) -> Vec<String> {
        let mut values = Vec::new();
        for object in self.stored().into_iter().filter(|object| object.key.ends_with(".parquet")) {
            for row in SerializedFileReader::new(object.body).unwrap().get_row_iter(None).unwrap() {
                let row = row.unwrap();
                let found = row.get_column_iter().filter(|(name, _)| name.as_str() == column);
                values.extend(found.filter(|(_, it)| **it != Field::Null).map(|(_, it)| text(it)));
            }
        }
        values
    }

    /// Those that no other one replaces.
    fn current(&self) -> Vec<LakeObject> {
        let replaced: BTreeSet<String> = self.entries().iter().flat_map(replaced).collect();
        let mut objects = self.lake_objects();
        objects.retain(|object| !replaced.contains(&object.key));
        objects
    }

    /// The payloads in the lake by their flights.
    ///
    /// # Panics
    /// When a flight is there twice.
    #[must_use]
    pub fn lake(&self) -> BTreeMap<String, Value> {
        let mut payloads = BTreeMap::new();
        for object in self.current() {
            for (_, payload) in object.rows {
                let id = id_of(&payload);
                assert!(payloads.insert(id.clone(), payload).is_none(), "{id} is there twice");
            }
        }
        payloads
    }

    /// The lake's part of the promises: exactly these flights are there, each as it was sent, each once;
    /// the manifests list what a listing finds, tombstones and what is replaced aside; each dedupe record
    /// says in which object its key is, or was before it was put together with others.
    ///
    /// # Panics
    /// With what differs.
    #[track_caller]
    pub fn assert_in_lake(&self, flights: &[Flight]) {
        assert_as_sent(self.lake(), flights);
        let objects = self.current();
        let found: BTreeMap<&str, (u64, u64)> = objects
            .iter()
            .filter(|object| !object.rows.is_empty())
            .map(|object| (object.key.as_str(), (number(object.rows.len()), number(object.bytes))))
            .collect();
        let listed = self.listed();
        let listed: BTreeMap<&str, (u64, u64)> =
            listed.iter().map(|(key, size)| (key.as_str(), *size)).collect();
        assert_eq!(listed, found, "the manifests, and what is there");

        let keys = objects.iter().flat_map(|object| object.rows.iter().map(|(key, _)| key));
        assert_eq!(keys.collect::<BTreeSet<_>>().len(), flights.len(), "keys in the lake");
        let of_rows = objects.iter().flat_map(|object| {
            object.rows.iter().map(|(key, _)| (format!("{SINK}#{key}"), object.key.clone()))
        });
        let places: BTreeMap<String, String> = of_rows.collect();
        let records = self.emulation().dynamodb().scan_all(self.name("DedupeTable")).unwrap();
        let records = records.iter().map(|item| plain(&json!({ "M": item })));
        let records = records.filter(|item| text(&item["pk"]).starts_with(&format!("{SINK}#")));
        // A claim that could not be completed says as much: its owner's object is there.
        let place = |item: &Value| item.get("place").unwrap_or(&item["owner"]).clone();
        let records: BTreeMap<String, String> =
            records.map(|item| (text(&item["pk"]), text(&place(&item)))).collect();
        assert!(records.keys().eq(places.keys()), "dedupe records, and keys in the lake");
        let differs = |(pk, place): &(&String, &String)| {
            records[*pk] != **place && !place.contains("/compacted-")
        };
        assert_eq!(places.iter().find(differs), None, "where dedupe records say that keys are");
        let changes = self.emulation().dynamodb().changes(self.name("DedupeTable")).unwrap();
        let is_removed = |change: &&_| -> bool {
            let change: &emulation::dynamodb::Change = change;
            change.event == ChangeEvent::Remove
        };
        assert_eq!(changes.iter().find(is_removed), None, "a dedupe record is gone");
        assert_eq!(self.letters("LakeQueue").len(), 0, "LakeQueue is not empty");
    }

    /// How many rows the partitions' manifests tell of.
    pub(crate) fn lake_rows(&self) -> usize {
        self.listed().values().map(|(rows, _)| usize::try_from(*rows).unwrap()).sum()
    }

    /// What the partitions' manifests list: each object's rows and bytes.
    fn listed(&self) -> BTreeMap<String, (u64, u64)> {
        let mut listed = BTreeMap::new();
        for entry in self.entries() {
            let size = (entry["rows"].as_u64().unwrap(), entry["bytes"].as_u64().unwrap());
            let key = text(&entry["key"]);
            assert!(listed.insert(key.clone(), size).is_none(), "{key} is listed twice");
        }
        listed
    }

    /// All entries of all manifests.
    fn entries(&self) -> Vec<Value> {
        let mut entries: Vec<Value> = Vec::new();
        for object in self.stored() {
            if object.key.ends_with("/_manifest.json") {
                entries.extend(serde_json::from_slice::<Vec<Value>>(&object.body).unwrap());
            } else {
                assert!(object.key.ends_with(".parquet"), "{} in the lake", object.key);
            }
        }
        entries
    }

    fn stored(&self) -> Vec<StoredObject> {
        self.emulation().s3().list(self.output("LakeBucketName"), "").unwrap()
    }
}

fn read(object: StoredObject) -> LakeObject {
    let bytes = object.body.len();
    let reader = SerializedFileReader::new(object.body);
    let reader = reader.unwrap_or_else(|error| panic!("{}: {error}", object.key));
    let rows = reader.get_row_iter(None).unwrap().map(|row| {
        let row = row.unwrap_or_else(|error| panic!("{}: {error}", object.key));
        let columns: Map<String, Value> =
            row.get_column_iter().map(|(name, field)| (name.clone(), value(name, field))).collect();
        (text(&columns["_idempotency_key"]), payload(columns))
    });
    let rows: Vec<(String, Value)> = rows.collect();
    let date = format!("/date={}", object.key.split("date=").nth(1).unwrap());
    for (_, payload) in &rows {
        let day = payload["time_hour"].as_str().unwrap().get(..10).unwrap();
        assert!(date.starts_with(&format!("/date={day}/")), "{day} is in {}", object.key);
    }
    LakeObject { key: object.key, bytes, rows }
}

/// A cell as the JSON that it came from; a time as it is written without a fraction.
fn value(name: &str, field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => json!(value),
        Field::Long(value) => json!(value),
        Field::Double(value) => json!(value),
        Field::TimestampMillis(ms) => json!(Instant::from_unix_ms(*ms).to_string()),
        Field::Str(text) if ["_rest", "weather"].contains(&name) => {
            serde_json::from_str(text).unwrap()
        }
        Field::Str(text) => json!(text),
        other => panic!("{name}: {other}"),
    }
}

/// The members that columns and `_rest` hold.
fn payload(mut columns: Map<String, Value>) -> Value {
    let rest = columns.remove("_rest").unwrap_or_default();
    columns.retain(|name, _| !name.starts_with('_'));
    columns.extend(rest.as_object().cloned().unwrap_or_default());
    Value::Object(columns)
}

/// The keys of the objects that an entry's replaces.
fn replaced(entry: &Value) -> Vec<String> {
    let replaces = entry["replaces"].as_array().map(Vec::as_slice).unwrap_or_default();
    replaces.iter().map(|replaced| text(&replaced["key"])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap()
}
