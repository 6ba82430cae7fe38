//! The rows of a file of reference data, found by their keys.

use std::collections::HashMap;

use contracts::{LookupKey, ReferenceData, ReferenceFormat, Schema};
use event::{Payload, check_numbers};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The most bytes of memory that a file's rows may take. Each row repeats the names of its columns, so the rows can
/// take many times the bytes of their file. Without this limit they could take more memory than the function has,
/// and then every invocation would be killed.
const MOST_BYTES_HELD: usize = 48 * 1024 * 1024;

/// Roughly the bytes that a row takes besides its texts: its entry in the map, which is half empty after it has
/// grown, and the overhead of the allocator.
const ROW_BYTES: usize = 128;

/// Roughly the bytes that a part of a key takes besides its text.
const PART_BYTES: usize = 48;

/// The rows of one file.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// By the texts of the key's parts, in the order of the parts' names.
    by_key: HashMap<Vec<String>, Box<RawValue>>,
    /// Roughly the bytes of memory that the rows take.
    bytes: usize,
}

/// Why a file cannot be used, and in which line. The texts quote none of the file's values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RowsError {
    #[error("line {line}: {reason}")]
    Row { line: u64, reason: String },
    #[error("it has no column `{name}`, which the enricher's key needs")]
    NoColumn { name: String },
    #[error("it has two columns `{name}`")]
    TwoColumns { name: String },
    #[error("it has no header")]
    NoHeader,
    #[error("line {line}: up to here its rows take more than {MOST_BYTES_HELD} bytes of memory")]
    TooMuch { line: u64 },
}

impl Rows {
    pub(crate) fn parse(
        content: &[u8],
        reference: &ReferenceData,
        schema: Option<&Schema>,
    ) -> Result<Self, RowsError> {
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        match reference.format {
            ReferenceFormat::Csv => Self::parse_csv(content, reference, schema),
            ReferenceFormat::Ndjson => Self::parse_ndjson(content, reference, schema),
        }
    }

    fn parse_csv(
        content: &[u8],
        reference: &ReferenceData,
        schema: Option<&Schema>,
    ) -> Result<Self, RowsError> {
        let mut reader = csv::ReaderBuilder::new().from_reader(content);
        let header = reader.headers().map_err(|error| csv_error(&error))?.clone();
        check_columns(&header, reference)?;
        let mut rows = Self::default();
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(|error| csv_error(&error))? {
            let line = record.position().map_or(0, csv::Position::line);
            let mut members = Map::new();
            for (name, text) in header.iter().zip(record.iter()) {
                let value = match schema {
                    Some(schema) => schema.csv_value(name, text),
                    None => Ok(Value::from(text)),
                };
                let value = value.map_err(|reason| RowsError::Row { line, reason })?;
                members.insert(name.to_owned(), value);
            }
            let row = Payload::from_members(members);
            let row = row
                .map_err(|failure| RowsError::Row { line, reason: failure.reason.into_owned() })?;
            rows.add(line, row, reference, schema)?;
        }
        Ok(rows)
    }

    fn parse_ndjson(
        content: &[u8],
        reference: &ReferenceData,
        schema: Option<&Schema>,
    ) -> Result<Self, RowsError> {
        let mut rows = Self::default();
        for (line, text) in (1_u64..).zip(content.split(|byte| *byte == b'\n')) {
            if text.trim_ascii().is_empty() {
                continue;
            }
            let row = Payload::parse(text)
                .map_err(|failure| RowsError::Row { line, reason: failure.reason.into_owned() })?;
            rows.add(line, row, reference, schema)?;
        }
        Ok(rows)
    }

    fn add(
        &mut self,
        line: u64,
        row: Payload,
        reference: &ReferenceData,
        schema: Option<&Schema>,
    ) -> Result<(), RowsError> {
        if let Some(reason) = schema.and_then(|schema| schema.problem(&row.value)) {
            return Err(RowsError::Row { line, reason });
        }
        if let Err(problem) = check_numbers(&row.value) {
            return Err(RowsError::Row { line, reason: format!("`{}`: {problem}", problem.at) });
        }
        let key = reference.key.key_of_row(&row.value).map_err(|part| {
            let reason = format!(
                "`{part}`, which is in the enricher's key, has neither a text nor a number"
            );
            RowsError::Row { line, reason }
        })?;
        let key = key.texts();
        let of_key: usize = key.iter().map(|part| PART_BYTES + part.len()).sum();
        self.bytes += ROW_BYTES + of_key + row.text.get().len();
        if self.bytes > MOST_BYTES_HELD {
            return Err(RowsError::TooMuch { line });
        }
        match self.by_key.insert(key, row.text) {
            None => Ok(()),
            Some(_) => {
                let reason = "an earlier line has the same key".to_owned();
                Err(RowsError::Row { line, reason })
            }
        }
    }

    pub(crate) fn find(&self, key: &LookupKey) -> Option<&RawValue> {
        self.by_key.get(&key.texts()).map(|row| &**row)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }
}

fn check_columns(header: &csv::StringRecord, reference: &ReferenceData) -> Result<(), RowsError> {
    if header.is_empty() {
        return Err(RowsError::NoHeader);
    }
    let mut columns: Vec<&str> = header.iter().collect();
    columns.sort_unstable();
    if let Some(pair) = columns.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(RowsError::TwoColumns { name: pair[0].to_owned() });
    }
    for name in reference.key.names() {
        if !columns.contains(&name) {
            return Err(RowsError::NoColumn { name: name.to_owned() });
        }
    }
    Ok(())
}

fn csv_error(error: &csv::Error) -> RowsError {
    let line = error.position().map_or(0, csv::Position::line);
    let reason = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields, and the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "invalid UTF-8".to_owned(),
        _ => "it cannot be read as CSV".to_owned(),
    };
    RowsError::Row { line, reason }
}

#[cfg(test)]
mod tests;
