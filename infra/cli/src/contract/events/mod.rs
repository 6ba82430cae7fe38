//! Reads the events of a file one by one, in bounded memory: NDJSON, a JSON array, JSON documents, or CSV, each also
//! gzipped.

mod gzip;
mod json;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use event::{MAX_PAYLOAD_BYTES, Payload};

use self::gzip::Gzip;
use self::json::{Documents, Lines};
use crate::failure::Failure;

/// What is read at a time.
const BLOCK: usize = 64 * 1024;

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
    /// `line 3` of NDJSON and CSV, `event 3` of an array.
    pub(super) place: String,
    pub(super) event: Result<SampleEvent, String>,
}

/// Reads all events of a file, and passes them on in their order.
///
/// The name's end without `.gz` decides on the format: `.csv`, `.json` for documents, and NDJSON for all others. A text
/// that begins with `[` is an array in any case. Whether the file is gzipped is seen from its first bytes.
///
/// # Errors
/// If the file cannot be read, or `handle` fails. What is no event is passed on, and does not end it.
pub(super) fn each_event(
    path: &Path,
    handle: &mut dyn FnMut(Sample) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let file = File::open(path).map_err(|error| Failure::unreadable(path, error))?;
    let mut raw = BufReader::with_capacity(BLOCK, file);
    let start = raw.fill_buf().map_err(|error| Failure::unreadable(path, error))?;
    // RFC 1952, section 2.3.1.
    let is_packed = start.starts_with(&[0x1f, 0x8b]);
    let mut text: Box<dyn BufRead> = match is_packed {
        true => Box::new(BufReader::with_capacity(BLOCK, Gzip::new(raw))),
        false => Box::new(raw),
    };
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = file_name.strip_suffix(".gz").unwrap_or(&file_name);
    if name.ends_with(".csv") {
        return rows(path, text, handle);
    }
    let is_array =
        skip_to_text(&mut text).map_err(|error| Failure::unreadable(path, error))? == Some(b'[');
    if is_array || name.ends_with(".json") {
        let mut documents = Documents::new(text, is_array);
        let mut number = 0;
        while let Some(bytes) =
            documents.next().map_err(|error| Failure::unreadable(path, error))?
        {
            number += 1;
            handle(Sample { place: format!("event {number}"), event: parse(&bytes) })?;
        }
        return Ok(());
    }
    let mut lines = Lines::new(text);
    while let Some(line) = lines.next().map_err(|error| Failure::unreadable(path, error))? {
        if !line.bytes.trim_ascii().is_empty() {
            let place = format!("line {}", line.number);
            handle(Sample { place, event: parse(&line.bytes) })?;
        }
    }
    Ok(())
}

fn parse(bytes: &[u8]) -> Result<SampleEvent, String> {
    Payload::parse(bytes).map(SampleEvent::Json).map_err(|failure| failure.reason.into_owned())
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
fn rows(
    path: &Path,
    text: Box<dyn BufRead>,
    handle: &mut dyn FnMut(Sample) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let limited = Limited { inner: text, left: LIMIT };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(limited);
    let header: Rc<[String]> = match reader.headers() {
        Ok(header) => header.iter().map(str::to_owned).collect(),
        Err(error) => return Err(not_csv(path, error)),
    };
    check_header(path, &header)?;
    let mut record = csv::ByteRecord::new();
    loop {
        reader.get_mut().left = LIMIT;
        let is_there =
            reader.read_byte_record(&mut record).map_err(|error| not_csv(path, error))?;
        if !is_there {
            return Ok(());
        }
        let line = record.position().map_or(0, csv::Position::line);
        handle(Sample { place: format!("line {line}"), event: row(&header, &record) })?;
    }
}

fn row(header: &Rc<[String]>, record: &csv::ByteRecord) -> Result<SampleEvent, String> {
    if record.len() != header.len() {
        return Err(format!("{} fields, and the header has {}", record.len(), header.len()));
    }
    let mut fields = Vec::with_capacity(record.len());
    for field in record {
        match std::str::from_utf8(field) {
            Ok(field) => fields.push(field.to_owned()),
            Err(_) => return Err("invalid UTF-8".to_owned()),
        }
    }
    Ok(SampleEvent::Row { header: Rc::clone(header), fields })
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
struct Limited {
    inner: Box<dyn BufRead>,
    left: usize,
}

impl Read for Limited {
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
    Failure::new(format!("{} is no CSV file of UTF-8", path.display())).because(error)
}

#[cfg(test)]
mod tests;
