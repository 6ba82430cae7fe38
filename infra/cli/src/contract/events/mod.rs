//! Reads the events of a file one by one, in bounded memory: NDJSON, a JSON array, JSON documents, or CSV, each also
//! packed with gzip or Zstandard; or Parquet.
//!
//! Ingest reads the same files by code of its own, which nothing but ingest may use. Both read Parquet by one library.

mod gzip;
mod json;
mod rows;
mod text;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use contracts::{Contract, CsvFiles, FileFormat, TextEncoding};
use event::{MAX_PAYLOAD_BYTES, Payload};

use self::gzip::Gzip;
use self::json::{Documents, Lines};
use self::text::Decoded;
use crate::failure::Failure;

/// What is read at a time.
const BLOCK: usize = 64 * 1024;

/// The largest window of Zstandard, as a power of two: 8 MiB, as for ingest.
const WINDOW_LOG: u32 = 23;

/// An event as it is in the file.
#[derive(Clone, Debug)]
pub(super) enum SampleEvent {
    Json(Payload),
    /// A CSV record, with as many fields as the header.
    Row {
        header: Rc<[String]>,
        fields: Vec<String>,
    },
}

/// A part of the file: an event, or why it is none.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// `line 3` of NDJSON and CSV, `event 3` of JSON documents, `row 3` of Parquet.
    pub(super) place: String,
    pub(super) event: Result<SampleEvent, String>,
}

/// How a file is read, as far as its contract says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// `None` if the name of the file and its first byte say it.
    format: Option<FileFormat>,
    delimiter: u8,
    encoding: TextEncoding,
}

/// A part of the file before it is parsed.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// The names of a CSV file's columns, which come first.
    Header(Rc<[String]>),
    /// A line of NDJSON, a JSON document, or a row of Parquet.
    Text(Vec<u8>),
    /// A row of Parquet that JSON cannot hold.
    Refused(event::Failure),
    /// A CSV record, with any number of fields. `None` for a field that is not text in its encoding.
    Record { header: Rc<[String]>, fields: Vec<Option<String>> },
}

impl Default for Reading {
    fn default() -> Self {
        Self { format: None, delimiter: b',', encoding: TextEncoding::Utf8 }
    }
}

impl Reading {
    pub(super) fn of(contract: &Contract) -> Self {
        let CsvFiles { delimiter, encoding, .. } = contract.csv;
        Self { format: contract.file_format, delimiter, encoding }
    }
}

/// Reads all events of a file that no contract says anything about, and passes them on in their order.
///
/// # Errors
/// If the file cannot be read, or `handle` fails. What is no event is passed on, and does not end it.
pub(super) fn each_event(
    path: &Path,
    handle: &mut dyn FnMut(Sample) -> Result<(), Failure>,
) -> Result<(), Failure> {
    each_entry(path, Reading::default(), &mut |place, entry| {
        let event = match entry {
            Entry::Header(header) => return check_header(path, &header),
            Entry::Text(bytes) => Payload::parse(&bytes)
                .map(SampleEvent::Json)
                .map_err(|failure| failure.reason.into_owned()),
            Entry::Refused(failure) => Err(failure.reason.into_owned()),
            Entry::Record { header, fields } => row(header, fields),
        };
        handle(Sample { place, event })
    })
}

/// Reads all entries of a file as ingest does, and passes each on with its place.
///
/// The format is the one of the contract; otherwise the name's end without `.gz` or `.zst` decides on it: `.ndjson`,
/// `.jsonl`, `.json`, `.csv` or `.parquet`. A file of another name is JSON documents if it begins like them. Whether a file is
/// packed is seen from its first bytes.
///
/// # Errors
/// If the file cannot be read, nothing says its format, or `handle` fails.
pub(super) fn each_entry(
    path: &Path,
    reading: Reading,
    handle: &mut dyn FnMut(String, Entry) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let unreadable = |error| Failure::unreadable(path, error);
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let file = File::open(path).map_err(unreadable)?;
    let format = reading.format.or_else(|| format_of(&file_name));
    if format == Some(FileFormat::Parquet) {
        return rows::rows(path, file, handle);
    }
    let mut text = unpacked(BufReader::with_capacity(BLOCK, file)).map_err(unreadable)?;
    let name = file_name.strip_suffix(".gz").or(file_name.strip_suffix(".zst"));
    let format = format.or_else(|| format_of(name?));
    if format == Some(FileFormat::Csv) {
        return records(path, text, reading, handle);
    }
    let first = skip_to_text(&mut text).map_err(unreadable)?;
    match format {
        Some(FileFormat::Ndjson) => {
            let mut lines = Lines::new(text);
            while let Some(line) = lines.next().map_err(unreadable)? {
                if !line.bytes.trim_ascii().is_empty() {
                    handle(format!("line {}", line.number), Entry::Text(line.bytes))?;
                }
            }
        }
        Some(FileFormat::Json) | None => {
            if format.is_none() && first.is_some_and(|first| !matches!(first, b'{' | b'[')) {
                return Err(no_format(path));
            }
            let mut documents = Documents::new(text, first == Some(b'['));
            let mut number = 0;
            while let Some(bytes) = documents.next().map_err(unreadable)? {
                number += 1;
                handle(format!("event {number}"), Entry::Text(bytes))?;
            }
        }
        Some(FileFormat::Csv | FileFormat::Parquet) => {}
    }
    Ok(())
}

