//! The events to send, read from a file, and what their contract makes of each.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use contracts::Contract;
use event::{Code, Failure as EventFailure, Payload};
use flate2::read::MultiGzDecoder;

use crate::failure::Failure;

/// Below the root.
pub(super) const DEFAULT: &str = "events/flights-2013-01.ndjson.gz";
/// Of one event as it is read, in bytes: more than any contract takes.
const MAX_EVENT_BYTES: u64 = 4 * 1024 * 1024;

/// One event of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// A line of JSON, or a record of CSV, as it is in the file.
    pub(crate) bytes: Vec<u8>,
    /// The CSV header that it needs to be read.
    pub(crate) header: Option<Vec<u8>>,
    pub(crate) expected: Expected,
    /// The object that it was put into; none while it is not, and for a message.
    pub(crate) object: Option<String>,
}

/// An event as it is in its file, whatever a contract makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) bytes: Vec<u8>,
    /// The CSV header that it needs to be read.
    pub(crate) header: Option<Vec<u8>>,
}

/// What the pipeline has to make of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Written under its key. Two payloads under one key are a conflict.
    Accepted { key: String, fingerprint: String },
    /// A dead letter.
    Rejected(Code),
}

/// Reads the first `wanted` events, and what the contract makes of each.
pub(crate) fn read(path: &Path, contract: &Contract, wanted: usize) -> Result<Vec<Event>, Failure> {
    Ok(judged(contract, records(path, wanted)?))
}

fn judged(contract: &Contract, records: Vec<Record>) -> Vec<Event> {
    let header = records.first().and_then(|record| record.header.as_deref());
    let names = header.and_then(fields).unwrap_or_default();
    let header_refused = header.and_then(|_| contract.check_header(&names).err());
    let events = records.into_iter().map(|Record { bytes, header }| {
        let payload = match (&header, &header_refused) {
            (None, _) => Payload::parse(&bytes),
            (Some(_), Some(failure)) => Err(failure.clone()),
            (Some(_), None) => row(contract, &names, &bytes),
        };
        Event { expected: expected(contract, payload), bytes, header, object: None }
    });
    events.collect()
}

/// Reads the first `wanted` events: `.ndjson`, `.jsonl` or `.csv`, each with `.gz` or without.
pub(crate) fn records(path: &Path, wanted: usize) -> Result<Vec<Record>, Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    let is_csv = plain.ends_with(".csv");
    if !is_csv && !plain.ends_with(".ndjson") && !plain.ends_with(".jsonl") {
        return Err(Failure::new(format!("{} is of no kind that is read", path.display()))
            .next("give a file that ends with .ndjson, .jsonl or .csv, or with .gz after that"));
    }
    let unreadable = |error: io::Error| {
        let is_missing = error.kind() == io::ErrorKind::NotFound;
        let failure = Failure::new(format!("{} cannot be read", path.display())).because(error);
        match is_missing {
            true => failure.next("give the path of a file, as seen from the current folder"),
            false => failure,
        }
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut reader: Box<dyn BufRead> = match name.ends_with(".gz") {
        true => Box::new(BufReader::new(MultiGzDecoder::new(file))),
        false => Box::new(BufReader::new(file)),
    };
    let records = match is_csv {
        true => read_csv(&mut reader, wanted),
        false => read_lines(&mut reader, wanted),
    };
    records.map_err(unreadable)
}

fn read_lines(reader: &mut dyn BufRead, wanted: usize) -> io::Result<Vec<Record>> {
    let mut records = Vec::new();
    while records.len() < wanted
        && let Some(line) = next_line(reader)?
    {
        let bytes = line.trim_ascii();
        if !bytes.is_empty() {
            records.push(Record { bytes: bytes.to_vec(), header: None });
        }
    }
    Ok(records)
}

fn read_csv(reader: &mut dyn BufRead, wanted: usize) -> io::Result<Vec<Record>> {
    let Some(header) = next_record(reader)? else { return Ok(Vec::new()) };
    let mut records = Vec::new();
    while records.len() < wanted
        && let Some(bytes) = next_record(reader)?
    {
        records.push(Record { bytes, header: Some(header.clone()) });
    }
    Ok(records)
}

fn row(contract: &Contract, names: &[String], bytes: &[u8]) -> Result<Payload, EventFailure> {
    let Some(fields) = fields(bytes) else {
        return Err(EventFailure::permanent(Code::DecodeUtf8, "not UTF-8"));
    };
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    contract.row(names, &fields)
}

fn expected(contract: &Contract, payload: Result<Payload, EventFailure>) -> Expected {
    match payload.and_then(|payload| contract.accept(&payload)) {
        Ok(accepted) => Expected::Accepted {
            key: accepted.key.to_string(),
            fingerprint: accepted.fingerprint.to_string(),
        },
        Err(failure) => Expected::Rejected(failure.code),
    }
}

/// A CSV record: lines until its quotes are closed; without the last line break.
fn next_record(reader: &mut dyn BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut record = Vec::new();
    while let Some(line) = next_line(reader)? {
        record.extend_from_slice(&line);
        let quotes = record.iter().filter(|byte| **byte == b'"').count();
        if quotes.is_multiple_of(2) && !record.trim_ascii().is_empty() {
            break;
        }
        if u64::try_from(record.len()).unwrap_or(u64::MAX) > MAX_EVENT_BYTES {
            return Err(too_long());
        }
    }
    while let Some(b'\n' | b'\r') = record.last() {
        record.pop();
    }
    Ok(Some(record).filter(|record| !record.trim_ascii().is_empty()))
}

/// The fields of one CSV record; none if they are not UTF-8.
fn fields(record: &[u8]) -> Option<Vec<String>> {
    let mut reader = csv_core::Reader::new();
    // No field is longer than its record, nor are there more fields than bytes and one.
    let (mut output, mut ends) = (vec![0; record.len() + 1], vec![0; record.len() + 2]);
    let (_, read, written, count) = reader.read_record(record, &mut output, &mut ends);
    let (_, _, more, last) =
        reader.read_record(&record[read..], &mut output[written..], &mut ends[count..]);
    // The second call tells the reader that the record has ended.
    let text = &output[..written + more];
    let mut start = 0;
    let mut fields = Vec::new();
    for end in &ends[..count + last] {
        fields.push(String::from_utf8(text.get(start..*end)?.to_vec()).ok()?);
        start = *end;
    }
    Some(fields)
}

fn next_line(reader: &mut dyn BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = reader.take(MAX_EVENT_BYTES).read_until(b'\n', &mut line)?;
    if u64::try_from(read).unwrap_or(u64::MAX) == MAX_EVENT_BYTES {
        return Err(too_long());
    }
    Ok((read > 0).then_some(line))
}

fn too_long() -> io::Error {
    io::Error::other(format!("an event of more than {MAX_EVENT_BYTES} bytes"))
}

#[cfg(test)]
mod tests;
