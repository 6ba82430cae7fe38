//! How the files of a dataset are written, where their names do not say it.

use serde::{Deserialize, Serialize};

use crate::error::{ContractError, invalid};

/// The format of a dataset's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// A JSON object on each line.
    Ndjson,
    /// JSON objects one after another, or arrays of them, on any lines.
    Json,
    /// A header, and a record for each event.
    Csv,
    /// Rows of columns, each row an event.
    Parquet,
}

/// The encoding of the texts in CSV files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextEncoding {
    /// UTF-8. A file that begins with the byte order mark of UTF-16 is UTF-16.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16 in the byte order of its mark; little-endian if it has none.
    #[serde(rename = "utf-16")]
    Utf16,
    /// UTF-16, little-endian.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, big-endian.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// Windows-1252, as <https://encoding.spec.whatwg.org/#windows-1252> has it.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// ISO 8859-1, in which each byte is the character of its number.
    #[serde(rename = "iso-8859-1")]
    Latin1,
}

/// How the CSV files of a dataset are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvFiles {
    /// The texts that mean that a field has no value, such as `NA`. An empty field never has one.
    pub missing: Vec<String>,
    /// The ASCII character between two fields.
    pub delimiter: u8,
    /// The encoding of the texts.
    pub encoding: TextEncoding,
}

/// The member `csv` as it is written in the contract.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCsv {
    #[serde(default)]
    missing: Vec<String>,
    delimiter: Option<String>,
    #[serde(default)]
    encoding: TextEncoding,
}

/// The member `files` as it is written in the contract.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFiles {
    pub(crate) format: Option<FileFormat>,
}

impl RawCsv {
    pub(crate) fn validate(self) -> Result<CsvFiles, ContractError> {
        let Self { missing, delimiter, encoding } = self;
        let delimiter = match delimiter.as_deref().map(str::as_bytes) {
            None => b',',
            Some(b"tab") => b'\t',
            Some(&[one @ (b'\t' | b' '..=b'~')]) if one != b'"' && !one.is_ascii_alphanumeric() => {
                one
            }
            Some(_) => {
                let expected =
                    "one character such as `;` or `|`, or `tab`; not a letter, a digit or a quote";
                return Err(invalid("csv.delimiter", expected));
            }
        };
        Ok(CsvFiles { missing, delimiter, encoding })
    }
}