/// The text of a file, which may be packed with gzip (RFC 1952, section 2.3.1) or Zstandard (RFC 8878, section 3.1).
fn unpacked(mut raw: BufReader<File>) -> io::Result<Box<dyn BufRead>> {
    let start = raw.fill_buf()?;
    let is_skippable = matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
    if start.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::with_capacity(BLOCK, Gzip::new(raw))));
    }
    if is_skippable || start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(raw)?;
        decoder.window_log_max(WINDOW_LOG)?;
        return Ok(Box::new(BufReader::with_capacity(BLOCK, decoder)));
    }
    Ok(Box::new(raw))
}

fn format_of(name: &str) -> Option<FileFormat> {
    if name.ends_with(".ndjson") || name.ends_with(".jsonl") {
        Some(FileFormat::Ndjson)
    } else if name.ends_with(".json") {
        Some(FileFormat::Json)
    } else if name.ends_with(".csv") {
        Some(FileFormat::Csv)
    } else if name.ends_with(".parquet") {
        Some(FileFormat::Parquet)
    } else {
        None
    }
}

fn no_format(path: &Path) -> Failure {
    let what = format!("{} has no known format, and does not begin like JSON", path.display());
    Failure::new(what).next(
        "name it .ndjson, .jsonl, .json or .csv, each also with .gz or .zst, or .parquet, or set `files.format` in the contract",
    )
}

/// Skips a byte order mark and returns the first byte that is not white space, without taking it. White space before
/// it stays, so that lines keep their numbers.
fn skip_to_text(text: &mut dyn BufRead) -> io::Result<Option<u8>> {
    let start = text.fill_buf()?;
    let marked = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    text.consume(marked);
    let start = text.fill_buf()?;
    Ok(start.iter().copied().find(|byte| !byte.is_ascii_whitespace()))
}

/// Reads the records of a CSV file.
fn records(
    path: &Path,
    text: Box<dyn BufRead>,
    reading: Reading,
    handle: &mut dyn FnMut(String, Entry) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let text = Decoded::new(text, reading.encoding);
    let limited = Limited { inner: text, left: LIMIT };
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(reading.delimiter).flexible(true);
    let mut reader = builder.from_reader(limited);
    let header: Rc<[String]> = match reader.headers() {
        Ok(header) => header.iter().map(str::to_owned).collect(),
        Err(error) => return Err(not_csv(path, error)),
    };
    handle("line 1".to_owned(), Entry::Header(Rc::clone(&header)))?;
    let mut next_line = 2 + line_ends(header.iter().map(|name| name.as_bytes()));
    let mut record = csv::ByteRecord::new();
    loop {
        reader.get_mut().left = LIMIT;
        let is_there =
            reader.read_byte_record(&mut record).map_err(|error| not_csv(path, error))?;
        if !is_there {
            return Ok(());
        }
        // The reader has not come to the LF of a CRLF yet when it says where the next record begins.
        let line = record.position().map_or(0, csv::Position::line).max(next_line);
        next_line = line + 1 + line_ends(record.iter());
        // White space is a value only where there is one column.
        let is_blank = record.len() == 1 && record[0].trim_ascii().is_empty();
        if is_blank && header.len() > 1 {
            continue;
        }
        let mut fields = Vec::with_capacity(record.len());
        for field in &record {
            fields.push(std::str::from_utf8(field).ok().map(str::to_owned));
        }
        handle(format!("line {line}"), Entry::Record { header: Rc::clone(&header), fields })?;
    }
}

/// How many lines end within fields.
fn line_ends<'a>(fields: impl Iterator<Item = &'a [u8]>) -> u64 {
    let mut count = 0;
    for field in fields {
        count += field.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    count
}

fn row(header: Rc<[String]>, fields: Vec<Option<String>>) -> Result<SampleEvent, String> {
    if fields.len() != header.len() {
        return Err(format!("{} fields, and the header has {}", fields.len(), header.len()));
    }
    let fields: Option<Vec<String>> = fields.into_iter().collect();
    match fields {
        Some(fields) => Ok(SampleEvent::Row { header, fields }),
        None => Err("invalid UTF-8".to_owned()),
    }
}

fn check_header(path: &Path, header: &[String]) -> Result<(), Failure> {
    let doubled = header.iter().enumerate().find(|(at, name)| header[..*at].contains(name));
    let what = if let Some(place) = header.iter().position(String::is_empty) {
        format!("column {} of the header has no name", place + 1)
    } else if let Some((_, name)) = doubled {
        format!("two columns of the header are called `{name}`")
    } else {
        return Ok(());
    };
    Err(Failure::new(format!("{}:1: {what}", path.display()))
        .next("give each column a name of its own"))
}

/// How much of a file the reader of CSV may take for one record, with what it reads ahead.
const LIMIT: usize = MAX_PAYLOAD_BYTES + BLOCK;

/// A reader that ends with an error when a record takes too much, so that a quote that is never closed does not take
/// all memory.
struct Limited<R> {
    inner: R,
    left: usize,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(format!(
                "a record has more than {MAX_PAYLOAD_BYTES} bytes; is a quote not closed?"
            )));
        }
        let length = buffer.len().min(self.left);
        let count = self.inner.read(&mut buffer[..length])?;
        self.left -= count;
        Ok(count)
    }
}

fn not_csv(path: &Path, error: csv::Error) -> Failure {
    Failure::new(format!("{} is no CSV file that can be read", path.display())).because(error)
}

#[cfg(test)]
mod tests;
