//! Reads the objects of the lake: Parquet with the Parquet crate's own reader, or lines of JSON.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;

use crate::contract::Dataset;
use crate::input::gunzip;
use crate::instant::Instant;
use crate::json::Json;
use crate::shown;

/// One event in the lake.
#[derive(Clone, Debug)]
pub struct LakeRow {
    /// The key of the object that it is in.
    pub object: String,
    /// The id of the event.
    pub event_id: String,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Columns(BTreeMap<String, Cell>),
    /// The payload of a line of JSON.
    Payload(Json),
}

/// A value of a column that is not null.
#[derive(Clone, Debug)]
enum Cell {
    Bool(bool),
    Number(String),
    Text(String),
    Time(Time),
}

/// A value of a column of timestamps.
#[derive(Clone, Copy, Debug)]
struct Time {
    at: Instant,
    /// The nanoseconds of the column's unit.
    unit: i128,
}

/// Why an object of the lake cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The object is not valid Parquet.
    #[error("{key}: {source}")]
    Parquet {
        /// The key of the object.
        key: String,
        /// The error of the Parquet crate.
        #[source]
        source: ParquetError,
    },
    /// The object is not valid gzip or zstd.
    #[error("{key}: {source}")]
    Unpack {
        /// The key of the object.
        key: String,
        /// The error of the decoder.
        #[source]
        source: io::Error,
    },
    /// The object can be read, and its content is not what the lake writes.
    #[error("{key}: {problem}")]
    Content {
        /// The key of the object.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// The first character of the members of a row that are not members of its payload.
const OWN: char = '_';
const REST: &str = "_rest";
const EVENT_ID: &str = "_event_id";

/// The keys of the objects that the manifest of a partition lists. `key` is the manifest's own,
/// for errors.
///
/// # Errors
/// [`LakeError::Content`] if it is not a list of entries.
pub fn listed(key: &str, manifest: &[u8]) -> Result<Vec<String>, LakeError> {
    keys_of_entries(manifest)
        .ok_or_else(|| LakeError::Content { key: key.to_owned(), problem: "no list of objects" })
}

fn keys_of_entries(manifest: &[u8]) -> Option<Vec<String>> {
    let Json::List(entries) = Json::parse(str::from_utf8(manifest).ok()?)? else { return None };
    entries.iter().map(|entry| entry.member("key")?.as_text().map(str::to_owned)).collect()
}

/// The rows of an object.
///
/// # Errors
/// [`LakeError`] if it is not what the ending of its key says.
pub fn rows(key: &str, object: Bytes) -> Result<Vec<LakeRow>, LakeError> {
    if key.ends_with(".parquet") {
        return parquet_rows(key, object)
            .map_err(|source| LakeError::Parquet { key: key.to_owned(), source });
    }
    let lines = match key.rsplit('.').next() {
        Some("gz") => gunzip(&object),
        Some("zst") => zstd::decode_all(object.as_ref()),
        _ => {
            let problem = "neither Parquet nor lines of JSON";
            return Err(LakeError::Content { key: key.to_owned(), problem });
        }
    };
    let lines = lines.map_err(|source| LakeError::Unpack { key: key.to_owned(), source })?;
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| json_row(key, line)).collect()
}

fn json_row(key: &str, line: &[u8]) -> Result<LakeRow, LakeError> {
    let line = crate::input::object(line).ok_or_else(|| LakeError::Content {
        key: key.to_owned(),
        problem: "a line that is no object",
    })?;
    let event_id = line.member(EVENT_ID).and_then(Json::as_text);
    let payload = line.member("payload").ok_or_else(|| LakeError::Content {
        key: key.to_owned(),
        problem: "a line without a payload",
    })?;
    Ok(LakeRow {
        object: key.to_owned(),
        event_id: event_id.unwrap_or_default().to_owned(),
        content: Content::Payload(payload.clone()),
    })
}

