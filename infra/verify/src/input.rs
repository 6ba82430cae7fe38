//! Reads files of events: their records, and the payload of each.

use std::fmt;
use std::io::{self, Read as _};
use std::ops::Range;

use flate2::bufread::GzDecoder;

use crate::contract::Dataset;
use crate::csv;
use crate::decimal::Decimal;
use crate::documents::{self, NotJson};
use crate::json::Json;

/// The format of a file of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CSV, with or without a header.
    Csv,
    /// A JSON object in each line. LF ends a line.
    Ndjson,
    /// JSON objects one after another, or in arrays.
    Json,
}

/// Where in a file a record begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The number of a line, from 1.
    Line(u64),
    /// The number of bytes before a JSON document, many of which may be on one line.
    Byte(u64),
}

/// An unpacked file of events, split into records.
#[derive(Clone, Debug)]
pub struct File {
    /// The format that it was read in.
    pub format: Format,
    /// All bytes of the file.
    pub bytes: Vec<u8>,
    /// The header of a CSV file. `None` without one, and for other formats.
    pub header: Option<Header>,
    /// The records in their order. Empty lines are not records.
    pub records: Vec<Record>,
}

/// The header of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The names of the fields, unquoted.
    pub names: Vec<Vec<u8>>,
    /// The index at which the next line begins.
    pub end: usize,
}

/// A record of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it begins.
    pub place: Place,
    /// The index of its first byte in the file.
    pub start: usize,
    /// The index after its last byte, without the line end.
    pub end: usize,
    /// The fields of a CSV record, unquoted. `None` if a quote is not closed, and for other
    /// formats.
    pub fields: Option<Vec<Vec<u8>>>,
}

impl Format {
    /// The format by a file's name, with or without `.gz`. `None` for an unknown ending.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let plain = name.strip_suffix(".gz").unwrap_or(name);
        match plain.rsplit_once('.')?.1 {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// The ending of a file in this format, without a point.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Json => "json",
        }
    }
}

impl Place {
    /// The end of the id of the event that is there.
    #[must_use]
    pub fn id(self) -> String {
        match self {
            Self::Line(number) => number.to_string(),
            Self::Byte(number) => format!("@{number}"),
        }
    }

    /// The number of the line or byte.
    #[must_use]
    pub fn number(self) -> u64 {
        let (Self::Line(number) | Self::Byte(number)) = self;
        number
    }

    /// What is counted: `line` or `byte`.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Line(_) => "line",
            Self::Byte(_) => "byte",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.unit(), self.number())
    }
}

/// The content of a gzip file with any number of members. Zeros after the last one are padding,
/// as for gzip(1).
///
/// # Errors
/// If it is not gzip, or is cut off.
pub fn gunzip(mut packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    loop {
        let mut decoder = GzDecoder::new(packed);
        decoder.read_to_end(&mut plain)?;
        packed = decoder.into_inner();
        if packed.iter().all(|byte| *byte == 0) {
            return Ok(plain);
        }
    }
}

impl File {
    /// Splits a file into records. It accepts any bytes as CSV or NDJSON.
    ///
    /// # Errors
    /// If the file is to be JSON, and is not: where its documents end is open then.
    pub fn read(format: Format, bytes: Vec<u8>) -> Result<Self, NotJson> {
        match format {
            Format::Csv => Ok(Self::read_csv(bytes)),
            Format::Ndjson => Ok(Self::read_lines(bytes)),
            Format::Json => Self::read_documents(bytes),
        }
    }

    fn read_csv(bytes: Vec<u8>) -> Self {
        let marked = if bytes.starts_with(MARK) { MARK.len() } else { 0 };
        let mut rows = csv::rows(&bytes[marked..]).into_iter();
        let header = rows.next().map(|row| {
            let end = line_end(&bytes, marked + row.end);
            Header { names: row.fields, end }
        });
        let records = rows.map(|row| Record {
            place: Place::Line(row.line),
            start: marked + row.start,
            end: marked + row.end,
            fields: row.is_closed.then_some(row.fields),
        });
        let records = records.collect();
        Self { format: Format::Csv, bytes, header, records }
    }

