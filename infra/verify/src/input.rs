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
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn dataset() -> Dataset {
        let yaml = "
dataset: probe
schema: {version: 1, file: s}
keys: {idempotency: [/id], business: [/id], event_time: /at}
csv: {missing: [NA]}
sinks: [{name: records, kind: table}]
";
        let schema = r#"{"properties": {"id": {"type": "integer"}, "size": {"type": "string"},
            "amount": {"type": ["number", "null"]}, "ok": {"type": ["boolean", "string"]}}}"#;
        Dataset::read(yaml, |_| Some(schema.to_owned())).unwrap()
    }

    #[track_caller]
    fn check(format: Format, text: &str, expected: &[(u64, Option<&str>)]) {
        let (dataset, file) = (dataset(), File::read(format, text.as_bytes().to_vec()).unwrap());
        let mut found: Vec<(u64, Option<String>)> = Vec::new();
        for record in &file.records {
            let payload = file.payload(record, &dataset);
            found.push((record.place.number(), payload.map(|payload| payload.to_string())));
        }
        let expected: Vec<(u64, Option<String>)> =
            expected.iter().map(|(line, text)| (*line, text.map(str::to_owned))).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn csv_fields_take_the_schema_s_types_and_keep_their_digits() {
        check(
            Format::Csv,
            "\u{feff}id,size,amount,ok,more\r\n7,007,12345678901234567.890,true,x\r\n8,,NA,yes,\r\n",
            &[
                (
                    2,
                    Some(
                        r#"{"amount":12345678901234567.890,"id":7,"more":"x","ok":true,"size":"007"}"#,
                    ),
                ),
                (3, Some(r#"{"amount":null,"id":8,"more":null,"ok":"yes","size":null}"#)),
            ],
        );
    }

    /// Files of this kind were sent, and other readers lost rows of them.
    #[test]
    fn every_row_of_an_odd_file_is_there() {
        check(
            Format::Csv,
            "id,size\n101,5\" pipe\n102,6\" pipe\n103,x\n",
            &[
                (2, Some(r#"{"id":101,"size":"5\" pipe"}"#)),
                (3, Some(r#"{"id":102,"size":"6\" pipe"}"#)),
                (4, Some(r#"{"id":103,"size":"x"}"#)),
            ],
        );
        for text in ["id\r1\r2\r3\r", "id\n1\r2\r3\n", "id\r\n1\n2\r3"] {
            let expected =
                [(2, Some(r#"{"id":1}"#)), (3, Some(r#"{"id":2}"#)), (4, Some(r#"{"id":3}"#))];
            check(Format::Csv, text, &expected);
        }
        check(Format::Csv, "id,size\n1\n2,a,b\n3,\"open\n", &[(2, None), (3, None), (4, None)]);
        check(Format::Csv, "id,id\n1,2\n", &[(2, None)]);
        check(Format::Csv, "id,size\n", &[]);
        check(Format::Csv, "", &[]);
    }

    #[test]
    fn lines_end_at_lf_and_blank_ones_are_none() {
        let text = "\u{feff}{\"id\":1}\r\n\n  \n{\"id\":2.50}\n[1]\n{";
        let expected =
            [(1, Some(r#"{"id":1}"#)), (4, Some(r#"{"id":2.50}"#)), (5, None), (6, None)];
        check(Format::Ndjson, text, &expected);
    }

    #[test]
    fn documents_are_told_by_the_byte_at_which_they_begin() {
        let text = "\u{feff}{\"id\":1}{\"id\":2} [\n {\"id\":3},7, {\"a\":\"]}\"}]\n[]";
        let expected = [
            (3, Some(r#"{"id":1}"#)),
            (11, Some(r#"{"id":2}"#)),
            (23, Some(r#"{"id":3}"#)),
            (32, None),
            (35, Some(r#"{"a":"]}"}"#)),
        ];
        check(Format::Json, text, &expected);
        let file = File::read(Format::Json, text.as_bytes().to_vec()).unwrap();
        assert_eq!(file.part(1, 3), b"{\"id\":2}\n{\"id\":3}\n");
        assert_eq!(file.records[1].place.id(), "@11");
    }

    #[test]
    fn what_is_not_json_is_told_with_its_byte() {
        for (text, at) in [("{\"id\":1} {\"id\":", 9), ("[{},", 4), ("[{} {}]", 4), ("{} x", 3)] {
            let failure = File::read(Format::Json, text.as_bytes().to_vec()).unwrap_err();
            assert_eq!(failure, NotJson { at }, "{text}");
        }
    }

    #[test]
    fn parts_are_the_file_s_own_bytes_below_its_header() {
        let text = b"\xef\xbb\xbfid,size\r\n\r\n1,\"a\nb\"\r2,c\n\n3,d".to_vec();
        let file = File::read(Format::Csv, text.clone()).unwrap();
        assert_eq!(file.part(0, 3), text);
        assert_eq!(file.part(0, 1), b"\xef\xbb\xbfid,size\r\n\r\n1,\"a\nb\"\r");
        assert_eq!(file.part(1, 3), b"\xef\xbb\xbfid,size\r\n2,c\n\n3,d");
        let lines = File::read(Format::Ndjson, b"{}\n\n{}\n".to_vec()).unwrap();
        assert_eq!((lines.part(0, 1), lines.part(1, 2)), (b"{}\n\n".to_vec(), b"{}\n".to_vec()));
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn zeros_after_gzip_are_padding_and_members_follow_each_other() {
        let file = [packed(b"a\n"), packed(b"b\n"), vec![0; 300]].concat();
        assert_eq!(gunzip(&file).unwrap(), b"a\nb\n");
        assert!(gunzip(&packed(b"a")[..8]).is_err());
        assert!(gunzip(b"no gzip").is_err());
    }

    #[test]
    fn a_name_says_what_is_read() {
        for (name, expected) in [
            ("a.csv", Some(Format::Csv)),
            ("a.b.csv.gz", Some(Format::Csv)),
            ("a.jsonl.gz", Some(Format::Ndjson)),
            ("a.ndjson", Some(Format::Ndjson)),
            ("a.json.gz", Some(Format::Json)),
            ("a.xml", None),
            ("csv", None),
            ("a.gz", None),
        ] {
            assert_eq!(Format::of_name(name), expected, "{name}");
        }
    }
}