fn parquet_rows(key: &str, object: Bytes) -> Result<Vec<LakeRow>, ParquetError> {
    let reader = SerializedFileReader::new(object)?;
    let mut rows = Vec::new();
    for row in reader.get_row_iter(None)? {
        let mut columns = BTreeMap::new();
        for (name, field) in row?.get_column_iter() {
            if let Some(cell) = cell(field) {
                columns.insert(name.clone(), cell);
            }
        }
        let event_id = match columns.get(EVENT_ID) {
            Some(Cell::Text(id)) => id.clone(),
            _ => String::new(),
        };
        rows.push(LakeRow { object: key.to_owned(), event_id, content: Content::Columns(columns) });
    }
    Ok(rows)
}

/// A double becomes the shortest text that stands for it. A number that a double cannot hold
/// therefore differs from what was sent.
fn cell(field: &Field) -> Option<Cell> {
    Some(match field {
        Field::Null => return None,
        Field::Bool(value) => Cell::Bool(*value),
        Field::Str(text) => Cell::Text(text.clone()),
        Field::Date(days) => Cell::Text(Instant::from_unix_days(*days).date()),
        Field::TimestampMillis(ms) => Cell::Time(Time::new(*ms, 1_000_000)),
        Field::TimestampMicros(us) => Cell::Time(Time::new(*us, 1_000)),
        Field::Double(number) => Cell::Number(number.to_string()),
        Field::Float(number) => Cell::Number(number.to_string()),
        other => Cell::Number(other.to_string()),
    })
}

impl LakeRow {
    /// The date of the partition that it is in: `2013-01-31`, from the object's key.
    #[must_use]
    pub fn date(&self) -> &str {
        let part = self.object.split('/').find_map(|part| part.strip_prefix("date="));
        part.unwrap_or_default()
    }

    /// The payload, as far as it is known without what was sent.
    pub(crate) fn payload(&self) -> Json {
        let columns = match &self.content {
            Content::Payload(payload) => return payload.clone(),
            Content::Columns(columns) => columns,
        };
        let mut members = match self.rest() {
            Json::Object(members) => members,
            _ => BTreeMap::new(),
        };
        for (name, cell) in columns.iter().filter(|(name, _)| !name.starts_with(OWN)) {
            let value = match cell {
                Cell::Bool(value) => Json::Bool(*value),
                Cell::Number(digits) => Json::Number(digits.clone()),
                Cell::Text(text) => Json::text(text),
                Cell::Time(_) => continue,
            };
            members.entry(name.clone()).or_insert(value);
        }
        Json::Object(members)
    }

    /// The members that have no column of their own.
    fn rest(&self) -> Json {
        match &self.content {
            Content::Columns(columns) => match columns.get(REST) {
                Some(Cell::Text(text)) => Json::parse(text).unwrap_or(Json::Null),
                _ => Json::Null,
            },
            Content::Payload(_) => Json::Null,
        }
    }

    /// Compares the row with a payload, without what enrichers set.
    pub(crate) fn check(&self, payload: &Json, dataset: &Dataset) -> Result<(), String> {
        let Json::Object(members) = payload else { return Err("it is no object".to_owned()) };
        let members = members.iter().filter(|(name, _)| !dataset.enriched.contains(*name));
        let columns = match &self.content {
            Content::Payload(found) => return check_object(members, found, dataset),
            Content::Columns(columns) => columns,
        };
        let rest = self.rest();
        let mut explained: Vec<String> = dataset.enriched.iter().cloned().collect();
        for (name, value) in members {
            // The column of a member has the member's name, with underscores added if the name was
            // taken.
            let names: Vec<String> =
                (0..4).map(|more| format!("{name}{}", "_".repeat(more))).collect();
            let cells: Vec<&Cell> = names.iter().filter_map(|name| columns.get(name)).collect();
            let is_right = match rest.member(name) {
                Some(found) => {
                    found == value
                        && own_column(columns, name).is_none_or(|cell| cell.is_near(value))
                }
                None if value.is_null() => true,
                None => cells.iter().any(|cell| cell.says(value)),
            };
            if !is_right {
                let found = match (rest.member(name), cells.first()) {
                    (Some(found), _) => found.to_string(),
                    (None, Some(cell)) => cell.to_string(),
                    (None, None) => "nothing".to_owned(),
                };
                let (found, value) = (shown(&found), shown(&value.to_string()));
                return Err(format!("`{name}` is {found}, and was sent as {value}"));
            }
            explained.extend(names);
        }
        let unexplained =
            columns.keys().find(|name| !name.starts_with(OWN) && !explained.contains(name));
        match unexplained {
            Some(name) => Err(format!("column `{name}` has a value that was not sent")),
            None => Ok(()),
        }
    }
}