    fn read_lines(bytes: Vec<u8>) -> Self {
        let (mut records, mut start, mut number) = (Vec::new(), 0, 0);
        for line in bytes.split(|byte| *byte == b'\n') {
            number += 1;
            let end = start + line.strip_suffix(b"\r").unwrap_or(line).len();
            if !bytes[start..end].trim_ascii().is_empty() {
                records.push(Record { place: Place::Line(number), start, end, fields: None });
            }
            start += line.len() + 1;
        }
        Self { format: Format::Ndjson, bytes, header: None, records }
    }

    fn read_documents(bytes: Vec<u8>) -> Result<Self, NotJson> {
        let mut records = Vec::new();
        for Range { start, end } in documents::split(&bytes)? {
            records.push(Record { place: Place::Byte(start as u64), start, end, fields: None });
        }
        Ok(Self { format: Format::Json, bytes, header: None, records })
    }

    /// The bytes of a record, without its line end.
    #[must_use]
    pub fn bytes_of(&self, record: &Record) -> &[u8] {
        &self.bytes[record.start..record.end]
    }

    /// A file with the records from index `from` to before index `to`, byte for byte, and the
    /// same header. JSON documents have a line each.
    #[must_use]
    pub fn part(&self, from: usize, to: usize) -> Vec<u8> {
        if self.format == Format::Json {
            let records = self.records[from..to].iter();
            return records.flat_map(|record| [self.bytes_of(record), b"\n"].concat()).collect();
        }
        let header = self.header.as_ref().map_or(0, |header| header.end);
        let start = if from == 0 { header } else { self.start_of(from) };
        [&self.bytes[..header], &self.bytes[start..self.start_of(to)]].concat()
    }

    /// The index at which a record begins, or the end of the file if there is no such record.
    fn start_of(&self, record: usize) -> usize {
        self.records.get(record).map_or(self.bytes.len(), |record| record.start)
    }

    /// The payload of a record, in which CSV fields have the types of the schema. `None` if it is
    /// not an event: it is not a JSON object, has other fields than the header, or is not UTF-8.
    #[must_use]
    pub fn payload(&self, record: &Record, dataset: &Dataset) -> Option<Json> {
        match self.format {
            Format::Ndjson | Format::Json => object(self.bytes_of(record)),
            Format::Csv => {
                let header = self.header.as_ref()?;
                let fields = record.fields.as_ref()?;
                if fields.len() != header.names.len() {
                    return None;
                }
                let mut members = std::collections::BTreeMap::new();
                for (name, field) in header.names.iter().zip(fields) {
                    let (name, field) = (str::from_utf8(name).ok()?, str::from_utf8(field).ok()?);
                    let is_new =
                        members.insert(name.to_owned(), typed(dataset, name, field)).is_none();
                    if !is_new {
                        return None;
                    }
                }
                Some(Json::Object(members))
            }
        }
    }
}

/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The JSON object in these bytes. `None` for anything else.
#[must_use]
pub fn object(bytes: &[u8]) -> Option<Json> {
    let value = Json::parse(str::from_utf8(bytes).ok()?)?;
    matches!(value, Json::Object(_)).then_some(value)
}

/// The index at which the next line begins.
fn line_end(bytes: &[u8], end: usize) -> usize {
    match bytes.get(end) {
        Some(b'\r') if bytes.get(end + 1) == Some(&b'\n') => end + 2,
        Some(_) => end + 1,
        None => end,
    }
}

/// A field as the first type of its member that fits. It is a text if no type is named or none
/// fits.
fn typed(dataset: &Dataset, name: &str, field: &str) -> Json {
    if field.is_empty() || dataset.missing.contains(field) {
        return Json::Null;
    }
    for named in dataset.types.get(name).into_iter().flatten() {
        match named.as_str() {
            "integer" if Decimal::parse(field).is_some_and(|number| number.is_whole()) => {
                return Json::Number(field.to_owned());
            }
            "number" if Decimal::parse(field).is_some() => return Json::Number(field.to_owned()),
            "boolean" if matches!(field, "true" | "false") => return Json::Bool(field == "true"),
            "string" => break,
            _ => {}
        }
    }
    Json::text(field)
}

#[cfg(test)]
mod tests;