/// The column that has the name of a member. An attribute of the envelope may have that name too.
fn own_column<'a>(columns: &'a BTreeMap<String, Cell>, name: &str) -> Option<&'a Cell> {
    columns.get(name).filter(|_| !name.starts_with(OWN))
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(digits) => f.write_str(digits),
            Self::Text(text) => f.write_str(text),
            Self::Time(time) => f.write_str(&time.text()),
        }
    }
}

impl Time {
    fn new(units: i64, unit: i128) -> Self {
        Self { at: Instant::from_unix_nanos(i128::from(units) * unit), unit }
    }

    /// The one text that the value stands for, as docs/lake.md says: without a fraction, or with three digits of it, or
    /// with six. The payload's text is beside the column if it is another one.
    fn text(self) -> String {
        let text = self.at.to_string();
        let text = text.trim_end_matches('Z');
        match text.split_once('.') {
            None => format!("{text}Z"),
            Some((seconds, fraction)) => {
                let digits = fraction.len().next_multiple_of(3);
                format!("{seconds}.{fraction:0<digits$}Z")
            }
        }
    }
}

impl Cell {
    fn says(&self, value: &Json) -> bool {
        match (self, value) {
            (Self::Bool(one), Json::Bool(two)) => one == two,
            (Self::Number(digits), Json::Number(_)) => Json::Number(digits.clone()) == *value,
            (Self::Text(one), Json::Text(two)) if one == two => true,
            (Self::Time(time), Json::Text(text)) => time.text() == *text,
            // The column holds JSON.
            (Self::Text(text), value) => Json::parse(text).is_some_and(|found| found == *value),
            _ => false,
        }
    }

    /// Whether a column may have this value if the exact one is in `_rest`. Only a time is judged: it has to be the
    /// moment, cut to the column's unit.
    fn is_near(&self, value: &Json) -> bool {
        match (self, value) {
            (Self::Time(time), Json::Text(text)) => {
                Instant::parse(text).is_some_and(|sent| sent.cut(time.unit) == time.at)
            }
            _ => true,
        }
    }
}

fn check_object<'a>(
    members: impl Iterator<Item = (&'a String, &'a Json)>,
    found: &Json,
    dataset: &Dataset,
) -> Result<(), String> {
    let mut found = match found {
        Json::Object(found) => found.clone(),
        _ => BTreeMap::new(),
    };
    found.retain(|name, _| !dataset.enriched.contains(name));
    for (name, value) in members {
        match found.remove(name) {
            Some(found) if found == *value => {}
            Some(found) => {
                let (found, value) = (shown(&found.to_string()), shown(&value.to_string()));
                return Err(format!("`{name}` is {found}, and was sent as {value}"));
            }
            None => return Err(format!("`{name}` is missing")),
        }
    }
    match found.keys().next() {
        Some(name) => Err(format!("`{name}` was not sent")),
        None => Ok(()),
    }
}

/// Compares a payload that was found with the one that was sent, without what enrichers set.
pub(crate) fn check_payload(sent: &Json, found: &Json, dataset: &Dataset) -> Result<(), String> {
    let Json::Object(members) = sent else { return Err("it is no object".to_owned()) };
    let members = members.iter().filter(|(name, _)| !dataset.enriched.contains(*name));
    check_object(members, found, dataset)
}

#[cfg(test)]
mod tests;
